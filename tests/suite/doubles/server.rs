//! The server of the doubles, and the files in which it keeps their state.

use aws_sdk_sqs::error::SdkError;
use jiff::Timestamp;
use shared::clock::Clock;
use tests::doubles::{Aws, Counts};

use super::{SENDER, World, handle};

#[tokio::test]
async fn the_server_lives_as_long_as_its_last_handle() {
    let world = World::new().await;
    let queue = world.mail_queue();
    let last = world.aws.clone();
    drop(world.aws);
    let send = || world.sqs.send_message().queue_url(&queue).message_body("one").send();
    send().await.unwrap();
    drop(last);
    tokio::task::yield_now().await;
    assert!(matches!(send().await, Err(SdkError::DispatchFailure(_))));
}

#[tokio::test]
async fn state_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with(Some(folder.path()), None).await;
    let queue = world.mail_queue();
    world.aws.ses.verify(SENDER);
    let arn = world.aws.secrets.create("keys", "zero");
    let id = world.send(&queue, "one").await;
    world.send(&queue, "two").await;
    let received = world.receiving(&queue).max_number_of_messages(1).send().await.unwrap().messages.unwrap();
    world.mail(SENDER, "ada@example.com").await.unwrap();
    let mails = world.aws.ses.sent();
    drop(world);

    let world = World::with(Some(folder.path()), None).await;
    let queue = world.mail_queue();
    assert_eq!(world.aws.sqs.counts("mail"), Counts { visible: 1, in_flight: 1, delayed: 0 });
    world.sqs.delete_message().queue_url(&queue).receipt_handle(handle(&received[0])).send().await.unwrap();
    assert_eq!(world.aws.sqs.bodies("mail"), ["two"]);
    assert_eq!(received[0].message_id(), Some(id.as_str()));
    assert_eq!(world.aws.ses.sent(), mails);
    world.mail(SENDER, "ada@example.com").await.unwrap();
    assert_eq!(world.aws.secrets.create("keys", "other"), arn);
    assert_eq!(world.aws.secrets.value("keys", "AWSCURRENT").as_deref(), Some("zero"));
}

#[tokio::test]
async fn a_file_that_is_no_state_stops_the_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("sqs.json"), "{").unwrap();
    let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
    assert!(Aws::start(clock, 0, Some(folder.path()), None).await.is_err());
}
