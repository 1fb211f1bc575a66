use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{CancellationReason, Put, TransactWriteItem};

use uuid::Uuid;

use super::{Item, StoreError, Tables, unavailable};

/// How often a transaction that met another one is tried, and the longest wait before the second try. It doubles.
const ATTEMPTS: u32 = 6;
const FIRST_WAIT_MS: u64 = 50;

const CONDITION_FAILED: &str = "ConditionalCheckFailed";

/// What became of a transaction.
#[derive(Debug)]
pub enum Transaction {
    /// All of it was done, once.
    Applied,
    /// Nothing was done, for the condition of the item at this position: the first that failed, and all before it held.
    Refused {
        /// From 0.
        position: usize,
        /// What the condition found, if its write asks for it.
        found: Option<Item>,
    },
}

impl Tables {
    /// Does all `items` or none. Sent again after a lost answer, it is not applied twice: its client request token is remembered
    /// for ten minutes. Other transactions in the way are waited for, also where a condition behind them failed: of two conditions
    /// the first decides, and it is not known yet.
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
        Err(StoreError::Unavailable("TransactWriteItems: other transactions were in the way".to_owned()))
    }
}

/// The write of an item that must not exist yet.
pub fn put_new(table: &str, item: Item) -> Result<TransactWriteItem, StoreError> {
    let put = Put::builder().table_name(table).set_item(Some(item)).condition_expression("attribute_not_exists(pk)");
    let put = put.build().map_err(|error| StoreError::Unavailable(error.to_string()))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// Why a transaction was cancelled, one reason for each of its items, in their order.
fn reasons<R>(error: &SdkError<TransactWriteItemsError, R>) -> Option<&[CancellationReason]> {
    match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(canceled) => Some(canceled.cancellation_reasons()),
        _ => None,
    }
}

/// Whether asking again may help: nothing was wrong with this item, or something else had hold of it or of one before it.
fn is_passing(reason: &CancellationReason) -> bool {
    let passing = ["None", CONDITION_FAILED, "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
    reason.code().is_none_or(|code| passing.contains(&code))
}

/// A random part of 50 ms, doubling with each attempt (AWS Architecture Blog: exponential backoff and full jitter).
async fn wait_before(attempt: u32) {
    if attempt == 0 {
        return;
    }
    let longest = FIRST_WAIT_MS << (attempt - 1);
    let mut random = [0; 2];
    let part = aws_lc_rs::rand::fill(&mut random).map_or(u16::MAX, |()| u16::from_be_bytes(random));
    tokio::time::sleep(Duration::from_millis(longest * u64::from(part) / u64::from(u16::MAX))).await;
}
