//! Changes that a user makes to the account. Each is one write, on condition that the account is still as the user was
//! shown it.
//!
//! To add a change: build its update with [`Users::update_profile`], whose condition refuses a user who was disabled or
//! changed meanwhile.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, TransactWriteItem, Update};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::super::limits::count_in_transaction;
use super::super::transaction::{Transaction, put_new};
use super::super::{
    Conditional, StoreError, keys, milliseconds, number, outbox, text, unwritable, update_conditionally,
};
use super::{Users, from_item};
use crate::domain::{Limit, Limited, Mail, Name, User, VerificationTicket};

/// The condition that a user is active and none of the versions has moved.
pub(super) const IS_UNCHANGED: &str = "#status = :active AND epoch = :epoch AND passwordVersion = :passwordVersion \
                            AND addressVersion = :addressVersion";

/// The result of a request for a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owed {
    /// The mail is owed from now on, and counted.
    Queued,
    /// The mail was owed already, because the request came again. It is not counted again.
    AlreadyQueued,
    /// The mail is not owed, because the user has reached the limit. It is lifted after this time.
    LimitReached(SignedDuration),
    /// The user changed between the read and the write. Nothing was written.
    Overtaken,
}

/// The result of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    Applied,
    /// The account or the ticket changed between the read and the write. Nothing was written.
    Overtaken,
    /// Nothing was written, because a limit is reached. It is lifted after this time.
    LimitReached(SignedDuration),
}

impl Users {
    /// Changes the name, or removes it. Returns the user after the change, or `None` if the user changed meanwhile.
    pub async fn rename(&self, user: &User, name: Option<&Name>, now: Timestamp) -> Result<Option<User>, StoreError> {
        let update = match name {
            Some(_) => "SET updatedAt = :now, #name = :name",
            None => "SET updatedAt = :now REMOVE #name",
        };
        let mut request = self
            .update_unchanged(user)
            .update_expression(update)
            .expression_attribute_names("#name", "name")
            .expression_attribute_values(":now", milliseconds(now));
        if let Some(name) = name {
            request = request.expression_attribute_values(":name", text(name.as_str()));
        }
        match update_conditionally(request, from_item).await? {
            Conditional::Applied(user) => Ok(Some(user)),
            Conditional::Failed(_) => Ok(None),
        }
    }

