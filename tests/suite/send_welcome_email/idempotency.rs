//! Repeated requests under the same `Idempotency-Key`.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::json;
use tests::doubles::{Counts, Fault, Service};
use tests::rows::MailState;
use tests::system::{Answer, MAIL_QUEUE};
use tests::world::{Actor, World, authorized, request};

use super::PATH;
use crate::support::SDK_TRIES;

/// Asks for a welcome mail under an `Idempotency-Key`.
async fn asks_as(world: &World, actor: &Actor, key: &str) -> Answer {
    world.send(authorized(request("POST", PATH), Some(&actor.bearer())).under_key(key)).await
}

#[tokio::test]
async fn a_repeated_request_gets_the_same_answer_and_sends_no_second_mail() {
    // REG-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let first = asks_as(&world, &ada, "a").await;
    assert_eq!((first.status, first.json()), (202, json!({"message": "Welcome email queued"})));
    for _ in 0..3 {
        assert_eq!(asks_as(&world, &ada, "a").await.without_request_id(), first.without_request_id());
    }
    world.deliver_mail().await;
    assert_eq!((world.mail_rows().len(), world.mails().len()), (2, 2));
    assert_eq!(asks_as(&world, &ada, "a").await.status, 202, "also after the mail was sent");
    assert_eq!((world.mails().len(), world.aws().sqs.counts(MAIL_QUEUE)), (2, Counts::default()));
    assert!(world.mail_rows().iter().all(|row| row.state == MailState::Sent));
}

#[tokio::test]
async fn another_key_or_another_user_is_another_request() {
    // REG-06
    let world = World::new().await;
    let (ada, bob) = (world.registered("ada@example.com").await, world.registered("bob@example.com").await);
    for (actor, key) in [(&ada, "a"), (&ada, "A"), (&bob, "a")] {
        assert_eq!(asks_as(&world, actor, key).await.status, 202);
    }
    world.deliver_mail().await;
    let ids: BTreeSet<_> = world.mail_rows().into_iter().map(|row| row.sk).collect();
    assert_eq!((ids.len(), world.mails().len()), (5, 5), "the ids do not show that two users chose one key");
}

#[tokio::test]
async fn twenty_concurrent_requests_under_one_key_send_one_mail() {
    // REG-06, DDB-03
    let world = World::with(&[("WELCOME_EMAILS_PER_DAY", "1")]).await;
    let ada = world.registered("ada@example.com").await;
    let answers = join_all((0..20).map(|_| asks_as(&world, &ada, "a"))).await;
    assert!(answers.iter().all(|answer| answer.status == 202));
    world.deliver_mail().await;
    assert_eq!((world.user_limits()[0].count, world.mails().len()), (Some(1), 2));
}

#[tokio::test]
async fn at_the_limit_a_repeated_request_is_202_and_a_new_one_429() {
    // REG-06, LIM-06
    let world = World::with(&[("WELCOME_EMAILS_PER_DAY", "2")]).await;
    let ada = world.registered("ada@example.com").await;
    assert_eq!(asks_as(&world, &ada, "a").await.status, 202);
    assert_eq!(asks_as(&world, &ada, "a").await.status, 202);
    assert_eq!(world.send_welcome_email(&ada).await.status, 202, "the repeat was not counted");
    assert_eq!(asks_as(&world, &ada, "a").await.status, 202);
    assert_eq!(asks_as(&world, &ada, "b").await.status, 429);
    assert_eq!(world.send_welcome_email(&ada).await.status, 429);
    world.deliver_mail().await;
    assert_eq!(world.mails().len(), 3);
}

#[tokio::test]
async fn at_the_limit_a_repeated_request_waits_for_a_conflicting_write() {
    // REG-06, REG-02: during the conflict the condition that recognizes the repeat is not known
    let world = World::with(&[("WELCOME_EMAILS_PER_DAY", "1")]).await;
    let ada = world.registered("ada@example.com").await;
    assert_eq!(asks_as(&world, &ada, "a").await.status, 202);
    let in_the_way = Fault::cancelled(&["TransactionConflict", "ConditionalCheckFailed"]);
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", in_the_way, 2);
    assert_eq!(asks_as(&world, &ada, "a").await.status, 202);
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_retry_after_a_lost_answer_sends_one_mail() {
    // REG-06, OUT-01
    for fault in [Fault::AppliedButLost, Fault::Reset] {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        world.aws().fail(Service::DynamoDb, "TransactWriteItems", fault.clone(), SDK_TRIES);
        assert_eq!(asks_as(&world, &ada, "a").await.status, 503);
        assert_eq!(asks_as(&world, &ada, "a").await.status, 202, "{fault:?}");
        world.live_through(SignedDuration::from_mins(2)).await;
        assert_eq!(world.mails().len(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn an_invalid_key_is_400_and_named() {
    // REG-06, INP-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for (key, code) in [("", "too_small"), ("a b", "invalid_string"), (&*"k".repeat(256), "too_big")] {
        let answer = asks_as(&world, &ada, key).await;
        let details = answer.field("details");
        let violation = (&details[0]["path"], &details[0]["code"]);
        assert_eq!((answer.status, violation), (400, (&json!(["Idempotency-Key"]), &json!(code))));
    }
    assert_eq!(asks_as(&world, &ada, &"k".repeat(255)).await.status, 202);
    world.deliver_mail().await;
}
