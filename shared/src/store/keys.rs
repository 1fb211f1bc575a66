//! Every key string of the tables. To add an item, add its key here and its row beside the requests that carry it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::domain::{Email, MailId, MailKey, SessionId, UserId};

pub const PROFILE: &str = "PROFILE";
/// What the partition of a credential begins with: an address follows, so it is in no message.
pub const EMAIL: &str = "EMAIL#";
pub const PASSWORD: &str = "PASSWORD";
const SESSION: &str = "SESSION#";
const MAIL: &str = "MAIL#";
const IDEMPOTENCY: &str = "IDEM#";
const WELCOME_LIMIT: &str = "LIMIT#WELCOME#";
const REUSE_LIMIT: &str = "LIMIT#REUSE#";

/// The index over unfinished mail rows.
pub const DUE_INDEX: &str = "due";
/// Into how many partitions the index over unfinished mails is spread.
pub const DUE_SHARDS: u8 = 8;

/// The key of an item.
pub type Key = HashMap<String, AttributeValue>;

pub fn user_partition(user: UserId) -> String {
    format!("USER#{user}")
}

pub fn session_sort(session: SessionId) -> String {
    format!("{SESSION}{session}")
}

pub fn mail_sort(mail: MailId) -> String {
    format!("{MAIL}{mail}")
}

/// The key of an address's password.
pub fn credential(email: &Email) -> Key {
    key(credential_partition(email), PASSWORD.to_owned())
}

pub fn credential_partition(email: &Email) -> String {
    format!("{EMAIL}{}", email.canonical())
}

pub fn profile(user: UserId) -> Key {
    key(user_partition(user), PROFILE.to_owned())
}

pub fn session(user: UserId, session: SessionId) -> Key {
    key(user_partition(user), session_sort(session))
}

pub fn mail(mail: MailKey) -> Key {
    key(user_partition(mail.user), mail_sort(mail.mail))
}

/// How often something happened in a window, by the digest of who or what it is counted for.
pub fn limit(digest: &str, window: i64) -> Key {
    key(format!("LIMIT#{digest}"), format!("WINDOW#{window}"))
}

/// How many welcome mails a user asked for in a window. It lies with all else of the user, and goes with it.
pub fn welcome_limit(user: UserId, window: i64) -> Key {
    key(user_partition(user), format!("{WELCOME_LIMIT}{window}"))
}

/// How many mails about reused tokens a user was owed in a window.
pub fn reuse_limit(user: UserId, window: i64) -> Key {
    key(user_partition(user), format!("{REUSE_LIMIT}{window}"))
}

/// Partition and sort key of a registration, by the digest of its idempotency key.
pub fn registration(digest: &str) -> (String, String) {
    (format!("{IDEMPOTENCY}{digest}"), "REGISTER".to_owned())
}

pub fn public_keys() -> Key {
    key("KEYS".to_owned(), "JWKS".to_owned())
}

pub fn due_shard(mail: MailKey) -> String {
    let [.., last] = *mail.mail.as_bytes();
    due_shard_at(last % DUE_SHARDS)
}

pub fn due_shard_at(shard: u8) -> String {
    format!("DUE#{shard}")
}

/// The row that an index entry points to; nothing if the strings are not ours.
pub fn parse_mail(partition: &str, sort: &str) -> Option<MailKey> {
    let user = partition.strip_prefix("USER#")?.parse().ok()?;
    let mail = sort.strip_prefix(MAIL)?.parse().ok()?;
    Some(MailKey { user, mail })
}

fn key(pk: String, sk: String) -> Key {
    HashMap::from([("pk".to_owned(), AttributeValue::S(pk)), ("sk".to_owned(), AttributeValue::S(sk))])
}