    /// Records that the user proved the present address by this ticket. Returns the user after it, or `None` if the
    /// ticket is no longer the user's.
    pub async fn verify(
        &self,
        user: &User,
        ticket: &VerificationTicket,
        now: Timestamp,
    ) -> Result<Option<User>, StoreError> {
        let request = self.tables.client.update_item().table_name(&self.tables.accounts);
        let request = request
            .set_key(Some(keys::profile(user.id)))
            .update_expression("SET verifiedAt = if_not_exists(verifiedAt, :now)")
            .condition_expression(
                "#status = :active AND epoch = :epoch AND addressVersion = :addressVersion AND verification.#id = :ticket",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#id", "id")
            .expression_attribute_values(":active", text("active"))
            .expression_attribute_values(":epoch", number(user.epoch))
            .expression_attribute_values(":addressVersion", number(user.address_version))
            .expression_attribute_values(":ticket", text(ticket.id.to_string()))
            .expression_attribute_values(":now", milliseconds(now));
        match update_conditionally(request, from_item).await? {
            Conditional::Applied(user) => Ok(Some(user)),
            Conditional::Failed(_) => Ok(None),
        }
    }

    /// Owes a mail that a user asks for, within `limit`. The mail and its count are written together or not at all.
    ///
    /// If `before` is given, the user's new verification ticket takes the place of that user's.
    pub async fn owe(
        &self,
        user: &User,
        before: Option<&User>,
        mail: &Mail,
        limit: Limit,
        now: Timestamp,
    ) -> Result<Owed, StoreError> {
        let mut items = vec![
            put_new(&self.tables.accounts, outbox::to_item(mail)?)?,
            self.count_of(user, mail.kind.rules().limited, limit, now)?,
        ];
        if let Some(before) = before {
            let old = before.verification.map(|old| old.id.to_string()).unwrap_or_default();
            let update = self
                .update_profile(before, "SET verification = :ticket")
                .condition_expression(format!(
                    "{IS_UNCHANGED} AND attribute_not_exists(verifiedAt) \
                     AND (attribute_not_exists(verification) OR verification.#id = :old)"
                ))
                .expression_attribute_names("#id", "id")
                .expression_attribute_values(":ticket", attribute(user.verification)?)
                .expression_attribute_values(":old", text(old));
            items.push(update_item(update)?);
        }
        match self.tables.transact(&items).await? {
            Transaction::Applied => Ok(Owed::Queued),
            // Position 0 is the mail. A mail that is owed already is not refused, even if the limit is reached.
            Transaction::Refused { position: 0, .. } => Ok(Owed::AlreadyQueued),
            Transaction::Refused { position: 1, .. } => {
                Ok(Owed::LimitReached(limit.window(now).ends_at.duration_since(now)))
            }
            Transaction::Refused { .. } => Ok(Owed::Overtaken),
        }
    }

    /// Counts an export of a user who has not changed meanwhile.
    pub async fn count_export(&self, user: &User, limit: Limit, now: Timestamp) -> Result<Changed, StoreError> {
        let items = [self.count_of(user, Some(Limited::Exports), limit, now)?, self.check_profile(user)?];
        match self.tables.transact(&items).await? {
            Transaction::Applied => Ok(Changed::Applied),
            Transaction::Refused { position: 0, .. } => Ok(limit_reached(limit, now)),
            Transaction::Refused { .. } => Ok(Changed::Overtaken),
        }
    }

    /// Returns an update of the profile alone, on condition that it is still as `user` was read.
    pub(super) fn update_unchanged(&self, user: &User) -> UpdateItemFluentBuilder {
        let mut request = self.tables.client.update_item().table_name(&self.tables.accounts);
        for (name, value) in unchanged(user) {
            request = request.expression_attribute_values(name, value);
        }
        request
            .set_key(Some(keys::profile(user.id)))
            .condition_expression(IS_UNCHANGED)
            .expression_attribute_names("#status", "status")
    }

    /// Returns an update of the profile for a transaction, on condition that it is still as `user` was read.
    pub(in super::super) fn update_profile(&self, user: &User, update: &str) -> UpdateBuilder {
        let mut builder = Update::builder()
            .table_name(&self.tables.accounts)
            .set_key(Some(keys::profile(user.id)))
            .update_expression(update)
            .condition_expression(IS_UNCHANGED)
            .expression_attribute_names("#status", "status");
        for (name, value) in unchanged(user) {
            builder = builder.expression_attribute_values(name, value);
        }
        builder
    }

    /// Returns a check of the profile, on condition that it is still as `user` was read.
    pub(super) fn check_profile(&self, user: &User) -> Result<TransactWriteItem, StoreError> {
        let mut builder = ConditionCheck::builder()
            .table_name(&self.tables.accounts)
            .set_key(Some(keys::profile(user.id)))
            .condition_expression(IS_UNCHANGED)
            .expression_attribute_names("#status", "status");
        for (name, value) in unchanged(user) {
            builder = builder.expression_attribute_values(name, value);
        }
        let check = builder.build().map_err(unwritable)?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }

    /// Returns the write that counts one more action of the user, on condition that there is room.
    pub(super) fn count_of(
        &self,
        user: &User,
        limited: Option<Limited>,
        limit: Limit,
        now: Timestamp,
    ) -> Result<TransactWriteItem, StoreError> {
        let window = limit.window(now);
        count_in_transaction(&self.tables.accounts, keys::limit_of_user(user.id, limited, window.number), limit, window)
    }
}

/// Returns the values of [`IS_UNCHANGED`].
fn unchanged(user: &User) -> [(&'static str, AttributeValue); 4] {
    [
        (":active", text("active")),
        (":epoch", number(user.epoch)),
        (":passwordVersion", number(user.password_version)),
        (":addressVersion", number(user.address_version)),
    ]
}

pub(super) fn attribute(value: impl Serialize) -> Result<AttributeValue, StoreError> {
    serde_dynamo::to_attribute_value(value).map_err(unwritable)
}

pub(in super::super) fn limit_reached(limit: Limit, now: Timestamp) -> Changed {
    Changed::LimitReached(limit.window(now).ends_at.duration_since(now))
}

pub(in super::super) fn update_item(update: UpdateBuilder) -> Result<TransactWriteItem, StoreError> {
    Ok(TransactWriteItem::builder().update(update.build().map_err(unwritable)?).build())
}
