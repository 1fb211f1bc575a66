//! Registering while something fails.

use std::time::Duration;

use http::header::RETRY_AFTER;
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::app::App;
use shared::config::Config;
use tests::doubles::{Fault, Service};
use tests::system::MAIL_QUEUE;
use tests::world::{PASSWORD, World};
use tests::{event, functions};

use super::{REGISTER, assert_one_account_is_there, register};
use crate::input::{answered, posted};

/// A service that is out of order.
pub(crate) fn down() -> Fault {
    Fault::Error { status: 500, code: "InternalServerError".to_owned(), message: "out of order".to_owned() }
}

/// A transaction that was cancelled, with a code for each of its items.
pub(super) fn cancelled(codes: &[&str]) -> Fault {
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
        "CancellationReasons": codes.iter().map(|code| json!({"Code": code})).collect::<Vec<_>>(),
    });
    Fault::Answer { status: 400, body: body.to_string() }
}

pub(super) fn calls(world: &World, operation: &str) -> usize {
    world.aws().calls().iter().filter(|call| call.operation == operation).count()
}

/// The rows of `Accounts`, but for the counts of attempts, which come of every one.
pub(super) fn uncounted(world: &World) -> Vec<Value> {
    let mut rows = world.items("Accounts");
    rows.retain(|row| !row["sk"]["S"].as_str().is_some_and(|sk| sk.starts_with("WINDOW#")));
    rows
}

pub(super) fn assert_nobody_is_there(world: &World) {
    assert_eq!(world.items("Credentials"), [] as [Value; 0]);
    let rows = uncounted(world).into_iter();
    let rows: Vec<_> = rows.collect();
    assert_eq!(rows, [] as [Value; 0]);
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE), [] as [String; 0]);
}

#[tokio::test]
async fn a_store_that_is_down_leaves_nothing_behind() {
    // REG-01, HTP-05
    let world = World::new().await;
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", down(), 3);
    let answer = register(&world, "ada@example.com").await;
    assert_eq!(answer.verdict(), (503, "Service unavailable".to_owned()));
    assert_eq!(answer.headers[RETRY_AFTER], "1");
    assert_nobody_is_there(&world);
    world.registered("ada@example.com").await;
}

#[tokio::test]
async fn other_transactions_in_the_way_are_waited_for() {
    // REG-02
    for code in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
        let world = World::new().await;
        world.aws().fail(Service::DynamoDb, "TransactWriteItems", cancelled(&[code, "None", "None", code]), 3);
        world.registered("ada@example.com").await;
        assert_eq!(calls(&world, "TransactWriteItems"), 4, "{code}");
        assert_one_account_is_there(&world);
    }
}

#[tokio::test]
async fn a_conflict_that_lasts_is_told_as_such_and_never_as_a_taken_address() {
    // REG-02, HTP-05
    let world = World::new().await;
    let conflict = cancelled(&["TransactionConflict", "None", "None", "None"]);
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", conflict, usize::MAX);
    let answer = register(&world, "ada@example.com").await;
    assert_eq!(answer.verdict(), (503, "Service unavailable".to_owned()));
    assert_eq!(answer.headers[RETRY_AFTER], "1");
    assert!(calls(&world, "TransactWriteItems") > 3, "tried again and again");
    assert_nobody_is_there(&world);
}

#[tokio::test]
async fn only_the_credential_s_condition_means_that_the_address_is_taken() {
    // REG-02
    const FAILED: &str = "ConditionalCheckFailed";
    let cases = [
        ([FAILED, "None", "None", "None"], 409),
        ([FAILED, "TransactionConflict", "None", "None"], 409),
        (["None", FAILED, "None", "None"], 503),
        (["None", "None", "None", FAILED], 503),
        (["ValidationError", "None", "None", "None"], 503),
    ];
    let world = World::new().await;
    for (codes, status) in cases {
        world.aws().fail(Service::DynamoDb, "TransactWriteItems", cancelled(&codes), 1);
        assert_eq!(register(&world, "ada@example.com").await.status, status, "{codes:?}");
    }
    assert_nobody_is_there(&world);
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_a_success() {
    // REG-03
    for lost in 1..=2 {
        let world = World::new().await;
        world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::AppliedButLost, lost);
        world.registered("ada@example.com").await;
        assert_eq!(calls(&world, "TransactWriteItems"), lost + 1);
        assert_one_account_is_there(&world);
        assert_eq!(world.mails().len(), 1);
    }
}

