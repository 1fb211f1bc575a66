use jiff::Timestamp;

use super::{Email, Name, UserId};

/// An account, without its credential.
#[derive(Clone, Debug)]
pub struct User {
    /// Random, never the address.
    pub id: UserId,
    /// Its one mailbox.
    pub email: Email,
    /// What the user wants to be called, if anything.
    pub name: Option<Name>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When its address or name last changed.
    pub updated_at: Timestamp,
    /// Whether it may sign in.
    pub status: Status,
    /// Raised to end all sessions at once: a session of an earlier epoch ends at its next refresh.
    pub epoch: u64,
}

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It may.
    Active,
    /// It may not, though it exists.
    Disabled,
}

impl User {
    /// A new account.
    #[must_use]
    pub fn new(email: Email, name: Option<Name>, now: Timestamp) -> Self {
        Self { id: UserId::new(now), email, name, created_at: now, updated_at: now, status: Status::Active, epoch: 0 }
    }
}
