//! SQS.

use std::collections::BTreeSet;

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry};
use jiff::Timestamp;
use tests::doubles::Counts;
use tokio::task::JoinSet;

use super::{World, handle};

fn attribute<'a>(message: &'a Message, name: &MessageSystemAttributeName) -> Option<&'a str> {
    message.attributes.as_ref()?.get(name).map(String::as_str)
}

#[tokio::test]
async fn a_received_message_is_hidden_for_the_visibility_timeout_and_comes_back_with_a_new_handle() {
    let world = World::new().await;
    let queue = world.mail_queue();
    let id = world.send(&queue, "one").await;

    let first = world.receive(&queue).await;
    assert_eq!(first[0].message_id(), Some(id.as_str()));
    assert_eq!(first[0].body(), Some("one"));
    assert_eq!(first[0].md5_of_body(), Some("f97c5d29941bfb1b2fdab0874906ab82"));
    assert_eq!(attribute(&first[0], &MessageSystemAttributeName::ApproximateReceiveCount), Some("1"));
    assert_eq!(attribute(&first[0], &MessageSystemAttributeName::SentTimestamp), Some("1800000000000"));
    assert!(world.receive(&queue).await.is_empty());
    assert_eq!(world.aws.sqs.counts("mail"), Counts { visible: 0, in_flight: 1, delayed: 0 });

    world.later(29);
    assert!(world.receive(&queue).await.is_empty());
    assert_eq!(world.aws.sqs.next_visible_at("mail"), Timestamp::from_second(1_800_000_030).ok());
    world.later(1);
    let second = world.receive(&queue).await;
    assert_eq!(second[0].message_id(), Some(id.as_str()));
    assert_ne!(second[0].receipt_handle(), first[0].receipt_handle());
    assert_eq!(attribute(&second[0], &MessageSystemAttributeName::ApproximateReceiveCount), Some("2"));
    let first_received = MessageSystemAttributeName::ApproximateFirstReceiveTimestamp;
    assert_eq!(attribute(&second[0], &first_received), Some("1800000000000"));
}

#[tokio::test]
async fn attributes_come_only_when_asked_for() {
    let world = World::new().await;
    let queue = world.mail_queue();
    world.send(&queue, "one").await;
    let received = world.receiving(&queue).send().await.unwrap();
    assert_eq!(received.messages()[0].attributes, None);
}

#[tokio::test]
async fn a_deleted_message_stays_away_and_a_stale_handle_deletes_nothing() {
    let world = World::new().await;
    let queue = world.mail_queue();
    world.send(&queue, "one").await;
    let first = world.receive(&queue).await;
    world.later(30);
    let second = world.receive(&queue).await;

    let delete =
        |message: &Message| world.sqs.delete_message().queue_url(&queue).receipt_handle(handle(message)).send();
    delete(&first[0]).await.unwrap();
    assert_eq!(world.aws.sqs.bodies("mail"), ["one"]);
    delete(&second[0]).await.unwrap();
    delete(&second[0]).await.unwrap();
    assert!(world.aws.sqs.bodies("mail").is_empty());
}

#[tokio::test]
async fn a_message_that_was_received_too_often_goes_to_the_dead_letter_queue_as_it_is() {
    let world = World::new().await;
    let queue = world.mail_queue();
    let id = world.send(&queue, "poison").await;
    for _ in 0..3 {
        assert_eq!(world.receive(&queue).await.len(), 1);
        world.later(30);
    }
    assert_eq!(world.aws.sqs.counts("dead"), Counts::default());

    assert!(world.receive(&queue).await.is_empty());
    assert_eq!(world.aws.sqs.counts("mail"), Counts::default());
    let dead = world.receive(&world.aws.sqs.url("dead")).await;
    assert_eq!(dead[0].message_id(), Some(id.as_str()));
    assert_eq!(dead[0].body(), Some("poison"));
    assert_eq!(attribute(&dead[0], &MessageSystemAttributeName::SentTimestamp), Some("1800000000000"));
}

#[tokio::test]
async fn a_delayed_message_waits_and_an_old_one_is_dropped() {
    let world = World::new().await;
    let queue = world.mail_queue();
    let delayed = world.sqs.send_message().queue_url(&queue).message_body("later").delay_seconds(60).send();
    delayed.await.unwrap();
    assert_eq!(world.aws.sqs.counts("mail"), Counts { visible: 0, in_flight: 0, delayed: 1 });
    assert!(world.receive(&queue).await.is_empty());
    world.later(60);
    assert_eq!(world.receive(&queue).await.len(), 1);

    world.later(4 * 24 * 3600 - 61);
    assert_eq!(world.aws.sqs.bodies("mail"), ["later"]);
    world.later(1);
    assert!(world.aws.sqs.bodies("mail").is_empty());
    assert!(world.receive(&queue).await.is_empty());
}

