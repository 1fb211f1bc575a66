use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use jiff::fmt::serde::timestamp::millisecond::{optional as optional_millisecond, required as millisecond};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::limits::Limit;
use super::transaction::{Transaction, put_new};
use super::{Item, StoreError, Tables, keys, milliseconds, number, read, seconds, text, unavailable, write};
use crate::domain::{Claim, Lease, Mail, MailKey, MailKind, MailState};
use crate::mail_queue::MailMessage;

/// How long a finished row stays: longer than a message can stay in both queues together, so that none of them is ever taken
/// for a new one.
const FINISHED_LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The mails that are owed.
#[derive(Clone, Debug)]
pub struct Outbox {
    tables: Tables,
}

/// What came of a request for a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owed {
    /// It is owed from now on, and counted.
    Now,
    /// It was before: the request came again, and is not counted.
    Before,
    /// It is not: the user has asked for as many as may be, until the end of this time.
    TooMany(SignedDuration),
}

/// What a message gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The mail, to be sent as its attempt; and whether an attempt before this one may have sent it.
    Taken {
        /// The row, claimed.
        mail: Mail,
        /// The attempt before ended without an answer.
        again: bool,
    },
    /// Somebody is sending it, until then.
    Held(Lease),
    /// Nothing is to be sent: it was, or it failed, or it is gone.
    Finished,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MailRow {
    pk: String,
    sk: String,
    kind: KindRow,
    state: StateRow,
    attempt: u32,
    #[serde(with = "millisecond")]
    created_at: Timestamp,
    #[serde(default, with = "optional_millisecond", skip_serializing_if = "Option::is_none")]
    due: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_shard: Option<String>,
    #[serde(default, with = "optional_millisecond", skip_serializing_if = "Option::is_none")]
    lease_until: Option<Timestamp>,
    /// Which claim made the lease, so that one that is sent twice knows its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    holder: Option<Uuid>,
    /// Which sweep moved `due` last, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mover: Option<Uuid>,
    /// The state before the last claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claimed_from: Option<StateRow>,
}

