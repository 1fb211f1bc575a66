//! Batches: the mailer reports the messages that failed, and no others.

use std::future::poll_fn;
use std::pin::pin;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tests::doubles::{Counts, Fault, Service};
use tests::rows::MailState;
use tests::system::{DEAD_LETTER_QUEUE, MAIL_QUEUE};
use tests::world::World;

#[tokio::test]
async fn exactly_the_failed_messages_of_a_batch_are_reported() {
    // SQS-01
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    world.registered_with_queued_mail("bob@example.com").await;
    world.enqueue("no message of ours").await;
    world.registered_with_queued_mail("eve@example.com").await;
    let messages = world.receive(10).await;
    let [_, bob, garbage, _] = &messages[..] else { panic!("four messages, not {messages:?}") };
    let refuse_the_next = || world.aws().fail(Service::Ses, "SendEmail", Fault::sending_rate_exceeded(), 1);
    let failed = world.meanwhile("SendEmail", refuse_the_next, world.hand_over(&messages, 60)).await;
    let mut expected = [bob, garbage].map(|message| message.message_id().unwrap().to_owned());
    expected.sort();
    assert_eq!(failed, expected);
    assert_eq!(
        world.mails().iter().map(|mail| &mail.to[0]).collect::<Vec<_>>(),
        ["ada@example.com", "eve@example.com"]
    );
    world.live_through(SignedDuration::from_secs(5)).await;
    assert_eq!(world.mails().len(), 3);
}

#[tokio::test]
async fn two_copies_of_a_message_in_a_batch_count_as_one() {
    // SQS-01, SQS-03: the second copy does not send the retry of the first one too early
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::sending_rate_exceeded(), 1);
    world.registered_with_queued_mail("ada@example.com").await;
    assert_eq!(world.aws().sqs.duplicate(MAIL_QUEUE), 1);
    let messages = world.receive(10).await;
    assert_eq!(messages.len(), 2);
    let id = messages[0].message_id().unwrap();
    assert_eq!(world.hand_over(&messages, 60).await, [id], "reported once");
    assert_eq!(world.calls("SendEmail"), 1);
    world.live_through(SignedDuration::from_mins(10)).await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (2, 1));
    assert_eq!(world.aws().sqs.counts(MAIL_QUEUE), Counts::default());
}

#[tokio::test]
async fn a_panic_in_one_record_neither_loses_nor_repeats_another() {
    // SQS-01. No content of a message or a row makes the mailer panic, so the clock does. On the last day that a
    // timestamp can hold, a lease of ten minutes can be computed, and the 30 days of a finished row cannot. The clock
    // shows that day from bob's mail on, until the next record has begun.
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    world.registered_with_queued_mail("bob@example.com").await;
    world.registered_with_queued_mail("eve@example.com").await;
    let messages = world.receive(10).await;
    let bob = messages[1].message_id().unwrap();

    let far = (Timestamp::MAX - SignedDuration::from_hours(24)).duration_since(world.now());
    let mut is_far = false;
    let mut batch = pin!(world.hand_over(&messages, 60));
    let failed = poll_fn(|context| {
        let has_just_sent = world.aws().calls().last().is_some_and(|call| call.operation == "SendEmail");
        let shall_be_far = has_just_sent && world.calls("SendEmail") == 2;
        if shall_be_far != is_far {
            world.pass(if shall_be_far { far } else { -far });
            is_far = shall_be_far;
        }
        batch.as_mut().poll(context)
    })
    .await;

    assert_eq!(failed, [bob]);
    let states: Vec<_> = world.mail_rows().iter().map(|row| row.state).collect();
    assert_eq!(states.iter().filter(|state| **state == MailState::Sent).count(), 2, "{states:?}");
    world.live_through(SignedDuration::from_mins(11)).await;
    for email in ["ada@example.com", "bob@example.com", "eve@example.com"] {
        let sent = world.mails().iter().filter(|mail| mail.to == [email]).count();
        assert_eq!(sent, 1, "{email}: bob's row could not be written, but SES's event settled it");
    }
}

#[tokio::test]
async fn no_record_starts_when_too_little_time_is_left() {
    // SQS-04
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    world.registered_with_queued_mail("bob@example.com").await;
    world.aws().clear_calls();
    let messages = world.receive(10).await;
    assert_eq!(world.hand_over(&messages, 5).await.len(), 2);
    assert_eq!((world.calls("UpdateItem"), world.calls("SendEmail")), (0, 0));
    world.live_through(SignedDuration::from_mins(7)).await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (2, 2));
}

#[tokio::test]
async fn a_record_that_a_slow_one_leaves_no_time_for_is_reported_and_not_started() {
    // SQS-04: 45 s are kept for each record
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    world.registered_with_queued_mail("bob@example.com").await;
    world.aws().clear_calls();
    let messages = world.receive(10).await;
    world.aws().fail(Service::DynamoDb, "GetItem", Fault::Hang, 1); // the timeout takes two seconds
    let failed = world.hand_over(&messages, 47).await;
    assert_eq!(failed, [messages[1].message_id().unwrap()]);
    assert_eq!((world.calls("UpdateItem"), world.calls("SendEmail")), (2, 1));
    world.live_through(SignedDuration::from_mins(7)).await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (2, 2));
}

#[tokio::test]
async fn an_unreadable_message_is_a_dead_letter_after_ten_receives() {
    // OUT-09, SQS-03
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let bodies = [
        json!({"v": 2, "mail": format!("{0}/{0}", ada.id())}).to_string(),
        json!({"mail": format!("{0}/{0}", ada.id())}).to_string(),
        json!({"v": 1, "mail": "ada@example.com"}).to_string(),
        "\u{1F5DD} not JSON".to_owned(),
    ];
    for body in &bodies {
        world.enqueue(body).await;
    }
    let mut receives = 0;
    while world.aws().sqs.counts(MAIL_QUEUE) != Counts::default() {
        let messages = world.receive(10).await;
        assert_eq!(world.hand_over(&messages, 60).await.len(), messages.len(), "all are reported");
        receives += usize::from(!messages.is_empty());
        let hidden_for = world.aws().sqs.next_visible_at(MAIL_QUEUE).map(|at| at.duration_since(world.now()));
        world.pass(hidden_for.unwrap_or_default());
    }
    assert_eq!(receives, 10);
    assert_eq!(world.aws().sqs.bodies(DEAD_LETTER_QUEUE), bodies);
    assert_eq!(world.mails().len(), 1);
}
