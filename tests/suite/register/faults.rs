//! Registering while AWS fails.

use std::time::Duration;

use http::header::RETRY_AFTER;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::doubles::{Fault, Service};
use tests::rows::{MailState, text};
use tests::system::MAIL_QUEUE;
use tests::world::{PASSWORD, World, answered, posted};
use tests::{event, functions};

use super::{REGISTER, assert_one_account_is_stored};

/// Returns the rows of `Accounts` without the counters, which every attempt writes.
pub(super) fn uncounted(world: &World) -> Vec<Value> {
    let mut rows = world.items("Accounts");
    rows.retain(|row| !text(row, "sk").starts_with("WINDOW#"));
    rows
}

/// Asserts that nothing is left of a registration but its counters.
pub(super) fn assert_nothing_is_stored(world: &World) {
    assert_eq!(world.items("Credentials"), [] as [Value; 0]);
    assert_eq!(uncounted(world), [] as [Value; 0]);
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE), [] as [String; 0]);
}

#[tokio::test]
async fn a_store_failure_is_503_and_leaves_nothing_behind() {
    // REG-01, HTP-05
    let world = World::new().await;
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::down(), 3);
    let answer = world.register("ada@example.com").await;
    assert_eq!(answer.verdict(), (503, "Service unavailable".to_owned()));
    assert_eq!(answer.headers[RETRY_AFTER], "1");
    assert_nothing_is_stored(&world);
    world.registered("ada@example.com").await;
}

#[tokio::test]
async fn a_transaction_conflict_is_retried() {
    // REG-02
    for code in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
        let world = World::new().await;
        world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::cancelled(&[code, "None", "None", code]), 3);
        world.registered("ada@example.com").await;
        assert_eq!(world.calls("TransactWriteItems"), 4, "{code}");
        assert_one_account_is_stored(&world);
    }
}

#[tokio::test]
async fn a_lasting_conflict_is_503_and_never_a_taken_address() {
    // REG-02, HTP-05
    let world = World::new().await;
    let conflict = Fault::cancelled(&["TransactionConflict", "None", "None", "None"]);
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", conflict, usize::MAX);
    let answer = world.register("ada@example.com").await;
    assert_eq!(answer.verdict(), (503, "Service unavailable".to_owned()));
    assert_eq!(answer.headers[RETRY_AFTER], "1");
    assert!(world.calls("TransactWriteItems") > 3, "it is retried");
    assert_nothing_is_stored(&world);
}

#[tokio::test]
async fn only_the_credentials_condition_means_that_the_address_is_taken() {
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
        world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::cancelled(&codes), 1);
        assert_eq!(world.register("ada@example.com").await.status, status, "{codes:?}");
    }
    assert_nothing_is_stored(&world);
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_a_success() {
    // REG-03
    for lost in 1..=2 {
        let world = World::new().await;
        world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::AppliedButLost, lost);
        world.registered("ada@example.com").await;
        assert_eq!(world.calls("TransactWriteItems"), lost + 1);
        assert_one_account_is_stored(&world);
        assert_eq!(world.mails().len(), 1);
    }
}

#[tokio::test]
async fn an_account_whose_commit_answers_are_all_lost_exists() {
    // REG-03, OUT-01
    let world = World::new().await;
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::AppliedButLost, 3);
    assert_eq!(world.register("ada@example.com").await.status, 503);
    assert_one_account_is_stored(&world);

    assert_eq!(world.register("ada@example.com").await.verdict(), (409, "User already exists".to_owned()));
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
    world.live_through(SignedDuration::from_mins(3)).await;
    assert_eq!(world.mails().len(), 1, "the sweeper sent it");
}

#[tokio::test]
async fn a_queue_failure_neither_fails_a_registration_nor_loses_its_mail() {
    // OUT-01
    for fault in [Fault::down(), Fault::Reset, Fault::AppliedButLost] {
        let world = World::new().await;
        world.aws().fail(Service::Sqs, "SendMessage", fault.clone(), 3);
        assert_eq!(world.register("ada@example.com").await.status, 201, "{fault:?}");
        let mail = world.only_mail();
        assert_eq!((mail.state, mail.is_owed()), (MailState::Pending, true));

        world.live_through(SignedDuration::from_mins(3)).await;
        assert_eq!(world.mails().len(), 1, "{fault:?}");
        assert_eq!(world.only_mail().state, MailState::Sent);
    }
}

#[tokio::test]
async fn a_registration_without_readable_keys_is_503_and_stores_nothing() {
    // KEY-04: an account without tokens would look like a failure
    let world = World::new().await;
    let secret = world.aws().secrets.create("not-yet-rotated", "{}");
    let unready = world.another_process(&[("SIGNING_KEYS_SECRET", &secret)]);
    let ada = posted(REGISTER, &json!({"email": "ada@example.com", "password": PASSWORD}));
    let answer = world.send_to(&unready, ada).await;
    assert_eq!(answer.verdict(), (503, "Service unavailable".to_owned()));
    assert_nothing_is_stored(&world);

    world.aws().fail(Service::Secrets, "GetSecretValue", Fault::down(), 6); // of two secrets
    assert_eq!(world.register("ada@example.com").await.status, 503);
    assert_nothing_is_stored(&world);
    world.registered("ada@example.com").await;
}

#[tokio::test]
async fn a_registration_without_an_issuer_is_500_and_stores_nothing() {
    // REG-01: a 500 must not leave an account
    let world = World::new().await;
    let mut ada = posted(REGISTER, &json!({"email": "ada@example.com", "password": PASSWORD}));
    ada.domain_name = "";
    assert_eq!(world.send(ada).await.verdict(), (500, "Internal server error".to_owned()));
    assert_nothing_is_stored(&world);
}

#[tokio::test]
async fn a_hanging_store_is_answered_with_503_before_the_deadline() {
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
    assert_nothing_is_stored(&world);
}
