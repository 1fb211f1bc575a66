//! A store that fails at any step of the mailer's, or a process that dies there.

use jiff::SignedDuration;
use tests::doubles::{Counts, Fault, Service};
use tests::rows::MailState;
use tests::system::MAIL_QUEUE;
use tests::world::World;

use crate::support::SDK_TRIES;

const LEASE: SignedDuration = SignedDuration::from_mins(10);

#[tokio::test]
async fn a_claim_whose_answer_is_lost_knows_itself_again() {
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
async fn a_claim_none_of_whose_answers_arrive_sends_nothing_until_its_lease_ends() {
    // DDB-03: it may be anybody's
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::AppliedButLost, SDK_TRIES);
    world.live_through(LEASE - SignedDuration::from_millis(1)).await;
    assert_eq!((world.calls("SendEmail"), world.only_mail().state), (0, MailState::Sending));
    world.live_through(SignedDuration::from_mins(1)).await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (1, 1));
}

#[tokio::test]
async fn a_message_whose_row_cannot_be_claimed_comes_back() {
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
async fn a_mail_whose_user_cannot_be_read_is_retried_like_a_refused_one() {
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
async fn a_sent_mail_whose_row_cannot_be_marked_is_not_sent_again_within_its_lease() {
    // OUT-04, OUT-06
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    let deny = || world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::denied(), 1);
    world.meanwhile("SendEmail", deny, world.deliver_mail()).await;
    assert_eq!((world.mails().len(), world.only_mail().state), (1, MailState::Sending));
    world.live_through(LEASE - SignedDuration::from_millis(1)).await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (1, 1));
    world.live_through(SignedDuration::from_mins(10)).await;
    assert_eq!(world.only_mail().state, MailState::Sent, "and it does not stay open");
}

#[tokio::test]
async fn marking_a_mail_sent_knows_itself_again() {
    // DDB-03
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    let lose = || world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::AppliedButLost, 1);
    world.meanwhile("SendEmail", lose, world.deliver_mail()).await;
    assert_eq!((world.calls("SendEmail"), world.only_mail().state), (1, MailState::Sent));
    assert_eq!(world.aws().sqs.counts(MAIL_QUEUE), Counts::default(), "it is acknowledged at once");
}

#[tokio::test]
async fn putting_a_mail_off_knows_itself_again() {
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
async fn failing_a_mail_knows_itself_again() {
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
async fn a_refused_mail_that_cannot_be_put_off_is_sent_when_its_lease_ends() {
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
async fn a_message_that_cannot_be_told_when_to_come_back_does_no_harm() {
    // SQS-03: the queue's own visibility and the sweeper remain
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::sending_rate_exceeded(), 1);
    world.aws().fail(Service::Sqs, "ChangeMessageVisibility", Fault::denied(), 1);
    world.registered_with_queued_mail("ada@example.com").await;
    world.live_through(SignedDuration::from_mins(3)).await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (2, 1), "the sweeper has seen to it");
    world.live_through(SignedDuration::from_mins(10)).await;
    assert_eq!((world.calls("SendEmail"), world.aws().sqs.counts(MAIL_QUEUE)), (2, Counts::default()));
}

#[tokio::test]
async fn a_mailer_that_dies_at_any_of_its_calls_loses_no_mail() {
    // OUT-01, OUT-04: by redelivery alone; the sweeper never runs here
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
