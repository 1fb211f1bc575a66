//! Failures of DynamoDB and SQS at each step of the mailer, and deaths of its process.

use jiff::SignedDuration;
use tests::doubles::{Counts, Fault, Service};
use tests::rows::MailState;
use tests::system::MAIL_QUEUE;
use tests::world::World;

use crate::support::SDK_TRIES;

const LEASE: SignedDuration = SignedDuration::from_mins(10);

#[tokio::test]
async fn a_claim_whose_answer_is_lost_recognizes_its_own_write() {
    // DDB-03, OUT-04
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::AppliedButLost, 1);
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (1, 1));
    assert_eq!((world.only_mail().state, world.only_mail().attempt), (MailState::Sent, 1));
    assert_eq!(world.aws().sqs.counts(MAIL_QUEUE), Counts::default());
}

#[tokio::test]
async fn a_claim_whose_answers_are_all_lost_sends_nothing_until_its_lease_ends() {
    // DDB-03: the row may be claimed by another invocation
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::AppliedButLost, SDK_TRIES);
    world.live_through(LEASE - SignedDuration::from_millis(1)).await;
    assert_eq!((world.calls("SendEmail"), world.only_mail().state), (0, MailState::Sending));
    world.live_through(SignedDuration::from_mins(1)).await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (1, 1));
}

#[tokio::test]
async fn a_message_whose_row_cannot_be_claimed_is_redelivered() {
    // SQS-01
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::denied(), 1);
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.only_mail().state), (0, MailState::Pending));
    assert_eq!(world.aws().sqs.counts(MAIL_QUEUE).in_flight, 1);
    world.live_through(SignedDuration::from_mins(7)).await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (1, 1));
}

#[tokio::test]
async fn a_mail_whose_user_cannot_be_read_is_retried() {
    // SQS-03
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    world.aws().fail(Service::DynamoDb, "GetItem", Fault::denied(), 1);
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.only_mail().state), (0, MailState::Pending));
    world.live_through(SignedDuration::from_secs(4)).await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (1, 1));
}

#[tokio::test]
async fn a_sent_mail_whose_row_cannot_be_written_is_not_sent_again_within_its_lease() {
    // OUT-04, OUT-06
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    let deny = || world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::denied(), 1);
    world.meanwhile("SendEmail", deny, world.deliver_mail()).await;
    assert_eq!((world.mails().len(), world.only_mail().state), (1, MailState::Sending));
    world.live_through(LEASE - SignedDuration::from_millis(1)).await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (1, 1));
    world.live_through(SignedDuration::from_mins(10)).await;
    assert_eq!(world.only_mail().state, MailState::Sent, "the row is settled in the end");
}

#[tokio::test]
async fn marking_a_mail_as_sent_recognizes_its_own_write() {
    // DDB-03
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    let lose = || world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::AppliedButLost, 1);
    world.meanwhile("SendEmail", lose, world.deliver_mail()).await;
    assert_eq!((world.calls("SendEmail"), world.only_mail().state), (1, MailState::Sent));
    assert_eq!(world.aws().sqs.counts(MAIL_QUEUE), Counts::default(), "the message is acknowledged at once");
}

#[tokio::test]
async fn postponing_a_mail_recognizes_its_own_write() {
    // DDB-03
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::sending_rate_exceeded(), 1);
    world.registered_with_queued_mail("ada@example.com").await;
    let lose = || world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::AppliedButLost, 1);
    world.meanwhile("SendEmail", lose, world.deliver_mail()).await;
    assert_eq!((world.calls("SendEmail"), world.only_mail().state), (1, MailState::Pending));
    world.live_through(SignedDuration::from_secs(4)).await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (2, 1));
}

#[tokio::test]
async fn failing_a_mail_recognizes_its_own_write() {
    // DDB-03
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::rejected(), 1);
    world.registered_with_queued_mail("ada@example.com").await;
    let lose = || world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::AppliedButLost, 1);
    world.meanwhile("SendEmail", lose, world.deliver_mail()).await;
    assert_eq!((world.only_mail().state, world.dead_letters().len()), (MailState::Failed, 1));
    assert_eq!(world.aws().sqs.counts(MAIL_QUEUE), Counts::default());
}

#[tokio::test]
async fn a_throttled_mail_that_cannot_be_postponed_is_sent_when_its_lease_ends() {
    // SQS-03
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::sending_rate_exceeded(), 1);
    world.registered_with_queued_mail("ada@example.com").await;
    let deny = || world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::denied(), 1);
    world.meanwhile("SendEmail", deny, world.deliver_mail()).await;
    let lease_end = world.only_mail().lease_until.unwrap();
    assert_eq!(world.aws().sqs.next_visible_at(MAIL_QUEUE), Some(lease_end));
    world.live_through(LEASE + SignedDuration::from_secs(1)).await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (2, 1));
}

#[tokio::test]
async fn a_failing_change_of_visibility_loses_and_repeats_nothing() {
    // SQS-03: the queue's own visibility timeout and the sweeper remain
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::sending_rate_exceeded(), 1);
    world.aws().fail(Service::Sqs, "ChangeMessageVisibility", Fault::denied(), 1);
    world.registered_with_queued_mail("ada@example.com").await;
    world.live_through(SignedDuration::from_mins(3)).await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (2, 1), "the sweeper has queued it");
    world.live_through(SignedDuration::from_mins(10)).await;
    assert_eq!((world.calls("SendEmail"), world.aws().sqs.counts(MAIL_QUEUE)), (2, Counts::default()));
}

#[tokio::test]
async fn a_mailer_that_dies_at_any_call_loses_no_mail() {
    // OUT-01, OUT-04: redelivery alone sends it; the sweeper does not run here
    for (operation, mails_by_then) in [("UpdateItem", 0), ("GetItem", 0), ("SendEmail", 1)] {
        let world = World::new().await;
        world.registered_with_queued_mail("ada@example.com").await;
        world.dies_at(operation, world.deliver_mail()).await;
        assert_eq!((world.mails().len(), world.only_mail().state), (mails_by_then, MailState::Sending), "{operation}");
        for _ in 0..2 {
            let back = world.aws().sqs.next_visible_at(MAIL_QUEUE).expect("the message is in flight");
            world.pass_until(back);
            world.deliver_mail().await;
        }
        assert_eq!((world.mails().len(), world.only_mail().state), (mails_by_then + 1, MailState::Sent), "{operation}");
        assert_eq!(world.aws().sqs.counts(MAIL_QUEUE), Counts::default(), "{operation}");
    }
}
