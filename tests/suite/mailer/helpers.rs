//! What the tests of mail have in common: reading a row, being the queue's poller, and acting in the middle of a call.

#![expect(clippy::expect_used, reason = "a helper that cannot reach its world has nothing to go on with")]

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use jiff::Timestamp;
use serde_json::{Value, json};
use shared::aws::Clients;
use tests::doubles::Fault;
use tests::system::MAIL_QUEUE;
use tests::world::{Actor, PASSWORD, World};
use tests::{event, functions};

/// Opens an account and leaves the welcome mail to the test.
pub async fn registers(world: &World, email: &str) -> Actor {
    let answer = world.post("/api/auth/register", &json!({"email": email, "password": PASSWORD})).await;
    Actor::signed_in(email, &answer, 201)
}

/// The only mail row.
pub fn row(world: &World) -> Value {
    let mut rows = world.rows("MAIL#");
    assert_eq!(rows.len(), 1, "one mail row");
    rows.remove(0)
}

/// What messages call a row.
pub fn key(row: &Value) -> String {
    let id = |name: &str| text(row, name).split_once('#').map(|(_, id)| id.to_owned()).expect("a key");
    format!("{}/{}", id("pk"), id("sk"))
}

/// A text of a row.
pub fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row.get(name).and_then(|value| value.get("S")).and_then(Value::as_str).unwrap_or_default()
}

/// A number of a row.
pub fn number(row: &Value, name: &str) -> i64 {
    let number = row.get(name).and_then(|value| value.get("N")).and_then(Value::as_str);
    number.and_then(|number| number.parse().ok()).expect("a number")
}

/// A time of a row.
pub fn time(row: &Value, name: &str) -> Timestamp {
    Timestamp::from_millisecond(number(row, name)).expect("a time")
}

/// How often an operation was called since the calls were last cleared.
pub fn calls(world: &World, operation: &str) -> usize {
    world.aws().calls().iter().filter(|call| call.operation == operation).count()
}

/// An answer that is an error.
pub fn error(status: u16, code: &str, message: &str) -> Fault {
    Fault::Error { status, code: code.to_owned(), message: message.to_owned() }
}

/// SES is asked too fast.
pub fn throttled() -> Fault {
    error(400, "Throttling", "Maximum sending rate exceeded.")
}

/// SES will never have it.
pub fn rejected() -> Fault {
    error(400, "MessageRejected", "Address blacklisted.")
}

/// A refusal that no SDK tries again.
pub fn denied() -> Fault {
    error(400, "AccessDeniedException", "User is not authorized.")
}

/// Deletes the items of `Accounts` that belong to a user and whose sort key starts so.
pub fn erase(world: &World, sort_key: &str) {
    for item in world.rows(sort_key).iter().filter(|item| text(item, "pk").starts_with("USER#")) {
        let key = json!({"TableName": "Accounts", "Key": {"pk": item["pk"], "sk": item["sk"]}});
        let request = serde_json::from_value(key).expect("a deletion");
        world.system().database.delete_item(request).expect("the item can be deleted");
    }
}

/// How many items of `Accounts` are a user's.
pub fn items_of_users(world: &World) -> usize {
    world.rows("").iter().filter(|item| text(item, "pk").starts_with("USER#")).count()
}

/// Puts a message into the mail queue.
pub async fn enqueue(world: &World, body: &str) {
    let request = sqs(world).send_message().queue_url(world.aws().sqs.url(MAIL_QUEUE)).message_body(body);
    request.send().await.expect("SQS takes it");
}

/// Receives `most` messages of the mail queue, as Lambda's poller does.
pub async fn receive(world: &World, most: i32) -> Vec<Message> {
    let request = sqs(world).receive_message().queue_url(world.aws().sqs.url(MAIL_QUEUE)).max_number_of_messages(most);
    let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
    request.send().await.expect("SQS answers").messages.unwrap_or_default()
}

/// Has the mailer take a batch, with so many seconds to go, and deletes what it does not report. The ids that it reports.
pub async fn hand_over(world: &World, messages: &[Message], seconds: i64) -> Vec<String> {
    let event = event::invocation(event::sqs(messages, MAIL_QUEUE), seconds);
    let answer = functions::invoke(&world.system().app, "mailer", event).await.expect("the mailer answers");
    let failures = answer.get("batchItemFailures").and_then(Value::as_array).expect("a report").iter();
    let failed: Vec<_> =
        failures.map(|failure| failure["itemIdentifier"].as_str().expect("an id").to_owned()).collect();
    for message in messages.iter().filter(|message| !failed.iter().any(|id| message.message_id() == Some(id))) {
        let request = sqs(world).delete_message().queue_url(world.aws().sqs.url(MAIL_QUEUE));
        request.set_receipt_handle(message.receipt_handle.clone()).send().await.expect("SQS deletes it");
    }
    failed
}

fn sqs(world: &World) -> aws_sdk_sqs::Client {
    let http = aws_smithy_http_client::Builder::new().build_http();
    Clients::new(&world.system().app.config.aws, &http, &world.system().app.clock).sqs
}

/// Lets `work` go on, and does `act` once, when `operation` was called and whoever called it does not yet know the answer.
pub async fn meanwhile<T>(world: &World, operation: &str, act: impl FnOnce(), work: impl Future<Output = T>) -> T {
    let before = calls(world, operation);
    let (mut work, mut act) = (pin!(work), Some(act));
    poll_fn(|context| {
        if calls(world, operation) > before
            && let Some(act) = act.take()
        {
            act();
        }
        work.as_mut().poll(context)
    })
    .await
}

/// Lets the process that does `work` die once it called `operation`: it never learns the answer.
pub async fn dies_at<T>(world: &World, operation: &str, work: impl Future<Output = T>) {
    let before = calls(world, operation);
    let mut work = pin!(work);
    poll_fn(|context| {
        if calls(world, operation) > before {
            return Poll::Ready(());
        }
        assert!(work.as_mut().poll(context).is_pending(), "it ended before it called {operation}");
        Poll::Pending
    })
    .await;
}
