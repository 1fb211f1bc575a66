//! Changes that an operator makes. Each is one transaction, on condition that the user is still as the operator's
//! request found it and that something is left to change. A transaction recognises itself if its answer is lost.

use aws_sdk_dynamodb::types::builders::UpdateBuilder;
use aws_sdk_dynamodb::types::{Delete, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use jiff::{SignedDuration, Timestamp};

use super::super::transaction::{Transaction, put_new};
use super::super::{StoreError, keys, milliseconds, number, outbox, read, text, unavailable, unwritable, write};
use super::changes::{IS_UNCHANGED, Owed, attribute, update_item};
use super::{CreateError, Credential, EmailChanged, Users, from_item};
use crate::domain::{Email, Mail, Status, User, UserId, Versions};
use crate::store::Reset;

/// How long after an operator's reset another one is the same request come again.
const SAME_RESET: SignedDuration = SignedDuration::from_mins(5);

/// An operator's change of an address, and all that is written with it.
#[derive(Debug)]
pub struct SetEmailWrite<'a> {
    pub before: &'a User,
    pub after: &'a User,
    /// The reset that lets the user choose a password.
    pub reset: &'a Reset,
    /// The mail of the reset, and the mail that tells the old address.
    pub mails: &'a [Mail],
}

/// Credentials in the order of the table.
#[derive(Debug)]
pub struct CredentialPage {
    pub credentials: Vec<Credential>,
    /// The address behind which the next page begins. `None` if this page is the last.
    pub next: Option<Email>,
}

impl Users {
    /// Reads a page of all credentials. Only an operator's list does it, because it reads the whole table in the end.
    pub async fn credentials(&self, after: Option<&Email>, limit: i32) -> Result<CredentialPage, StoreError> {
        let mut page = CredentialPage { credentials: Vec::new(), next: None };
        let mut start = after.map(keys::credential);
        loop {
            let request = self.tables.client.scan().table_name(&self.tables.credentials).limit(limit);
            let output = request.set_exclusive_start_key(start).send().await;
            let output = output.map_err(|error| unavailable("Scan", &error))?;
            for item in output.items.unwrap_or_default() {
                if keys::address(&item).is_some() {
                    page.credentials.push(read("credential", item)?);
                }
            }
            start = output.last_evaluated_key;
            page.next = start.as_ref().and_then(keys::address);
            // A page cannot begin behind an item that only another version of Latchkey knows.
            if start.is_none() || page.next.is_some() {
                return Ok(page);
            }
        }
    }

    /// Opens an account without a password, and owes the mail of its first reset.
    pub async fn invite(&self, user: &User, reset: &Reset, mail: &Mail) -> Result<(), CreateError> {
        let accounts = &self.tables.accounts;
        let credential = Credential { user: user.id, hash: None, password_version: user.password_version };
        let items = [
            put_new(&self.tables.credentials, write("credential", keys::credential(&user.email), &credential)?)?,
            put_new(accounts, write("user", keys::profile(user.id), user)?)?,
            put_new(accounts, reset.to_item()?)?,
            put_new(accounts, outbox::to_item(mail)?)?,
        ];
        match self.tables.transact(&items).await? {
            Transaction::Applied => Ok(()),
            Transaction::Refused { position: 0, .. } => Err(CreateError::EmailTaken),
            // The ids of the other items are random and new.
            Transaction::Refused { .. } => {
                Err(StoreError::Unavailable("TransactWriteItems: an id is taken".to_owned()).into())
            }
        }
    }

