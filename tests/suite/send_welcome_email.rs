//! `POST /api/auth/send-welcome-email`.

#![expect(clippy::expect_used, reason = "a helper that cannot reach its world has nothing to go on with")]

mod idempotency;
mod limit;

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::doubles::{Counts, Fault, Service};
use tests::system::{Answer, MAIL_QUEUE};
use tests::world::{Actor, World, request};

use crate::mailer::{calls, denied, enqueue, erase, key, text};

const PATH: &str = "/api/auth/send-welcome-email";
/// How often the SDK tries a call of DynamoDB.
const TRIES: usize = 3;

#[tokio::test]
async fn a_second_welcome_is_queued_in_a_row_of_its_own_and_delivered() {
    // OUT-08, HTP-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let answer = asks(&world, &ada).await;
    assert_eq!((answer.status, answer.json()), (202, json!({"message": "Welcome email queued"})));
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(world.mails().len(), 1, "it is sent by the mailer, not here");

    world.deliver_mail().await;
    let mails = world.mails();
    assert_eq!(mails.iter().map(|mail| &mail.to[..]).collect::<Vec<_>>(), [["ada@example.com"], ["ada@example.com"]]);
    assert_eq!(
        (&mails[0].subject, &mails[0].text, &mails[0].html),
        (&mails[1].subject, &mails[1].text, &mails[1].html)
    );
    let rows: BTreeSet<_> = world.rows("MAIL#").iter().map(key).collect();
    let tags: BTreeSet<_> = mails.iter().map(|mail| format!("{}/{}", mail.tags["user"], mail.tags["mail"])).collect();
    assert_eq!((rows.len(), rows), (2, tags));
}

#[tokio::test]
async fn each_request_is_a_mail_of_its_own() {
    // OUT-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for _ in 0..3 {
        assert_eq!(asks(&world, &ada).await.status, 202);
    }
    world.deliver_mail().await;
    assert_eq!((world.rows("MAIL#").len(), world.mails().len()), (4, 4));
}

#[tokio::test]
async fn a_mail_goes_to_the_caller_and_to_nobody_whom_the_request_names() {
    // REG-04, INP-04: the body is not read
    let world = World::new().await;
    let (ada, bob) = (world.registered("ada@example.com").await, world.registered("bob@example.com").await);
    let mut request = request("POST", PATH);
    request.headers.insert("authorization", ada.bearer().parse().unwrap());
    request.headers.insert("content-type", "application/json".parse().unwrap());
    request.body = Some(json!({"email": bob.email, "userId": bob.id()}).to_string().into_bytes());
    assert_eq!(world.send(request).await.status, 202);
    world.deliver_mail().await;
    assert_eq!(world.mails()[2].to, ["ada@example.com"]);
}

