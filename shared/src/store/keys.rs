//! Every key string of the tables. To add an item, add its key here and its row beside the requests that carry it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::domain::{Email, Limited, MailId, MailKey, SessionId, TicketId, UserId};

pub const PROFILE: &str = "PROFILE";
/// The beginning of the partition of a credential. The address follows, so no message may contain the partition.
pub const EMAIL: &str = "EMAIL#";
const PASSWORD: &str = "PASSWORD";
pub const SESSION: &str = "SESSION#";
pub const MAIL: &str = "MAIL#";
const IDEMPOTENCY: &str = "IDEM#";

/// The index over items that owe work, by when it is due.
pub const DUE_INDEX: &str = "due";
/// The number of partitions that the index is spread over.
pub const DUE_SHARDS: u8 = 8;

pub type Key = HashMap<String, AttributeValue>;

pub fn user_partition(user: UserId) -> String {
    format!("USER#{user}")
}

/// Returns the key of an address's credential.
pub fn credential(email: &Email) -> Key {
    key(format!("{EMAIL}{}", email.canonical()), PASSWORD.to_owned())
}

/// Returns the address whose credential this is.
pub fn address(item: &Key) -> Option<Email> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
    text("sk").filter(|sk| *sk == PASSWORD)?;
    Email::parse(text("pk")?.strip_prefix(EMAIL)?).ok()
}

pub fn profile(user: UserId) -> Key {
    key(user_partition(user), PROFILE.to_owned())
}

/// Returns the key of the mark that an imported user was erased.
pub fn erased_import(user: UserId) -> Key {
    key(format!("IMPORTED#{user}"), "ERASED".to_owned())
}

pub fn session(user: UserId, session: SessionId) -> Key {
    key(user_partition(user), format!("{SESSION}{session}"))
}

pub fn mail(mail: MailKey) -> Key {
    key(user_partition(mail.user), format!("{MAIL}{}", mail.mail))
}

/// Returns the id of the mail whose row this is.
pub fn mail_id(item: &Key) -> Option<MailId> {
    item.get("sk")?.as_s().ok()?.strip_prefix(MAIL)?.parse().ok()
}

/// Returns the key of a counter, by the digest of what it counts.
pub fn limit(digest: &str, window: i64) -> Key {
    key(format!("LIMIT#{digest}"), format!("WINDOW#{window}"))
}

/// Returns the key of a counter in the user's own partition, where it is erased with the user.
pub fn limit_of_user(user: UserId, limited: Option<Limited>, window: i64) -> Key {
    let name = match limited {
        Some(Limited::WelcomeMails) => "WELCOME",
        Some(Limited::ReuseMails) => "REUSE",
        Some(Limited::PasswordChanges) => "PASSWORD",
        Some(Limited::EmailChanges) => "EMAIL",
        Some(Limited::Exports) => "EXPORT",
        _ => "OTHER",
    };
    key(user_partition(user), format!("LIMIT#{name}#{window}"))
}

/// Returns the key of a registration, by the digest of its idempotency key.
pub fn registration(digest: &str) -> Key {
    key(format!("{IDEMPOTENCY}{digest}"), "REGISTER".to_owned())
}

/// Returns the key of a reset.
pub fn reset(ticket: TicketId) -> Key {
    key(format!("FLOW#{ticket}"), "RESET".to_owned())
}

/// Returns the key of the tries of a verification code.
pub fn verification_tries(user: UserId, ticket: TicketId) -> Key {
    key(user_partition(user), format!("CODE#VERIFY#{ticket}"))
}

/// Returns the key of a user's pending change of address.
pub fn pending_email(user: UserId) -> Key {
    key(user_partition(user), "CODE#EMAIL".to_owned())
}

pub fn public_keys() -> Key {
    key("KEYS".to_owned(), "JWKS".to_owned())
}

pub fn due_shard(mail: MailKey) -> String {
    let [.., last] = *mail.mail.as_bytes();
    due_shard_at(last % DUE_SHARDS)
}

pub fn due_shard_of_erasure(user: UserId) -> String {
    let [.., last] = *user.as_bytes();
    due_shard_at(last % DUE_SHARDS)
}

pub fn due_shard_at(shard: u8) -> String {
    format!("DUE#{shard}")
}

/// The kinds of item that the index of due work points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueItem {
    Mail(MailKey),
    /// A user whose account is being erased.
    Erasure(UserId),
    /// Work that only a newer version of Latchkey knows. It waits for that version.
    Unknown,
}

/// Returns the item that an entry of the index points to.
pub fn due_item(partition: &str, sort: &str) -> DueItem {
    let item = || {
        let user = partition.strip_prefix("USER#")?.parse().ok()?;
        if sort == PROFILE {
            return Some(DueItem::Erasure(user));
        }
        let mail = sort.strip_prefix(MAIL)?.parse().ok()?;
        Some(DueItem::Mail(MailKey { user, mail }))
    };
    item().unwrap_or(DueItem::Unknown)
}

fn key(pk: String, sk: String) -> Key {
    HashMap::from([("pk".to_owned(), AttributeValue::S(pk)), ("sk".to_owned(), AttributeValue::S(sk))])
}
