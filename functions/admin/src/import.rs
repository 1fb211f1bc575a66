//! Imports users of another backend.
//!
//! Importing is idempotent: a user who exists is left as they are, so an import that broke off is run again from its
//! beginning. It sends no mail.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use shared::domain::{Email, Name, User, UserId};
use shared::passwords::StoredHash;
use shared::store::{Importable, StoreError};

use crate::refusal::Refusal;
use crate::{Call, TRIES};

/// The most rows of one request.
pub const MOST_ROWS: usize = 100;
/// How many rows are read and written at a time.
const AT_ONCE: usize = 8;
/// No row is begun with less time left. It is enough for a transaction and its repetitions.
const RESERVE: Duration = Duration::from_secs(10);
const LONGEST_EXTERNAL_ID: usize = 256;
/// RFC 3339 writes no earlier year.
const YEAR_0: Timestamp = Timestamp::constant(-62_167_219_200, 0);

/// A user of another backend.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportRow {
    /// A UUID is kept. Any other id is remembered, and a UUID is derived from it. Without an id, the UUID is derived from
    /// the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub email: String,
    /// Whether the other backend knows that the address is the user's.
    #[serde(default)]
    pub email_verified: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// RFC 3339, or as SQL writes it. A time without a zone is UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// bcrypt or Argon2id. A user without a hash chooses a password by a reset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<StoredHash>,
}

/// The answer to `import`: what became of each row, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Imported {
    pub rows: Vec<Outcome>,
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// The user is imported, or would be by a run that is not dry.
    Taken {
        /// Whether the time of a login tells this account from others, until its user logs in.
        told_apart: bool,
    },
    /// The user exists, and may have changed since.
    Unchanged,
    /// The user was imported before and deleted the account since.
    Erased,
    /// The row cannot be imported as it is.
    Refused { reason: String },
    /// Nothing is known yet: the time ran out or a service failed. The row may be sent again.
    Deferred { reason: String },
}

impl Outcome {
    fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }

    fn deferred(reason: impl Into<String>) -> Self {
        Self::Deferred { reason: reason.into() }
    }
}

impl From<StoreError> for Outcome {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(reason) => Self::deferred(reason),
            // Another try would find the same.
            StoreError::Corrupt { .. } => Self::refused(error.to_string()),
        }
    }
}

/// The ids and addresses of rows, to find those that more than one row has.
///
/// A request knows its own rows alone, so the command line looks at the whole file before it sends any of it.
#[derive(Debug, Default)]
pub struct Collisions(HashMap<UserId, u32>);

impl Collisions {
    pub fn add(&mut self, row: &ImportRow) {
        if let Ok(email) = Email::parse(&row.email) {
            for identity in identities(row, &email).into_iter().flatten() {
                *self.0.entry(identity).or_default() += 1;
            }
        }
    }

    /// Returns why the row cannot be imported, if another row has its id or its address. None of them is, because only
    /// the operator knows which one is right.
    #[must_use]
    pub fn refusal(&self, row: &ImportRow) -> Option<Outcome> {
        let email = Email::parse(&row.email).ok()?;
        let is_shared = |identity: &Option<UserId>| identity.is_some_and(|id| self.0.get(&id).is_some_and(|n| *n > 1));
        match identities(row, &email) {
            [address, _] if is_shared(&address) => Some(Outcome::refused("email: another row has the same address")),
            [_, id] if is_shared(&id) => Some(Outcome::refused("id: another row has the same id")),
            _ => None,
        }
    }
}

/// Returns what no other row may have: the address, in the form of an id, and the id. A row may name the id that is
/// derived from its own address, which then counts once.
fn identities(row: &ImportRow, email: &Email) -> [Option<UserId>; 2] {
    let of_address = UserId::of_address(email);
    let id = row.id.as_ref().map(|id| UserId::kept(id).unwrap_or_else(|| UserId::of_external_id(id)));
    [Some(of_address), id.filter(|id| *id != of_address)]
}

