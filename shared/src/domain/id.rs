use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::{NoContext, Uuid};

use super::{Email, IdempotencyKey};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a UUID of version 7 (RFC 9562, 5.7): ordered by `now`, with 74 random bits.
            #[must_use]
            pub fn new(now: Timestamp) -> Self {
                let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or_default();
                let (seconds, nanoseconds) = (milliseconds / 1000, milliseconds % 1000 * 1_000_000);
                let nanoseconds = u32::try_from(nanoseconds).unwrap_or_default();
                Self(Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanoseconds)))
            }

            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }
    };
}

id!(
    /// The id of a user. It stays the same for the life of the account.
    UserId
);
id!(SessionId);
id!(MailId);
id!(TicketId);

impl UserId {
    /// Returns the id of an imported user, if it is a UUID in its canonical form: lower case, with hyphens (RFC 9562, 4).
    /// Then the rows of other tables that refer to it stay good.
    #[must_use]
    pub fn kept(text: &str) -> Option<Self> {
        let id = Uuid::try_parse(text).ok()?;
        (id.hyphenated().to_string() == text).then_some(Self(id))
    }

    /// Returns the id of an imported user whose id is no UUID: a UUID of version 5 (RFC 9562, 5.5), which SQL can compute
    /// too. The same id always gives the same UUID.
    #[must_use]
    pub fn of_external_id(external_id: &str) -> Self {
        const NAMESPACE: Uuid = Uuid::from_u128(0xacd3_847d_d936_4a14_91a6_478a_20c0_7361);
        Self(Uuid::new_v5(&NAMESPACE, external_id.as_bytes()))
    }

    /// Returns the id of an imported user without an id. It is derived from the canonical address.
    #[must_use]
    pub fn of_address(email: &Email) -> Self {
        const NAMESPACE: Uuid = Uuid::from_u128(0x7745_e78c_3f99_4277_9c84_ff4c_1177_3771);
        Self(Uuid::new_v5(&NAMESPACE, email.canonical().as_bytes()))
    }
}

impl TicketId {
    /// Makes a UUID of version 4, with 122 random bits, because nobody may guess the id of a reset.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

impl MailId {
    /// Returns the id of the mail about a session's reuse. It is derived from the session's id, so each session has at
    /// most one such mail.
    #[must_use]
    pub fn about_reuse_of(session: SessionId) -> Self {
        const NAMESPACE: Uuid = Uuid::from_u128(0x8b1c_5d0e_6f57_4d0c_9a3e_52f1_5e55_10ff);
        Self(Uuid::new_v5(&NAMESPACE, session.as_bytes()))
    }

    /// Returns the id of the mail about the use of a ticket. Each ticket has at most one such mail.
    #[must_use]
    pub fn about_use_of(ticket: TicketId) -> Self {
        const NAMESPACE: Uuid = Uuid::from_u128(0x5c0f_1d5e_93a7_4e0b_8b4e_7d18_20c9_41aa);
        Self(Uuid::new_v5(&NAMESPACE, ticket.as_bytes()))
    }

    /// Returns the id of the mail that a user requests under an idempotency key. The same user and key always give the
    /// same id.
    #[must_use]
    pub fn asked_for(user: UserId, key: &IdempotencyKey) -> Self {
        const NAMESPACE: Uuid = Uuid::from_u128(0x2f6d_0c0b_91d4_4e0e_b3d5_7a44_c1a6_5e0d);
        Self(Uuid::new_v5(&NAMESPACE, &[user.as_bytes(), key.as_bytes()].concat()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_another_system_is_kept_if_it_is_a_uuid_of_any_version_in_its_canonical_form() {
        // IMP-01
        for text in [
            "2f1a0c0e-7d0a-1b3c-8f5e-0123456789ab",
            "2f1a0c0e-7d0a-4b3c-8f5e-0123456789ab",
            "2f1a0c0e-7d0a-8b3c-8f5e-0123456789ab",
            "00000000-0000-0000-0000-000000000000",
        ] {
            assert_eq!(UserId::kept(text).map(|id| id.to_string()).as_deref(), Some(text));
        }
        for text in [
            "2F1A0C0E-7D0A-4B3C-8F5E-0123456789AB",
            "2f1a0c0e7d0a4b3c8f5e0123456789ab",
            "{2f1a0c0e-7d0a-4b3c-8f5e-0123456789ab}",
            "urn:uuid:2f1a0c0e-7d0a-4b3c-8f5e-0123456789ab",
            "clx2k3j4h0000v8l1a2b3c4d5",
            "42",
            "",
        ] {
            assert_eq!(UserId::kept(text), None, "{text}");
        }
    }

    #[test]
    fn derived_ids_never_change() {
        // IMP-01: what PostgreSQL's `uuid_generate_v5` makes of the same names
        assert_eq!(UserId::of_external_id("42").to_string(), "4d6aade8-8c75-5ece-9cf7-625419246794");
        let address = Email::parse("Ada@Example.com").unwrap();
        assert_eq!(UserId::of_address(&address).to_string(), "02aefa6d-2cc7-544e-bc60-7107455e6c5b");
    }
}
