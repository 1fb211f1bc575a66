//! Outages of SES, of SQS and of parts of DynamoDB, and the many mails that are owed after one.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::json;
use shared::domain::{Limit, Mail, Origin, UserId};
use shared::store::{DUE_SHARDS, Owed};
use tests::doubles::{Counts, Fault, Service};
use tests::rows::{MailRow, read};
use tests::system::MAIL_QUEUE;
use tests::world::World;

const FOREVER: usize = usize::MAX;
/// How many rows of a shard a sweep reads at once.
const PAGE: usize = 10;

#[tokio::test]
async fn a_day_without_ses_loses_no_mail_and_sends_none_twice() {
    // SQS-03, OUT-01
    let world = World::new().await;
    world.aws().fail(
        Service::Ses,
        "SendEmail",
        Fault::error(503, "ServiceUnavailable", "The service is unavailable."),
        FOREVER,
    );
    for user in ["ada", "bob", "eve"] {
        world.registered_with_queued_mail(&format!("{user}@example.com")).await;
    }
    world.live_through(SignedDuration::from_hours(24)).await;
    assert_eq!((world.mails().len(), world.dead_letters().len()), (0, 0));
    let tries = world.calls("SendEmail") / 3;
    assert!((90..110).contains(&tries), "{tries} tries of each mail, which is about one every 15 minutes");

    world.aws().clear_faults();
    world.live_through(SignedDuration::from_mins(16)).await;
    let mut recipients: Vec<_> = world.mails().iter().map(|mail| mail.to.concat()).collect();
    recipients.sort();
    assert_eq!(recipients, ["ada@example.com", "bob@example.com", "eve@example.com"]);
    world.live_through(SignedDuration::from_mins(30)).await;
    assert_eq!((world.mails().len(), world.aws().sqs.counts(MAIL_QUEUE)), (3, Counts::default()));
}

#[tokio::test]
async fn an_hour_without_sqs_loses_no_mail_and_sends_none_twice() {
    // OUT-01, OUT-02
    let world = World::new().await;
    world.aws().fail(Service::Sqs, "SendMessage", Fault::denied(), FOREVER);
    world.aws().fail(Service::Sqs, "SendMessageBatch", Fault::denied(), FOREVER);
    for user in ["ada", "bob"] {
        world.registered_with_queued_mail(&format!("{user}@example.com")).await;
    }
    world.live_through(SignedDuration::from_hours(1)).await;
    assert_eq!(world.mails().len(), 0);
    world.aws().clear_faults();
    world.live_through(SignedDuration::from_mins(8)).await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (2, 2));
    world.live_through(SignedDuration::from_mins(15)).await;
    assert_eq!((world.calls("SendEmail"), world.aws().sqs.counts(MAIL_QUEUE)), (2, Counts::default()));
}

#[tokio::test]
async fn a_message_queued_twice_sends_one_mail() {
    // OUT-04
    let world = World::new().await;
    world.registered_with_unqueued_mail("ada@example.com").await;
    world.pass(SignedDuration::from_mins(1));
    world.aws().fail(Service::Sqs, "SendMessageBatch", Fault::AppliedButLost, 1);
    world.sweep().await;
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE).len(), 2);
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.aws().sqs.counts(MAIL_QUEUE)), (1, Counts::default()));
}

#[tokio::test]
async fn a_sweep_reads_more_than_one_page() {
    // OUT-02
    let world = World::new().await;
    let user = world.registered("ada@example.com").await.user_id();
    owe(&world, user, |shard| shard == 3, 2 * PAGE + 1).await;
    world.pass(SignedDuration::from_mins(1));
    world.sweep().await;
    let bodies: BTreeSet<_> = world.aws().sqs.bodies(MAIL_QUEUE).into_iter().collect();
    assert_eq!((bodies.len(), world.aws().sqs.bodies(MAIL_QUEUE).len()), (2 * PAGE + 1, 2 * PAGE + 1));
    world.leave_mail();
}

#[tokio::test]
async fn a_sweep_takes_a_page_of_every_shard_in_turn() {
    // OUT-02: so a full shard does not delay the others
    let world = World::new().await;
    let user = world.registered("ada@example.com").await.user_id();
    owe(&world, user, |shard| shard == 0, 3 * PAGE).await;
    owe(&world, user, |shard| shard == 7, 1).await;
    world.pass(SignedDuration::from_mins(1));
    world.aws().clear_calls();
    world.sweep().await;
    let owed = world.mails_owed();
    let last = owed.iter().find(|row| row.due_shard.as_deref() == Some("DUE#7")).expect("the mail of the last shard");
    let bodies = world.aws().sqs.bodies(MAIL_QUEUE);
    let place = bodies.iter().position(|body| body.contains(&last.key()));
    assert_eq!((place, bodies.len()), (Some(PAGE), 3 * PAGE + 1), "after the first page of the first shard");
    assert_eq!(world.calls("SendMessageBatch"), 4, "ten at a time");
    world.leave_mail();
}

#[tokio::test]
async fn every_sweep_logs_the_age_of_the_oldest_mail() {
    // OUT-02: it is a metric with an alarm
    let world = World::new().await;
    world.sweep().await;
    assert_eq!(
        logged_age(&world),
        Some(0),
        "a sweep that finds nothing logs 0, because a missing age raises the alarm"
    );
    world.registered_with_unqueued_mail("ada@example.com").await;
    world.pass(SignedDuration::from_hours(2));
    world.registered_with_unqueued_mail("bob@example.com").await;
    world.pass(SignedDuration::from_mins(5));
    world.sweep().await;
    assert_eq!(logged_age(&world), Some(125 * 60));
    world.deliver_mail().await;
}

