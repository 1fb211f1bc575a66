//! The erasure of an account, which the sweeper drives page by page.

use aws_sdk_dynamodb::types::{Delete, DeleteRequest, Put, TransactWriteItem, WriteRequest};
use jiff::fmt::serde::timestamp::millisecond::{optional as optional_millisecond, required as millisecond};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use uuid::Uuid;

use super::keys::Key;
use super::limits::count_of_digest;
use super::transaction::{Transaction, put_new};
use super::users::{Changed, limit_reached, update_item};
use super::{
    Conditional, StoreError, Users, keys, milliseconds, number, outbox, read, text, unavailable, unwritable,
    update_conditionally, update_existing,
};
use crate::domain::{Limit, Mail, User, UserId};

/// The most keys that one `BatchWriteItem` takes. A page has room for two keys or more, so it is never the profile
/// alone.
const PAGE: i32 = 25;
/// How long after the first pass the second one begins. No invocation lives as long, so a write that was on its way
/// during the first pass is there by then.
const SECOND_PASS: SignedDuration = SignedDuration::from_mins(15);
/// How long the sweeper that took an erasure has it alone.
const LEASE: SignedDuration = SignedDuration::from_mins(2);

/// An erasure that a sweep has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    pub user: UserId,
    /// When the user asked for it.
    pub since: Timestamp,
    first_pass_at: Option<Timestamp>,
    is_of_import: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErasureRow {
    #[serde(with = "millisecond")]
    erasing_since: Timestamp,
    #[serde(default, with = "optional_millisecond")]
    first_pass_at: Option<Timestamp>,
    #[serde(default, with = "optional_millisecond")]
    imported_at: Option<Timestamp>,
    mover: Option<Uuid>,
}

impl Users {
    /// Disables a user, frees the address, and owes the erasure of everything else and the mail about it.
    ///
    /// `of_address` is the digest of the address and the limit on its deletions. Without such a limit, who deletes an
    /// account and registers it again could mail a stranger's address without end.
    pub async fn begin_erasure(
        &self,
        user: &User,
        mail: Option<&Mail>,
        of_address: Option<(&str, Limit)>,
        now: Timestamp,
    ) -> Result<Changed, StoreError> {
        let update = "SET #status = :disabled, epoch = :nextEpoch, erasingSince = :now, due = :now, dueShard = :shard";
        let profile = self
            .update_profile(user, update)
            // An operator may have disabled the user before.
            .condition_expression(
                "#status IN (:active, :disabled) AND epoch = :epoch AND passwordVersion = :passwordVersion \
                 AND addressVersion = :addressVersion AND attribute_not_exists(erasingSince)",
            )
            .expression_attribute_values(":disabled", text("disabled"))
            .expression_attribute_values(":nextEpoch", number(user.epoch + 1))
            .expression_attribute_values(":shard", text(keys::due_shard_of_erasure(user.id)))
            .expression_attribute_values(":now", milliseconds(now));
        let credential = Delete::builder()
            .table_name(&self.tables.credentials)
            .set_key(Some(keys::credential(&user.email)))
            .condition_expression("userId = :user AND passwordVersion = :passwordVersion")
            .expression_attribute_values(":user", text(user.id.to_string()))
            .expression_attribute_values(":passwordVersion", number(user.password_version))
            .build()
            .map_err(unwritable)?;
        let mut items = vec![update_item(profile)?, TransactWriteItem::builder().delete(credential).build()];
        if let Some((digest, limit)) = of_address {
            items.push(count_of_digest(&self.tables.accounts, digest, limit, now)?);
        }
        if let Some(mail) = mail {
            items.push(put_new(&self.tables.accounts, outbox::to_item(mail)?)?);
        }
        match (self.tables.transact(&items).await?, of_address) {
            (Transaction::Applied, _) => Ok(Changed::Applied),
            (Transaction::Refused { position: 2, .. }, Some((_, limit))) => Ok(limit_reached(limit, now)),
            (Transaction::Refused { .. }, _) => Ok(Changed::Overtaken),
        }
    }

