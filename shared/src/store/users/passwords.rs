//! The writes of a new password.

use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use jiff::Timestamp;

use super::super::transaction::{Transaction, put_new};
use super::super::{StoreError, keys, milliseconds, number, outbox, sessions, text};
use super::Users;
use super::changes::{Changed, attribute, limit_reached, update_item};
use crate::domain::{Limit, Limited, Mail, Session, User};
use crate::passwords::StoredHash;
use crate::store::Reset;

/// A new password, and all that is written with it.
#[derive(Debug)]
pub struct NewPasswordWrite<'a> {
    /// The user as the change was judged.
    pub before: &'a User,
    /// The user after the change.
    pub after: &'a User,
    pub hash: &'a StoredHash,
    /// The mail that tells the user.
    pub mail: &'a Mail,
}

impl Users {
    /// Replaces the password and opens the session that goes on, in one transaction. Every other session ends, because
    /// the epoch is raised.
    pub async fn change_password(
        &self,
        change: &NewPasswordWrite<'_>,
        session: &Session,
        limit: Limit,
        now: Timestamp,
    ) -> Result<Changed, StoreError> {
        let NewPasswordWrite { before, after, mail, .. } = change;
        let profile = self
            .update_profile(before, "SET epoch = :nextEpoch, passwordVersion = :nextVersion, passwordChangedBy = :by")
            .expression_attribute_values(":nextEpoch", number(after.epoch))
            .expression_attribute_values(":nextVersion", number(after.password_version))
            .expression_attribute_values(":by", attribute(after.password_changed_by)?);
        let items = [
            self.replace_password(change)?,
            update_item(profile)?,
            self.count_of(before, Some(Limited::PasswordChanges), limit, now)?,
            put_new(&self.tables.accounts, sessions::to_item(session)?)?,
            put_new(&self.tables.accounts, outbox::to_item(mail)?)?,
        ];
        match self.tables.transact(&items).await? {
            Transaction::Applied => Ok(Changed::Applied),
            Transaction::Refused { position: 2, .. } => Ok(limit_reached(limit, now)),
            Transaction::Refused { .. } => Ok(Changed::Overtaken),
        }
    }

    /// Uses a reset up and replaces the password, in one transaction. All sessions end. Of two uses at once exactly one
    /// is applied.
    pub async fn reset_password(
        &self,
        reset: &Reset,
        change: &NewPasswordWrite<'_>,
        now: Timestamp,
    ) -> Result<Changed, StoreError> {
        let NewPasswordWrite { before, after, mail, .. } = change;
        let used = Update::builder()
            .table_name(&self.tables.accounts)
            .set_key(Some(keys::reset(reset.id)))
            .update_expression("SET usedAt = :now")
            .condition_expression("attribute_not_exists(usedAt) AND expiresAt > :now AND userId = :user")
            .expression_attribute_values(":now", milliseconds(now))
            .expression_attribute_values(":user", text(before.id.to_string()));
        // Not on condition of the epoch: whoever knows the old password could end every reset by signing out everywhere.
        let profile = Update::builder()
            .table_name(&self.tables.accounts)
            .set_key(Some(keys::profile(before.id)))
            .update_expression(
                "SET epoch = epoch + :one, passwordVersion = :nextVersion, verifiedAt = if_not_exists(verifiedAt, :now) \
                 REMOVE passwordChangedBy",
            )
            .condition_expression(
                "#status = :active AND passwordVersion = :passwordVersion AND addressVersion = :addressVersion",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":active", text("active"))
            .expression_attribute_values(":passwordVersion", number(before.password_version))
            .expression_attribute_values(":addressVersion", number(before.address_version))
            .expression_attribute_values(":nextVersion", number(after.password_version))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":now", milliseconds(now));
        let items = [
            update_item(used)?,
            self.replace_password(change)?,
            update_item(profile)?,
            put_new(&self.tables.accounts, outbox::to_item(mail)?)?,
        ];
        match self.tables.transact(&items).await? {
            Transaction::Applied => Ok(Changed::Applied),
            Transaction::Refused { .. } => Ok(Changed::Overtaken),
        }
    }

    /// Returns the write of the new hash, on condition that the credential still has the password's version. A login
    /// that renews the hash in between changes no version.
    fn replace_password(&self, change: &NewPasswordWrite<'_>) -> Result<TransactWriteItem, StoreError> {
        let NewPasswordWrite { before, after, hash, .. } = change;
        update_item(
            Update::builder()
                .table_name(&self.tables.credentials)
                .set_key(Some(keys::credential(&before.email)))
                .update_expression("SET #hash = :hash, passwordVersion = :nextVersion")
                .condition_expression("userId = :user AND passwordVersion = :passwordVersion")
                .expression_attribute_names("#hash", "hash")
                .expression_attribute_values(":hash", text(hash.expose()))
                .expression_attribute_values(":user", text(before.id.to_string()))
                .expression_attribute_values(":passwordVersion", number(before.password_version))
                .expression_attribute_values(":nextVersion", number(after.password_version)),
        )
    }
}
