//! Dead letters: list, redrive, delete.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::doubles::{Counts, Fault, Service};
use tests::system::{DEAD_LETTER_QUEUE, MAIL_EVENTS_DEAD_LETTER_QUEUE, MAIL_EVENTS_QUEUE, MAIL_QUEUE};
use tests::world::World;

use super::verdict;

const MOMENT: SignedDuration = SignedDuration::from_millis(1);

/// Makes a world with one mail that SES rejects, and its dead letter.
async fn rejecting() -> World {
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::rejected(), usize::MAX);
    world.registered_with_queued_mail("ada@example.com").await;
    world.deliver_mail().await;
    assert_eq!(world.dead_letters().len(), 1);
    world
}

fn mail(action: &str) -> Value {
    json!({"queue": "mail", "action": action})
}

#[tokio::test]
async fn a_list_shows_why_each_message_is_there_and_hides_none() {
    // ADM-01, ADM-02
    let world = rejecting().await;
    for _ in 0..2 {
        let listed = world.admin(json!({"operation": "dead-letters", "queue": "mail", "action": "list"})).await;
        assert_eq!(listed["messages"][0]["mail"], world.only_mail().key(), "{listed}");
        assert_eq!(listed["messages"][0]["reason"], "SendEmail: MessageRejected", "{listed}");
        assert_eq!(listed["messages"].as_array().map(Vec::len), Some(1));
        assert_eq!(world.aws().sqs.counts(DEAD_LETTER_QUEUE), Counts { visible: 1, in_flight: 0, delayed: 0 });
    }
}

#[tokio::test]
async fn a_redriven_mail_is_sent_once_its_cause_is_gone() {
    // ADM-02, OUT-02
    let world = rejecting().await;
    world.aws().clear_faults();
    let done = world.operate("dead-letters", mail("redrive")).await;
    assert_eq!((done["messages"].as_array().map(Vec::len), &done["more"]), (Some(1), &json!(false)), "{done}");
    world.deliver_mail().await;
    assert_eq!((world.mails().len(), world.dead_letters().len()), (1, 0));
    let again = world.operate("dead-letters", mail("redrive")).await;
    assert_eq!(again["messages"], json!([]));
}

#[tokio::test]
async fn a_redrive_ends_although_every_message_comes_back() {
    // ADM-02: the script that this replaces went on for as long as the cause
    let world = rejecting().await;
    world.pass(MOMENT);
    let first = world.operate("dead-letters", mail("redrive")).await;
    assert_eq!(first["messages"].as_array().map(Vec::len), Some(1));
    world.pass(MOMENT);
    world.deliver_mail().await;
    assert_eq!(world.dead_letters().len(), 1, "it is back");
    let mut wish = mail("redrive");
    wish["sentUntil"] = first["sentUntil"].clone();
    let second = world.operate("dead-letters", wish).await;
    assert_eq!((&second["messages"], &second["more"]), (&json!([]), &json!(false)), "{second}");
    assert_eq!(world.aws().sqs.counts(DEAD_LETTER_QUEUE).visible, 1);
    world.leave_mail();
}

#[tokio::test]
async fn a_call_that_fails_says_so_and_loses_nothing() {
    // ADM-01: the script that this replaces ended well although every call failed
    for operation in ["ReceiveMessage", "SendMessage", "DeleteMessage"] {
        let world = rejecting().await;
        world.aws().fail(Service::Sqs, operation, Fault::denied(), usize::MAX);
        assert_eq!(verdict(&world.operate("dead-letters", mail("redrive")).await), 503, "{operation}");
        world.aws().clear_faults();
        let waiting = world.aws().sqs.counts(DEAD_LETTER_QUEUE).visible + world.aws().sqs.counts(MAIL_QUEUE).visible;
        assert!(waiting >= 1, "{operation}: the message is in one queue or in both");
        world.operate("dead-letters", mail("redrive")).await;
        world.deliver_mail().await;
        assert_eq!((world.mails().len(), world.dead_letters().len()), (1, 0), "{operation}: it is sent once");
    }
}

#[tokio::test]
async fn the_named_messages_are_deleted_and_no_others() {
    // ADM-02
    let world = rejecting().await;
    world.registered_with_queued_mail("bob@example.com").await;
    world.deliver_mail().await;
    let listed = world.admin(json!({"operation": "dead-letters", "queue": "mail", "action": "list"})).await;
    let (gone, stays) = (&listed["messages"][0], &listed["messages"][1]);
    let wish = json!({"queue": "mail", "action": "delete", "messages": [gone["id"]]});
    let done = world.operate("dead-letters", wish).await;
    assert_eq!(done["messages"][0]["id"], gone["id"], "{done}");
    let left = world.admin(json!({"operation": "dead-letters", "queue": "mail", "action": "list"})).await;
    assert_eq!((left["messages"].as_array().map(Vec::len), &left["messages"][0]["id"]), (Some(1), &stays["id"]));
}

#[tokio::test]
async fn events_are_redriven_and_nothing_of_them_is_shown() {
    // ADM-01, ADM-02
    let world = World::new().await;
    let ada = world.registered("bounce@simulator.amazonses.com").await;
    let bodies = world.aws().sqs.bodies(MAIL_EVENTS_QUEUE);
    world.aws().sqs.purge(MAIL_EVENTS_QUEUE);
    for body in &bodies {
        world.aws().sqs.put(MAIL_EVENTS_DEAD_LETTER_QUEUE, body.clone());
    }
    let listed = world.admin(json!({"operation": "dead-letters", "queue": "mail-events", "action": "list"})).await;
    assert_eq!(listed["messages"].as_array().map(Vec::len), Some(bodies.len()));
    assert!(!listed.to_string().contains("simulator"), "{listed}");
    world.operate("dead-letters", json!({"queue": "mail-events", "action": "redrive"})).await;
    world.deliver_mail_events().await;
    assert_eq!(world.me(&ada).await.field("user")["emailStatus"], "bounced");
}