    /// Takes an erasure whose `due` still is `from`, so that only one of two sweeps works on it.
    ///
    /// Returns `None` if another sweep was quicker.
    pub async fn take_erasure(
        &self,
        user: UserId,
        from: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Erasure>, StoreError> {
        let mover = Uuid::new_v4();
        let request = self.tables.client.update_item().table_name(&self.tables.accounts);
        let request = request
            .set_key(Some(keys::profile(user)))
            .update_expression("SET due = :until, mover = :mover")
            .condition_expression("due = :from AND attribute_exists(erasingSince)")
            .expression_attribute_values(":from", milliseconds(from))
            .expression_attribute_values(":until", milliseconds(now + LEASE))
            .expression_attribute_values(":mover", text(mover.to_string()));
        let erasure = |row: ErasureRow| Erasure {
            user,
            since: row.erasing_since,
            first_pass_at: row.first_pass_at,
            is_of_import: row.imported_at.is_some(),
        };
        match update_conditionally(request, |item| read::<ErasureRow>("erasure", item)).await? {
            Conditional::Applied(row) => Ok(Some(erasure(row))),
            // Our own write, whose answer was lost.
            Conditional::Failed(Some(row)) if row.mover == Some(mover) => Ok(Some(erasure(row))),
            Conditional::Failed(_) => Ok(None),
        }
    }

    /// Deletes a page of the user's items, without the profile. Returns whether there was one.
    ///
    /// The profile goes last, because it owes the erasure.
    pub async fn erase_page(&self, user: UserId) -> Result<bool, StoreError> {
        let page = self.page_without_profile(user).await?;
        if page.is_empty() {
            return Ok(false);
        }
        self.delete_all(page).await?;
        Ok(true)
    }

    /// Ends a pass in which nothing was left: the first one makes the second one due, and the second one deletes the
    /// profile. Of an imported user a mark stays, so that an import that is run again does not bring the user back.
    pub async fn end_pass(&self, erasure: &Erasure, now: Timestamp) -> Result<(), StoreError> {
        if erasure.first_pass_at.is_some() && erasure.is_of_import {
            return self.delete_imported_profile(erasure.user).await;
        }
        if erasure.first_pass_at.is_some() {
            let request = self.tables.client.delete_item().table_name(&self.tables.accounts);
            let result = request.set_key(Some(keys::profile(erasure.user))).send().await;
            return result.map(drop).map_err(|error| unavailable("DeleteItem", &error));
        }
        let request = self.tables.client.update_item().table_name(&self.tables.accounts);
        let request = request
            .set_key(Some(keys::profile(erasure.user)))
            .update_expression("SET firstPassAt = :now, due = :due")
            .expression_attribute_values(":now", milliseconds(now))
            .expression_attribute_values(":due", milliseconds(now + SECOND_PASS));
        update_existing(request).await.map(drop)
    }

    /// Deletes the profile of an imported user, and leaves a mark by which a repeated import leaves the user out.
    async fn delete_imported_profile(&self, user: UserId) -> Result<(), StoreError> {
        let accounts = &self.tables.accounts;
        let profile = Delete::builder().table_name(accounts).set_key(Some(keys::profile(user))).build();
        let mark = Put::builder().table_name(accounts).set_item(Some(keys::erased_import(user))).build();
        let items = [
            TransactWriteItem::builder().delete(profile.map_err(unwritable)?).build(),
            TransactWriteItem::builder().put(mark.map_err(unwritable)?).build(),
        ];
        self.tables.transact(&items).await.map(drop)
    }

    async fn page_without_profile(&self, id: UserId) -> Result<Vec<Key>, StoreError> {
        let request = self.tables.client.query().table_name(&self.tables.accounts).consistent_read(true);
        let output = request
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(keys::user_partition(id)))
            .projection_expression("pk, sk")
            .limit(PAGE)
            .send()
            .await
            .map_err(|error| unavailable("Query", &error))?;
        let mut page = output.items.unwrap_or_default();
        let profile = keys::profile(id);
        page.retain(|key| *key != profile);
        Ok(page)
    }

    /// Deletes a page of items. Items that DynamoDB does not process come back with the next page.
    async fn delete_all(&self, page: Vec<Key>) -> Result<(), StoreError> {
        let delete = |key: Key| {
            let request = DeleteRequest::builder().set_key(Some(key)).build();
            request.map(|request| WriteRequest::builder().delete_request(request).build())
        };
        let requests: Result<Vec<_>, _> = page.into_iter().map(delete).collect();
        let requests = requests.map_err(unwritable)?;
        let request = self.tables.client.batch_write_item().request_items(&self.tables.accounts, requests);
        request.send().await.map(drop).map_err(|error| unavailable("BatchWriteItem", &error))
    }
}