#[tokio::test]
async fn the_visibility_of_a_message_in_flight_can_be_changed_and_of_no_other() {
    let world = World::new().await;
    let queue = world.mail_queue();
    world.send(&queue, "one").await;
    let received = world.receive(&queue).await;
    let change = |handle: &str, seconds| {
        let change = world.sqs.change_message_visibility().queue_url(&queue).receipt_handle(handle);
        change.visibility_timeout(seconds).send()
    };

    change(handle(&received[0]), 600).await.unwrap();
    world.later(599);
    assert!(world.receive(&queue).await.is_empty());
    let too_long = change(handle(&received[0]), 43_200).await.unwrap_err();
    assert_eq!(too_long.code(), Some("InvalidParameterValue"));
    let out_of_range = change(handle(&received[0]), 43_201).await.unwrap_err();
    assert_eq!(out_of_range.code(), Some("InvalidParameterValue"));

    world.later(1);
    let timed_out = change(handle(&received[0]), 1).await.unwrap_err().into_service_error();
    assert!(timed_out.is_message_not_inflight(), "{timed_out:?}");
    let again = world.receive(&queue).await;
    let stale = change(handle(&received[0]), 1).await.unwrap_err().into_service_error();
    assert!(stale.is_message_not_inflight(), "{stale:?}");
    change(handle(&again[0]), 0).await.unwrap();
    assert_eq!(world.receive(&queue).await.len(), 1);

    let nonsense = change("nonsense", 1).await.unwrap_err().into_service_error();
    assert!(nonsense.is_receipt_handle_is_invalid(), "{nonsense:?}");
    world.aws.sqs.purge("mail");
    let gone = change(handle(&again[0]), 1).await.unwrap_err();
    assert_eq!(gone.code(), Some("InvalidParameterValue"));
}

#[tokio::test]
async fn a_handle_of_another_queue_is_invalid() {
    let world = World::new().await;
    let queue = world.mail_queue();
    world.send(&queue, "one").await;
    let received = world.receive(&queue).await;
    let elsewhere = world.aws.sqs.url("dead");
    let delete = world.sqs.delete_message().queue_url(elsewhere).receipt_handle(handle(&received[0])).send().await;
    assert!(delete.unwrap_err().into_service_error().is_receipt_handle_is_invalid());
}

#[tokio::test]
async fn what_sqs_refuses_is_refused() {
    let world = World::new().await;
    let queue = world.mail_queue();
    let unknown = world.aws.sqs.url("unknown");
    let send = |queue: &str, body: &str| world.sqs.send_message().queue_url(queue).message_body(body).send();

    let error = send(&unknown, "one").await.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist(), "{error:?}");
    let error = world.receiving(&unknown).send().await.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist(), "{error:?}");
    let error = world.sqs.get_queue_url().queue_name("unknown").send().await.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist(), "{error:?}");
    let error = send(&queue, "\u{1}").await.unwrap_err().into_service_error();
    assert!(error.is_invalid_message_contents(), "{error:?}");
    let error = send(&queue, &"x".repeat(1024 * 1024 + 1)).await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidParameterValue"));
    let error = send(&queue, "").await.unwrap_err();
    assert_eq!(error.code(), Some("MissingParameter"));
    let late = world.sqs.send_message().queue_url(&queue).message_body("one").delay_seconds(901).send();
    assert_eq!(late.await.unwrap_err().code(), Some("InvalidParameterValue"));
    let many = world.receiving(&queue).max_number_of_messages(11).send();
    assert_eq!(many.await.unwrap_err().code(), Some("InvalidParameterValue"));
    let unmodelled = world.sqs.send_message().queue_url(&queue).message_body("one").message_group_id("a").send();
    assert_eq!(unmodelled.await.unwrap_err().code(), Some("SerializationException"));
    let unknown_operation = world.sqs.list_queues().send().await.unwrap_err();
    assert_eq!(unknown_operation.code(), Some("UnknownOperationException"));
    assert!(world.aws.sqs.bodies("mail").is_empty());
}