    /// Lets a user sign in, or no longer. Either way, all earlier sessions end at their next refresh.
    ///
    /// Returns whether this changed it: not if it was so already, or the user is gone or being erased. If an operator
    /// could enable a user who is being erased, a login under way could open a session that refreshes until the profile
    /// is gone.
    pub async fn set_status(&self, id: UserId, status: Status) -> Result<bool, StoreError> {
        let status = match status {
            Status::Active => "active",
            Status::Disabled => "disabled",
        };
        let update = self
            .operate(id, "SET #status = :status, epoch = epoch + :one", "#status <> :status")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":status", text(status))
            .expression_attribute_values(":one", number(1));
        self.apply(update).await
    }

    /// Ends all sessions of a user of this epoch. Returns whether the user still had it.
    pub async fn end_sessions(&self, user: &User) -> Result<bool, StoreError> {
        let update = self
            .operate(user.id, "SET epoch = :next", "epoch = :epoch")
            .expression_attribute_values(":epoch", number(user.epoch))
            .expression_attribute_values(":next", number(user.epoch + 1));
        self.apply(update).await
    }

    /// Takes the user's present address as proved. Returns whether it was not, and is still the present one.
    pub async fn mark_verified(&self, user: &User, now: Timestamp) -> Result<bool, StoreError> {
        let is_unverified = "addressVersion = :addressVersion AND attribute_not_exists(verifiedAt)";
        let update = self
            .operate(user.id, "SET verifiedAt = :now", is_unverified)
            .expression_attribute_values(":addressVersion", number(user.address_version))
            .expression_attribute_values(":now", milliseconds(now));
        self.apply(update).await
    }

    /// Forgets what SES reported about the user's present address. Returns whether that kept mail from it.
    pub async fn forget_email_history(&self, user: &User) -> Result<bool, StoreError> {
        let is_suppressed = "addressVersion = :addressVersion \
                             AND (contains(emailHistory, :bounced) OR contains(emailHistory, :complained))";
        let update = self
            .operate(user.id, "REMOVE emailHistory", is_suppressed)
            .expression_attribute_values(":addressVersion", number(user.address_version))
            .expression_attribute_values(":bounced", text("bounced"))
            .expression_attribute_values(":complained", text("complained"));
        self.apply(update).await
    }

    /// Remembers a reset of a user who has not changed meanwhile, and owes its mail. Of two requests within five minutes
    /// only the first one is applied.
    pub async fn begin_reset(
        &self,
        user: &User,
        reset: &Reset,
        mail: &Mail,
        now: Timestamp,
    ) -> Result<Owed, StoreError> {
        let accounts = &self.tables.accounts;
        let profile = self
            .update_profile(user, "SET resetByOperatorAt = :now")
            .condition_expression(format!(
                "{IS_UNCHANGED} AND (attribute_not_exists(resetByOperatorAt) OR resetByOperatorAt <= :before)"
            ))
            .expression_attribute_values(":now", milliseconds(now))
            .expression_attribute_values(":before", milliseconds(now - SAME_RESET))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let items =
            [update_item(profile)?, put_new(accounts, reset.to_item()?)?, put_new(accounts, outbox::to_item(mail)?)?];
        match self.tables.transact(&items).await? {
            Transaction::Applied => Ok(Owed::Queued),
            Transaction::Refused { found, .. } => {
                let found = found.map(from_item).transpose()?;
                let is_unchanged = found.is_some_and(|found| {
                    found.is_active() && found.epoch == user.epoch && Versions::of(&found) == Versions::of(user)
                });
                Ok(if is_unchanged { Owed::AlreadyQueued } else { Owed::Overtaken })
            }
        }
    }

    /// Gives a user another address, which is not proved, and takes the password away. It owes a reset to the new
    /// address, and ends all sessions.
    pub async fn set_email(&self, change: &SetEmailWrite<'_>, now: Timestamp) -> Result<EmailChanged, StoreError> {
        let SetEmailWrite { before, after, reset, mails } = change;
        let (credentials, accounts) = (&self.tables.credentials, &self.tables.accounts);
        let profile = self
            .update_profile(
                before,
                "SET email = :email, epoch = :nextEpoch, passwordVersion = :nextPassword, \
                 addressVersion = :nextAddress, verification = :ticket, updatedAt = :now, resetByOperatorAt = :now \
                 REMOVE verifiedAt, emailHistory, passwordChangedBy",
            )
            .expression_attribute_values(":email", text(after.email.as_typed()))
            .expression_attribute_values(":nextEpoch", number(after.epoch))
            .expression_attribute_values(":nextPassword", number(after.password_version))
            .expression_attribute_values(":nextAddress", number(after.address_version))
            .expression_attribute_values(":ticket", attribute(after.verification)?)
            .expression_attribute_values(":now", milliseconds(now));
        let old = Delete::builder()
            .table_name(credentials)
            .set_key(Some(keys::credential(&before.email)))
            .condition_expression("userId = :user AND passwordVersion = :passwordVersion")
            .expression_attribute_values(":user", text(before.id.to_string()))
            .expression_attribute_values(":passwordVersion", number(before.password_version))
            .build()
            .map_err(unwritable)?;
        let new = Credential { user: after.id, hash: None, password_version: after.password_version };
        let mut items = vec![
            update_item(profile)?,
            put_new(credentials, write("credential", keys::credential(&after.email), &new)?)?,
            TransactWriteItem::builder().delete(old).build(),
            put_new(accounts, reset.to_item()?)?,
        ];
        for mail in *mails {
            items.push(put_new(accounts, outbox::to_item(mail)?)?);
        }
        match self.tables.transact(&items).await? {
            Transaction::Applied => Ok(EmailChanged::Applied),
            Transaction::Refused { position: 1, .. } => Ok(EmailChanged::Taken),
            Transaction::Refused { .. } => Ok(EmailChanged::Overtaken),
        }
    }

    fn operate(&self, id: UserId, update: &str, condition: &str) -> UpdateBuilder {
        Update::builder()
            .table_name(&self.tables.accounts)
            .set_key(Some(keys::profile(id)))
            .update_expression(update)
            .condition_expression(format!(
                "attribute_exists(pk) AND attribute_not_exists(erasingSince) AND ({condition})"
            ))
    }

    async fn apply(&self, update: UpdateBuilder) -> Result<bool, StoreError> {
        let applied = self.tables.transact(&[update_item(update)?]).await?;
        Ok(matches!(applied, Transaction::Applied))
    }
}
