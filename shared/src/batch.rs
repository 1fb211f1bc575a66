//! Processes a batch of queue messages, and reports the messages that are not done.

use std::collections::{BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::FutureExt;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;

use crate::app::App;
use crate::clock::Deadline;

/// Hands the messages of `event` to `is_done`, one after the other, as long as `time_for_one` is left.
///
/// `is_done` returns whether a message may be deleted. A panic keeps its own message in the queue and no other. A copy
/// of a message is not handled again: it gets the same result.
///
/// # Errors
/// If the event is no batch. Lambda then keeps the whole batch in the queue.
pub async fn process<H>(
    app: &App,
    event: LambdaEvent<Value>,
    time_for_one: Duration,
    is_done: H,
) -> Result<SqsBatchResponse, Error>
where
    H: AsyncFn(&App, &SqsMessage) -> bool,
{
    let deadline = Deadline::new(&app.clock, event.context.deadline);
    let batch: SqsEvent = serde_json::from_value(event.payload)?;
    let mut failures = BTreeSet::new();
    let mut outcomes = HashMap::new();
    for message in batch.records {
        let done = match outcomes.get(&message.body) {
            Some(done) => *done, // handling the copy as well would be a retry before its time
            None if deadline.time_left() < time_for_one => false,
            None => AssertUnwindSafe(is_done(app, &message)).catch_unwind().await.unwrap_or(false),
        };
        if !done {
            failures.extend(message.message_id);
        }
        outcomes.insert(message.body, done);
    }
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures
        .into_iter()
        .map(|id| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            failure
        })
        .collect();
    Ok(response)
}
