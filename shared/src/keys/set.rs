use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};

use super::{KeyError, Purpose, SecretKind, SigningKey, generation};
use crate::config::Algorithm;
use crate::domain::MacKey;

/// All keys of one secret at one time.
#[derive(Clone, Debug)]
pub struct KeySet {
    pub(super) kind: SecretKind,
    pub(super) keys: Vec<StoredKey>,
}

/// The secret's JSON.
#[derive(Serialize, Deserialize)]
struct Document {
    version: u8,
    keys: Vec<StoredKey>,
}

/// One key, as the secret stores it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredKey {
    pub purpose: Purpose,
    /// The `kid` of an access key. Eight hexadecimal digits for any other key.
    pub id: String,
    /// PKCS #8 of an access key, or 32 random bytes for any other key, in base64url.
    #[serde(with = "exposed")]
    pub key: SecretString,
    /// Only access keys have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<Algorithm>,
    pub published_at: Timestamp,
    /// The time from which the key is in force.
    pub signs_from: Timestamp,
    /// The time when the last token or code of the key expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retires_at: Option<Timestamp>,
}

/// The parts of a key that may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedKey {
    pub purpose: Purpose,
    pub id: String,
    /// The time from which the key is in force.
    pub signs_from: Timestamp,
    /// The time when the last token or code of the key expires. Absent until a later key replaces it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retires_at: Option<Timestamp>,
}

/// Writes a secret as text, for the secret's own JSON alone.
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

/// A usable key and the time in which it is in force.
#[derive(Debug)]
pub(super) struct Dated<K> {
    pub key: K,
    pub signs_from: Timestamp,
    pub retires_at: Option<Timestamp>,
}

impl<K> Dated<K> {
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.retires_at.is_none_or(|at| now < at)
    }
}

/// Returns the latest key that is in force at `at`. If none is in force yet, as on a machine whose clock is behind,
/// returns the first key.
pub(super) fn in_force<K>(keys: &[Dated<K>], at: Timestamp) -> Option<&K> {
    let begun = keys.iter().filter(|dated| dated.signs_from <= at);
    begun.max_by_key(|dated| dated.signs_from).or(keys.first()).map(|dated| &dated.key)
}

impl KeySet {
    /// Reads the JSON of a secret of this kind.
    ///
    /// # Errors
    /// [`KeyError`] if the JSON is of another version, or if a key does not match its entry.
    pub fn from_json(kind: SecretKind, text: &str) -> Result<Self, KeyError> {
        let document: Document = serde_json::from_str(text).map_err(|_| KeyError)?;
        if document.version != 1 {
            return Err(KeyError);
        }
        Self { kind, keys: document.keys }.readable()
    }

    /// Returns the secret's JSON.
    ///
    /// # Errors
    /// [`KeyError`] if the set cannot be serialized. No known set fails.
    pub fn to_json(&self) -> Result<SecretString, KeyError> {
        let document = Document { version: 1, keys: self.keys.clone() };
        serde_json::to_string(&document).map(SecretString::from).map_err(|_| KeyError)
    }

    /// Lists the keys without their secrets.
    #[must_use]
    pub fn names(&self) -> Vec<NamedKey> {
        let name = |key: &StoredKey| NamedKey {
            purpose: key.purpose.clone(),
            id: key.id.clone(),
            signs_from: key.signs_from,
            retires_at: key.retires_at,
        };
        self.keys.iter().map(name).collect()
    }

    /// Returns when the set was last rotated: the time at which every rotating purpose had got its latest key.
    ///
    /// A withdrawal replaces the keys of one purpose. It counts as no rotation, because the other purposes keep theirs.
    pub(super) fn rotated_at(&self) -> Option<Timestamp> {
        let rotating = self.kind.purposes().iter().filter(|purpose| purpose.lifetime().is_some());
        rotating.filter_map(|purpose| self.of(purpose).map(|key| key.published_at).max()).min()
    }

    pub(super) fn of(&self, purpose: &Purpose) -> impl Iterator<Item = &StoredKey> {
        self.keys.iter().filter(move |key| key.purpose == *purpose)
    }

    /// Returns the MAC keys of a purpose: none if no version with that purpose has rotated the secret yet.
    pub(super) fn mac_keys(&self, purpose: &Purpose) -> Result<Vec<Dated<MacKey>>, KeyError> {
        self.of(purpose).map(StoredKey::to_mac_key).collect()
    }

    /// Returns the set if it has a key for every purpose, as every set that is written must.
    pub(super) fn complete(self) -> Result<Self, KeyError> {
        let has_all = self.kind.purposes().iter().all(|purpose| self.of(purpose).next().is_some());
        if has_all { self.readable() } else { Err(KeyError) }
    }

    /// Returns the set if every key is what it says it is. A purpose may be missing: a newer version of Latchkey reads a secret that
    /// an older one wrote, and its next rotation makes the key.
    fn readable(self) -> Result<Self, KeyError> {
        let names: HashSet<_> = self.keys.iter().map(|key| &key.id).collect();
        if self.keys.is_empty() || names.len() < self.keys.len() {
            return Err(KeyError);
        }
        for key in &self.keys {
            match key.purpose {
                Purpose::Access => drop(SigningKey::read(key)?),
                Purpose::Unknown(_) => {}
                _ => drop(key.to_mac_key()?),
            }
        }
        Ok(self)
    }
}

impl StoredKey {
    pub fn new(
        purpose: Purpose,
        algorithm: Algorithm,
        now: Timestamp,
        signs_from: Timestamp,
    ) -> Result<Self, KeyError> {
        let (id, key, alg) = if purpose == Purpose::Access {
            let pkcs8 = generation::pkcs8(algorithm)?;
            let (_, jwk) = generation::signing_key(algorithm, &pkcs8)?;
            (jwk.kid, pkcs8, Some(algorithm))
        } else {
            let id = u32::from_be_bytes(generation::random()?);
            (format!("{id:08x}"), generation::random::<{ MacKey::LENGTH }>()?.to_vec(), None)
        };
        let key = SecretString::from(URL_SAFE_NO_PAD.encode(key));
        Ok(Self { purpose, id, key, alg, published_at: now, signs_from, retires_at: None })
    }

    pub fn bytes(&self) -> Result<SecretSlice<u8>, KeyError> {
        URL_SAFE_NO_PAD.decode(self.key.expose_secret()).map(SecretSlice::from).map_err(|_| KeyError)
    }

    pub fn dated<K>(&self, key: K) -> Dated<K> {
        Dated { key, signs_from: self.signs_from, retires_at: self.retires_at }
    }

    fn to_mac_key(&self) -> Result<Dated<MacKey>, KeyError> {
        let secret = self.bytes()?;
        if self.id.len() != 8 || secret.expose_secret().len() < MacKey::LENGTH {
            return Err(KeyError);
        }
        let id = u32::from_str_radix(&self.id, 16).map_err(|_| KeyError)?;
        Ok(self.dated(MacKey::new(id.to_be_bytes(), secret)))
    }
}
