use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::keys::Key;
use super::{StoreError, Tables, keys, number, seconds, text, unavailable, unwritable};
use crate::domain::{Limit, Window};

/// The wait of a client whose counter DynamoDB throttles.
pub(super) const HOT_KEY_RETRY_AFTER: SignedDuration = SignedDuration::from_secs(1);

/// The counters of limits that are not counted in a user's own partition.
#[derive(Clone, Debug)]
pub struct Limits {
    pub(super) tables: Tables,
}

impl Limits {
    #[must_use]
    pub const fn new(tables: Tables) -> Self {
        Self { tables }
    }

    /// Counts one more under `digest` if there is room, by one write. If there is no room, returns how long until there
    /// is.
    ///
    /// If the SDK sends the write twice because the answer was lost, the second write finds its own holder and does not
    /// count again. If another request counted in between, this one counts twice. So the limit may be too strict by
    /// one, but never too lax.
    pub async fn count(
        &self,
        digest: &str,
        limit: Limit,
        now: Timestamp,
    ) -> Result<Option<SignedDuration>, StoreError> {
        let (window, holder) = (limit.window(now), Uuid::new_v4().to_string());
        let request = self.tables.client.update_item().table_name(&self.tables.accounts);
        let result = request
            .set_key(Some(keys::limit(digest, window.number)))
            .update_expression("SET #ttl = :ttl, holder = :holder ADD #count :one")
            .condition_expression("attribute_not_exists(pk) OR (#count < :most AND holder <> :holder)")
            .expression_attribute_names("#count", "count")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":holder", text(&holder))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":most", number(limit.most))
            .expression_attribute_values(":ttl", seconds(window.ends_at))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = result else { return Ok(None) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let is_ours = failed.item().and_then(|item| item.get("holder")) == Some(&text(holder));
                Ok((!is_ours).then(|| window.ends_at.duration_since(now)))
            }
            _ if is_too_hot(&error) => Ok(Some(HOT_KEY_RETRY_AFTER)),
            _ => Err(unavailable("UpdateItem", &error)),
        }
    }

    /// Deletes the counter under `digest` in the present window of `limit`.
    pub async fn clear(&self, digest: &str, limit: Limit, now: Timestamp) -> Result<(), StoreError> {
        let request = self.tables.client.delete_item().table_name(&self.tables.accounts);
        let result = request.set_key(Some(keys::limit(digest, limit.window(now).number))).send().await;
        result.map(drop).map_err(|error| unavailable("DeleteItem", &error))
    }
}

/// Returns whether DynamoDB throttles the counter. If it does, too many clients are writing it, so the request gets 429
/// as well.
pub(super) fn is_too_hot<R>(error: &SdkError<UpdateItemError, R>) -> bool {
    matches!(error.code(), Some("ThrottlingException" | "ProvisionedThroughputExceededException"))
}

/// Returns the write that counts one more under `digest` in the present window of `limit`, on condition that there is
/// room.
pub(super) fn count_of_digest(
    table: &str,
    digest: &str,
    limit: Limit,
    now: Timestamp,
) -> Result<TransactWriteItem, StoreError> {
    let window = limit.window(now);
    count_in_transaction(table, keys::limit(digest, window.number), limit, window)
}

/// Returns the write that counts one more in a window, on condition that there is room. `counter` is the key of the
/// window's item.
pub(super) fn count_in_transaction(
    table: &str,
    counter: Key,
    limit: Limit,
    window: Window,
) -> Result<TransactWriteItem, StoreError> {
    let update = Update::builder()
        .table_name(table)
        .set_key(Some(counter))
        .update_expression("SET #ttl = :ttl ADD #count :one")
        .condition_expression("attribute_not_exists(pk) OR #count < :most")
        .expression_attribute_names("#count", "count")
        .expression_attribute_names("#ttl", "ttl")
        .expression_attribute_values(":one", number(1))
        .expression_attribute_values(":most", number(limit.most))
        .expression_attribute_values(":ttl", seconds(window.ends_at))
        .build()
        .map_err(unwritable)?;
    Ok(TransactWriteItem::builder().update(update).build())
}
