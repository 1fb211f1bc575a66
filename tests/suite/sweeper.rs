//! The sweeper: a mail that is owed is sent once, whatever happens to the queue.
//!
//! `outages` tests long outages and many mails. To add a test: `world.registered_with_unqueued_mail`,
//! `pass_until_due`, `world.sweep`, then compare the queue and `world.only_mail()`.

#![expect(clippy::expect_used, reason = "a helper that cannot reach its world has nothing to go on with")]

mod outages;

use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::json;
use shared::domain::Lease;
use tests::doubles::{Counts, Fault, Service};
use tests::rows::MailState;
use tests::system::{DEAD_LETTER_QUEUE, MAIL_QUEUE};
use tests::template::queue;
use tests::world::World;
use tests::{event, functions};

const LIFETIME: SignedDuration = SignedDuration::from_hours(14 * 24);
const MOMENT: SignedDuration = SignedDuration::from_millis(1);

#[tokio::test]
async fn an_unqueued_mail_is_queued_when_it_is_due_and_not_before() {
    // OUT-01
    let world = World::new().await;
    world.registered_with_unqueued_mail("ada@example.com").await;
    pass_until_due(&world);
    world.pass(-MOMENT);
    world.sweep().await;
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE), [""; 0]);
    world.pass(MOMENT);
    world.sweep().await;
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE), [format!(r#"{{"v":1,"mail":"{}"}}"#, world.only_mail().key())]);
    world.deliver_mail().await;
    assert_eq!(world.mails()[0].to, ["ada@example.com"]);
}

#[tokio::test]
async fn an_unqueued_mail_is_sent_within_two_minutes() {
    // OUT-01: an outage of SQS delays a mail by two minutes at most
    let world = World::new().await;
    world.registered_with_unqueued_mail("ada@example.com").await;
    world.live_through(SignedDuration::from_mins(2)).await;
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn the_due_time_is_moved_before_the_mail_is_queued() {
    // OUT-02
    let world = World::new().await;
    world.registered_with_unqueued_mail("ada@example.com").await;
    pass_until_due(&world);
    world.aws().clear_calls();
    world.sweep().await;
    let mut made = world.operations();
    made.retain(|operation| operation != "Query");
    assert_eq!(made, ["UpdateItem", "SendMessageBatch"]);
    assert!(world.only_mail().due.unwrap() > world.now(), "the queue has time to deliver it first");
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_mail_that_sqs_refuses_from_the_sweeper_is_due_again_within_15_minutes() {
    // OUT-02
    let world = World::new().await;
    world.registered_with_unqueued_mail("ada@example.com").await;
    pass_until_due(&world);
    world.aws().fail(Service::Sqs, "SendMessageBatch", Fault::denied(), 1);
    world.sweep().await;
    assert_eq!((world.aws().sqs.bodies(MAIL_QUEUE), world.only_mail().state), (vec![], MailState::Pending));
    let wait = world.only_mail().due.unwrap().duration_since(world.now());
    assert!(wait.is_positive() && wait <= SignedDuration::from_mins(15), "due again in {wait:?}");
    pass_until_due(&world);
    world.sweep().await;
    world.deliver_mail().await;
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn a_sweeper_that_dies_at_any_call_loses_no_mail() {
    // OUT-02
    for operation in ["Query", "UpdateItem", "SendMessageBatch"] {
        let world = World::new().await;
        world.registered_with_unqueued_mail("ada@example.com").await;
        pass_until_due(&world);
        world.dies_at(operation, world.sweep()).await;
        world.live_through(SignedDuration::from_mins(10)).await;
        assert_eq!((world.calls("SendEmail"), world.mails().len()), (1, 1), "after a death at {operation}");
    }
}

#[tokio::test]
async fn concurrent_sweeps_queue_a_mail_once() {
    // OUT-02
    let world = World::new().await;
    world.registered_with_unqueued_mail("ada@example.com").await;
    pass_until_due(&world);
    join_all((0..5).map(|_| world.sweep())).await;
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE).len(), 1);
    world.deliver_mail().await;
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn moving_the_due_time_recognizes_its_own_write() {
    // DDB-03: this sweep queues the mail, not the next one
    let world = World::new().await;
    world.registered_with_unqueued_mail("ada@example.com").await;
    pass_until_due(&world);
    world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::AppliedButLost, 1);
    world.sweep().await;
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE).len(), 1);
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_mail_whose_mailer_died_and_whose_message_is_lost_is_sent_after_its_lease() {
    // OUT-01, OUT-06
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::Reset, 1);
    world.registered_with_queued_mail("ada@example.com").await;
    world.dies_at("SendEmail", world.deliver_mail()).await;
    world.aws().sqs.purge(MAIL_QUEUE);
    assert_eq!(world.only_mail().due.unwrap(), Lease::starting(world.now()).until, "it is due when the lease ends");

    pass_until_due(&world);
    world.pass(-MOMENT);
    world.sweep().await;
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE), [""; 0], "the holder of the lease may still be sending");
    world.pass(MOMENT);
    world.sweep().await;
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (2, 1));
}

#[tokio::test]
async fn a_mail_whose_message_was_lost_is_queued_again() {
    // OUT-01
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    world.aws().sqs.purge(MAIL_QUEUE);
    world.live_through(SignedDuration::from_mins(2)).await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (1, 1));
}

// ---- After fourteen days ----