/// What the index has of a row.
#[derive(Deserialize)]
struct IndexRow {
    pk: String,
    sk: String,
    #[serde(with = "millisecond")]
    due: Timestamp,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KindRow {
    Welcome,
    SessionReuse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StateRow {
    Pending,
    Sending,
    Sent,
    Failed,
}

impl Outbox {
    /// The mails in these tables.
    #[must_use]
    pub const fn new(tables: Tables) -> Self {
        Self { tables }
    }

    /// Owes a mail that its user asks for, within `limit`; the mail and the count, or neither.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn put(&self, mail: &Mail, limit: Limit, now: Timestamp) -> Result<Owed, StoreError> {
        let (table, window) = (&self.tables.accounts, limit.window(now));
        let counter = keys::welcome_limit(mail.key.user, window.number);
        let items = [put_new(table, to_item(mail)?)?, limit.count(table, counter, window)?];
        match self.tables.transact(&items).await? {
            Transaction::Applied => Ok(Owed::Now),
            // The first is the mail's: what is owed already is not refused, however much was asked for.
            Transaction::Refused { position: 0, .. } => Ok(Owed::Before),
            Transaction::Refused { .. } => Ok(Owed::TooMany(window.ends_at.duration_since(now))),
        }
    }

    /// Claims the mail that a message names, with one write: of all who try, one sends.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn claim(&self, message: &MailMessage, now: Timestamp) -> Result<Claimed, StoreError> {
        let holder = Uuid::new_v4();
        let request = self
            .update(message.key)
            .update_expression(
                "SET #state = :sending, claimedFrom = #state, attempt = attempt + :one, holder = :holder, \
                 leaseUntil = :until, due = :until, dueShard = :shard REMOVE #ttl",
            )
            .condition_expression(
                "#state = :pending OR (#state = :sending AND leaseUntil <= :now) OR (#state = :failed AND attempt = :retry)",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":pending", text("pending"))
            .expression_attribute_values(":sending", text("sending"))
            .expression_attribute_values(":failed", text("failed"))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":retry", message.retry.map_or(number(-1), number))
            .expression_attribute_values(":now", milliseconds(now))
            .expression_attribute_values(":until", milliseconds(Lease::starting(now).until))
            .expression_attribute_values(":holder", text(holder.to_string()))
            .expression_attribute_values(":shard", text(keys::due_shard(message.key)));
        let row = match written(request).await? {
            Written::Done(row) => row,
            Written::Found(Some(row)) if row.holder == Some(holder) => row, // our own claim, its answer lost
            Written::Found(Some(row)) => {
                return match row.into_mail(message.key)?.claim(message.retry, now) {
                    Claim::Wait(lease) => Ok(Claimed::Held(lease)),
                    Claim::Drop => Ok(Claimed::Finished),
                    Claim::Take(_) => {
                        Err(StoreError::Unavailable("the mail changes faster than it can be read".to_owned()))
                    }
                };
            }
            Written::Found(None) => return Ok(Claimed::Finished),
        };
        let again = row.claimed_from == Some(StateRow::Sending);
        Ok(Claimed::Taken { mail: row.into_mail(message.key)?, again })
    }

    /// Records that SES accepted the claimed mail.
    ///
    /// # Errors
    /// [`StoreError`]: the row stays claimed to the end of its lease.
    pub async fn sent(&self, mail: &Mail, message_id: &str, now: Timestamp) -> Result<(), StoreError> {
        let request = self
            .settle(
                mail,
                "SET #state = :to, messageId = :messageId, #ttl = :ttl REMOVE due, dueShard, leaseUntil, holder",
            )
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":to", text("sent"))
            .expression_attribute_values(":messageId", text(message_id))
            .expression_attribute_values(":ttl", seconds(now + FINISHED_LIFETIME));
        written(request).await.map(drop)
    }

    /// Gives the claimed mail back, to be looked after by the sweeper from `due` on.
    ///
    /// # Errors
    /// [`StoreError`]: the row stays claimed to the end of its lease.
    pub async fn postpone(&self, mail: &Mail, due: Timestamp) -> Result<(), StoreError> {
        let request = self
            .settle(mail, "SET #state = :to, due = :due REMOVE leaseUntil, holder")
            .expression_attribute_values(":to", text("pending"))
            .expression_attribute_values(":due", milliseconds(due));
        written(request).await.map(drop)
    }

    /// Gives the mail up, as it is known to the caller: claimed, or pending.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn fail(&self, mail: &Mail, now: Timestamp) -> Result<(), StoreError> {
        let request = self
            .settle(mail, "SET #state = :to, #ttl = :ttl REMOVE due, dueShard, leaseUntil, holder")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":to", text("failed"))
            .expression_attribute_values(":ttl", seconds(now + FINISHED_LIFETIME));
        written(request).await.map(drop)
    }

    /// The unfinished mails of one shard that are due at `now`, the longest due first, `limit` at the most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn overdue(
        &self,
        shard: u8,
        now: Timestamp,
        limit: i32,
    ) -> Result<Vec<(MailKey, Timestamp)>, StoreError> {
        let request = self.tables.client.query().table_name(&self.tables.accounts).index_name(keys::DUE_INDEX);
        let output = request
            .key_condition_expression("dueShard = :shard AND due <= :now")
            .expression_attribute_values(":shard", text(keys::due_shard_at(shard)))
            .expression_attribute_values(":now", milliseconds(now))
            .limit(limit)
            .send()
            .await
            .map_err(|error| unavailable("Query", &error))?;
        output.items.unwrap_or_default().into_iter().map(index_entry).collect()
    }

    /// Moves the row's `due` on to `to` if it still is `from`, so that of two sweeps one enqueues. The row, if this one shall.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn move_due(&self, key: MailKey, from: Timestamp, to: Timestamp) -> Result<Option<Mail>, StoreError> {
        let mover = Uuid::new_v4();
        let request = self
            .update(key)
            .update_expression("SET due = :to, mover = :mover")
            .condition_expression("due = :from")
            .expression_attribute_values(":from", milliseconds(from))
            .expression_attribute_values(":to", milliseconds(to))
            .expression_attribute_values(":mover", text(mover.to_string()));
        match written(request).await? {
            Written::Done(row) => row.into_mail(key).map(Some),
            Written::Found(Some(row)) if row.mover == Some(mover) => row.into_mail(key).map(Some), // its answer was lost
            Written::Found(_) => Ok(None),
        }
    }

    /// Takes a row out of the state in which the caller knows it: its attempt is the claim's name, and a state other than
    /// that means that it was settled, by this very write or by another.
    fn settle(&self, mail: &Mail, update: &str) -> UpdateItemFluentBuilder {
        let from = match mail.state {
            MailState::Sending(_) => StateRow::Sending,
            _ => StateRow::Pending,
        };
        self.update(mail.key)
            .update_expression(update)
            .condition_expression("attempt = :attempt AND #state = :from")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":attempt", number(mail.attempt))
            .expression_attribute_values(":from", text(from.as_str()))
    }

    fn update(&self, key: MailKey) -> UpdateItemFluentBuilder {
        let request = self.tables.client.update_item().table_name(&self.tables.accounts).set_key(Some(keys::mail(key)));
        let request = request.return_values(ReturnValue::AllNew);
        request.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

enum Written {
    Done(MailRow),
    Found(Option<MailRow>),
}

/// Sends a conditional update; a failed condition brings what it found.
async fn written(request: UpdateItemFluentBuilder) -> Result<Written, StoreError> {
    let error = match request.send().await {
        Ok(output) => return read("mail", output.attributes.unwrap_or_default()).map(Written::Done),
        Err(error) => error,
    };
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
            failed.item.clone().map(|item| read("mail", item)).transpose().map(Written::Found)
        }
        _ => Err(unavailable("UpdateItem", &error)),
    }
}

