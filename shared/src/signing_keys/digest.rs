use std::fmt::Write as _;

use aws_lc_rs::hmac;

use super::{KeyError, MAC_KEY_LENGTH};

/// What stands in a table in place of a value that must not: a keyed digest, which nobody without the secret can make or try.
///
/// It is made of the secret's limit key, the one for what the tables are keyed by, and so it does not rotate; in the log, of the
/// pseudonyms' key. Each purpose has a key of its own, derived from that one: no digest is one for another purpose, and a new purpose
/// needs no new secret.
#[derive(Debug)]
pub struct Digests(hmac::Key);

/// What a digest is of.
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// The key of a request that may come again.
    IdempotencyKey,
    /// What a registration asks for.
    Registration,
    /// Whose logins a network's are.
    LoginsOfNetwork,
    /// Whose logins a network's to one address are.
    LoginsOfAccountAndNetwork,
    /// Whose failed logins an address's are.
    FailuresOfAccount,
    /// Whose failed logins a known device's are.
    FailuresOfDevice,
    /// Whose registrations a network's are.
    RegistrationsOfNetwork,
    /// Who is not named in the log.
    Pseudonym,
}

impl Digests {
    pub(super) fn new(key: &[u8]) -> Result<Self, KeyError> {
        if key.len() < MAC_KEY_LENGTH {
            return Err(KeyError);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, key)))
    }

    /// HMAC-SHA-256 over `parts`, in hexadecimal. Each part's length goes before it, so that no two lists are the same text.
    #[must_use]
    pub fn digest(&self, purpose: Purpose, parts: &[&[u8]]) -> String {
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

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::IdempotencyKey => "idempotency key",
            Self::Registration => "registration",
            Self::LoginsOfNetwork => "logins of a network",
            Self::LoginsOfAccountAndNetwork => "logins of an account and a network",
            Self::FailuresOfAccount => "failures of an account",
            Self::FailuresOfDevice => "failures of a device",
            Self::RegistrationsOfNetwork => "registrations of a network",
            Self::Pseudonym => "pseudonym",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_key_every_purpose_and_every_list_of_parts_has_a_digest_of_its_own() {
        // KEY-06
        let digests = [Digests::new(&[1; 32]).unwrap(), Digests::new(&[2; 32]).unwrap()];
        let lists: [&[&[u8]]; 6] = [&[], &[b""], &[b"abc"], &[b"ab", b"c"], &[b"a", b"bc"], &[b"abc", b""]];
        let mut made = HashSet::new();
        for digests in &digests {
            for purpose in [Purpose::IdempotencyKey, Purpose::Registration] {
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
