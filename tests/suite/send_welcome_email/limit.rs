//! How often a user may ask for a welcome mail.

use futures_util::future::join_all;
use http::header::RETRY_AFTER;
use jiff::SignedDuration;
use tests::doubles::{Counts, Fault, Service};
use tests::system::{Answer, MAIL_QUEUE};
use tests::world::World;

use crate::support::SDK_TRIES;

/// A world begins at noon.
const HALF_A_DAY: SignedDuration = SignedDuration::from_hours(12);

#[tokio::test]
async fn a_request_beyond_the_daily_limit_is_429_and_owes_nothing() {
    // LIM-06, OUT-08, HTP-05
    let world = World::new().await;
    let (ada, bob) = (world.registered("ada@example.com").await, world.registered("bob@example.com").await);
    for _ in 0..5 {
        assert_eq!(world.send_welcome_email(&ada).await.status, 202);
    }
    world.deliver_mail().await;
    world.pass(SignedDuration::from_secs(600));
    let answer = world.send_welcome_email(&ada).await;
    assert_eq!(answer.verdict(), (429, "Too many requests".to_owned()));
    assert_eq!(answer.headers[RETRY_AFTER], "42600");
    assert_eq!((world.mail_rows().len(), world.mails().len()), (7, 7));
    assert_eq!(world.aws().sqs.counts(MAIL_QUEUE), Counts::default());
    assert_eq!(world.send_welcome_email(&bob).await.status, 202, "each user has their own limit");
    world.deliver_mail().await;
}

#[tokio::test]
async fn retry_after_is_the_exact_time_at_which_a_request_succeeds_again() {
    // LIM-06, HTP-05
    let world = World::with(&[("WELCOME_EMAILS_PER_DAY", "1")]).await;
    world.pass(SignedDuration::from_millis(1500));
    let ada = world.registered("ada@example.com").await;
    assert_eq!(world.send_welcome_email(&ada).await.status, 202);
    // `Retry-After` is rounded up.
    assert_eq!(wait_of(&world.send_welcome_email(&ada).await), (429, "43199"));
    world.pass(SignedDuration::from_secs(43198));
    let ada = world.logged_in(&ada.email).await;
    assert_eq!(wait_of(&world.send_welcome_email(&ada).await), (429, "1"));
    world.pass(SignedDuration::from_millis(499));
    assert_eq!(world.send_welcome_email(&ada).await.status, 429);
    world.pass(SignedDuration::from_millis(1));
    assert_eq!(world.send_welcome_email(&ada).await.status, 202);
    world.deliver_mail().await;
}

#[tokio::test]
async fn concurrent_requests_are_limited_exactly() {
    // LIM-06, DDB-03
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let answers = join_all((0..20).map(|_| world.send_welcome_email(&ada))).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![202; 5], vec![429; 15]].concat());
    world.deliver_mail().await;
    assert_eq!(world.mails().len(), 6);
}

#[tokio::test]
async fn a_request_whose_commit_answer_is_lost_counts_once() {
    // DDB-03
    let world = World::with(&[("WELCOME_EMAILS_PER_DAY", "2")]).await;
    let ada = world.registered("ada@example.com").await;
    for _ in 0..2 {
        world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::AppliedButLost, 2);
        assert_eq!(world.send_welcome_email(&ada).await.status, 202);
    }
    assert_eq!(world.send_welcome_email(&ada).await.status, 429);
    assert_eq!(world.user_limits()[0].count, Some(2));
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_store_failure_is_503_and_not_a_reached_limit() {
    // HTP-05, OUT-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for fault in [Fault::down(), Fault::throughput_exceeded(), Fault::denied()] {
        world.aws().fail(Service::DynamoDb, "TransactWriteItems", fault.clone(), SDK_TRIES);
        assert_eq!(world.send_welcome_email(&ada).await.status, 503, "{fault:?}");
        world.aws().clear_faults();
    }
    assert_eq!((world.mail_rows().len(), world.user_limits().len()), (1, 0));
}

#[tokio::test]
async fn a_counter_lies_in_the_users_partition_and_expires_with_its_day() {
    // OUT-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let midnight = world.now() + HALF_A_DAY;
    for half in 0..3 {
        let ada = world.logged_in(&ada.email).await;
        world.aws().clear_calls();
        assert_eq!(world.send_welcome_email(&ada).await.status, 202);
        // The public keys, whose cached copy is too old, the user, the session, and the tries of the code, unless the
        // code has expired.
        let reads = if half < 2 { 4 } else { 3 };
        let calls: Vec<_> = [["GetItem"; 4][..reads].to_vec(), vec!["TransactWriteItems", "SendMessage"]].concat();
        assert_eq!(world.operations(), calls, "half {half}");
        world.pass(HALF_A_DAY);
    }
    let counters = world.user_limits();
    assert_eq!(counters.len(), 2, "one item a day");
    for (counter, end) in counters.iter().zip([midnight, midnight + HALF_A_DAY + HALF_A_DAY]) {
        assert_eq!(counter.pk, format!("USER#{}", ada.id()));
        assert_eq!(counter.ttl, end);
    }
    world.deliver_mail().await;
}

/// Returns status and `Retry-After`.
fn wait_of(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.headers[RETRY_AFTER].to_str().unwrap())
}
