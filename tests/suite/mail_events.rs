//! SES's events about mails. They settle mail rows, and they show whether mail to an address arrives.
//!
//! To add a test: make an event with `ses_event`, change it, and hand it over with `tell`.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::doubles::{Counts, Fault, Service, ses_event};
use tests::rows::MailState;
use tests::system::{MAIL_EVENTS_DEAD_LETTER_QUEUE, MAIL_EVENTS_QUEUE, MAIL_QUEUE};
use tests::world::{Actor, World};

const LEASE: SignedDuration = SignedDuration::from_mins(10);

// ---- Settling a row ----

#[tokio::test]
async fn a_mail_whose_acceptance_was_lost_is_settled_by_its_send_event() {
    // OUT-06
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::AppliedButLost, 1);
    world.registered_with_queued_mail("ada@example.com").await;
    world.deliver_mail().await;
    assert_eq!(world.only_mail().state, MailState::Sending);
    world.deliver_mail_events().await;
    let row = world.only_mail();
    assert_eq!((row.state, row.message_id), (MailState::Sent, Some(world.mails()[0].message_id.clone())));
    assert_eq!((row.due, row.due_shard, row.lease_until), (None, None, None));
    assert!(row.ttl.is_some(), "a finished row expires");
    world.live_through(LEASE * 3).await;
    assert_eq!((world.calls("SendEmail"), world.aws().sqs.counts(MAIL_QUEUE)), (1, Counts::default()));
    assert_eq!(world.logged("mail_sent_again"), 0);
}

#[tokio::test]
async fn a_mail_whose_acceptance_and_event_are_both_lost_is_sent_again_and_counted() {
    // OUT-06: the only case in which a mail is sent twice
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::AppliedButLost, 1);
    world.registered_with_queued_mail("ada@example.com").await;
    world.deliver_mail().await;
    world.aws().sqs.purge(MAIL_EVENTS_QUEUE);
    world.live_through(LEASE * 3).await;
    assert_eq!((world.mails().len(), world.only_mail().state), (2, MailState::Sent));
    assert_eq!(world.logged("mail_sent_again"), 1);
    let [line] = &world.log_lines("mail_sent_again")[..] else { panic!("one line") };
    assert_eq!(line["MailsSentAgain"], 1, "a metric with an alarm: {line}");
}

#[tokio::test]
async fn a_late_event_settles_a_later_attempt() {
    // OUT-06
    let (world, late) = accepted_unheard_and_then(Fault::sending_rate_exceeded()).await;
    let pending = world.only_mail();
    assert_eq!((pending.state, pending.attempt), (MailState::Pending, 2));
    tell(&world, &late).await;
    assert_eq!(world.only_mail().state, MailState::Sent);
    world.live_through(LEASE * 3).await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (2, 1));
}

#[tokio::test]
async fn a_sent_mail_whose_row_could_not_be_written_is_settled_by_its_send_event() {
    // OUT-06
    for fault in [None, Some(Fault::AppliedButLost)] {
        let world = World::new().await;
        world.registered_with_queued_mail("ada@example.com").await;
        if let Some(fault) = &fault {
            world.aws().fail(Service::Ses, "SendEmail", fault.clone(), 1);
        }
        // The write that settles the row is denied, so only the event can settle it.
        let deny = || world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::denied(), 1);
        world.meanwhile("SendEmail", deny, world.deliver_mail()).await;
        world.aws().clear_faults();
        assert_eq!(world.only_mail().state, MailState::Sending, "{fault:?}");
        world.deliver_mail_events().await;
        world.live_through(LEASE * 2).await;
        assert_eq!((world.calls("SendEmail"), world.only_mail().state), (1, MailState::Sent), "{fault:?}");
        assert_eq!(world.aws().sqs.counts(MAIL_QUEUE), Counts::default());
    }
}

#[tokio::test]
async fn an_event_of_an_earlier_attempt_settles_a_failed_mail_and_disarms_its_dead_letter() {
    // OUT-06, OUT-04
    let (world, late) = accepted_unheard_and_then(Fault::rejected()).await;
    assert_eq!((world.only_mail().state, world.dead_letters().len()), (MailState::Failed, 1));
    tell(&world, &late).await;
    assert_eq!(world.only_mail().state, MailState::Sent);
    world.enqueue(&world.dead_letters()[0].to_string()).await;
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (2, 1));
}

// ---- Any order, any number ----

