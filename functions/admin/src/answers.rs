//! What operators are answered. Each field is listed here and never taken from a row, so that no hash, key or code can
//! get into an answer.

use serde::{Deserialize, Serialize};
use shared::domain::{MailKind, SessionId, UserId};

/// The answer to a change of one user.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// False if everything was so already.
    pub changed: bool,
    /// The user afterwards.
    pub user: UserSummary,
}

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserSummary {
    pub id: UserId,
    pub email: String,
    pub name: Option<String>,
    pub status: UserStatus,
    pub email_verified: bool,
    /// What SES reported about the address.
    pub email_status: String,
    pub created_at: String,
    pub updated_at: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserStatus {
    Active,
    Disabled,
    /// The account is deleted, and the rest of its data is being erased.
    Erasing,
}

/// The answer to `list`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    pub users: Vec<Listed>,
    /// Where the next page begins. `None` if this page is the last.
    pub next: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    #[serde(flatten)]
    pub user: UserSummary,
    /// False for users who have not accepted their invitation.
    pub has_password: bool,
}

/// The answer to `show`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    #[serde(flatten)]
    pub user: UserSummary,
    /// The id in the system that the user was imported from, if it could not be kept.
    pub external_id: Option<String>,
    pub has_password: bool,
    pub verified_at: Option<String>,
    pub erasing_since: Option<String>,
    /// The sessions that have not ended, the oldest first.
    pub sessions: Vec<SessionSummary>,
    /// The newest mails, the newest first.
    pub mails: Vec<MailSummary>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionSummary {
    pub id: SessionId,
    pub created_at: String,
    pub last_used_at: String,
    pub user_agent: Option<String>,
    pub network: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MailSummary {
    /// As in the log: user id and mail id.
    pub mail: String,
    pub kind: MailKind,
    pub state: String,
    pub attempt: u32,
    pub created_at: String,
    /// When the sweeper looks at it next, if it is unfinished.
    pub due: Option<String>,
}

/// The answer to `dead-letters`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLettersDone {
    /// The messages that were listed, redriven or deleted.
    pub messages: Vec<DeadLetter>,
    /// Whether the bound ended the work before the queue did. Send the request again, with this `sentUntil`.
    pub more: bool,
    pub sent_until: i64,
}

/// A message of a dead-letter queue. Nothing of an event's body is shown, because it holds addresses.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    pub id: String,
    pub sent_at: Option<String>,
    pub receives: u32,
    /// The mail that the message names.
    pub mail: Option<String>,
    /// Why it is here, if Latchkey put it here.
    pub reason: Option<String>,
}

/// The answer to `status`. A part that could not be read is `None`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StackStatus {
    pub queues: Option<Vec<QueueStatus>>,
    pub mails: Option<OwedStatus>,
    pub erasures: Option<OwedStatus>,
    pub secrets: Option<Vec<SecretStatus>>,
    pub ses: Option<SesStatus>,
    /// `open` or `closed`.
    pub registration: String,
    /// Why a part is missing.
    pub failures: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueStatus {
    pub name: String,
    /// About how many messages wait.
    pub waiting: i64,
    /// About how many messages a function has taken.
    pub in_flight: i64,
}

/// Unfinished work.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OwedStatus {
    pub unfinished: usize,
    /// Whether there is more than was counted.
    pub or_more: bool,
    /// When the oldest of those that were counted began.
    pub oldest_since: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretStatus {
    pub name: String,
    pub rotated_at: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SesStatus {
    pub sandbox: bool,
    pub sending_enabled: bool,
    pub sent_last_24_hours: f64,
    pub max_24_hours: f64,
    pub max_per_second: f64,
}
