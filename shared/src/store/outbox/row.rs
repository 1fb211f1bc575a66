//! A mail's row, as the table has it.

use jiff::fmt::serde::timestamp::millisecond::{optional as optional_millisecond, required as millisecond};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::{Item, StoreError, keys, write};
use crate::domain::{Email, Lease, Mail, MailKey, MailKind, MailState, Origin, TicketId};

/// How long the row of a mail stays that nobody gets.
pub(super) const TO_NOBODY_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MailRow {
    kind: MailKind,
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
    /// The claim that made the lease. A claim that the SDK sends twice recognises its own lease by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) holder: Option<Uuid>,
    /// The sweep that moved `due` last. A move that the SDK sends twice recognises itself by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) mover: Option<Uuid>,
    /// The state before the last claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) claimed_from: Option<StateRow>,
    #[serde(flatten)]
    origin: Origin,
    /// The recipient. It is removed when the mail is finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<Email>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ticket: Option<TicketId>,
    #[serde(default, with = "optional_millisecond", skip_serializing_if = "Option::is_none")]
    not_after: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address_version: Option<u64>,
    /// An address, masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    about: Option<String>,
    /// The mail is in nobody's partition and nobody gets it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    to_nobody: bool,
    /// The time for DynamoDB's TTL, in seconds. Only finished rows have one, and rows that nobody gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum StateRow {
    Pending,
    Sending,
    Sent,
    Failed,
}

impl StateRow {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

impl MailRow {
    pub(super) fn into_mail(self, key: MailKey) -> Result<Mail, StoreError> {
        let corrupt = || StoreError::Corrupt { kind: "mail", place: key.to_string() };
        Ok(Mail {
            key,
            kind: self.kind,
            state: match self.state {
                StateRow::Pending => MailState::Pending,
                StateRow::Sending => MailState::Sending(Lease { until: self.lease_until.ok_or_else(corrupt)? }),
                StateRow::Sent => MailState::Sent,
                StateRow::Failed => MailState::Failed,
            },
            attempt: self.attempt,
            created_at: self.created_at,
            due: self.due,
            origin: self.origin,
            recipient: self.to,
            ticket: self.ticket,
            not_after: self.not_after,
            address_version: self.address_version,
            about: self.about,
            to_nobody: self.to_nobody,
        })
    }
}

/// Returns the item of a mail that is owed and not claimed yet.
pub(in super::super) fn to_item(mail: &Mail) -> Result<Item, StoreError> {
    let row = MailRow {
        kind: mail.kind,
        state: StateRow::Pending,
        attempt: mail.attempt,
        created_at: mail.created_at,
        due: mail.due,
        due_shard: Some(keys::due_shard(mail.key)),
        lease_until: None,
        holder: None,
        mover: None,
        claimed_from: None,
        origin: mail.origin.clone(),
        to: mail.recipient.clone(),
        ticket: mail.ticket,
        not_after: mail.not_after,
        address_version: mail.address_version,
        about: mail.about.clone(),
        to_nobody: mail.to_nobody,
        ttl: mail.to_nobody.then(|| (mail.created_at + TO_NOBODY_LIFETIME).as_second()),
    };
    write("mail", keys::mail(mail.key), &row)
}
