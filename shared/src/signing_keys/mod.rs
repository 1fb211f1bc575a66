//! The keys: what signs access tokens and authenticates refresh tokens, and when which of them does.
//!
//! A set is a value: [`KeySet::first`] makes one, [`KeySet::rotated`] the next, and the clock decides who signs. The
//! secret that keeps it is in [`secret`].

mod digest;
mod jwk;
pub mod secret;
mod succession;

use std::collections::HashSet;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};

use crate::config::Algorithm;
use crate::domain::{DeviceKey, MacKey};

pub use digest::{Digests, Purpose};
pub use jwk::{Jwk, Material, PublicKeySet, PublishedKey};

const MAC_KEY_LENGTH: usize = 32;

/// A key that cannot be made or cannot be used. Which part of it, nobody needs to know.
#[derive(Debug, thiserror::Error)]
#[error("the signing keys cannot be used")]
pub struct KeyError;

/// All keys at one time.
#[derive(Debug)]
pub struct KeySet {
    access: Vec<Dated<SigningKey>>,
    refresh: Vec<Dated<MacKey>>,
    digests: Digests,
    pseudonyms: Digests,
    device: DeviceKey,
    stored: StoredKeySet,
}

#[derive(Debug)]
struct Dated<K> {
    key: K,
    signs_from: Timestamp,
    retires_at: Option<Timestamp>,
}

/// A private key, ready to sign.
#[derive(Debug)]
pub struct SigningKey {
    jwk: Jwk,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    P256(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// The set as the secret has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredKeySet {
    version: u8,
    access_keys: Vec<StoredKey>,
    refresh_keys: Vec<StoredKey>,
    #[serde(with = "exposed")]
    device_key: SecretString,
    #[serde(with = "exposed")]
    limit_key: SecretString,
    #[serde(with = "exposed")]
    pseudonym_key: SecretString,
}

/// One key of a set that turns.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredKey {
    /// The `kid` of an access key, eight hexadecimal digits of a refresh key.
    id: String,
    /// PKCS #8 of an access key, the bytes of a refresh key; in base64url.
    #[serde(with = "exposed")]
    key: SecretString,
    /// Of access keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    alg: Option<Algorithm>,
    published_at: Timestamp,
    signs_from: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    retires_at: Option<Timestamp>,
}

/// The one way from a secret to text: into the secret's own JSON.
mod exposed {
    use secrecy::{ExposeSecret, SecretString};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose_secret())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
        String::deserialize(deserializer).map(SecretString::from)
    }
}

impl KeySet {
    /// The set that the secret's JSON is.
    ///
    /// # Errors
    /// [`KeyError`] when it is another version, or a key in it is not what it says it is.
    pub fn from_json(text: &str) -> Result<Self, KeyError> {
        serde_json::from_str(text).map_err(|_| KeyError).and_then(Self::from_stored)
    }

    /// The secret's JSON.
    ///
    /// # Errors
    /// None that is known.
    pub fn to_json(&self) -> Result<SecretString, KeyError> {
        serde_json::to_string(&self.stored).map(SecretString::from).map_err(|_| KeyError)
    }

    fn from_stored(stored: StoredKeySet) -> Result<Self, KeyError> {
        if stored.version != 1 || stored.access_keys.is_empty() || stored.refresh_keys.is_empty() {
            return Err(KeyError);
        }
        for keys in [&stored.access_keys, &stored.refresh_keys] {
            let ids: HashSet<_> = keys.iter().map(|key| &key.id).collect();
            if ids.len() < keys.len() {
                return Err(KeyError);
            }
        }
        let access = stored.access_keys.iter().map(StoredKey::to_signing_key).collect::<Result<_, _>>()?;
        let refresh = stored.refresh_keys.iter().map(StoredKey::to_mac_key).collect::<Result<_, _>>()?;
        let bytes = |key: &SecretString| URL_SAFE_NO_PAD.decode(key.expose_secret()).map_err(|_| KeyError);
        let digests = Digests::new(&bytes(&stored.limit_key)?)?;
        let pseudonyms = Digests::new(&bytes(&stored.pseudonym_key)?)?;
        let device_key = bytes(&stored.device_key)?;
        if device_key.len() < MAC_KEY_LENGTH {
            return Err(KeyError);
        }
        let device = DeviceKey::new(&device_key);
        Ok(Self { access, refresh, digests, pseudonyms, device, stored })
    }

    /// The key that signs access tokens at `now`.
    #[must_use]
    pub fn access_key(&self, now: Timestamp) -> Option<&SigningKey> {
        signer(&self.access, now)
    }

    /// The key that authenticates refresh tokens made at `at`. A token that is given again is made as of its first time,
    /// and is the same text.
    #[must_use]
    pub fn refresh_key(&self, at: Timestamp) -> Option<&MacKey> {
        signer(&self.refresh, at)
    }

    /// The refresh key with this id, unless it has retired.
    #[must_use]
    pub fn refresh_key_by_id(&self, id: [u8; 4], now: Timestamp) -> Option<&MacKey> {
        let live = |dated: &&Dated<MacKey>| dated.key.id() == id && dated.retires_at.is_none_or(|at| now < at);
        self.refresh.iter().find(live).map(|dated| &dated.key)
    }

