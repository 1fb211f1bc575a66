use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::{NoContext, Uuid};

use super::IdempotencyKey;

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