fn index_entry(item: Item) -> Result<(MailKey, Timestamp), StoreError> {
    let place = super::place(&item);
    let row: IndexRow = read("entry of the due index", item)?;
    let key =
        keys::parse_mail(&row.pk, &row.sk).ok_or(StoreError::Corrupt { kind: "entry of the due index", place })?;
    Ok((key, row.due))
}

impl StateRow {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

impl MailRow {
    fn into_mail(self, key: MailKey) -> Result<Mail, StoreError> {
        let corrupt = || StoreError::Corrupt { kind: "mail", place: key.to_string() };
        Ok(Mail {
            key,
            kind: match self.kind {
                KindRow::Welcome => MailKind::Welcome,
                KindRow::SessionReuse => MailKind::SessionReuse,
            },
            state: match self.state {
                StateRow::Pending => MailState::Pending,
                StateRow::Sending => MailState::Sending(Lease { until: self.lease_until.ok_or_else(corrupt)? }),
                StateRow::Sent => MailState::Sent,
                StateRow::Failed => MailState::Failed,
            },
            attempt: self.attempt,
            created_at: self.created_at,
            due: self.due,
        })
    }
}

/// The row of a mail that is owed and that nobody has claimed yet.
pub(super) fn to_item(mail: &Mail) -> Result<Item, StoreError> {
    let row = MailRow {
        pk: keys::user_partition(mail.key.user),
        sk: keys::mail_sort(mail.key.mail),
        kind: match mail.kind {
            MailKind::Welcome => KindRow::Welcome,
            MailKind::SessionReuse => KindRow::SessionReuse,
        },
        state: StateRow::Pending,
        attempt: mail.attempt,
        created_at: mail.created_at,
        due: mail.due,
        due_shard: Some(keys::due_shard(mail.key)),
        lease_until: None,
        holder: None,
        mover: None,
        claimed_from: None,
    };
    write("mail", &row)
}
