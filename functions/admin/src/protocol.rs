//! What operators send: one JSON object for each request. The command line makes it, and this function reads it.
//!
//! ```json
//! {"operation": "disable", "user": {"email": "ada@example.com"}, "actor": "grace", "reason": "ticket 4711"}
//! ```
//!
//! To add an operation: add a variant of [`Operation`], and its arm in `lib.rs`.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use serde_path_to_error::Path;
use shared::domain::{Email, Name, UserId};

use crate::import::ImportRow;
use crate::refusal::Refusal;

/// The longest actor or reason.
const LONGEST_LINE: usize = 256;

/// A request of an operator.
#[derive(Clone, Debug)]
pub struct Request {
    pub operation: Operation,
    /// Who asks, in the operator's own words. AWS knows who it really was.
    pub actor: Option<Line>,
    /// Why. Every change wants one.
    pub reason: Option<Line>,
}

/// What operators may do. Fields that an operation does not have are refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Operation {
    /// Shows a user, with sessions and newest mails.
    Show { user: UserRef },
    /// Lists users, a page at a time.
    List {
        /// `next` of the page before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<Email>,
    },
    /// Returns the user's own data, as the user gets it.
    Export { user: UserRef },
    /// Opens an account without a password, and mails its user a reset.
    Invite {
        email: Email,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<Name>,
    },
    /// Keeps a user out. All sessions end.
    Disable { user: UserRef },
    /// Lets a disabled user in again.
    Enable { user: UserRef },
    /// Ends all sessions of a user.
    SignOut { user: UserRef },
    /// Mails a user a reset.
    Reset { user: UserRef },
    /// Takes the address as proved.
    Verify { user: UserRef },
    /// Gives a user another address, takes the password away, and mails a reset to the new address.
    SetEmail { user: UserRef, email: Email },
    /// Lets mail go to the address again, although it bounced or was reported as spam.
    Unsuppress { user: UserRef },
    /// Disables a user, frees the address, and has everything else erased.
    Erase { user: UserRef },
    /// Takes users of another backend in.
    Import {
        rows: Vec<ImportRow>,
        #[serde(default)]
        dry_run: bool,
    },
    /// Lists, redrives or deletes messages of a dead-letter queue, up to a bound.
    DeadLetters(DeadLetters),
    /// Tells how the stack does.
    Status {},
}

/// A user, by id or by address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UserRef {
    Id(UserId),
    Email(Email),
}

/// What to do with messages of a dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeadLetters {
    pub queue: QueueName,
    pub action: QueueAction,
    /// The ids of the messages. All messages if it is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<String>,
    /// Leaves messages alone that were sent later than this, in milliseconds since the epoch. They came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_until: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueName {
    Mail,
    MailEvents,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueueAction {
    List,
    Redrive,
    Delete,
}

/// One line of text, as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Line(String);

impl TryFrom<String> for Line {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let text = text.trim();
        let fits = (1..=LONGEST_LINE).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned()))
            .ok_or_else(|| format!("one line of 1 to {LONGEST_LINE} characters is wanted"))
    }
}

impl From<Line> for String {
    fn from(line: Line) -> Self {
        line.0
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Operation {
    /// Returns whether the operation changes anything, or gives personal data away. Such a request wants a reason.
    #[must_use]
    pub const fn wants_reason(&self) -> bool {
        match self {
            Self::Show { .. } | Self::List { .. } | Self::Status {} => false,
            Self::DeadLetters(wish) => !matches!(wish.action, QueueAction::List),
            Self::Import { dry_run, .. } => !*dry_run,
            Self::Export { .. }
            | Self::Invite { .. }
            | Self::Disable { .. }
            | Self::Enable { .. }
            | Self::SignOut { .. }
            | Self::Reset { .. }
            | Self::Verify { .. }
            | Self::SetEmail { .. }
            | Self::Unsuppress { .. }
            | Self::Erase { .. } => true,
        }
    }
}

impl Request {
    /// Reads a request. The refusal names the field that is wrong.
    ///
    /// # Errors
    /// [`Refusal::Invalid`].
    pub fn read(payload: Value) -> Result<Self, Refusal> {
        let Value::Object(mut fields) = payload else { return Err(Refusal::invalid(None, "an object is wanted")) };
        let Some(Value::String(operation)) = fields.remove("operation") else {
            return Err(Refusal::invalid(Some("operation"), "the name of an operation is wanted"));
        };
        let actor = line(&mut fields, "actor")?;
        let reason = line(&mut fields, "reason")?;
        let operation: Operation = serde_path_to_error::deserialize(json!({operation: fields})).map_err(|error| {
            let message = error.inner().to_string();
            Refusal::Invalid { field: Some(field_at_fault(error.path(), &message)), message }
        })?;
        if operation.wants_reason() {
            for (field, stated) in [("actor", &actor), ("reason", &reason)] {
                if stated.is_none() {
                    return Err(Refusal::invalid(Some(field), "this operation wants it"));
                }
            }
        }
        Ok(Self { operation, actor, reason })
    }

    /// Writes the request as [`Self::read`] reads it.
    ///
    /// # Errors
    /// If the operation cannot be written as JSON.
    pub fn to_json(&self) -> Result<Value, serde_json::Error> {
        let Value::Object(operation) = serde_json::to_value(&self.operation)? else {
            return Err(serde_json::Error::custom("an operation is an object"));
        };
        let mut request = Map::new();
        for (name, fields) in operation {
            request.insert("operation".to_owned(), Value::String(name));
            request.extend(fields.as_object().cloned().unwrap_or_default());
        }
        for (field, stated) in [("actor", &self.actor), ("reason", &self.reason)] {
            request.extend(stated.as_ref().map(|line| (field.to_owned(), Value::String(line.to_string()))));
        }
        Ok(Value::Object(request))
    }
}

/// Returns the field at fault, such as `user.id`. Serde's path ends above a field that is missing or unknown, which its
/// message names.
fn field_at_fault(path: &Path, message: &str) -> String {
    let segments = path.iter().skip(1); // the operation
    let mut segments: Vec<_> = segments.map(ToString::to_string).collect();
    let named = message.strip_prefix("missing field `").or_else(|| message.strip_prefix("unknown field `"));
    if let Some((name, _)) = named.and_then(|rest| rest.split_once('`'))
        && segments.last().is_none_or(|last| last != name)
    {
        segments.push(name.to_owned());
    }
    if segments.is_empty() { "operation".to_owned() } else { segments.join(".") }
}

/// Takes a line out of the fields. `null` counts as absent.
fn line(fields: &mut Map<String, Value>, name: &'static str) -> Result<Option<Line>, Refusal> {
    let value = fields.remove(name).unwrap_or_default();
    serde_json::from_value(value).map_err(|error| Refusal::invalid(Some(name), error.to_string()))
}
