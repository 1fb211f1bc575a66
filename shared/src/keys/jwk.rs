use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::DecodingKey;
use serde::{Deserialize, Serialize};

use super::KeyError;
use crate::config::Algorithm;

/// A public key as it is published (RFC 7517). It has no member that could mislead a careless verifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// The name of the key: its thumbprint (RFC 7638).
    pub kid: String,
    /// `ES256` or `RS256`.
    pub alg: Algorithm,
    /// `sig`.
    pub r#use: String,
    /// Only `verify`, if present. Latchkey leaves it out, because some verifiers accept either `use` or `key_ops` but
    /// not both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_ops: Option<Vec<String>>,
    #[serde(flatten)]
    pub material: Material,
}

/// The numbers of a public key, each big-endian in base64url (RFC 7518, 6.2.1 and 6.3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum Material {
    /// A point on P-256.
    #[serde(rename = "EC")]
    Ec {
        /// `P-256`.
        crv: String,
        /// 32 bytes.
        x: String,
        /// 32 bytes.
        y: String,
    },
    /// A modulus of 2048 bits or more, and its exponent.
    #[serde(rename = "RSA")]
    Rsa {
        /// Without leading zeros.
        n: String,
        /// `AQAB`.
        e: String,
    },
}

/// A published key and the time when it retires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublishedKey {
    pub jwk: Jwk,
    /// The time from which nothing that the key signed is valid. `None` while no later key replaces it.
    pub retires_at: Option<Timestamp>,
}

/// The public keys, as the table stores them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKeySet {
    /// In the order in which they were made.
    pub keys: Vec<PublishedKey>,
}

impl PublicKeySet {
    /// Returns the key with this name, unless it has retired.
    #[must_use]
    pub fn find(&self, kid: &str, now: Timestamp) -> Option<&Jwk> {
        self.live(now).find(|jwk| jwk.kid == kid)
    }

    /// Returns whether Latchkey could have published this set: no name is in it twice, and every key is sound.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let names: HashSet<_> = self.keys.iter().map(|key| &key.jwk.kid).collect();
        names.len() == self.keys.len() && self.keys.iter().all(|key| key.jwk.is_sound())
    }

    /// Returns the keys that have not retired.
    pub fn live(&self, now: Timestamp) -> impl Iterator<Item = &Jwk> {
        self.keys.iter().filter(move |key| key.retires_at.is_none_or(|at| now < at)).map(|key| &key.jwk)
    }
}

impl Jwk {
    /// Returns the published form of an uncompressed point (SEC 1, 2.3.3).
    pub(super) fn of_point(point: &[u8]) -> Result<Self, KeyError> {
        let (&[4, ref coordinates @ ..], 65) = (point, point.len()) else { return Err(KeyError) };
        let (x, y) = coordinates.split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        Ok(Self::new(Material::Ec { crv: "P-256".to_owned(), x, y }))
    }

    /// Returns the published form of an RSA key's numbers, which are big-endian.
    pub(super) fn of_rsa(modulus: &[u8], exponent: &[u8]) -> Self {
        let (n, e) = (URL_SAFE_NO_PAD.encode(modulus), URL_SAFE_NO_PAD.encode(exponent));
        Self::new(Material::Rsa { n, e })
    }

    fn new(material: Material) -> Self {
        let alg = match material {
            Material::Ec { .. } => Algorithm::Es256,
            Material::Rsa { .. } => Algorithm::Rs256,
        };
        Self { kid: material.thumbprint(), alg, r#use: "sig".to_owned(), key_ops: None, material }
    }

    /// Returns whether the members match each other, the key serves signatures alone, and its numbers are long enough.
    fn is_sound(&self) -> bool {
        let length = |number: &str| URL_SAFE_NO_PAD.decode(number).map_or(0, |bytes| bytes.len());
        let is_strong = match &self.material {
            Material::Ec { crv, x, y } => crv == "P-256" && length(x) == 32 && length(y) == 32,
            Material::Rsa { n, e } => length(n) >= 256 && e == "AQAB",
        };
        let verifies = self.key_ops.as_ref().is_none_or(|operations| operations == &["verify"]);
        is_strong && verifies && Self { key_ops: self.key_ops.clone(), ..Self::new(self.material.clone()) } == *self
    }

    /// Returns whether `signature`, in base64url, is a signature of this key over `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let verified = |key| jsonwebtoken::crypto::verify(signature, message, &key, self.alg.into()).unwrap_or(false);
        self.decoding_key().is_some_and(verified)
    }

    /// Returns the form that `jsonwebtoken` verifies with, or `None` if the key's material does not fit its algorithm.
    #[must_use]
    pub(crate) fn decoding_key(&self) -> Option<DecodingKey> {
        match (self.alg, &self.material) {
            (Algorithm::Es256, Material::Ec { crv, x, y }) if crv == "P-256" => {
                DecodingKey::from_ec_components(x, y).ok()
            }
            (Algorithm::Rs256, Material::Rsa { n, e }) => DecodingKey::from_rsa_components(n, e).ok(),
            _ => None,
        }
    }
}

impl From<Algorithm> for jsonwebtoken::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Es256 => Self::ES256,
            Algorithm::Rs256 => Self::RS256,
        }
    }
}

impl Material {
    /// Returns the thumbprint (RFC 7638, 3).
    fn thumbprint(&self) -> String {
        let required_members = match self {
            Self::Ec { crv, x, y } => format!(r#"{{"crv":"{crv}","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        };
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, required_members.as_bytes());
        URL_SAFE_NO_PAD.encode(digest.as_ref())
    }
}
