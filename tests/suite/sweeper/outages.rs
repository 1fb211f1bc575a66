//! Outages: of SES, of SQS, of a part of the store; and what has piled up behind one.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::json;
use shared::domain::{Limit, Mail, Origin, UserId};
use shared::store::DUE_SHARDS;
use tests::doubles::{Counts, Fault, Service};
use tests::system::MAIL_QUEUE;
use tests::world::World;

use super::registers_unannounced;
use crate::mailer::{calls, denied, error, key, registers, text};

const FOREVER: usize = usize::MAX;
/// What a sweep reads of a shard at once.
const PAGE: usize = 10;

#[tokio::test]
async fn a_day_without_ses_loses_nothing_and_doubles_nothing() {
    // SQS-03, OUT-01
    let world = World::new().await;
    world.aws().fail(
        Service::Ses,
        "SendEmail",
        error(503, "ServiceUnavailable", "The service is unavailable."),
        FOREVER,
    );
    for user in ["ada", "bob", "eve"] {
        registers(&world, &format!("{user}@example.com")).await;
    }
    world.live_through(SignedDuration::from_hours(24)).await;
    assert_eq!((world.mails().len(), world.dead_letters().len()), (0, 0));
    let tries = calls(&world, "SendEmail") / 3;
    assert!((90..110).contains(&tries), "{tries} tries for each mail: about one in a quarter of an hour");

    world.aws().clear_faults();
    world.live_through(SignedDuration::from_mins(16)).await;
    let mut recipients: Vec<_> = world.mails().iter().map(|mail| mail.to.concat()).collect();
    recipients.sort();
    assert_eq!(recipients, ["ada@example.com", "bob@example.com", "eve@example.com"]);
    world.live_through(SignedDuration::from_mins(30)).await;
    assert_eq!((world.mails().len(), world.aws().sqs.counts(MAIL_QUEUE)), (3, Counts::default()));
}

#[tokio::test]
async fn an_hour_without_sqs_loses_nothing_and_doubles_nothing() {
    // OUT-01, OUT-02
    let world = World::new().await;
    world.aws().fail(Service::Sqs, "SendMessage", denied(), FOREVER);
    world.aws().fail(Service::Sqs, "SendMessageBatch", denied(), FOREVER);
    for user in ["ada", "bob"] {
        registers(&world, &format!("{user}@example.com")).await;
    }
    world.live_through(SignedDuration::from_hours(1)).await;
    assert_eq!(world.mails().len(), 0);
    world.aws().clear_faults();
    world.live_through(SignedDuration::from_mins(8)).await;
    assert_eq!((calls(&world, "SendEmail"), world.mails().len()), (2, 2));
    world.live_through(SignedDuration::from_mins(15)).await;
    assert_eq!((calls(&world, "SendEmail"), world.aws().sqs.counts(MAIL_QUEUE)), (2, Counts::default()));
}

#[tokio::test]
async fn a_lost_answer_of_sqs_is_a_second_message_and_no_second_mail() {
    // OUT-04
    let world = World::new().await;
    registers_unannounced(&world, "ada@example.com").await;
    world.pass(SignedDuration::from_mins(1));
    world.aws().fail(Service::Sqs, "SendMessageBatch", Fault::AppliedButLost, 1);
    world.sweep().await;
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE).len(), 2);
    world.deliver_mail().await;
    assert_eq!((calls(&world, "SendEmail"), world.aws().sqs.counts(MAIL_QUEUE)), (1, Counts::default()));
}

#[tokio::test]
async fn more_overdue_mails_than_a_page_are_swept_in_one_go() {
    // OUT-02
    let world = World::new().await;
    let user = user_of(&world.registered("ada@example.com").await);
    owe(&world, user, |shard| shard == 3, 2 * PAGE + 1).await;
    world.pass(SignedDuration::from_mins(1));
    world.sweep().await;
    let bodies: BTreeSet<_> = world.aws().sqs.bodies(MAIL_QUEUE).into_iter().collect();
    assert_eq!((bodies.len(), world.aws().sqs.bodies(MAIL_QUEUE).len()), (2 * PAGE + 1, 2 * PAGE + 1));
    world.leave_mail();
}

#[tokio::test]
async fn a_shard_that_is_full_does_not_keep_the_others_waiting() {
    // OUT-02: a page of each in turn
    let world = World::new().await;
    let user = user_of(&world.registered("ada@example.com").await);
    owe(&world, user, |shard| shard == 0, 3 * PAGE).await;
    owe(&world, user, |shard| shard == 7, 1).await;
    world.pass(SignedDuration::from_mins(1));
    world.aws().clear_calls();
    world.sweep().await;
    let rows = world.rows("MAIL#");
    let last = rows.iter().find(|row| text(row, "dueShard") == "DUE#7").expect("the mail of the last shard");
    let bodies = world.aws().sqs.bodies(MAIL_QUEUE);
    let place = bodies.iter().position(|body| body.contains(&key(last)));
    assert_eq!((place, bodies.len()), (Some(PAGE), 3 * PAGE + 1), "after the first page of the first shard");
    assert_eq!(calls(&world, "SendMessageBatch"), 4, "ten at a time");
    world.leave_mail();
}