#[tokio::test]
async fn an_incomplete_sweep_does_not_log_an_age() {
    // OUT-02: the alarm treats a missing age as a failure
    for operation in ["Query", "UpdateItem"] {
        let world = World::new().await;
        world.registered_with_unqueued_mail("ada@example.com").await;
        world.pass(SignedDuration::from_mins(1));
        world.aws().fail(Service::DynamoDb, operation, Fault::denied(), 1);
        world.sweep().await;
        assert_eq!(logged_age(&world), None, "{operation}");
        world.live_through(SignedDuration::from_mins(2)).await;
    }
}

#[tokio::test]
async fn an_unreadable_row_becomes_a_dead_letter_and_delays_no_other() {
    // OUT-02
    let world = World::new().await;
    let user = world.registered("ada@example.com").await.user_id();
    owe(&world, user, |shard| shard == 2, 3).await;
    let rows = world.rows("MAIL#");
    let mut owed = rows.into_iter().filter(|row| row.get("dueShard").is_some());
    let (unreadable, elsewhere) = (owed.next().expect("a row"), owed.next().expect("another"));
    let key = read::<MailRow>(&unreadable).key();
    world.tamper("Accounts", unreadable, &json!({"attempt": {"S": "many"}}));
    world.tamper("Accounts", elsewhere, &json!({"sk": {"S": "MAIL#no-id"}}));
    world.pass(SignedDuration::from_mins(1));
    world.sweep().await;
    let copy = json!({"v": 1, "mail": key, "retry": 0, "reason": "the row cannot be read"});
    assert_eq!(world.dead_letters(), [copy]);
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE).len(), 2, "the other mails of the shard are queued");
    let kept = world.rows("MAIL#").into_iter().find(|row| row["attempt"]["S"] == "many");
    assert_eq!(kept.expect("the row is kept for the operator")["dueShard"], json!(null));
    world.pass(SignedDuration::from_mins(10));
    world.sweep().await;
    assert_eq!(world.dead_letters().len(), 1);
    world.leave_mail();
}

#[tokio::test]
async fn an_unreadable_shard_does_not_delay_the_others() {
    // OUT-02
    let world = World::new().await;
    let user = world.registered("ada@example.com").await.user_id();
    for shard in 0..DUE_SHARDS {
        owe(&world, user, |of| of == shard, 1).await;
    }
    world.pass(SignedDuration::from_mins(1));
    world.aws().fail(Service::DynamoDb, "Query", Fault::denied(), 1);
    world.sweep().await;
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE).len(), usize::from(DUE_SHARDS) - 1);
    world.sweep().await;
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE).len(), usize::from(DUE_SHARDS), "the next sweep queues it");
    world.deliver_mail().await;
    assert_eq!(world.mails().len(), 1 + usize::from(DUE_SHARDS));
}

#[tokio::test]
async fn a_mail_that_cannot_be_moved_delays_its_shard_by_one_sweep() {
    // OUT-02
    let world = World::new().await;
    let user = world.registered("ada@example.com").await.user_id();
    owe(&world, user, |shard| shard == 5, 3).await;
    world.pass(SignedDuration::from_mins(1));
    world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::denied(), 1);
    world.sweep().await;
    world.sweep().await;
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE).len(), 3);
    world.deliver_mail().await;
    assert_eq!(world.mails().len(), 4);
}

#[tokio::test]
async fn the_sweeper_finds_the_mails_of_every_shard() {
    // OUT-02: with rows that the API spreads over the shards
    let world = World::with(&[("WELCOME_EMAILS_PER_DAY", "40")]).await;
    let ada = world.registered("ada@example.com").await;
    world.aws().fail(Service::Sqs, "SendMessage", Fault::denied(), 40);
    for _ in 0..40 {
        assert_eq!(world.send_welcome_email(&ada).await.status, 202);
    }
    let shards: BTreeSet<_> = world.mails_owed().into_iter().filter_map(|row| row.due_shard).collect();
    assert!(shards.len() > 1, "forty mails are spread over shards: {shards:?}");
    world.live_through(SignedDuration::from_mins(2)).await;
    assert_eq!(world.mails().len(), 41);
}

/// Returns the age of the oldest mail that the last complete sweep logged.
fn logged_age(world: &World) -> Option<i64> {
    world.log().iter().rev().find_map(|line| line["OldestMailSeconds"].as_i64())
}

/// Owes a user `count` mails in the wanted shards of the index, as after an outage of SQS. Rows of other shards are
/// not written, so that a full page of one shard does not need a full page of each.
async fn owe(world: &World, user: UserId, is_wanted: impl Fn(u8) -> bool, count: usize) {
    let user = world.system().app.users.find(user).await.expect("the store answers").expect("a user");
    let mails = std::iter::repeat_with(|| Mail::welcome(&user, Origin::default(), world.now()));
    let wanted = mails.filter(|mail| is_wanted(mail.key.mail.as_bytes()[15] % DUE_SHARDS));
    let unlimited = Limit::hourly(u32::MAX);
    for mail in wanted.take(count) {
        let owed = world.system().app.users.owe(&user, None, &mail, unlimited, world.now()).await;
        assert_eq!(owed.expect("the store takes it"), Owed::Queued);
    }
}
