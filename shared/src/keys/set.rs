use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};

use super::{AccountKeys, KeyError, Keys, Purpose, SecretKind, SigningKeys, generation};
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

/// One key, as the secret has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredKey {
    pub purpose: Purpose,
    /// The `kid` of an access key, eight hexadecimal digits of any other.
    pub id: String,
    /// PKCS #8 of an access key, 32 random bytes of any other; in base64url.
    #[serde(with = "exposed")]
    pub key: SecretString,
    /// Of access keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<Algorithm>,
    pub published_at: Timestamp,
    /// From when on it is in force.
    pub signs_from: Timestamp,
    /// When the last thing that it made has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retires_at: Option<Timestamp>,
}

/// What may be shown of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedKey {
    /// Its purpose.
    pub purpose: Purpose,
    /// Its name.
    pub id: String,
    /// From when on it is in force.
    pub signs_from: Timestamp,
    /// When the last thing that it made has ended; absent while no other key follows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retires_at: Option<Timestamp>,
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

/// Returns the youngest key in force at `at`. If none is yet, as on a machine whose clock is behind, returns the first.
pub(super) fn in_force<K>(keys: &[Dated<K>], at: Timestamp) -> Option<&K> {
    let begun = keys.iter().filter(|dated| dated.signs_from <= at);
    begun.max_by_key(|dated| dated.signs_from).or(keys.first()).map(|dated| &dated.key)
}

impl KeySet {
    /// Reads the JSON of a secret of this kind.
    ///
    /// # Errors
    /// [`KeyError`] if it is of another version, or a key in it is not what it says it is.
    pub fn from_json(kind: SecretKind, text: &str) -> Result<Self, KeyError> {
        let document: Document = serde_json::from_str(text).map_err(|_| KeyError)?;
        if document.version != 1 {
            return Err(KeyError);
        }
        Self { kind, keys: document.keys }.checked()
    }

    /// Returns the secret's JSON.
    ///
    /// # Errors
    /// [`KeyError`], which no known set gives.
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

    pub(super) fn of(&self, purpose: &Purpose) -> impl Iterator<Item = &StoredKey> {
        self.keys.iter().filter(move |key| key.purpose == *purpose)
    }

    /// Returns the MAC keys of a purpose, of which there is at least one.
    pub(super) fn mac_keys(&self, purpose: &Purpose) -> Result<Vec<Dated<MacKey>>, KeyError> {
        let keys: Vec<_> = self.of(purpose).map(StoredKey::to_mac_key).collect::<Result<_, _>>()?;
        if keys.is_empty() { Err(KeyError) } else { Ok(keys) }
    }

    pub(super) fn checked(self) -> Result<Self, KeyError> {
        let names: HashSet<_> = self.keys.iter().map(|key| &key.id).collect();
        if names.len() < self.keys.len() {
            return Err(KeyError);
        }
        match self.kind {
            SecretKind::Signing => SigningKeys::read(&self).map(drop)?,
            SecretKind::Account => AccountKeys::read(&self).map(drop)?,
        }
        Ok(self)
    }
}

impl StoredKey {
    /// Makes a key.
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
