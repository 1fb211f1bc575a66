//! The keys: what signs access tokens and authenticates refresh tokens, and when which of them does.
//!
//! A set is a value: [`KeySet::first`] makes one, [`KeySet::rotated`] the next, and the clock decides who signs. The
//! secret that keeps it is in [`secret`].

mod digest;
mod jwk;
pub mod secret;

use std::collections::HashSet;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};

use crate::config::Algorithm;
use crate::domain::{ABSOLUTE_LIFETIME, MacKey};
use crate::tokens::ACCESS_TOKEN_LIFETIME;

pub use digest::{Digests, Purpose};
pub use jwk::{Jwk, Material, PublicKeySet, PublishedKey};

/// From publication to the first signature: longer than any verifier keeps a key set (API Gateway: two hours).
const HEAD_START: SignedDuration = SignedDuration::from_hours(2);
/// From publication to the end of the rotation, at the most. Issuers that cannot read the secret sign on for an hour and five
/// minutes with what they have: to the start of the new keys and the slack behind it, and no longer.
const LONGEST_ROTATION: SignedDuration = SignedDuration::from_hours(1);
/// What a clock or a cache may lag.
const SLACK: SignedDuration = SignedDuration::from_mins(5);
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
    /// The first set: there is no token and no verifier yet, so it signs at once.
    ///
    /// # Errors
    /// [`KeyError`] when the machine has no randomness.
    pub fn first(algorithm: Algorithm, now: Timestamp) -> Result<Self, KeyError> {
        Self::from_stored(StoredKeySet {
            version: 1,
            access_keys: vec![StoredKey::access(algorithm, now, now)?],
            refresh_keys: vec![StoredKey::refresh(now, now)?],
            device_key: random(MAC_KEY_LENGTH)?,
            limit_key: random(MAC_KEY_LENGTH)?,
            pseudonym_key: random(MAC_KEY_LENGTH)?,
        })
    }

    /// The next set: a new key of each kind, published now and signing two hours later; the others retire when the last
    /// thing that they signed has ended; what has retired is gone.
    ///
    /// # Errors
    /// [`KeyError`] when the machine has no randomness.
    pub fn rotated(&self, algorithm: Algorithm, now: Timestamp) -> Result<Self, KeyError> {
        let mut stored = self.stored.clone();
        let signs_from = now + HEAD_START;
        for (keys, lifetime) in
            [(&mut stored.access_keys, ACCESS_TOKEN_LIFETIME), (&mut stored.refresh_keys, ABSOLUTE_LIFETIME)]
        {
            keys.retain(|key| key.retires_at.is_none_or(|at| now < at));
            for key in keys.iter_mut() {
                key.retires_at.get_or_insert(signs_from + lifetime + SLACK);
            }
        }
        stored.access_keys.push(StoredKey::access(algorithm, now, signs_from)?);
        stored.refresh_keys.push(StoredKey::refresh(now, signs_from)?);
        Self::from_stored(stored)
    }

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
        let limit_key = URL_SAFE_NO_PAD.decode(stored.limit_key.expose_secret()).map_err(|_| KeyError)?;
        let digests = Digests::new(&limit_key)?;
        Ok(Self { access, refresh, digests, stored })
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

    /// Whether each key's signature verifies with `published`: a set that fails must not sign.
    #[must_use]
    pub fn all_verify_with(&self, published: &PublicKeySet, now: Timestamp) -> bool {
        const MESSAGE: &[u8] = b"Does this key sign what its published half verifies?";
        let live = |dated: &&Dated<SigningKey>| dated.retires_at.is_none_or(|at| now < at);
        self.access.iter().filter(live).all(|dated| {
            let jwk = published.find(&dated.key.jwk.kid, now);
            jwk.zip(dated.key.sign(MESSAGE).ok()).is_some_and(|(jwk, signature)| jwk.verifies(MESSAGE, &signature))
        })
    }

    /// Whether a rotation may still end with this set: its times hold only if it does soon after they were set.
    #[must_use]
    pub fn may_come_to_sign(&self, now: Timestamp) -> bool {
        self.stored.access_keys.last().is_some_and(|youngest| now <= youngest.published_at + LONGEST_ROTATION)
    }

    /// What verifiers get to know while `current` signs and this set is still to come: its keys too, but no retirement for
    /// its sake, since it may never come.
    #[must_use]
    pub fn announced_beside(&self, current: Option<&Self>) -> PublicKeySet {
        let mut announced = current.map(Self::public).unwrap_or_default();
        for key in self.public().keys {
            if announced.keys.iter().all(|known| known.jwk.kid != key.jwk.kid) {
                announced.keys.push(key);
            }
        }
        announced
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