#[tokio::test]
async fn a_mail_fails_after_fourteen_days_and_becomes_a_dead_letter() {
    // OUT-02
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::error(400, "Throttling", "Daily message quota exceeded."), 1);
    world.registered_with_queued_mail("ada@example.com").await;
    world.deliver_mail().await;
    world.pass(LIFETIME - MOMENT);
    world.aws().fail(Service::Sqs, "SendMessageBatch", Fault::denied(), 1);
    world.sweep().await;
    assert_eq!(
        (world.only_mail().state, world.dead_letters()),
        (MailState::Pending, vec![]),
        "a moment before, it is tried again"
    );

    pass_until_due(&world);
    world.sweep().await;
    let reason = "not accepted by SES for 14 days";
    let copy = json!({"v": 1, "mail": world.only_mail().key(), "retry": 1, "reason": reason});
    assert_eq!((world.only_mail().state, world.dead_letters()), (MailState::Failed, vec![copy]));
    assert_eq!(world.aws().sqs.counts(MAIL_QUEUE), Counts::default());
    world.live_through(SignedDuration::from_mins(20)).await;
    assert_eq!((world.calls("SendEmail"), world.dead_letters().len()), (1, 1));

    let dead_letter = world.aws().sqs.bodies(DEAD_LETTER_QUEUE).remove(0);
    world.enqueue(&dead_letter).await;
    world.deliver_mail().await;
    assert_eq!(
        (world.mails().len(), world.only_mail().state),
        (1, MailState::Sent),
        "an operator can still have it sent"
    );
}

#[tokio::test]
async fn a_mail_does_not_fail_before_its_dead_letter_is_queued() {
    // OUT-02
    let world = World::new().await;
    world.registered_with_unqueued_mail("ada@example.com").await;
    world.pass(LIFETIME);
    world.aws().fail(Service::Sqs, "SendMessage", Fault::denied(), 1);
    world.sweep().await;
    assert_eq!((world.only_mail().state, world.dead_letters()), (MailState::Pending, vec![]));
    pass_until_due(&world);
    let deny = || world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::denied(), 1);
    world.meanwhile("SendMessage", deny, world.sweep()).await;
    assert_eq!((world.only_mail().state, world.dead_letters().len()), (MailState::Pending, 1));
    pass_until_due(&world);
    world.sweep().await;
    assert_eq!(world.only_mail().state, MailState::Failed);

    // Both copies name the same attempt. Moved back, they send one mail.
    for body in world.aws().sqs.bodies(DEAD_LETTER_QUEUE) {
        world.enqueue(&body).await;
    }
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (1, 1));
}

// ---- How long a row lives ----

#[tokio::test]
async fn a_finished_row_outlives_its_messages_and_an_unfinished_row_never_expires() {
    // OUT-07
    let world = World::new().await;
    let assert_unfinished = |state: MailState| {
        let row = world.only_mail();
        assert_eq!((row.state, row.ttl), (state, None));
        assert!(row.due.is_some() && row.due_shard.is_some(), "{row:?} must be in the index");
    };
    let assert_finished = |state: MailState| {
        let row = world.only_mail();
        let days = row.ttl.unwrap().duration_since(world.now()).as_hours() / 24;
        assert_eq!((row.state, days), (state, 30));
        assert_eq!((&row.due, &row.due_shard), (&None, &None), "{row:?} must not be in the index");
        let retention = |queue_id: &str| queue(queue_id, "").retention;
        let queues = retention("MailQueue") + retention("MailDeadLetterQueue");
        assert!(SignedDuration::from_hours(days * 24) > queues, "a message must not outlive the row");
    };
    world.aws().fail(Service::Ses, "SendEmail", Fault::rejected(), 1);
    world.registered_with_queued_mail("ada@example.com").await;
    assert_unfinished(MailState::Pending);
    world.meanwhile("SendEmail", || assert_unfinished(MailState::Sending), world.deliver_mail()).await;
    assert_finished(MailState::Failed);

    world.pass(SignedDuration::from_hours(1));
    let dead_letter = world.aws().sqs.bodies(DEAD_LETTER_QUEUE).remove(0);
    world.enqueue(&dead_letter).await;
    world.meanwhile("SendEmail", || assert_unfinished(MailState::Sending), world.deliver_mail()).await;
    assert_finished(MailState::Sent);
}

#[tokio::test]
async fn a_finished_mail_is_not_swept() {
    // OUT-07
    let world = World::new().await;
    world.registered("ada@example.com").await;
    world.pass(LIFETIME);
    world.aws().clear_calls();
    world.sweep().await;
    assert_eq!((world.calls("UpdateItem"), world.calls("SendMessage"), world.dead_letters()), (0, 0, vec![]));
}

#[tokio::test]
async fn a_sweep_without_time_leaves_its_mails_to_the_next() {
    // OUT-02
    let world = World::new().await;
    world.registered_with_unqueued_mail("ada@example.com").await;
    pass_until_due(&world);
    world.aws().clear_calls();
    let event = event::invocation(event::schedule(world.now()), 5);
    functions::invoke(&world.system().app, "sweeper", event).await.unwrap();
    assert_eq!((world.calls("UpdateItem"), world.only_mail().due.unwrap()), (0, world.now()));
    world.sweep().await;
    world.deliver_mail().await;
    assert_eq!(world.mails().len(), 1);
}

// ---- Helpers ----

/// Moves the clock to the time at which the mail is due.
fn pass_until_due(world: &World) {
    world.pass_until(world.only_mail().due.unwrap());
}