pub(crate) async fn import(call: &Call<'_>, rows: &[ImportRow], dry_run: bool) -> Result<Imported, Refusal> {
    if rows.len() > MOST_ROWS {
        return Err(Refusal::invalid(Some("rows"), format!("at most {MOST_ROWS} rows are taken")));
    }
    let mut collisions = Collisions::default();
    for row in rows {
        collisions.add(row);
    }
    let mut outcomes = Vec::with_capacity(rows.len());
    for rows in rows.chunks(AT_ONCE) {
        let batch = rows.iter().map(|row| outcome(call, &collisions, row, dry_run));
        outcomes.extend(join_all(batch).await);
    }
    let count = |is: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| is(outcome)).count();
    tracing::info!(
        event = "users_imported",
        dry_run,
        taken = count(|outcome| matches!(outcome, Outcome::Taken { .. })),
        unchanged = count(|outcome| matches!(outcome, Outcome::Unchanged)),
        erased = count(|outcome| matches!(outcome, Outcome::Erased)),
        refused = count(|outcome| matches!(outcome, Outcome::Refused { .. })),
        deferred = count(|outcome| matches!(outcome, Outcome::Deferred { .. })),
    );
    Ok(Imported { rows: outcomes })
}

async fn outcome(call: &Call<'_>, collisions: &Collisions, row: &ImportRow, dry_run: bool) -> Outcome {
    if call.deadline.time_left() < RESERVE {
        return Outcome::deferred("the time ran out");
    }
    match collisions.refusal(row) {
        Some(refused) => refused,
        None => import_row(call, row, dry_run).await.unwrap_or_else(|outcome| outcome),
    }
}

/// Imports one user. What ends it early is an outcome too.
async fn import_row(call: &Call<'_>, row: &ImportRow, dry_run: bool) -> Result<Outcome, Outcome> {
    let user = read(row, call.now).map_err(Outcome::refused)?;
    for _ in 0..TRIES {
        match call.app.users.importable(user.id, &user.email).await? {
            Importable::Exists => return Ok(Outcome::Unchanged),
            Importable::Erased => return Ok(Outcome::Erased),
            Importable::EmailTaken => return Ok(Outcome::refused("email: another user has the address")),
            Importable::Yes => {}
        }
        let legacy_cost = call.app.config.legacy_hashes;
        let told_apart = row.hash.as_ref().map(|hash| hash.check_import(legacy_cost)).transpose();
        let told_apart =
            told_apart.map_err(|reason| Outcome::refused(format!("hash: it {reason}")))?.unwrap_or_default();
        if dry_run || call.app.users.import(&user, row.hash.as_ref()).await? {
            return Ok(Outcome::Taken { told_apart });
        }
    }
    Err(Outcome::deferred("the user changes faster than it can be read"))
}

/// Reads the fields of a row, or says which one is wrong and why, without its value.
fn read(row: &ImportRow, now: Timestamp) -> Result<User, String> {
    let email = Email::parse(&row.email).map_err(|rejected| format!("email: {rejected}"))?;
    let name = row.name.as_deref().filter(|name| !name.trim().is_empty());
    let name = name.map(Name::parse).transpose().map_err(|rejected| format!("name: {rejected}"))?;
    let created_at = row.created_at.as_deref().map_or(Ok(now), time)?;
    if created_at < YEAR_0 {
        return Err("createdAt: it lies before the year 0".to_owned());
    }
    if created_at > now {
        return Err("createdAt: it lies in the future; times without a zone are taken for UTC".to_owned());
    }
    let (id, external_id) = match row.id.as_deref() {
        None => (UserId::of_address(&email), None),
        Some(id) => match UserId::kept(id) {
            Some(kept) => (kept, None),
            None if id.is_empty() || id.len() > LONGEST_EXTERNAL_ID || id.chars().any(char::is_control) => {
                return Err(format!("id: it must have 1 to {LONGEST_EXTERNAL_ID} bytes, without control characters"));
            }
            None => (UserId::of_external_id(id), Some(id.to_owned())),
        },
    };
    Ok(User {
        id,
        external_id,
        imported_at: Some(now),
        created_at,
        updated_at: created_at,
        verified_at: row.email_verified.then_some(now),
        verification: None,
        ..User::new(email, name, now)
    })
}

fn time(text: &str) -> Result<Timestamp, String> {
    let in_utc =
        |text: &str| text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse().ok().or_else(|| in_utc(text)).ok_or_else(|| "createdAt: it is no time".to_owned())
}
