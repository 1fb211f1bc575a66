//! Asking again under the same `Idempotency-Key`.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::json;
use tests::doubles::{Counts, Fault, Service};
use tests::system::{Answer, MAIL_QUEUE};
use tests::world::{Actor, World, authorized, request};

use super::{PATH, TRIES, asks};
use crate::mailer::text;

async fn asks_as(world: &World, actor: &Actor, key: &str) -> Answer {
    let mut request = authorized(request("POST", PATH), Some(&actor.bearer()));
    request.headers.insert("idempotency-key", key.parse().unwrap());
    world.send(request).await
}

#[tokio::test]
async fn asking_again_is_answered_again_and_sends_nothing_more() {
    // REG-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let first = asks_as(&world, &ada, "a").await;
    assert_eq!((first.status, first.json()), (202, json!({"message": "Welcome email queued"})));
    for _ in 0..3 {
        assert_eq!(asks_as(&world, &ada, "a").await.without_request_id(), first.without_request_id());
    }
    world.deliver_mail().await;
    assert_eq!((world.rows("MAIL#").len(), world.mails().len()), (2, 2));
    assert_eq!(asks_as(&world, &ada, "a").await.status, 202, "and when it is sent");
    assert_eq!((world.mails().len(), world.aws().sqs.counts(MAIL_QUEUE)), (2, Counts::default()));
    assert!(world.rows("MAIL#").iter().all(|row| text(row, "state") == "sent"));
}

#[tokio::test]
async fn another_key_and_another_user_are_other_requests() {
    // REG-06
    let world = World::new().await;
    let (ada, bob) = (world.registered("ada@example.com").await, world.registered("bob@example.com").await);
    for (actor, key) in [(&ada, "a"), (&ada, "A"), (&bob, "a")] {
        assert_eq!(asks_as(&world, actor, key).await.status, 202);
    }
    world.deliver_mail().await;
    let rows = world.rows("MAIL#");
    let ids: BTreeSet<_> = rows.iter().map(|row| text(row, "sk")).collect();
    assert_eq!((ids.len(), world.mails().len()), (5, 5), "no id tells that two users chose one key");
}

#[tokio::test]
async fn many_at_once_under_one_key_are_one() {
    // REG-06, DDB-03
    let world = World::with(&[("WELCOME_EMAILS_PER_DAY", "1")]).await;
    let ada = world.registered("ada@example.com").await;
    let answers = join_all((0..20).map(|_| asks_as(&world, &ada, "a"))).await;
    assert!(answers.iter().all(|answer| answer.status == 202));
    world.deliver_mail().await;
    assert_eq!((world.rows("LIMIT#")[0]["count"]["N"].as_str(), world.mails().len()), (Some("1"), 2));
}

#[tokio::test]
async fn at_the_limit_what_was_granted_is_granted_again_and_nothing_else() {
    // REG-06, LIM-06
    let world = World::with(&[("WELCOME_EMAILS_PER_DAY", "2")]).await;
    let ada = world.registered("ada@example.com").await;
    assert_eq!(asks_as(&world, &ada, "a").await.status, 202);
    assert_eq!(asks_as(&world, &ada, "a").await.status, 202);
    assert_eq!(asks(&world, &ada).await.status, 202, "the repeat was not counted");
    assert_eq!(asks_as(&world, &ada, "a").await.status, 202);
    assert_eq!(asks_as(&world, &ada, "b").await.status, 429);
    assert_eq!(asks(&world, &ada).await.status, 429);
    world.deliver_mail().await;
    assert_eq!(world.mails().len(), 3);
}

#[tokio::test]
async fn at_the_limit_a_mail_that_is_being_changed_is_waited_for() {
    // REG-06, REG-02: while its row is in the way, nobody knows whether the request came before
    let world = World::with(&[("WELCOME_EMAILS_PER_DAY", "1")]).await;
    let ada = world.registered("ada@example.com").await;
    assert_eq!(asks_as(&world, &ada, "a").await.status, 202);
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "ConditionalCheckFailed"}],
    });
    let in_the_way = Fault::Answer { status: 400, body: body.to_string() };
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", in_the_way, 2);
    assert_eq!(asks_as(&world, &ada, "a").await.status, 202);
    world.deliver_mail().await;
}

#[tokio::test]
async fn who_never_got_an_answer_asks_again_and_gets_one_mail() {
    // REG-06, OUT-01
    for fault in [Fault::AppliedButLost, Fault::Reset] {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        world.aws().fail(Service::DynamoDb, "TransactWriteItems", fault.clone(), TRIES);
        assert_eq!(asks_as(&world, &ada, "a").await.status, 503);
        assert_eq!(asks_as(&world, &ada, "a").await.status, 202, "{fault:?}");
        world.live_through(SignedDuration::from_mins(2)).await;
        assert_eq!(world.mails().len(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_by_its_name() {
    // REG-06, INP-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for (key, code) in [("", "too_small"), ("a b", "invalid_string"), (&*"k".repeat(256), "too_big")] {
        let answer = asks_as(&world, &ada, key).await;
        let (path, told) = (&answer.json()["details"][0]["path"], &answer.json()["details"][0]["code"]);
        assert_eq!((answer.status, path, told), (400, &json!(["Idempotency-Key"]), &json!(code)));
    }
    assert_eq!(asks_as(&world, &ada, &"k".repeat(255)).await.status, 202);
    world.deliver_mail().await;
}