#[tokio::test]
async fn the_age_of_the_oldest_mail_is_told_each_minute() {
    // OUT-02: a metric, with an alarm
    let world = World::new().await;
    let told = |world: &World| world.log().iter().rev().find_map(|line| line["OldestMailSeconds"].as_i64());
    world.sweep().await;
    assert_eq!(told(&world), Some(0), "a sweeper that finds nothing says so: silence is an alarm too");
    registers_unannounced(&world, "ada@example.com").await;
    world.pass(SignedDuration::from_hours(2));
    registers_unannounced(&world, "bob@example.com").await;
    world.pass(SignedDuration::from_mins(5));
    world.sweep().await;
    assert_eq!(told(&world), Some(125 * 60));
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_sweep_that_could_not_look_everywhere_does_not_say_that_all_is_well() {
    // OUT-02: the alarm takes silence for trouble
    for operation in ["Query", "UpdateItem"] {
        let world = World::new().await;
        registers_unannounced(&world, "ada@example.com").await;
        world.pass(SignedDuration::from_mins(1));
        world.aws().fail(Service::DynamoDb, operation, denied(), 1);
        world.sweep().await;
        assert!(world.log().iter().all(|line| line["OldestMailSeconds"].is_null()), "{operation}");
        world.live_through(SignedDuration::from_mins(2)).await;
    }
}

#[tokio::test]
async fn a_row_that_cannot_be_read_goes_before_a_person_and_keeps_no_other_waiting() {
    // OUT-02
    let world = World::new().await;
    let user = user_of(&world.registered("ada@example.com").await);
    owe(&world, user, |shard| shard == 2, 3).await;
    let rows = world.rows("MAIL#");
    let mut owed = rows.iter().filter(|row| !text(row, "dueShard").is_empty());
    let (unreadable, elsewhere) = (owed.next().expect("a row").clone(), owed.next().expect("another").clone());
    world.tamper("Accounts", unreadable.clone(), &json!({"kind": {"S": "postcard"}}));
    world.tamper("Accounts", elsewhere, &json!({"sk": {"S": "MAIL#no-id"}}));
    world.pass(SignedDuration::from_mins(1));
    world.sweep().await;
    let copy = json!({"v": 1, "mail": key(&unreadable), "retry": 0, "reason": "the row cannot be read"});
    assert_eq!(world.dead_letters(), [copy]);
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE).len(), 2, "the others of the shard are enqueued");
    let kept =
        world.rows("MAIL#").into_iter().find(|row| key(row) == key(&unreadable)).expect("it is kept to be looked at");
    assert_eq!((kept.get("dueShard"), text(&kept, "kind")), (None, "postcard"));
    world.pass(SignedDuration::from_mins(10));
    world.sweep().await;
    assert_eq!(world.dead_letters().len(), 1);
    world.leave_mail();
}

#[tokio::test]
async fn a_shard_that_cannot_be_read_does_not_keep_the_others_from_being_swept() {
    // OUT-02
    let world = World::new().await;
    let user = user_of(&world.registered("ada@example.com").await);
    for shard in 0..DUE_SHARDS {
        owe(&world, user, |of| of == shard, 1).await;
    }
    world.pass(SignedDuration::from_mins(1));
    world.aws().fail(Service::DynamoDb, "Query", denied(), 1);
    world.sweep().await;
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE).len(), usize::from(DUE_SHARDS) - 1);
    world.sweep().await;
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE).len(), usize::from(DUE_SHARDS), "the next sweep has it");
    world.deliver_mail().await;
    assert_eq!(world.mails().len(), 1 + usize::from(DUE_SHARDS));
}

#[tokio::test]
async fn a_mail_that_cannot_be_moved_delays_its_shard_by_one_sweep_at_the_most() {
    // OUT-02
    let world = World::new().await;
    let user = user_of(&world.registered("ada@example.com").await);
    owe(&world, user, |shard| shard == 5, 3).await;
    world.pass(SignedDuration::from_mins(1));
    world.aws().fail(Service::DynamoDb, "UpdateItem", denied(), 1);
    world.sweep().await;
    world.sweep().await;
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE).len(), 3);
    world.deliver_mail().await;
    assert_eq!(world.mails().len(), 4);
}

#[tokio::test]
async fn a_mail_of_every_shard_is_found() {
    // OUT-02: rows of as many shards as there are, each through the API
    let world = World::with(&[("WELCOME_EMAILS_PER_DAY", "40")]).await;
    let ada = world.registered("ada@example.com").await;
    world.aws().fail(Service::Sqs, "SendMessage", denied(), 40);
    for _ in 0..40 {
        assert_eq!(world.post_as("/api/auth/send-welcome-email", Some(&ada.bearer())).await.status, 202);
    }
    let owed = world.rows("MAIL#");
    let shards: BTreeSet<_> = owed.iter().map(|row| text(row, "dueShard")).filter(|shard| !shard.is_empty()).collect();
    assert!(shards.len() > 1, "forty mails are spread: {shards:?}");
    world.live_through(SignedDuration::from_mins(2)).await;
    assert_eq!(world.mails().len(), 41);
}

/// Owes a user so many mails in such shards of the index, as an outage of SQS would leave them. Rows of the wrong shard are not
/// written, so that a full page of one shard does not take eight of all.
async fn owe(world: &World, user: UserId, is_wanted: impl Fn(u8) -> bool, count: usize) {
    let mails = std::iter::repeat_with(|| Mail::welcome(user, Origin::default(), world.now()));
    let wanted = mails.filter(|mail| is_wanted(mail.key.mail.as_bytes()[15] % DUE_SHARDS));
    let unlimited = Limit::hourly(u32::MAX);
    for mail in wanted.take(count) {
        world.system().app.outbox.put(&mail, unlimited, world.now()).await.expect("the store takes it");
    }
}

fn user_of(actor: &tests::world::Actor) -> UserId {
    actor.id().parse().expect("an id")
}
