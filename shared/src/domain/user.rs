use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond::required as millisecond;
use serde::{Deserialize, Serialize};

use super::{Email, Name, UserId};

/// An account, without its credential.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Random, never the address.
    #[serde(rename = "userId")]
    pub id: UserId,
    /// Its one mailbox.
    pub email: Email,
    /// What the user wants to be called, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Name>,
    /// When it was opened.
    #[serde(with = "millisecond")]
    pub created_at: Timestamp,
    /// When its address or name last changed.
    #[serde(with = "millisecond")]
    pub updated_at: Timestamp,
    /// Whether it may sign in.
    pub status: Status,
    /// Raised to end all sessions at once: a session of an earlier epoch ends at its next refresh.
    pub epoch: u64,
    /// How often the password was changed. The credential has it too: see `Credential::is_of`.
    #[serde(default)]
    pub password_version: u64,
    /// How often the address was changed.
    #[serde(default)]
    pub address_version: u64,
    /// All that was ever learned of its address. It is a set because SES tells in any order, and more than once. New accounts have
    /// none; SES's events alone write it.
    #[serde(default, skip_serializing)]
    pub email_history: BTreeSet<EmailStatus>,
}

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It may.
    Active,
    /// It may not, though it exists.
    Disabled,
}

/// What is known of an address, by what became of mails to it. The later in this list, the worse.
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
    /// As the API and the table have it.
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
    /// A new account.
    #[must_use]
    pub fn new(email: Email, name: Option<Name>, now: Timestamp) -> Self {
        Self {
            id: UserId::new(now),
            email,
            name,
            created_at: now,
            updated_at: now,
            status: Status::Active,
            epoch: 0,
            password_version: 0,
            address_version: 0,
            email_history: BTreeSet::new(),
        }
    }

    /// The worst that was learned of the address.
    #[must_use]
    pub fn email_status(&self) -> EmailStatus {
        self.email_history.last().copied().unwrap_or(EmailStatus::Unknown)
    }

    /// Whether no mail is sent to the address any more. Senders who go on are shut out by SES.
    #[must_use]
    pub fn is_suppressed(&self) -> bool {
        matches!(self.email_status(), EmailStatus::Bounced | EmailStatus::Complained)
    }
}
