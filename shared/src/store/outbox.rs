mod overdue;
mod row;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::limits::count_in_transaction;
use super::transaction::{Transaction, put_new};
use super::{
    Conditional, Item, StoreError, Tables, keys, milliseconds, number, read, seconds, text, update_conditionally,
};
use crate::domain::{Claim, Lease, Limit, Mail, MailKey, MailState};
use crate::mail_queue::MailMessage;

pub use overdue::OverduePage;
pub(super) use row::to_item;
use row::{MailRow, StateRow};

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
    Queued,
    /// It was before: the request came again, and is not counted.
    AlreadyQueued,
    /// It is not: the user has asked for as many as may be, until the end of this time.
    LimitReached(SignedDuration),
}

/// What a message gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The mail, to be sent as its attempt; and whether an attempt before this one may have sent it.
    Taken {
        /// The row, claimed.
        mail: Mail,
        /// The attempt before ended without an answer.
        maybe_already_sent: bool,
    },
    /// Somebody is sending it, until then.
    Held(Lease),
    /// Nothing is to be sent: it was, or it failed, or it is gone.
    Finished,
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
        let counter = keys::limit_of_user(mail.key.user, mail.kind.rules().limited, window.number);
        let items = [put_new(table, to_item(mail)?)?, count_in_transaction(table, counter, limit, window)?];
        match self.tables.transact(&items).await? {
            Transaction::Applied => Ok(Owed::Queued),
            // The first is the mail's: what is owed already is not refused, however much was asked for.
            Transaction::Refused { position: 0, .. } => Ok(Owed::AlreadyQueued),
            Transaction::Refused { .. } => Ok(Owed::LimitReached(window.ends_at.duration_since(now))),
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
        let row = match update_conditionally(request, parse).await? {
            Conditional::Applied(row) => row,
            Conditional::Failed(Some(row)) if row.holder == Some(holder) => row, // our own claim, its answer lost
            Conditional::Failed(Some(row)) => {
                return match row.into_mail(message.key)?.claim(message.retry, now) {
                    Claim::Wait(lease) => Ok(Claimed::Held(lease)),
                    Claim::Drop => Ok(Claimed::Finished),
                    Claim::Take(_) => {
                        Err(StoreError::Unavailable("the mail changes faster than it can be read".to_owned()))
                    }
                };
            }
            Conditional::Failed(None) => return Ok(Claimed::Finished),
        };
        let maybe_already_sent = row.claimed_from == Some(StateRow::Sending);
        Ok(Claimed::Taken { mail: row.into_mail(message.key)?, maybe_already_sent })
    }

    /// Records that SES accepted the claimed mail.
    ///
    /// # Errors
    /// [`StoreError`]: the row stays claimed to the end of its lease.
    pub async fn sent(&self, mail: &Mail, message_id: &str, now: Timestamp) -> Result<(), StoreError> {
        let request = self
            .settle(
                mail,
                "SET #state = :to, messageId = :messageId, #ttl = :ttl REMOVE due, dueShard, leaseUntil, holder, #recipient",
            )
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_names("#recipient", "to")
            .expression_attribute_values(":to", text("sent"))
            .expression_attribute_values(":messageId", text(message_id))
            .expression_attribute_values(":ttl", seconds(now + FINISHED_LIFETIME));
        update_conditionally(request, parse).await.map(drop)
    }

    /// Puts the claimed mail back, as `next`.
    ///
    /// # Errors
    /// [`StoreError`]: the row stays claimed to the end of its lease.
    pub async fn postpone(&self, mail: &Mail, next: &Mail) -> Result<(), StoreError> {
        let request = self
            .settle(mail, "SET #state = :to, due = :due REMOVE leaseUntil, holder")
            .expression_attribute_values(":to", text("pending"))
            .expression_attribute_values(":due", milliseconds(next.due.unwrap_or(next.created_at)));
        update_conditionally(request, parse).await.map(drop)
    }

    /// Gives the mail up, as it is known to the caller: claimed, or pending.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn fail(&self, mail: &Mail, now: Timestamp) -> Result<(), StoreError> {
        let request = self
            .settle(mail, "SET #state = :to, #ttl = :ttl REMOVE due, dueShard, leaseUntil, holder, #recipient")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_names("#recipient", "to")
            .expression_attribute_values(":to", text("failed"))
            .expression_attribute_values(":ttl", seconds(now + FINISHED_LIFETIME));
        update_conditionally(request, parse).await.map(drop)
    }

    /// Records what SES tells of a mail: it has it, whatever the row says, and `event` became of it. Told again, or later than
    /// something worse, it changes nothing. Whether there is such a row.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn record_ses_event(
        &self,
        key: MailKey,
        message_id: &str,
        event: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let request = self
            .update(key)
            .update_expression(
                "SET #state = :sent, messageId = if_not_exists(messageId, :messageId), #ttl = if_not_exists(#ttl, :ttl) \
                 REMOVE due, dueShard, leaseUntil, holder, #recipient ADD events :event",
            )
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_names("#recipient", "to")
            .expression_attribute_values(":sent", text("sent"))
            .expression_attribute_values(":messageId", text(message_id))
            .expression_attribute_values(":ttl", seconds(now + FINISHED_LIFETIME))
            .expression_attribute_values(":event", AttributeValue::Ss(vec![event.to_owned()]));
        let updated = update_conditionally(request, parse).await?;
        Ok(matches!(updated, Conditional::Applied(_)))
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
        self.tables.client.update_item().table_name(&self.tables.accounts).set_key(Some(keys::mail(key)))
    }
}

fn parse(item: Item) -> Result<MailRow, StoreError> {
    read("mail", item)
}
