//! What tickets stand on: resets, pending changes of an address, and the tries of their codes.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use jiff::fmt::serde::timestamp::millisecond::{optional as optional_millisecond, required as millisecond};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::keys::Key;
use super::transaction::{Transaction, put_new};
use super::{
    Item, StoreError, Tables, keys, number, outbox, read, seconds, text, unavailable, update_existing, update_if, write,
};
use crate::domain::{
    Email, Mail, REPEAT_WINDOW, SessionId, Ticket, TicketId, TicketKind, UserId, VerificationTicket, Versions,
};

/// The rows of tickets.
#[derive(Clone, Debug)]
pub struct Tickets {
    tables: Tables,
}

/// A reset that a client asked for. It exists for an address without a user as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reset {
    #[serde(rename = "ticket")]
    pub id: TicketId,
    #[serde(rename = "userId", default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The digest of the address that was asked for. A reset that an operator started has none, because operators have
    /// no keys. It goes to the user's present address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_digest: Option<String>,
    /// The user's versions when the reset was asked for.
    #[serde(flatten)]
    pub versions: Versions,
    #[serde(with = "millisecond")]
    pub made_at: Timestamp,
    #[serde(with = "millisecond")]
    pub expires_at: Timestamp,
    #[serde(default, with = "optional_millisecond", skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Timestamp>,
}

/// A change of address that is not confirmed yet. A user has one at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingEmail {
    pub ticket: TicketId,
    /// The session that asked for the change.
    pub session: SessionId,
    /// The new address.
    pub address: Email,
    /// The user's versions when the change was asked for.
    #[serde(flatten)]
    pub versions: Versions,
    #[serde(with = "millisecond")]
    pub made_at: Timestamp,
    #[serde(with = "millisecond")]
    pub expires_at: Timestamp,
    #[serde(default, with = "optional_millisecond", skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Timestamp>,
}

/// One try of a code. It is counted before the code is compared.
#[derive(Clone, Debug)]
pub struct Try {
    key: Key,
    kind: TicketKind,
    ticket: TicketId,
    ttl: Timestamp,
    holder: String,
}

impl Reset {
    /// Returns the ticket, as it is mailed to this canonical address of `user`.
    #[must_use]
    pub fn ticket(&self, user: UserId, address: &str) -> Ticket {
        Ticket {
            kind: TicketKind::Reset,
            id: self.id,
            user,
            versions: self.versions,
            address: address.to_owned(),
            made_at: self.made_at,
        }
    }

    /// Returns the write that remembers the reset.
    pub(super) fn to_item(&self) -> Result<Item, StoreError> {
        let mut item = write("reset", keys::reset(self.id), self)?;
        item.insert("ttl".to_owned(), seconds(self.expires_at + REPEAT_WINDOW));
        Ok(item)
    }
}

impl PendingEmail {
    /// Returns the ticket, as it is mailed to `address`.
    #[must_use]
    pub fn ticket(&self, user: UserId, address: &Email) -> Ticket {
        Ticket {
            kind: TicketKind::EmailChange,
            id: self.ticket,
            user,
            versions: self.versions,
            address: address.canonical().to_owned(),
            made_at: self.made_at,
        }
    }

    /// Returns the write that makes this the user's only pending change.
    pub(super) fn to_item(&self, user: UserId) -> Result<Item, StoreError> {
        let mut item = write("pending address", keys::pending_email(user), self)?;
        item.insert("ttl".to_owned(), seconds(self.expires_at + REPEAT_WINDOW));
        Ok(item)
    }
}

impl Try {
    /// Returns a try of the code of a verification. Its count begins anew with each ticket.
    #[must_use]
    pub fn of_verification(user: UserId, ticket: &VerificationTicket) -> Self {
        let key = keys::verification_tries(user, ticket.id);
        let ttl = ticket.made_at + VerificationTicket::LIFETIME;
        Self::new(key, TicketKind::Verification, ticket.id, ttl)
    }

    /// Returns a try of the code of a reset.
    #[must_use]
    pub fn of_reset(reset: &Reset) -> Self {
        Self::new(keys::reset(reset.id), TicketKind::Reset, reset.id, reset.expires_at + REPEAT_WINDOW)
    }

    /// Returns a try of the code of a change of address.
    #[must_use]
    pub fn of_pending_email(user: UserId, pending: &PendingEmail) -> Self {
        let ttl = pending.expires_at + REPEAT_WINDOW;
        Self::new(keys::pending_email(user), TicketKind::EmailChange, pending.ticket, ttl)
    }

