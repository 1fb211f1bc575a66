use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::keys::Key;
use super::{StoreError, Tables, keys, number, seconds, text, unavailable};

/// How long whoever meets a counter waits that cannot be written for the many who write it.
pub(super) const HOT_KEY_RETRY_AFTER: SignedDuration = SignedDuration::from_secs(1);

/// Counters of what may happen only so often, for whoever has no partition of their own to count in.
#[derive(Clone, Debug)]
pub struct Limits {
    pub(super) tables: Tables,
}

/// How often something may happen in a window of time.
///
/// The windows are aligned to the clock, and a counter's key says which it counts: a new one begins with a new item, so that
/// counting is one write, whatever was counted before. Around the end of a window twice as many may pass.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// How many.
    pub most: u32,
    /// In which time.
    pub every: SignedDuration,
}

/// One window of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Which since the epoch.
    pub number: i64,
    /// When the next one begins.
    pub ends_at: Timestamp,
}

impl Limits {
    /// The counters in these tables.
    #[must_use]
    pub const fn new(tables: Tables) -> Self {
        Self { tables }
    }

    /// Counts one more under `digest`, if there is room: one write. How long until there is, if there is none.
    ///
    /// Sent again after a lost answer, it knows its own count by the holder; unless another counted in between, whereupon it counts
    /// twice: too strict by one, and never too lax.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take(&self, digest: &str, limit: Limit, now: Timestamp) -> Result<Option<SignedDuration>, StoreError> {
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
}

/// Whether more write one counter than DynamoDB lets write one item: too many, by whatever limit.
pub(super) fn is_too_hot<R>(error: &SdkError<UpdateItemError, R>) -> bool {
    matches!(error.code(), Some("ThrottlingException" | "ProvisionedThroughputExceededException"))
}

impl Limit {
    /// So many in an hour of the clock.
    #[must_use]
    pub const fn hourly(most: u32) -> Self {
        Self { most, every: SignedDuration::from_hours(1) }
    }

    /// So many in a day of UTC.
    #[must_use]
    pub const fn daily(most: u32) -> Self {
        Self { most, every: SignedDuration::from_hours(24) }
    }

    /// The window that `now` lies in.
    #[must_use]
    pub fn window(&self, now: Timestamp) -> Window {
        let length = self.every.as_secs().max(1);
        let number = now.as_second() / length;
        let ends_at = Timestamp::from_second((number + 1).saturating_mul(length)).unwrap_or(Timestamp::MAX);
        Window { number, ends_at }
    }

    /// The write that counts one more in this window, on condition that there is room. `counter` is the key of the window's item.
    pub(super) fn count(&self, table: &str, counter: Key, window: Window) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(counter))
            .update_expression("SET #ttl = :ttl ADD #count :one")
            .condition_expression("attribute_not_exists(pk) OR #count < :most")
            .expression_attribute_names("#count", "count")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":most", number(self.most))
            .expression_attribute_values(":ttl", seconds(window.ends_at))
            .build()
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).unwrap()
    }

    #[test]
    fn a_window_lasts_to_the_millisecond_before_the_next() {
        let limit = Limit::hourly(5);
        let window = |number, ends_at| Window { number, ends_at: at(ends_at) };
        for (now, expected) in
            [(0, window(0, 3_600_000)), (3_599_999, window(0, 3_600_000)), (3_600_000, window(1, 7_200_000))]
        {
            assert_eq!(limit.window(at(now)), expected, "{now}");
        }
    }
}
