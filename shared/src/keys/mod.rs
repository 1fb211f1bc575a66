//! The keys: two secrets, the purpose of each key in them, and the time when it is in force.
//!
//! [`SigningKeys`] sign access tokens and authenticate refresh tokens. [`AccountKeys`] authenticate mailed codes and
//! devices, and hide addresses and networks in tables and logs. So a function that only counts or mails cannot sign a
//! token.
//!
//! Each secret is a [`KeySet`]: a list of keys, each with a purpose. A set is a value, and the clock decides which of
//! its keys is in force. To add a key: add a [`Purpose`] here, and a method that finds it in the view of its secret.
//! The next rotation makes the key.

mod account;
mod digest;
mod generation;
mod jwk;
mod secret;
mod set;
mod signing;
mod succession;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::domain::{ABSOLUTE_LIFETIME, ACCESS_TOKEN_LIFETIME};

pub use account::AccountKeys;
pub use digest::{Digests, Subject};
pub use jwk::{Jwk, Material, PublicKeySet, PublishedKey};
pub use secret::{CURRENT, PENDING, Secret, SecretError, Version};
pub use set::{KeySet, NamedKey};
pub use signing::{SigningKey, SigningKeys};

/// A key that cannot be made or cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the keys cannot be used")]
pub struct KeyError;

/// The two secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretKind {
    /// `SigningKeys`. A reader of this secret can sign in as any user.
    Signing,
    /// `AccountKeys`. A reader of this secret can redeem mailed codes and undo pseudonyms.
    Account,
}

/// The purpose of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Purpose {
    /// Signs access tokens.
    Access,
    /// Authenticates refresh tokens.
    Refresh,
    /// Computes mailed codes and link tokens.
    MailCode,
    /// Authenticates device tokens.
    Device,
    /// Computes digests of addresses and networks for the tables.
    Limit,
    /// Computes digests of addresses and networks for the log.
    Pseudonym,
    /// A purpose of a newer version of Latchkey. Its keys are kept as they are.
    #[serde(untagged)]
    Unknown(String),
}

impl SecretKind {
    /// Returns the purposes of the keys in this secret.
    #[must_use]
    pub const fn purposes(self) -> &'static [Purpose] {
        match self {
            Self::Signing => &[Purpose::Access, Purpose::Refresh],
            Self::Account => &[Purpose::MailCode, Purpose::Device, Purpose::Limit, Purpose::Pseudonym],
        }
    }
}

impl Purpose {
    /// Returns how long the products of a key stay valid, or `None` if a rotation does not replace the key. Digests in
    /// the tables must stay comparable, and a device may come back after years.
    const fn lifetime(&self) -> Option<SignedDuration> {
        /// The longest life of a mailed code.
        const LONGEST_TICKET: SignedDuration = SignedDuration::from_hours(24);
        match self {
            Self::Access => Some(ACCESS_TOKEN_LIFETIME),
            Self::Refresh => Some(ABSOLUTE_LIFETIME),
            Self::MailCode => Some(LONGEST_TICKET),
            Self::Device | Self::Limit | Self::Pseudonym | Self::Unknown(_) => None,
        }
    }
}

/// The keys of one secret, ready for use.
pub trait Keys: Sized {
    const KIND: SecretKind;

    /// Reads every key of `set`.
    ///
    /// # Errors
    /// [`KeyError`] if a purpose has no key, or if a key does not match its entry.
    fn read(set: &KeySet) -> Result<Self, KeyError>;

    /// Reads the secret's JSON.
    ///
    /// # Errors
    /// Those of [`Self::read`], and [`KeyError`] if the JSON is of another version.
    fn from_json(text: &str) -> Result<Self, KeyError> {
        Self::read(&KeySet::from_json(Self::KIND, text)?)
    }
}

#[cfg(test)]
mod tests;
