use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond::{optional as optional_millisecond, required as millisecond};
use serde::{Deserialize, Serialize};

use super::{Email, Name, SessionId, UserId, VerificationTicket};

/// An account, without its credential.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Random, or from an import.
    #[serde(rename = "userId")]
    pub id: UserId,
    /// The user's id in the system that the user was imported from, if it could not be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// When the user was imported.
    #[serde(default, with = "optional_millisecond", skip_serializing_if = "Option::is_none")]
    pub imported_at: Option<Timestamp>,
    pub email: Email,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    #[serde(with = "millisecond")]
    pub created_at: Timestamp,
    /// When its address or name last changed.
    #[serde(with = "millisecond")]
    pub updated_at: Timestamp,
    pub status: Status,
    /// Raised to end all sessions at once: a session of an earlier epoch ends at its next refresh.
    pub epoch: u64,
    /// How often the password was changed. The credential has it too: see `Credential::is_of`.
    #[serde(default)]
    pub password_version: u64,
    /// How often the address was changed.
    #[serde(default)]
    pub address_version: u64,
    /// When the user proved that the present address is theirs.
    #[serde(default, with = "optional_millisecond", skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<Timestamp>,
    /// The ticket whose code proves the present address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<VerificationTicket>,
    /// The session that last changed the password, and the epoch that this began. If the answer was lost, the session
    /// may repeat the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_changed_by: Option<ChangedBy>,
    /// When the user asked for the erasure of the account.
    #[serde(default, with = "optional_millisecond", skip_serializing_if = "Option::is_none")]
    pub erasing_since: Option<Timestamp>,
    /// Everything that SES's events reported about the address. It is a set, because events come in any order and more
    /// than once. Only those events write it, so a new account has none.
    #[serde(default, skip_serializing)]
    pub email_history: BTreeSet<EmailStatus>,
}

/// The session that made a change, which ended that session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangedBy {
    pub session: SessionId,
    /// The user's epoch after the change.
    pub epoch: u64,
}

/// Whether a user may sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Active,
    /// The account exists, but the user may not sign in.
    Disabled,
}

/// What SES reported about an address. Each status is worse than the one above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(from = "String")]
pub enum EmailStatus {
    /// Nothing yet, or something that only a newer version of Latchkey knows.
    Unknown,
    /// The mailbox took a mail.
    Delivered,
    /// There is no such mailbox: a mail bounced for good.
    Bounced,
    /// Its reader called a mail spam.
    Complained,
}

impl From<String> for EmailStatus {
    fn from(text: String) -> Self {
        let known = [Self::Delivered, Self::Bounced, Self::Complained];
        known.into_iter().find(|status| status.as_str() == text).unwrap_or(Self::Unknown)
    }
}

impl EmailStatus {
    /// Returns the text of the status in the API and in the tables.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Delivered => "delivered",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
        }
    }
}

impl User {
    #[must_use]
    pub fn new(email: Email, name: Option<Name>, now: Timestamp) -> Self {
        Self {
            id: UserId::new(now),
            external_id: None,
            imported_at: None,
            email,
            name,
            created_at: now,
            updated_at: now,
            status: Status::Active,
            epoch: 0,
            password_version: 0,
            address_version: 0,
            verified_at: None,
            verification: Some(VerificationTicket::new(now)),
            password_changed_by: None,
            erasing_since: None,
            email_history: BTreeSet::new(),
        }
    }

    /// Returns the user after a change of the password by the session `by`, or by a reset. It ends all sessions, and all
    /// tickets that are bound to the password.
    #[must_use]
    pub fn with_new_password(&self, by: Option<SessionId>, now: Timestamp) -> Self {
        let epoch = self.epoch + 1;
        Self {
            epoch,
            password_version: self.password_version + 1,
            password_changed_by: by.map(|session| ChangedBy { session, epoch }),
            verified_at: self.verified_at.or(by.is_none().then_some(now)), // a reset proves the mailbox
            ..self.clone()
        }
    }

    /// Returns the user after a change to an address that they have proved. It ends all sessions and all tickets.
    #[must_use]
    pub fn with_new_email(&self, email: Email, now: Timestamp) -> Self {
        Self {
            email,
            epoch: self.epoch + 1,
            address_version: self.address_version + 1,
            verified_at: Some(now),
            updated_at: now,
            email_history: BTreeSet::new(),
            ..self.clone()
        }
    }

    /// Returns the user after an operator's change to an address that nobody has proved. It ends all sessions, all tickets
    /// and the password.
    #[must_use]
    pub fn with_email_set(&self, email: Email, now: Timestamp) -> Self {
        Self {
            email,
            epoch: self.epoch + 1,
            password_version: self.password_version + 1,
            address_version: self.address_version + 1,
            verified_at: None,
            verification: Some(VerificationTicket::new(now)),
            password_changed_by: None,
            updated_at: now,
            email_history: BTreeSet::new(),
            ..self.clone()
        }
    }

    /// Returns whether `session` made the last change of the password and nothing else ended its sessions since.
    #[must_use]
    pub fn has_password_of(&self, session: SessionId) -> bool {
        self.password_changed_by == Some(ChangedBy { session, epoch: self.epoch })
    }

    /// Returns whether the user may sign in.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == Status::Active
    }

    /// Returns whether the user proved that the present address is theirs.
    #[must_use]
    pub const fn is_verified(&self) -> bool {
        self.verified_at.is_some()
    }

    /// Returns the worst status that was reported about the address.
    #[must_use]
    pub fn email_status(&self) -> EmailStatus {
        self.email_history.last().copied().unwrap_or(EmailStatus::Unknown)
    }

    /// Returns whether no mail may be sent to the address any more. SES blocks senders who keep on sending to such
    /// addresses.
    #[must_use]
    pub fn is_suppressed(&self) -> bool {
        matches!(self.email_status(), EmailStatus::Bounced | EmailStatus::Complained)
    }
}
