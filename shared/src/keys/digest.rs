use std::fmt::Write as _;

use aws_lc_rs::hmac;

use crate::domain::MacKey;

/// Computes keyed digests, which replace values that may not be in a table or in a log line.
///
/// Without the key, nobody can compute a digest or test a guess. Each subject has a key of its own, which is derived
/// from the one key. So digests of different subjects never match, and a new subject needs no new secret.
#[derive(Debug)]
pub struct Digests(hmac::Key);

/// The kinds of value that are digested.
#[derive(Clone, Copy, Debug)]
pub enum Subject {
    /// An `Idempotency-Key`.
    IdempotencyKey,
    /// The address and name of a registration.
    Registration,
    /// The logins of a network.
    LoginsOfNetwork,
    /// The logins of a network to one address.
    LoginsOfAccountAndNetwork,
    /// The failed logins to an address.
    FailuresOfAccount,
    /// The failed logins on a known device.
    FailuresOfDevice,
    /// The registrations of a network.
    RegistrationsOfNetwork,
    /// The requests of a network to reset a password.
    ForgotOfNetwork,
    /// The requests of a network to reset the password of one address.
    ForgotOfAccountAndNetwork,
    /// The requests to reset the password of an address.
    ForgotOfAccount,
    /// The requests to reset a password on a known device.
    ForgotOfDevice,
    /// The resets that a network tries.
    ResetsOfNetwork,
    /// The requests to change to an address.
    EmailChangesToAddress,
    /// The deletions of accounts of an address.
    DeletionsOfAddress,
    /// The address of a reset.
    ResetAddress,
    /// An address or a network, in the log.
    Pseudonym,
}

impl Digests {
    pub(super) fn new(key: &MacKey) -> Self {
        Self(key.hmac())
    }

    /// Returns HMAC-SHA-256 over `parts`, in hexadecimal. The length of each part precedes it, so different lists never
    /// give the same text.
    #[must_use]
    pub fn digest(&self, purpose: Subject, parts: &[&[u8]]) -> String {
        let key = hmac::sign(&self.0, purpose.name().as_bytes());
        let mut mac = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()));
        for part in parts {
            mac.update(&part.len().to_be_bytes());
            mac.update(part);
        }
        mac.sign().as_ref().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

impl Subject {
    const fn name(self) -> &'static str {
        match self {
            Self::IdempotencyKey => "idempotency key",
            Self::Registration => "registration",
            Self::LoginsOfNetwork => "logins of a network",
            Self::LoginsOfAccountAndNetwork => "logins of an account and a network",
            Self::FailuresOfAccount => "failures of an account",
            Self::FailuresOfDevice => "failures of a device",
            Self::RegistrationsOfNetwork => "registrations of a network",
            Self::ForgotOfNetwork => "forgot of a network",
            Self::ForgotOfAccountAndNetwork => "forgot of an account and a network",
            Self::ForgotOfAccount => "forgot of an account",
            Self::ForgotOfDevice => "forgot of a device",
            Self::ResetsOfNetwork => "resets of a network",
            Self::EmailChangesToAddress => "email changes to an address",
            Self::DeletionsOfAddress => "deletions of an address",
            Self::ResetAddress => "address of a reset",
            Self::Pseudonym => "pseudonym",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn digests_differ_by_key_subject_and_parts() {
        // KEY-06
        let digests = [1, 2].map(|byte| Digests::new(&MacKey::new([0; 4], vec![byte; 32].into())));
        let lists: [&[&[u8]]; 6] = [&[], &[b""], &[b"abc"], &[b"ab", b"c"], &[b"a", b"bc"], &[b"abc", b""]];
        let mut made = HashSet::new();
        for digests in &digests {
            for purpose in [Subject::IdempotencyKey, Subject::Registration] {
                for list in lists {
                    let digest = digests.digest(purpose, list);
                    assert_eq!(digest, digests.digest(purpose, list));
                    assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
                    made.insert(digest);
                }
            }
        }
        assert_eq!(made.len(), 24);
    }
}
