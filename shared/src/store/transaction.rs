use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, Put, TransactWriteItem};

use uuid::Uuid;

use super::{Item, StoreError, Tables, unavailable, unwritable};

/// How often a transaction that conflicts with another one is tried.
const ATTEMPTS: u32 = 6;
/// The longest wait before the second try. It doubles with each further try.
const FIRST_WAIT_MS: u64 = 50;

const CONDITION_FAILED: &str = "ConditionalCheckFailed";

/// The result of a transaction.
#[derive(Debug)]
pub enum Transaction {
    /// All writes were applied, once.
    Applied,
    /// Nothing was written. The condition of the item at this position failed, and all conditions before it held.
    Refused {
        /// Counted from 0.
        position: usize,
        /// The item that the condition found, if its write asks for it.
        found: Option<Item>,
    },
}

impl Tables {
    /// Applies all `items` or none.
    ///
    /// If the SDK sends the transaction again after a lost answer, it is not applied twice, because DynamoDB remembers
    /// its client request token for ten minutes.
    ///
    /// A conflict with another transaction is retried, even if the condition of a later item failed. The first failed
    /// condition decides, and it is not known before the conflict is over.
    pub async fn transact(&self, items: &[TransactWriteItem]) -> Result<Transaction, StoreError> {
        let token = Uuid::new_v4().to_string();
        for attempt in 0..ATTEMPTS {
            wait_before(attempt).await;
            let request = self.client.transact_write_items().client_request_token(&token);
            let Err(error) = request.set_transact_items(Some(items.to_vec())).send().await else {
                return Ok(Transaction::Applied);
            };
            let Some(reasons) = reasons(&error) else { return Err(unavailable("TransactWriteItems", &error)) };
            let first = reasons.iter().enumerate().find(|(_, reason)| reason.code().is_some_and(|code| code != "None"));
            if let Some((position, reason)) = first
                && reason.code() == Some(CONDITION_FAILED)
            {
                return Ok(Transaction::Refused { position, found: reason.item().cloned() });
            }
            if !reasons.iter().all(is_passing) {
                return Err(unavailable("TransactWriteItems", &error));
            }
        }
        Err(StoreError::Unavailable("TransactWriteItems: conflicts with other transactions".to_owned()))
    }
}

/// Returns the write of an item that must not exist yet.
pub fn put_new(table: &str, item: Item) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder().table_name(table).set_item(Some(item)).condition_expression("attribute_not_exists(pk)");
    let put = put.build().map_err(unwritable)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// Returns why a transaction was cancelled: one reason for each of its items, in their order.
fn reasons<R>(error: &SdkError<TransactWriteItemsError, R>) -> Option<&[CancellationReason]> {
    match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(canceled) => Some(canceled.cancellation_reasons()),
        _ => None,
    }
}

/// Returns whether a retry may help: this item had no fault, or another transaction or a throttle was in the way.
fn is_passing(reason: &CancellationReason) -> bool {
    let passing = ["None", CONDITION_FAILED, "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
    reason.code().is_none_or(|code| passing.contains(&code))
}

/// Waits for a random part of 50 ms. The range doubles with each attempt (AWS Architecture Blog: exponential backoff
/// and full jitter).
async fn wait_before(attempt: u32) {
    if attempt == 0 {
        return;
    }
    let longest = FIRST_WAIT_MS << (attempt - 1);
    let mut random = [0; 2];
    let part = aws_lc_rs::rand::fill(&mut random).map_or(u16::MAX, |()| u16::from_be_bytes(random));
    tokio::time::sleep(Duration::from_millis(longest * u64::from(part) / u64::from(u16::MAX))).await;
}