#[tokio::test]
async fn events_have_the_same_result_in_any_order_and_any_number() {
    // SES-02
    let kinds = ["Send", "Delivery", "Bounce", "Complaint"];
    let mut outcomes = Vec::new();
    for first in 0..kinds.len() {
        for second in (0..kinds.len()).filter(|second| *second != first) {
            let world = World::new().await;
            let ada = world.registered("ada@example.com").await;
            world.aws().sqs.purge(MAIL_EVENTS_QUEUE);
            let rest = (0..kinds.len()).filter(|kind| ![first, second].contains(kind));
            let order: Vec<_> = [first, second].into_iter().chain(rest).chain([first, first]).collect();
            for kind in order {
                let event = ses_event(kinds[kind], &world.mails()[0], world.now());
                tell(&world, &[event.to_string()]).await;
            }
            let mut row = world.rows("MAIL#").remove(0);
            let mut events = row["events"]["SS"].as_array().cloned().expect("the events");
            events.sort_by_key(Value::to_string);
            row["events"] = json!(events);
            for name in ["pk", "sk", "holder", "messageId", "ticket"] {
                row[name] = Value::Null; // these differ between runs
            }
            outcomes.push((row, email_status(&world, &ada).await));
        }
    }
    assert_eq!(outcomes[0].0["events"], json!(["Bounce", "Complaint", "Delivery", "Send"]));
    assert_eq!(outcomes[0].1, "complained");
    for outcome in &outcomes {
        assert_eq!(outcome, &outcomes[0]);
    }
}

#[tokio::test]
async fn an_event_that_could_not_be_recorded_is_recorded_when_redelivered() {
    // SES-02: every write about the events of a bounced mail fails once
    let whole = World::new().await;
    whole.registered("bounce@simulator.amazonses.com").await;
    whole.aws().clear_calls();
    whole.deliver_mail_events().await;
    let writes = whole.calls("UpdateItem");
    assert!(writes > 1, "one of the row and one of the profile");
    for fault in [Fault::denied(), Fault::AppliedButLost] {
        for place in 0..writes {
            let world = World::new().await;
            let ada = world.registered("bounce@simulator.amazonses.com").await;
            world.aws().clear_calls();
            world.aws().fail_after(place, Service::DynamoDb, "UpdateItem", fault.clone());
            world.live_through(SignedDuration::from_mins(4)).await;
            assert!(world.calls("UpdateItem") > writes, "{fault:?} at write {place} is followed by another");
            assert_eq!(email_status(&world, &ada).await, "bounced", "{fault:?} at write {place}");
            assert_eq!(world.aws().sqs.counts(MAIL_EVENTS_QUEUE), Counts::default());
        }
    }
}

// ---- The status of an address ----

#[tokio::test]
async fn me_shows_whether_mail_to_the_address_arrives() {
    // SES-02: with the addresses of SES's mailbox simulator
    for (address, status) in [
        ("ada@example.com", "delivered"),
        ("bounce@simulator.amazonses.com", "bounced"),
        ("complaint+ada@simulator.amazonses.com", "complained"),
    ] {
        let world = World::new().await;
        let ada = world.registered(address).await;
        assert_eq!(email_status(&world, &ada).await, "unknown", "before any event");
        world.deliver_mail_events().await;
        assert_eq!(email_status(&world, &ada).await, status, "{address}");
    }
}

#[tokio::test]
async fn a_not_spam_report_is_not_a_complaint() {
    // SES-02: mail providers report it like a complaint
    for (kind, status) in [(json!("abuse"), "complained"), (Value::Null, "complained"), (json!("not-spam"), "unknown")]
    {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        world.aws().sqs.purge(MAIL_EVENTS_QUEUE);
        let mut event = ses_event("Complaint", &world.mails()[0], world.now());
        event["detail"]["complaint"]["complaintFeedbackType"] = kind;
        tell(&world, &[event.to_string()]).await;
        assert_eq!(email_status(&world, &ada).await, status);
    }
}

#[tokio::test]
async fn a_transient_bounce_does_not_change_the_email_status() {
    // SES-02: such as a full mailbox
    for kind in ["Transient", "Undetermined"] {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        world.aws().sqs.purge(MAIL_EVENTS_QUEUE);
        let mut event = ses_event("Bounce", &world.mails()[0], world.now());
        event["detail"]["bounce"]["bounceType"] = json!(kind);
        tell(&world, &[event.to_string()]).await;
        assert_eq!(email_status(&world, &ada).await, "unknown", "{kind}");
    }
}

#[tokio::test]
async fn a_suppressed_address_gets_no_more_mail() {
    // SES-02: SES blocks senders that keep mailing such addresses
    let world = World::new().await;
    let ada = world.registered("bounce@simulator.amazonses.com").await;
    assert_eq!(world.send_welcome_email(&ada).await.status, 202);
    world.deliver_mail_events().await;
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (1, 1));
    let [dead_letter] = &world.dead_letters()[..] else { panic!("one dead letter") };
    let refused = world.send_welcome_email(&ada).await;
    assert_eq!(refused.verdict(), (409, "Email address suppressed".to_owned()));
    assert_eq!((&dead_letter["reason"], &dead_letter["retry"]), (&json!("the address is suppressed"), &json!(1)));
}

// ---- Events that match no mail ----