#[tokio::test]
async fn a_batch_is_sent_but_for_the_entries_that_are_wrong() {
    let world = World::new().await;
    let queue = world.mail_queue();
    let entry = |id: &str, delay| {
        let entry = SendMessageBatchRequestEntry::builder().id(id).message_body(id).delay_seconds(delay);
        entry.build().unwrap()
    };
    let batch = |entries| world.sqs.send_message_batch().queue_url(&queue).set_entries(Some(entries)).send();

    let sent = batch(vec![entry("a", 0), entry("b", 901), entry("c", 0)]).await.unwrap();
    assert_eq!(sent.successful().len(), 2);
    assert_eq!(sent.failed()[0].id(), "b");
    assert_eq!(world.aws.sqs.bodies("mail"), ["a", "c"]);
    let twice = batch(vec![entry("a", 0), entry("a", 0)]).await.unwrap_err().into_service_error();
    assert!(twice.is_batch_entry_ids_not_distinct(), "{twice:?}");
    let eleven = (0..11).map(|number| entry(&number.to_string(), 0)).collect();
    let eleven = batch(eleven).await.unwrap_err().into_service_error();
    assert!(eleven.is_too_many_entries_in_batch_request(), "{eleven:?}");
}

#[tokio::test]
async fn a_queue_tells_its_attributes() {
    let world = World::new().await;
    let queue = world.mail_queue();
    world.send(&queue, "one").await;
    let found = world.sqs.get_queue_url().queue_name("mail").send().await.unwrap();
    assert_eq!(found.queue_url(), Some(queue.as_str()));

    let asked = world.sqs.get_queue_attributes().queue_url(&queue).attribute_names(QueueAttributeName::All);
    let all = asked.send().await.unwrap().attributes.unwrap();
    assert_eq!(all[&QueueAttributeName::QueueArn], "arn:aws:sqs:us-east-1:000000000000:mail");
    assert_eq!(all[&QueueAttributeName::ApproximateNumberOfMessages], "1");
    assert_eq!(all[&QueueAttributeName::VisibilityTimeout], "30");
    let policy: serde_json::Value = serde_json::from_str(&all[&QueueAttributeName::RedrivePolicy]).unwrap();
    assert_eq!(policy["maxReceiveCount"], 3);

    let unknown = world.sqs.get_queue_attributes().queue_url(&queue).attribute_names("Colour".into());
    assert!(unknown.send().await.unwrap_err().into_service_error().is_invalid_attribute_name());
}

#[tokio::test]
async fn concurrent_receivers_get_each_message_once() {
    let world = World::new().await;
    let queue = world.mail_queue();
    for number in 0..40 {
        world.send(&queue, &number.to_string()).await;
    }
    let mut receivers = JoinSet::new();
    for _ in 0..10 {
        receivers.spawn(world.receiving(&queue).max_number_of_messages(4).send());
    }
    let received: Vec<Message> =
        receivers.join_all().await.into_iter().flat_map(|received| received.unwrap().messages.unwrap()).collect();
    assert_eq!(received.len(), 40);
    let bodies: BTreeSet<_> = received.iter().map(|message| message.body()).collect();
    assert_eq!(bodies.len(), 40);
}

#[tokio::test]
async fn a_waiting_receive_ends_when_a_message_arrives_or_the_clock_shows_one() {
    let world = World::new().await;
    let queue = world.mail_queue();
    let wait = || world.receiving(&queue).wait_time_seconds(20).send();
    let (received, _) = tokio::join!(wait(), async {
        world.arrived(1).await;
        world.send(&queue, "one").await
    });
    assert_eq!(received.unwrap().messages().len(), 1);

    world.aws.clear_calls();
    let (received, ()) = tokio::join!(wait(), async {
        world.arrived(1).await;
        world.later(30);
    });
    assert_eq!(received.unwrap().messages().len(), 1);
    let nothing = world.receiving(&queue).wait_time_seconds(1).send().await.unwrap();
    assert!(nothing.messages().is_empty());
}

#[tokio::test]
async fn a_duplicate_is_the_same_message_and_is_deleted_on_its_own() {
    let world = World::new().await;
    let queue = world.mail_queue();
    world.send(&queue, "one").await;
    let original = world.receive(&queue).await;
    assert_eq!(world.aws.sqs.duplicate("mail"), 1);
    let copy = world.receive(&queue).await;
    assert_eq!(copy[0].message_id(), original[0].message_id());
    let change = world.sqs.change_message_visibility().queue_url(&queue).receipt_handle(handle(&copy[0]));
    change.visibility_timeout(60).send().await.unwrap();
    assert_eq!(world.aws.sqs.next_visible_at("mail"), Timestamp::from_second(1_800_000_030).ok());
    world.sqs.delete_message().queue_url(&queue).receipt_handle(handle(&original[0])).send().await.unwrap();
    assert_eq!(world.aws.sqs.bodies("mail"), ["one"]);
}
