use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use jiff::fmt::serde::timestamp::millisecond::required as millisecond;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Item, StoreError, keys, milliseconds, read, unwritable, write};
use crate::domain::UserId;

/// How long a registration is remembered under its key.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// A registration under an `Idempotency-Key`, as digests, because the table may hold neither the key nor the fields.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// The digest of the key.
    pub key: String,
    /// The digest of address and name. The password is left out, because a digest could be guessed faster than the
    /// hash.
    pub fingerprint: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IdempotencyRow {
    user_id: UserId,
    fingerprint: String,
    #[serde(with = "millisecond")]
    expires_at: Timestamp,
    /// The time for DynamoDB's TTL, in seconds. It only collects garbage: no decision reads it.
    ttl: i64,
}

impl Idempotency {
    /// Returns the write that remembers which account this request opens. Its condition is that no request is
    /// remembered under the key.
    pub(super) fn put(&self, table: &str, user: UserId, now: Timestamp) -> Result<TransactWriteItem, StoreError> {
        let expires_at = now + LIFETIME;
        let fingerprint = self.fingerprint.clone();
        let row = IdempotencyRow { user_id: user, fingerprint, expires_at, ttl: expires_at.as_second() };
        let item = write("idempotency key", keys::registration(&self.key), &row)?;
        let put = Put::builder()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk) OR expiresAt <= :now")
            .expression_attribute_values(":now", milliseconds(now))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(unwritable)?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Returns the user of the account that this same request opened earlier, or `None` if the key was used for another
    /// request. `found` is the item that the failed condition returned.
    pub(super) fn opened_by(&self, found: Option<Item>) -> Result<Option<UserId>, StoreError> {
        let row: IdempotencyRow = read("idempotency key", found.unwrap_or_default())?;
        Ok((row.fingerprint == self.fingerprint).then_some(row.user_id))
    }
}
