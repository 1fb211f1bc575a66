//! The change of a user's address, from the request to the confirmation.

use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use jiff::Timestamp;

use super::super::limits::count_of_digest;
use super::super::transaction::{Transaction, put_new};
use super::super::{
    Conditional, StoreError, keys, milliseconds, number, outbox, seconds, sessions, text, unwritable,
    update_conditionally, write,
};
use super::changes::{Changed, limit_reached, update_item};
use super::{Credential, Users, from_item};
use crate::domain::{Email, Limit, Limited, Mail, REPEAT_WINDOW, Session, User};
use crate::store::PendingEmail;

/// A confirmed change of address, and all that is written with it.
#[derive(Debug)]
pub struct NewEmailWrite<'a> {
    /// The user as the change was judged.
    pub before: &'a User,
    /// The user after the change.
    pub after: &'a User,
    pub pending: &'a PendingEmail,
    /// The credential of the old address.
    pub credential: &'a Credential,
    /// The session that goes on.
    pub session: &'a Session,
    /// The mail that tells the old address.
    pub mail: Option<&'a Mail>,
}

/// The result of a confirmed change of address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailChanged {
    Applied,
    /// Another account has the address.
    Taken,
    /// The account or the pending change is not as it was read. Nothing was written.
    Overtaken,
}

impl Users {
    /// Remembers a pending change of address in place of an earlier one, and owes its mails, within the `limit` of the
    /// user and the limit of the new address, which is counted under its digest.
    pub async fn begin_email_change(
        &self,
        user: &User,
        pending: &PendingEmail,
        mails: &[Mail],
        limit: Limit,
        (digest, of_address): (&str, Limit),
        now: Timestamp,
    ) -> Result<Changed, StoreError> {
        let table = &self.tables.accounts;
        let row = Put::builder().table_name(table).set_item(Some(pending.to_item(user.id)?)).build();
        let mut items = vec![
            self.count_of(user, Some(Limited::EmailChanges), limit, now)?,
            count_of_digest(table, digest, of_address, now)?,
            self.check_profile(user)?,
            TransactWriteItem::builder().put(row.map_err(unwritable)?).build(),
        ];
        for mail in mails {
            items.push(put_new(table, outbox::to_item(mail)?)?);
        }
        match self.tables.transact(&items).await? {
            Transaction::Applied => Ok(Changed::Applied),
            Transaction::Refused { position: 0, .. } => Ok(limit_reached(limit, now)),
            Transaction::Refused { position: 1, .. } => Ok(limit_reached(of_address, now)),
            Transaction::Refused { .. } => Ok(Changed::Overtaken),
        }
    }

    /// Changes the spelling of the address: `email` has the canonical form of the present one. Returns the user after
    /// the change, or `None` if the user changed meanwhile.
    pub async fn respell_email(&self, user: &User, email: &Email, now: Timestamp) -> Result<Option<User>, StoreError> {
        let request = self
            .update_unchanged(user)
            .update_expression("SET email = :email, updatedAt = :now")
            .expression_attribute_values(":email", text(email.as_typed()))
            .expression_attribute_values(":now", milliseconds(now));
        match update_conditionally(request, from_item).await? {
            Conditional::Applied(user) => Ok(Some(user)),
            Conditional::Failed(_) => Ok(None),
        }
    }

    /// Moves the credential to the new address and opens the session that goes on, in one transaction. Every other
    /// session ends, because the epoch is raised.
    pub async fn change_email(&self, change: &NewEmailWrite<'_>, now: Timestamp) -> Result<EmailChanged, StoreError> {
        let NewEmailWrite { before, after, pending, credential, session, mail } = change;
        let accounts = &self.tables.accounts;
        let mut old = Delete::builder()
            .table_name(&self.tables.credentials)
            .set_key(Some(keys::credential(&before.email)))
            .expression_attribute_values(":user", text(before.id.to_string()));
        // The hash is part of the condition, because a login may renew it meanwhile, and the new row must have it.
        old = match &credential.hash {
            Some(hash) => old
                .condition_expression("userId = :user AND #hash = :hash")
                .expression_attribute_names("#hash", "hash")
                .expression_attribute_values(":hash", text(hash.expose())),
            None => old
                .condition_expression("userId = :user AND attribute_not_exists(#hash)")
                .expression_attribute_names("#hash", "hash"),
        };
        let new = write("credential", keys::credential(&after.email), credential)?;
        let profile = self
            .update_profile(
                before,
                "SET email = :email, epoch = :nextEpoch, addressVersion = :nextVersion, verifiedAt = :now, \
                 updatedAt = :now REMOVE emailHistory, verification, passwordChangedBy",
            )
            .expression_attribute_values(":email", text(after.email.as_typed()))
            .expression_attribute_values(":nextEpoch", number(after.epoch))
            .expression_attribute_values(":nextVersion", number(after.address_version))
            .expression_attribute_values(":now", milliseconds(now));
        let used = Update::builder()
            .table_name(accounts)
            .set_key(Some(keys::pending_email(before.id)))
            .update_expression("SET usedAt = :now, #ttl = :ttl")
            .condition_expression("ticket = :ticket AND attribute_not_exists(usedAt)")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":ticket", text(pending.ticket.to_string()))
            .expression_attribute_values(":ttl", seconds(now + REPEAT_WINDOW))
            .expression_attribute_values(":now", milliseconds(now));
        let mut items = vec![
            update_item(used)?,
            update_item(profile)?,
            put_new(&self.tables.credentials, new)?,
            TransactWriteItem::builder().delete(old.build().map_err(unwritable)?).build(),
            put_new(accounts, sessions::to_item(session)?)?,
        ];
        if let Some(mail) = mail {
            items.push(put_new(accounts, outbox::to_item(mail)?)?);
        }
        match self.tables.transact(&items).await? {
            Transaction::Applied => Ok(EmailChanged::Applied),
            Transaction::Refused { position: 2, .. } => Ok(EmailChanged::Taken),
            Transaction::Refused { .. } => Ok(EmailChanged::Overtaken),
        }
    }
}
