//! Rows of the tables, with the attributes that tests read.
//!
//! To read another attribute, add a field: `Option` if not every row has it. An attribute that is absent or of
//! another type fails the test by its name; attributes that no field names are ignored.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond::{optional as optional_millisecond, required as millisecond};
use jiff::fmt::serde::timestamp::second::{optional as optional_second, required as second};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A credential, in `Credentials`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialRow {
    /// `EMAIL#` and the canonical address.
    pub pk: String,
    /// The user whose password this is.
    pub user_id: String,
    /// The hash, in PHC format.
    pub hash: String,
}

/// A user's profile, in `Accounts`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserRow {
    /// `USER#` and the id.
    pub pk: String,
    /// The id.
    pub user_id: String,
    /// The address, as typed.
    pub email: String,
    /// `active` or `disabled`.
    pub status: String,
    /// How often all sessions were ended.
    pub epoch: u64,
}

/// A session, in its user's partition.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionRow {
    /// `USER#` and the user's id.
    pub pk: String,
    /// The user's id.
    pub user_id: String,
    /// The session's id.
    pub session_id: String,
    /// How many refresh tokens came before the current one.
    pub counter: u64,
    /// The user's epoch when the session was opened.
    pub epoch: u64,
    /// When it was opened.
    #[serde(with = "millisecond")]
    pub created_at: Timestamp,
    /// When it was ended.
    #[serde(default, with = "optional_millisecond")]
    pub revoked_at: Option<Timestamp>,
    /// The network it was opened from.
    pub network: Option<String>,
    /// The browser it was opened with.
    pub user_agent: Option<String>,
}

/// A mail, in its user's partition.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MailRow {
    /// `USER#` and the user's id.
    pub pk: String,
    /// `MAIL#` and the mail's id.
    pub sk: String,
    /// Such as `welcome`.
    pub kind: String,
    /// What became of it so far.
    pub state: MailState,
    /// How often it was tried.
    pub attempt: u32,
    /// When the sweeper takes it.
    #[serde(default, with = "optional_millisecond")]
    pub due: Option<Timestamp>,
    /// The partition of the index over owed mails.
    pub due_shard: Option<String>,
    /// Until when the invocation that sends it has it alone.
    #[serde(default, with = "optional_millisecond")]
    pub lease_until: Option<Timestamp>,
    /// What SES calls it.
    pub message_id: Option<String>,
    /// The kinds of events that SES reported.
    #[serde(default)]
    pub events: BTreeSet<String>,
    /// When DynamoDB may delete it.
    #[serde(default, with = "optional_second")]
    pub ttl: Option<Timestamp>,
}

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MailState {
    /// It waits for the mailer.
    Pending,
    /// An invocation is sending it, or was when it died.
    Sending,
    /// SES accepted it.
    Sent,
    /// It is given up.
    Failed,
}

/// A counter of a limit's window.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitRow {
    /// What is counted for whom.
    pub pk: String,
    /// How many were counted, where the counter is a number and not a set of attempts.
    pub count: Option<u64>,
    /// When DynamoDB may delete it.
    #[serde(with = "second")]
    pub ttl: Timestamp,
}

impl MailRow {
    /// Returns the name that messages and SES's tags have for the row: the user's id and the mail's id.
    #[must_use]
    pub fn key(&self) -> String {
        let id = |key: &str| key.split_once('#').expect("a key").1.to_owned();
        format!("{}/{}", id(&self.pk), id(&self.sk))
    }

    /// Returns whether the mail is still to be sent.
    #[must_use]
    pub const fn is_owed(&self) -> bool {
        self.due_shard.is_some()
    }
}

/// Reads an item as a row.
#[must_use]
pub fn read<T: DeserializeOwned>(item: &Value) -> T {
    let row = serde_json::from_value::<serde_dynamo::Item>(item.clone()).expect("DynamoDB's JSON");
    serde_dynamo::from_item(row).unwrap_or_else(|error| panic!("{error}: {item}"))
}

/// Returns a text of an item.
#[must_use]
pub fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name]["S"].as_str().unwrap_or_else(|| panic!("{name} is no text: {item}"))
}

/// Returns a number of an item.
#[must_use]
pub fn number(item: &Value, name: &str) -> i64 {
    let number = item[name]["N"].as_str().and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("{name} is no number: {item}"))
}

/// Returns a time of an item that is stored in milliseconds.
#[must_use]
pub fn time(item: &Value, name: &str) -> Timestamp {
    Timestamp::from_millisecond(number(item, name)).expect("a time")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn attributes_that_no_field_names_are_ignored() {
        let limit: LimitRow = read(&json!({"pk": {"S": "LIMIT#x"}, "ttl": {"N": "1800014400"}, "new": {"BOOL": true}}));
        assert_eq!((limit.pk.as_str(), limit.count, limit.ttl.as_second()), ("LIMIT#x", None, 1_800_014_400));
    }

    #[test]
    #[should_panic(expected = "missing field `ttl`")]
    fn an_absent_attribute_of_a_row_fails_by_its_name() {
        let _: LimitRow = read(&json!({"pk": {"S": "LIMIT#x"}}));
    }

    #[test]
    #[should_panic(expected = "count")]
    fn an_attribute_of_another_type_fails_and_shows_the_item() {
        let _: LimitRow = read(&json!({"pk": {"S": "LIMIT#x"}, "count": {"S": "one"}, "ttl": {"N": "1800014400"}}));
    }

    #[test]
    #[should_panic(expected = "emial is no text")]
    fn an_absent_text_of_an_item_fails_by_its_name() {
        let _ = text(&json!({"email": {"S": "ada@example.com"}}), "emial");
    }

    #[test]
    #[should_panic(expected = "due is no number")]
    fn a_time_of_another_type_fails_by_its_name() {
        let _ = time(&json!({"due": {"S": "tomorrow"}}), "due");
    }
}