#[tokio::test]
async fn whoever_has_no_good_token_queues_nothing() {
    // TOK-01, HTP-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let none = world.post_as(PATH, None).await;
    assert_eq!(none.verdict(), (401, "No token provided".to_owned()));
    assert!(none.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    for authorization in ["Bearer", "Bearer nonsense", &format!("Bearer {}", ada.refresh_token)] {
        let (status, error) = world.post_as(PATH, Some(authorization)).await.verdict();
        assert_eq!(status, 401, "{authorization}: {error}");
    }
    world.pass(SignedDuration::from_mins(16));
    assert_eq!(asks(&world, &ada).await.verdict(), (401, "Invalid token".to_owned()));
    assert_eq!((world.rows("MAIL#").len(), world.aws().sqs.counts(MAIL_QUEUE)), (1, Counts::default()));
}

#[tokio::test]
async fn a_user_who_is_gone_is_not_found() {
    // OUT-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    erase(&world, "");
    assert_eq!(asks(&world, &ada).await.verdict(), (404, "User not found".to_owned()));
    assert_eq!((world.rows("MAIL#").len(), world.aws().sqs.counts(MAIL_QUEUE)), (0, Counts::default()));
}

#[tokio::test]
async fn a_disabled_user_gets_no_mail() {
    // REF-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let profile = world.rows("PROFILE").remove(0);
    world.tamper("Accounts", profile, &json!({"status": {"S": "disabled"}}));
    assert_eq!(asks(&world, &ada).await.verdict(), (401, "Invalid token".to_owned()));
    assert_eq!(world.rows("MAIL#").len(), 1);
}

#[tokio::test]
async fn without_the_queue_the_answer_is_the_same_and_the_mail_comes_later() {
    // OUT-01
    for fault in [denied(), Fault::Reset] {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        world.aws().fail(Service::Sqs, "SendMessage", fault, TRIES);
        assert_eq!(asks(&world, &ada).await.status, 202);
        assert_eq!(world.aws().sqs.counts(MAIL_QUEUE), Counts::default());
        world.aws().clear_faults();
        world.live_through(SignedDuration::from_mins(2)).await;
        assert_eq!(world.mails().len(), 2);
    }
}

#[tokio::test]
async fn without_the_store_nothing_is_promised() {
    // HTP-01
    for operation in ["GetItem", "TransactWriteItems"] {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        world.get("/api/auth/me", Some(&ada.bearer())).await; // the public keys are read by now
        world.aws().fail(Service::DynamoDb, operation, denied(), 1);
        let answer = asks(&world, &ada).await;
        assert_eq!(answer.status, 503, "{operation}: {}", answer.body);
        assert!(answer.headers.contains_key("retry-after"));
        assert_eq!(
            (world.rows("MAIL#").len(), world.aws().sqs.counts(MAIL_QUEUE)),
            (1, Counts::default()),
            "{operation}"
        );
    }
}

#[tokio::test]
async fn a_row_whose_answer_is_lost_is_not_doubled() {
    // DDB-03
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.aws().clear_calls();
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::AppliedButLost, 1);
    assert_eq!(asks(&world, &ada).await.status, 202);
    assert_eq!((calls(&world, "TransactWriteItems"), world.rows("MAIL#").len()), (2, 2));
    world.live_through(SignedDuration::from_mins(10)).await;
    assert_eq!((calls(&world, "SendEmail"), world.mails().len()), (1, 2));
}

#[tokio::test]
async fn a_row_that_the_mailer_finishes_before_the_write_is_tried_again_is_not_doubled() {
    // DDB-03, OUT-04: while the second try hangs, the mail goes out; the third finds the row as the mailer left it
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.aws().clear_calls();
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::AppliedButLost, 1);
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::Hang, 1);
    let second_try_hangs = world.system().app.clock.hold();
    let mailer = async {
        while calls(&world, "TransactWriteItems") < 2 {
            tokio::task::yield_now().await;
        }
        enqueue(&world, &json!({"v": 1, "mail": key(&pending(&world))}).to_string()).await;
        world.deliver_mail().await;
        drop(second_try_hangs);
        (calls(&world, "TransactWriteItems"), world.mails().len())
    };
    let (answer, by_then) = tokio::join!(asks(&world, &ada), mailer);
    assert_eq!((answer.status, by_then), (202, (2, 2)), "the mail went out between the second try and the third");
    world.live_through(SignedDuration::from_mins(10)).await;
    assert_eq!((calls(&world, "TransactWriteItems"), calls(&world, "SendEmail"), world.mails().len()), (3, 1, 2));
    assert!(world.rows("MAIL#").iter().all(|row| text(row, "state") == "sent"));
}

#[tokio::test]
async fn a_row_that_nobody_could_confirm_is_owed_all_the_same() {
    // OUT-01: 503 promises nothing and takes nothing back
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::AppliedButLost, TRIES);
    assert_eq!(asks(&world, &ada).await.status, 503);
    assert_eq!(world.aws().sqs.counts(MAIL_QUEUE), Counts::default());
    world.live_through(SignedDuration::from_mins(2)).await;
    assert_eq!((world.rows("MAIL#").len(), world.mails().len()), (2, 2));
}

async fn asks(world: &World, actor: &Actor) -> Answer {
    world.post_as(PATH, Some(&actor.bearer())).await
}

fn pending(world: &World) -> Value {
    world.rows("MAIL#").into_iter().find(|row| text(row, "state") == "pending").expect("a pending row")
}
