mod overdue;
mod row;

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{
    Conditional, Item, StoreError, Tables, keys, milliseconds, number, read, seconds, text, unavailable,
    update_conditionally,
};
use crate::domain::{Claim, Lease, Mail, MailKey, MailState, UserId};
use crate::mail_queue::MailMessage;

pub use overdue::OverduePage;
pub(super) use row::to_item;
use row::{MailRow, StateRow, TO_NOBODY_LIFETIME};

/// How long a finished row stays. A message cannot stay in both queues together for as long, so no message finds its
/// row gone.
const FINISHED_LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The mails that are owed to users.
#[derive(Clone, Debug)]
pub struct Outbox {
    tables: Tables,
}

/// The result of a claim.
#[expect(clippy::large_enum_variant, reason = "the large variant is the usual one")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The message has claimed the mail.
    Taken {
        /// The claimed row.
        mail: Mail,
        /// The attempt before this one ended without an answer, so SES may have the mail already.
        maybe_already_sent: bool,
    },
    /// Another attempt is sending the mail until the end of this lease.
    Held(Lease),
    /// The mail was sent, was given up or does not exist.
    Finished,
}

impl Outbox {
    #[must_use]
    pub const fn new(tables: Tables) -> Self {
        Self { tables }
    }

    /// Lists the newest mails in the user's partition, at most `most` of them, and tells whether there are more.
    pub async fn of_user(&self, user: UserId, most: usize) -> Result<(Vec<Mail>, bool), StoreError> {
        let (mut mails, mut start) = (Vec::new(), None);
        loop {
            let request = self.tables.client.query().table_name(&self.tables.accounts).consistent_read(true);
            let output = request
                .key_condition_expression("pk = :pk AND begins_with(sk, :mail)")
                .expression_attribute_values(":pk", text(keys::user_partition(user)))
                .expression_attribute_values(":mail", text(keys::MAIL))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| unavailable("Query", &error))?;
            for item in output.items.unwrap_or_default() {
                let mail = keys::mail_id(&item).map(|mail| MailKey { user, mail });
                mails.extend(mail.map(|key| parse(item)?.into_mail(key)).transpose()?);
            }
            start = output.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        mails.sort_by_key(|mail| std::cmp::Reverse(mail.created_at));
        let are_more = mails.len() > most;
        mails.truncate(most);
        Ok((mails, are_more))
    }

    /// Reads a mail.
    pub async fn find(&self, key: MailKey) -> Result<Option<Mail>, StoreError> {
        let request = self.tables.client.get_item().table_name(&self.tables.accounts).consistent_read(true);
        let output = request.set_key(Some(keys::mail(key))).send().await;
        let item = output.map_err(|error| unavailable("GetItem", &error))?.item;
        item.map(|item| parse(item)?.into_mail(key)).transpose()
    }

    /// Claims the mail that a message names, by one write. Of all messages that try at once, only one gets the mail.
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
            Conditional::Failed(Some(row)) if row.holder == Some(holder) => row, // our own claim, whose answer was lost
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
    /// [`StoreError`]: the row stays claimed until its lease ends.
    pub async fn sent(&self, mail: &Mail, message_id: &str, now: Timestamp) -> Result<(), StoreError> {
        let request = self
            .settle(
                mail,
                "SET #state = :to, messageId = :messageId, #ttl = :ttl \
                 REMOVE due, dueShard, leaseUntil, holder, #recipient, about, network, userAgent",
            )
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_names("#recipient", "to")
            .expression_attribute_values(":to", text("sent"))
            .expression_attribute_values(":messageId", text(message_id))
            .expression_attribute_values(":ttl", seconds(now + FINISHED_LIFETIME));
        update_conditionally(request, parse).await.map(drop)
    }

    /// Returns the claimed mail to `pending`, with the `due` of `next`.
    ///
    /// # Errors
    /// [`StoreError`]: the row stays claimed until its lease ends.
    pub async fn postpone(&self, mail: &Mail, next: &Mail) -> Result<(), StoreError> {
        let request = self
            .settle(mail, "SET #state = :to, due = :due REMOVE leaseUntil, holder")
            .expression_attribute_values(":to", text("pending"))
            .expression_attribute_values(":due", milliseconds(next.due.unwrap_or(next.created_at)));
        update_conditionally(request, parse).await.map(drop)
    }

    /// Gives the mail up, if its row is still as the caller knows it: claimed, or pending.
    pub async fn fail(&self, mail: &Mail, now: Timestamp) -> Result<(), StoreError> {
        let request = self
            .settle(mail, "SET #state = :to, #ttl = :ttl REMOVE due, dueShard, leaseUntil, holder")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":to", text("failed"))
            .expression_attribute_values(
                ":ttl",
                seconds(now + if mail.to_nobody { TO_NOBODY_LIFETIME } else { FINISHED_LIFETIME }),
            );
        update_conditionally(request, parse).await.map(drop)
    }

    /// Records an event of SES about a mail. Every event shows that SES has the mail, whatever the state of the row.
    ///
    /// A repeated event changes nothing, and the order of events does not matter. Returns whether the row exists.
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
                 REMOVE due, dueShard, leaseUntil, holder, #recipient, about, network, userAgent ADD events :event",
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

    /// Returns an update that takes a row out of the state in which the caller knows it.
    ///
    /// The attempt's number identifies the claim. If the row has another state or attempt, this write or another one
    /// has already settled it.
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