    /// What stands in the tables in place of what must not.
    #[must_use]
    pub const fn digests(&self) -> &Digests {
        &self.digests
    }

    /// What stands in the log in place of an address, or of whatever else would name somebody.
    #[must_use]
    pub fn pseudonym(&self, of: &str) -> String {
        self.pseudonyms.digest(Purpose::Pseudonym, &[of.as_bytes()])
    }

    /// The key of device tokens.
    #[must_use]
    pub const fn device_key(&self) -> &DeviceKey {
        &self.device
    }

    /// The names of all keys: of those that sign access tokens, and of those that authenticate refresh tokens.
    #[must_use]
    pub fn ids(&self) -> [Vec<&str>; 2] {
        [&self.stored.access_keys, &self.stored.refresh_keys]
            .map(|keys| keys.iter().map(|key| key.id.as_str()).collect())
    }

    /// What verifiers get to know.
    #[must_use]
    pub fn public(&self) -> PublicKeySet {
        let publish =
            |dated: &Dated<SigningKey>| PublishedKey { jwk: dated.key.jwk.clone(), retires_at: dated.retires_at };
        PublicKeySet { keys: self.access.iter().map(publish).collect() }
    }
}

/// The youngest of those that may sign; before any may, the first, as a clock that lags would have it.
fn signer<K>(keys: &[Dated<K>], at: Timestamp) -> Option<&K> {
    let may_sign = keys.iter().filter(|dated| dated.signs_from <= at);
    may_sign.max_by_key(|dated| dated.signs_from).or(keys.first()).map(|dated| &dated.key)
}

impl SigningKey {
    /// Its public half.
    #[must_use]
    pub const fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// The signature over `message`, in the form of RFC 7518, 3.3 and 3.4.
    ///
    /// # Errors
    /// [`KeyError`] when the machine has no randomness.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::P256(pair) => {
                pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()).map_err(|_| KeyError)
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map_err(|_| KeyError)?;
                Ok(signature)
            }
        }
    }
}

impl StoredKey {
    fn access(algorithm: Algorithm, now: Timestamp, signs_from: Timestamp) -> Result<Self, KeyError> {
        let pkcs8 = match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                .and_then(|pair| pair.to_pkcs8v1())
                .map(|document| URL_SAFE_NO_PAD.encode(document)),
            Algorithm::Rs256 => RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048)
                .and_then(|pair| AsDer::<Pkcs8V1Der<'_>>::as_der(&pair))
                .map(|document| URL_SAFE_NO_PAD.encode(document.as_ref())),
        };
        let key = SecretString::from(pkcs8.map_err(|_| KeyError)?);
        let mut stored =
            Self { id: String::new(), key, alg: Some(algorithm), published_at: now, signs_from, retires_at: None };
        stored.id = stored.pair()?.1.kid;
        Ok(stored)
    }

    fn refresh(now: Timestamp, signs_from: Timestamp) -> Result<Self, KeyError> {
        let mut id = [0; 4];
        aws_lc_rs::rand::fill(&mut id).map_err(|_| KeyError)?;
        let id = format!("{:08x}", u32::from_be_bytes(id));
        Ok(Self { id, key: random(MAC_KEY_LENGTH)?, alg: None, published_at: now, signs_from, retires_at: None })
    }

    fn to_signing_key(&self) -> Result<Dated<SigningKey>, KeyError> {
        let (pair, jwk) = self.pair()?;
        if jwk.kid != self.id {
            return Err(KeyError);
        }
        Ok(Dated { key: SigningKey { jwk, pair }, signs_from: self.signs_from, retires_at: self.retires_at })
    }

    fn to_mac_key(&self) -> Result<Dated<MacKey>, KeyError> {
        let secret: SecretSlice<u8> = self.bytes()?.into();
        if self.id.len() != 8 || secret.expose_secret().len() < MAC_KEY_LENGTH {
            return Err(KeyError);
        }
        let id = u32::from_str_radix(&self.id, 16).map_err(|_| KeyError)?;
        let key = MacKey::new(id.to_be_bytes(), secret);
        Ok(Dated { key, signs_from: self.signs_from, retires_at: self.retires_at })
    }

    fn pair(&self) -> Result<(Pair, Jwk), KeyError> {
        let pkcs8 = self.bytes()?;
        match self.alg {
            Some(Algorithm::Es256) => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8).map_err(|_| KeyError)?;
                let jwk = Jwk::of_point(pair.public_key().as_ref())?;
                Ok((Pair::P256(pair), jwk))
            }
            Some(Algorithm::Rs256) => {
                let pair = RsaKeyPair::from_pkcs8(&pkcs8).map_err(|_| KeyError)?;
                let public = pair.public_key();
                let jwk = Jwk::of_rsa(
                    public.modulus().big_endian_without_leading_zero(),
                    public.exponent().big_endian_without_leading_zero(),
                );
                Ok((Pair::Rsa(Box::new(pair)), jwk))
            }
            None => Err(KeyError),
        }
    }

    fn bytes(&self) -> Result<Vec<u8>, KeyError> {
        URL_SAFE_NO_PAD.decode(self.key.expose_secret()).map_err(|_| KeyError)
    }
}

fn random(length: usize) -> Result<SecretString, KeyError> {
    let mut bytes = vec![0; length];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| KeyError)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes).into())
}

#[cfg(test)]
mod tests;