    fn new(key: Key, kind: TicketKind, ticket: TicketId, ttl: Timestamp) -> Self {
        Self { key, kind, ticket, ttl, holder: Uuid::new_v4().to_string() }
    }

    fn holders(&self) -> AttributeValue {
        AttributeValue::Ss(vec![self.holder.clone()])
    }
}

impl Tickets {
    #[must_use]
    pub const fn new(tables: Tables) -> Self {
        Self { tables }
    }

    /// Remembers a reset and owes its mail, both or none.
    pub async fn begin_reset(&self, reset: &Reset, mail: &Mail) -> Result<(), StoreError> {
        let table = &self.tables.accounts;
        let items = [put_new(table, reset.to_item()?)?, put_new(table, outbox::to_item(mail)?)?];
        match self.tables.transact(&items).await? {
            Transaction::Applied => Ok(()),
            // Both ids are random and new.
            Transaction::Refused { .. } => {
                Err(StoreError::Unavailable("TransactWriteItems: an id is taken".to_owned()))
            }
        }
    }

    /// Reads a reset.
    pub async fn reset(&self, id: TicketId) -> Result<Option<Reset>, StoreError> {
        self.get("reset", keys::reset(id)).await
    }

    /// Reads the user's pending change of address.
    pub async fn pending_email(&self, user: UserId) -> Result<Option<PendingEmail>, StoreError> {
        self.get("pending address", keys::pending_email(user)).await
    }

    /// Counts a try if the ticket has one left, by one write. Returns whether it had.
    ///
    /// The counter is a set of tries. So a try is counted once, even if the SDK sends the write twice.
    pub async fn count(&self, tried: &Try) -> Result<bool, StoreError> {
        // The first try makes the row of a verification. The rows of other tickets exist.
        let is_of_ticket = match tried.kind {
            TicketKind::Verification => "(attribute_not_exists(pk) OR ticket = :ticket)",
            TicketKind::EmailChange | TicketKind::Reset => "ticket = :ticket",
        };
        let request = self
            .update(tried)
            .update_expression("SET ticket = :ticket, #ttl = :ttl ADD tries :holders")
            .condition_expression(format!(
                "{is_of_ticket} AND (attribute_not_exists(tries) OR contains(tries, :holder) OR size(tries) < :most)"
            ))
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ticket", text(tried.ticket.to_string()))
            .expression_attribute_values(":ttl", seconds(tried.ttl))
            .expression_attribute_values(":holder", text(&tried.holder))
            .expression_attribute_values(":holders", tried.holders())
            .expression_attribute_values(":most", number(tried.kind.rules().tries));
        update_if(request).await
    }

    /// Takes a try back, because its code was right and the request failed for another reason.
    pub async fn give_back(&self, tried: &Try) -> Result<(), StoreError> {
        let request = self.update(tried).update_expression("DELETE tries :holders");
        update_existing(request.expression_attribute_values(":holders", tried.holders())).await.map(drop)
    }

    /// Returns whether the verification code of this ticket can still be tried.
    pub async fn has_tries(&self, user: UserId, ticket: &VerificationTicket) -> Result<bool, StoreError> {
        let row = self.item(keys::verification_tries(user, ticket.id)).await?.unwrap_or_default();
        let tries = row.get("tries").and_then(|tries| tries.as_ss().ok()).map_or(0, Vec::len);
        Ok(u32::try_from(tries).is_ok_and(|tries| tries < TicketKind::Verification.rules().tries))
    }

    async fn get<T: for<'de> Deserialize<'de>>(&self, kind: &'static str, key: Key) -> Result<Option<T>, StoreError> {
        self.item(key).await?.map(|item| read(kind, item)).transpose()
    }

    async fn item(&self, key: Key) -> Result<Option<Item>, StoreError> {
        let request = self.tables.client.get_item().table_name(&self.tables.accounts).consistent_read(true);
        let output = request.set_key(Some(key)).send().await;
        output.map(|output| output.item).map_err(|error| unavailable("GetItem", &error))
    }

    fn update(&self, tried: &Try) -> UpdateItemFluentBuilder {
        self.tables.client.update_item().table_name(&self.tables.accounts).set_key(Some(tried.key.clone()))
    }
}
