//! From a batch of queue messages to the report of those that are not done.

use std::collections::{BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures_util::FutureExt;
use lambda_runtime::{Error, LambdaEvent};
use serde_json::Value;

use crate::app::App;
use crate::clock::Deadline;

/// Hands the messages of `event` to `is_done`, one after the other, as long as `time_for_one` is left; it says of each whether it
/// may be deleted. A panic keeps its own message in the queue and no other. Copies of a message count as it does.
///
/// # Errors
/// When the event is no batch: Lambda then keeps all of it.
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
            Some(done) => *done, // to handle a copy too would take its retry before its time
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
