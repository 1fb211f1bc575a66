use std::borrow::Cow;

use argon2::password_hash::phc::{Output, PasswordHash, Salt};
use argon2::{Algorithm, Params, Version};
use base64::Engine;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use super::PARAMS;

/// The largest parameters that a stored Argon2id hash may have: the largest defaults of the libraries whose hashes are
/// imported (PHP, Python, Node), with room for more passes. Such a hash takes 64 MiB of the process, and no longer than
/// bcrypt of cost 12.
///
/// Without bounds, an attacker who can write the table could stop the service with one hash.
const MAX_MEMORY_KIB: u32 = 64 * 1024;
const MAX_PASSES: u32 = 10;
const MAX_LANES: u32 = 4;
/// 128 bits: a shorter output could be found by trying.
const MIN_OUTPUT_LENGTH: usize = 16;
const MAX_STORED_LENGTH: usize = 200;
/// The lowest cost that bcrypt has.
const MIN_COST: u32 = 4;

/// The alphabet of bcrypt, and bits after the last byte that are not zero: older versions of passlib wrote such hashes.
const BCRYPT_BASE64: GeneralPurpose =
    GeneralPurpose::new(&base64::alphabet::BCRYPT, NO_PAD.with_decode_allow_trailing_bits(true));

/// A password's hash as the table stores it: a PHC string, or a bcrypt hash that was imported.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "String")]
pub struct StoredHash(SecretString);

impl StoredHash {
    /// Returns the hash, for the table alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Checks a hash of another system, which is stored as it is. `legacy_cost` is the bcrypt cost in `LEGACY_HASHES`.
    ///
    /// Returns whether a login to the account takes another time than a login to no account, until it renews the hash.
    /// Only hashes of that cost and of our own parameters take the same time.
    ///
    /// # Errors
    /// [`Unusable`] says what is wrong with the hash.
    pub fn check_import(&self, legacy_cost: Option<u32>) -> Result<bool, Unusable> {
        Ok(match Verifiable::parse(self.expose(), legacy_cost)? {
            Verifiable::Argon2id(hash) => {
                hash.params.m_cost() != PARAMS.m_cost() || hash.params.t_cost() != PARAMS.t_cost()
            }
            Verifiable::Bcrypt(hash) => legacy_cost != Some(hash.cost),
        })
    }
}

/// Writes the hash for the table.
impl Serialize for StoredHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl From<String> for StoredHash {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// A stored hash that may be verified, by its scheme.
///
/// To add a scheme: add a variant, its bounds in [`Verifiable::parse`], and its arms in `passwords.rs`.
pub(super) enum Verifiable {
    /// `$argon2id$`, within our bounds.
    Argon2id(Argon2idHash),
    /// `$2a$`, `$2b$` or `$2y$`, of a cost within the bound.
    Bcrypt(BcryptHash),
}

#[derive(Clone)]
pub(super) struct Argon2idHash {
    pub(super) params: Params,
    pub(super) salt: Salt,
    pub(super) hash: Output,
}

#[derive(Clone)]
pub(super) struct BcryptHash {
    pub(super) cost: u32,
    pub(super) salt: [u8; 16],
    pub(super) hash: [u8; 23],
}

/// Why a hash cannot be verified, in words for the operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(Cow<'static, str>);

impl Unusable {
    pub(super) const fn new(reason: &'static str) -> Self {
        Self(Cow::Borrowed(reason))
    }
}

impl Verifiable {
    /// Reads a hash. The cost of a bcrypt hash is at most `max_cost`, and without it there are no bcrypt hashes.
    pub(super) fn parse(stored: &str, max_cost: Option<u32>) -> Result<Self, Unusable> {
        if stored.len() > MAX_STORED_LENGTH {
            return Err(Unusable::new("is longer than any hash"));
        }
        if stored.starts_with("$2") {
            return BcryptHash::parse(stored, max_cost).map(Self::Bcrypt);
        }
        if stored.starts_with("$argon2id$") {
            return Argon2idHash::parse(stored).map(Self::Argon2id);
        }
        Err(Unusable::new("is neither bcrypt nor Argon2id"))
    }
}

impl Argon2idHash {
    pub(super) fn parse(stored: &str) -> Result<Self, Unusable> {
        let malformed = || Unusable::new("is not a well-formed Argon2id hash");
        let phc = PasswordHash::new(stored).map_err(|_| malformed())?;
        let params = Params::try_from(&phc).map_err(|_| malformed())?;
        let (Some(salt), Some(hash)) = (phc.salt, phc.hash) else { return Err(malformed()) };
        if phc.algorithm != Algorithm::Argon2id.ident() || phc.version != Some(Version::V0x13.into()) {
            return Err(Unusable::new("is not of version 19 of Argon2id"));
        }
        if !params.keyid().is_empty() || !params.data().is_empty() {
            return Err(Unusable::new("was made with a key or with further data"));
        }
        if params.m_cost() > MAX_MEMORY_KIB || params.t_cost() > MAX_PASSES || params.p_cost() > MAX_LANES {
            let most = format!("m={MAX_MEMORY_KIB}, t={MAX_PASSES}, p={MAX_LANES}");
            return Err(Unusable(format!("has parameters beyond {most}").into()));
        }
        if hash.len() < MIN_OUTPUT_LENGTH {
            return Err(Unusable(format!("has an output of less than {MIN_OUTPUT_LENGTH} bytes").into()));
        }
        Ok(Self { params, salt, hash })
    }

    /// Returns whether the hash was made with less memory or fewer passes than today's hashes.
    ///
    /// A hash with higher parameters stays. Either the parameters were lowered since, or a newer version was rolled
    /// back.
    pub(super) fn is_outdated(&self) -> bool {
        self.params.m_cost() < PARAMS.m_cost() || self.params.t_cost() < PARAMS.t_cost()
    }
}

impl BcryptHash {
    fn parse(stored: &str, max_cost: Option<u32>) -> Result<Self, Unusable> {
        let malformed = || Unusable::new("is not a well-formed bcrypt hash");
        if stored.starts_with("$2x$") {
            // Such a hash was made by a version of crypt_blowfish with a bug.
            return Err(Unusable::new("is of bcrypt's variant 2x, which cannot be verified"));
        }
        let rest = ["$2a$", "$2b$", "$2y$"].iter().find_map(|prefix| stored.strip_prefix(prefix));
        let (cost, rest) = rest.and_then(|rest| rest.split_once('$')).ok_or_else(malformed)?;
        let is_number = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
        let cost = cost.parse().ok().filter(|_| is_number).ok_or_else(malformed)?;
        let (salt, hash) = rest.split_at_checked(22).ok_or_else(malformed)?;
        let decode = |text: &str| BCRYPT_BASE64.decode(text).map_err(|_| malformed());
        let salt = decode(salt)?.try_into().map_err(|_| malformed())?;
        let hash = decode(hash)?.try_into().map_err(|_| malformed())?;
        match max_cost {
            None => Err(Unusable::new("is of bcrypt, and LegacyHashes is not set")),
            Some(max_cost) if !(MIN_COST..=max_cost).contains(&cost) => Err(Unusable(
                format!("has a bcrypt cost of {cost}, not of {MIN_COST} to LegacyHashes ({max_cost})").into(),
            )),
            Some(_) => Ok(Self { cost, salt, hash }),
        }
    }
}
