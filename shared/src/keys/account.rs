use jiff::Timestamp;

use super::set::{Dated, in_force};
use super::{Digests, KeyError, KeySet, Keys, Purpose, SecretKind, Subject};
use crate::domain::MacKey;

/// The keys of the secret `AccountKeys`.
#[derive(Debug)]
pub struct AccountKeys {
    mail_codes: Vec<Dated<MacKey>>,
    devices: Vec<Dated<MacKey>>,
    digests: Digests,
    pseudonyms: Digests,
}

impl Keys for AccountKeys {
    const KIND: SecretKind = SecretKind::Account;

    fn read(set: &KeySet) -> Result<Self, KeyError> {
        let digests = |purpose| set.mac_keys(purpose)?.last().map(|dated| Digests::new(&dated.key)).ok_or(KeyError);
        Ok(Self {
            mail_codes: set.mac_keys(&Purpose::MailCode)?,
            devices: set.mac_keys(&Purpose::Device)?,
            digests: digests(&Purpose::Limit)?,
            pseudonyms: digests(&Purpose::Pseudonym)?,
        })
    }
}

impl AccountKeys {
    /// Returns the key that computes the codes and links of tickets made at `at`.
    #[must_use]
    pub fn mail_code_key(&self, at: Timestamp) -> Option<&MacKey> {
        in_force(&self.mail_codes, at)
    }

    /// Returns the key that authenticates device tokens made at `now`.
    #[must_use]
    pub fn device_key(&self, now: Timestamp) -> Option<&MacKey> {
        in_force(&self.devices, now)
    }

    /// Returns the device key with this id, unless it has retired.
    #[must_use]
    pub fn device_key_by_id(&self, id: [u8; 4], now: Timestamp) -> Option<&MacKey> {
        self.devices.iter().find(|dated| dated.key.id() == id && dated.is_live(now)).map(|dated| &dated.key)
    }

    /// Returns the key of the digests that replace addresses and networks in the tables.
    #[must_use]
    pub const fn digests(&self) -> &Digests {
        &self.digests
    }

    /// Returns the pseudonym that replaces an address or a network in the log.
    #[must_use]
    pub fn pseudonym(&self, of: &str) -> String {
        self.pseudonyms.digest(Subject::Pseudonym, &[of.as_bytes()])
    }
}
