//! The calls to AWS: how many were made, what fails, and what happens in the middle of one.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use serde_json::json;

use super::World;
use crate::doubles::{Fault, Service};

impl World {
    /// Counts the calls of an operation since the calls were last cleared.
    pub fn calls(&self, operation: &str) -> usize {
        self.aws().calls().iter().filter(|call| call.operation == operation).count()
    }

    /// Returns the operations that were called since the calls were last cleared, in their order.
    pub fn operations(&self) -> Vec<String> {
        self.aws().calls().into_iter().map(|call| call.operation).collect()
    }

    /// Returns the operations of DynamoDB that were called since the calls were last cleared, sorted.
    pub fn store_calls(&self) -> Vec<String> {
        let calls = self.aws().calls().into_iter().filter(|call| call.service == Service::DynamoDb);
        let mut operations: Vec<_> = calls.map(|call| call.operation).collect();
        operations.sort();
        operations
    }

    /// Makes an operation of DynamoDB fail until the faults are cleared.
    pub fn break_store(&self, operation: &str) {
        self.aws().fail(Service::DynamoDb, operation, Fault::down(), usize::MAX);
    }

    /// Runs `work`. As soon as it has called `operation`, and before it learns the answer, calls `act` once.
    pub async fn meanwhile<T>(&self, operation: &str, act: impl FnOnce(), work: impl Future<Output = T>) -> T {
        let before = self.calls(operation);
        let (mut work, mut act) = (pin!(work), Some(act));
        poll_fn(|context| {
            if self.calls(operation) > before
                && let Some(act) = act.take()
            {
                act();
            }
            work.as_mut().poll(context)
        })
        .await
    }

    /// Runs `work` until it has called `operation`, and drops it there: its process has died, and never learns the
    /// answer.
    pub async fn dies_at<T>(&self, operation: &str, work: impl Future<Output = T>) {
        let before = self.calls(operation);
        let mut work = pin!(work);
        poll_fn(|context| {
            if self.calls(operation) > before {
                return Poll::Ready(());
            }
            assert!(work.as_mut().poll(context).is_pending(), "it ended before it called {operation}");
            Poll::Pending
        })
        .await;
    }
}

/// Faults by their names in production.
impl Fault {
    /// Returns an error answer.
    #[must_use]
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        Self::Error { status, code: code.to_owned(), message: message.to_owned() }
    }

    /// Returns the error of a service that is out of order. The SDK tries again.
    #[must_use]
    pub fn down() -> Self {
        Self::error(500, "InternalServerError", "out of order")
    }

    /// Returns a refusal that the SDK does not try again.
    #[must_use]
    pub fn denied() -> Self {
        Self::error(400, "AccessDeniedException", "User is not authorized.")
    }

    /// Returns DynamoDB's refusal of a write to an item that a transaction is writing.
    #[must_use]
    pub fn conflict() -> Self {
        Self::error(400, "TransactionConflictException", "Transaction is ongoing for the item")
    }

    /// Returns DynamoDB's cancellation of a transaction, with a code for each of its items.
    #[must_use]
    pub fn cancelled(codes: &[&str]) -> Self {
        let body = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
            "CancellationReasons": codes.iter().map(|code| json!({"Code": code})).collect::<Vec<_>>(),
        });
        Self::Answer { status: 400, body: body.to_string() }
    }

    /// Returns DynamoDB's refusal of a call beyond the throughput of a table.
    #[must_use]
    pub fn throughput_exceeded() -> Self {
        let message = "The level of configured provisioned throughput for the table was exceeded.";
        Self::error(400, "ProvisionedThroughputExceededException", message)
    }

    /// Returns SES's refusal of a mail that comes too soon after others.
    #[must_use]
    pub fn sending_rate_exceeded() -> Self {
        Self::error(400, "Throttling", "Maximum sending rate exceeded.")
    }

    /// Returns SES's refusal of a mail that it will never accept.
    #[must_use]
    pub fn rejected() -> Self {
        Self::error(400, "MessageRejected", "Address blacklisted.")
    }
}