#[tokio::test]
async fn an_event_about_an_unknown_mail_is_acknowledged_without_effect() {
    // SES-02, OUT-08: forged or unknown ids
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.aws().sqs.purge(MAIL_EVENTS_QUEUE);
    let mail = &world.mails()[0];
    let before = world.items("Accounts");
    let wrong: [(&str, Option<&str>); 6] = [
        ("mail", Some("019bc0fd-8a3d-78dc-8daf-f3ad0b4c9c7a")),
        ("user", Some("019bc0fd-8a3d-78dc-8daf-f3ad0b4c9c7a")),
        ("mail", Some("' OR 1=1")),
        ("user", Some("")),
        ("mail", None),
        ("user", None),
    ];
    for kind in ["Send", "Delivery", "Bounce", "Complaint", "Reject"] {
        for (name, value) in wrong {
            let mut event = ses_event(kind, mail, world.now());
            let tags = event["detail"]["mail"]["tags"].as_object_mut().expect("tags");
            tags.remove(name);
            tags.extend(value.map(|value| (name.to_owned(), json!([value]))));
            tell(&world, &[event.to_string()]).await;
        }
    }
    for kind in ["Open", "Click", "DeliveryDelay", "Subscription", "Something new"] {
        tell(&world, &[ses_event(kind, mail, world.now()).to_string()]).await;
    }
    assert_eq!(world.items("Accounts"), before);
    assert_eq!(email_status(&world, &ada).await, "unknown");
    assert_eq!(world.aws().sqs.bodies(MAIL_EVENTS_DEAD_LETTER_QUEUE), [""; 0]);
}

#[tokio::test]
async fn an_event_about_an_earlier_address_teaches_nothing_about_the_present_one() {
    // ACC-11
    let of_address = |event: &mut Value, version: Option<&str>| {
        let tags = event["detail"]["mail"]["tags"].as_object_mut().expect("tags");
        tags.remove("address");
        tags.extend(version.map(|version| ("address".to_owned(), json!([version]))));
    };
    for kind in ["Bounce", "Complaint"] {
        for (present, tag, teaches) in
            [(0, None, true), (0, Some("0"), true), (1, Some("1"), true), (1, Some("0"), false), (1, None, false)]
                .into_iter()
                .chain([(0, Some("1"), false), (0, Some("other"), false), (1, Some("other"), false)])
        {
            let world = World::new().await;
            let ada = world.registered("ada@example.com").await;
            world.tamper_with_profile(&ada, &json!({"addressVersion": {"N": present.to_string()}}));
            let mut event = ses_event(kind, &world.mails()[0], world.now());
            of_address(&mut event, tag);
            tell(&world, &[event.to_string()]).await;
            let is_suppressed = ["bounced", "complained"].contains(&email_status(&world, &ada).await.as_str());
            assert_eq!(is_suppressed, teaches, "{kind} {present} {tag:?}");
        }
    }
}

#[tokio::test]
async fn an_event_about_an_erased_user_creates_nothing() {
    // OUT-08
    let world = World::new().await;
    world.registered("ada@example.com").await;
    world.delete_user_items("");
    world.deliver_mail_events().await;
    assert_eq!(world.user_items().len(), 0);
    assert_eq!(world.aws().sqs.counts(MAIL_EVENTS_QUEUE), Counts::default());
}

#[tokio::test]
async fn an_unreadable_event_becomes_a_dead_letter() {
    // SES-02, SQS-01: the other events are recorded
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for body in ["not JSON", "{}", r#"{"detail": {"eventType": 1}}"#] {
        world.aws().sqs.put(MAIL_EVENTS_QUEUE, body.to_owned());
    }
    world.deliver_mail_events().await;
    assert_eq!(email_status(&world, &ada).await, "delivered");
    world.live_through(SignedDuration::from_mins(31)).await;
    assert_eq!(world.aws().sqs.bodies(MAIL_EVENTS_DEAD_LETTER_QUEUE).len(), 3);
}

// ---- Helpers ----

/// Makes SES accept the first attempt of a mail while its answer is lost, and answer the second with `fault`. Returns
/// the world, and the events of the first attempt, which have not arrived yet.
async fn accepted_unheard_and_then(fault: Fault) -> (World, Vec<String>) {
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::AppliedButLost, 1);
    world.aws().fail(Service::Ses, "SendEmail", fault, 1);
    world.registered_with_queued_mail("ada@example.com").await;
    world.deliver_mail().await;
    let late = world.aws().sqs.bodies(MAIL_EVENTS_QUEUE);
    world.aws().sqs.purge(MAIL_EVENTS_QUEUE);
    world.pass(LEASE);
    world.deliver_mail().await;
    (world, late)
}

/// Puts events into their queue and has them recorded.
async fn tell(world: &World, bodies: &[String]) {
    for body in bodies {
        world.aws().sqs.put(MAIL_EVENTS_QUEUE, body.clone());
    }
    world.deliver_mail_events().await;
    assert_eq!(world.aws().sqs.counts(MAIL_EVENTS_QUEUE), Counts::default(), "every event is acknowledged");
}

/// Returns the `emailStatus` that the API shows.
async fn email_status(world: &World, actor: &Actor) -> String {
    world.me(actor).await.field("user")["emailStatus"].as_str().expect("a status").to_owned()
}
