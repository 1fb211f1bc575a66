use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use jiff::fmt::serde::timestamp::millisecond::required as millisecond;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Item, StoreError, keys, milliseconds, read, write};
use crate::domain::UserId;

/// How long a request is remembered by its key.
const LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// A registration under an `Idempotency-Key`, in what a table may have of it: digests.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// Of the key.
    pub key: String,
    /// Of what is asked for, the password aside: a digest could be tried against, faster than the hash.
    pub fingerprint: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IdempotencyRow {
    user_id: UserId,
    fingerprint: String,
    #[serde(with = "millisecond")]
    expires_at: Timestamp,
    /// For DynamoDB's TTL, in seconds: garbage collection. No decision reads it.
    ttl: i64,
}

impl Idempotency {
    /// The write that remembers whose account this request opens, on condition that no request is remembered under its key.
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
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Whose account the request opened that the failed condition found; nothing if that was another request.
    pub(super) fn opened_by(&self, found: Option<Item>) -> Result<Option<UserId>, StoreError> {
        let row: IdempotencyRow = read("idempotency key", found.unwrap_or_default())?;
        Ok((row.fingerprint == self.fingerprint).then_some(row.user_id))
    }
}