#[tokio::test]
async fn an_account_whose_answer_never_came_is_there_all_the_same() {
    // REG-03, OUT-01
    let world = World::new().await;
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::AppliedButLost, 3);
    assert_eq!(register(&world, "ada@example.com").await.status, 503);
    assert_one_account_is_there(&world);

    assert_eq!(register(&world, "ada@example.com").await.verdict(), (409, "User already exists".to_owned()));
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
    world.live_through(SignedDuration::from_mins(3)).await;
    assert_eq!(world.mails().len(), 1, "the sweeper saw to it");
}

#[tokio::test]
async fn a_queue_that_fails_neither_fails_a_registration_nor_loses_its_mail() {
    // OUT-01
    for fault in [down(), Fault::Reset, Fault::AppliedButLost] {
        let world = World::new().await;
        world.aws().fail(Service::Sqs, "SendMessage", fault.clone(), 3);
        assert_eq!(register(&world, "ada@example.com").await.status, 201, "{fault:?}");
        let row = world.rows("MAIL#").remove(0);
        assert_eq!(row["state"]["S"], "pending");
        assert!(row.get("dueShard").is_some(), "owed: {row}");

        world.live_through(SignedDuration::from_mins(3)).await;
        assert_eq!(world.mails().len(), 1, "{fault:?}");
        assert_eq!(world.rows("MAIL#")[0]["state"]["S"], "sent");
    }
}

#[tokio::test]
async fn without_keys_nobody_is_registered() {
    // KEY-04: an account without tokens would look like a failure.
    let world = World::new().await;
    let config = world.system().app.config.clone();
    let secret = world.aws().secrets.create("not-yet-rotated", "{}");
    let http = aws_smithy_http_client::Builder::new().build_http();
    let unready = App::new(Config { signing_keys_secret: secret, ..config }, world.system().app.clock.clone(), &http);
    let ada = posted(REGISTER, &json!({"email": "ada@example.com", "password": PASSWORD}));
    let event = event::invocation(event::http(&ada, world.now()), 10);
    let answer = answered(&functions::invoke(&unready, "register", event).await.unwrap());
    assert_eq!(answer.verdict(), (503, "Service unavailable".to_owned()));
    assert_nobody_is_there(&world);

    world.aws().fail(Service::Secrets, "GetSecretValue", down(), 3);
    assert_eq!(register(&world, "ada@example.com").await.status, 503);
    assert_nobody_is_there(&world);
    world.registered("ada@example.com").await;
}

#[tokio::test]
async fn without_a_name_for_the_issuer_nobody_is_registered() {
    // REG-01: 500 for an account that was opened would be a lie.
    let world = World::new().await;
    let mut ada = posted(REGISTER, &json!({"email": "ada@example.com", "password": PASSWORD}));
    ada.domain_name = "";
    assert_eq!(world.send(ada).await.verdict(), (500, "Internal server error".to_owned()));
    assert_nobody_is_there(&world);
}

#[tokio::test]
async fn a_store_that_never_answers_is_answered_for_in_time() {
    // DDB-02
    const TIME: Duration = Duration::from_secs(3);
    let world = World::new().await;
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::Hang, usize::MAX);
    let ada = posted(REGISTER, &json!({"email": "ada@example.com", "password": PASSWORD}));
    let event = event::invocation(event::http(&ada, world.now()), TIME.as_secs().cast_signed());

    let app = &world.system().app;
    let answer = answered(&functions::invoke(app, "register", event).await.unwrap());
    assert!(app.clock.waited() < TIME, "{:?}", app.clock.waited());
    assert_eq!(answer.verdict(), (503, "Service unavailable".to_owned()));
    assert_eq!(answer.headers[RETRY_AFTER], "1");
    assert_nobody_is_there(&world);
}
