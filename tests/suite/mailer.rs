//! The mailer: what a mail says, and that every mail is sent once.
//!
//! `batches` tests the report about a batch, `refusals` the answers of SES, and `store_faults` failures of DynamoDB
//! and deaths of the process. To add a test: `world.registered_with_queued_mail`, then `world.deliver_mail` or
//! `world.live_through`, then compare `world.mails()` and `world.only_mail()`.

mod batches;
mod refusals;
mod store_faults;

use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};
use shared::domain::Lease;
use tests::doubles::{Counts, Fault, SentMail, Service};
use tests::rows::MailState;
use tests::system::MAIL_QUEUE;
use tests::world::{PASSWORD, World};

// ---- What a mail says ----

#[tokio::test]
async fn a_mail_goes_to_the_stored_address_and_to_no_other() {
    // INP-04, INP-02: as typed, not in its canonical form
    let world = World::new().await;
    let ada = world.registered("Ada.Lovelace+keys@Example.COM").await;
    let [mail] = &world.mails()[..] else { panic!("one mail, not {:?}", world.mails()) };
    assert_eq!(mail.to, [ada.email.as_str()]);
    assert_eq!(mail.to, [world.user(&ada).email]);
    assert_eq!((&mail.cc[..], &mail.bcc[..], &mail.reply_to[..]), (&[][..], &[][..], &[][..]));
    assert_eq!((mail.source.as_str(), &mail.return_path), ("Latchkey <no-reply@latchkey.example>", &None));
}

#[tokio::test]
async fn an_internationalized_domain_is_mailed_in_its_ascii_form() {
    // INP-02: SES accepts no other form
    let world = World::new().await;
    world.registered("Ada@Bücher.example").await;
    assert_eq!(world.mails()[0].to, ["Ada@xn--bcher-kva.example"]);
}

#[tokio::test]
async fn subject_and_service_name_come_from_the_settings() {
    // OUT-01
    let settings = [("SERVICE_NAME", "Tom & Sons"), ("WELCOME_SUBJECT", "Grüezi & willkommen")];
    let world = World::with(&settings).await;
    world.registered("ada@example.com").await;
    let mail = &world.mails()[0];
    assert_eq!(mail.subject, "Grüezi & willkommen");
    assert_eq!(first_line(mail), "Hello, welcome to Tom & Sons!");
    let html = mail.html.as_deref().expect("HTML");
    assert!(html.contains("<title>Grüezi &#38; willkommen</title>"), "{html}");
    assert!(html.contains(">Hello, welcome to Tom &#38; Sons!<"), "{html}");
}

fn first_line(mail: &SentMail) -> &str {
    mail.text.as_deref().and_then(|text| text.lines().next()).unwrap_or_default()
}

/// Returns the welcome mail of a user with this name.
async fn greeting_of(name: &str) -> SentMail {
    let world = World::new().await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD, "name": name});
    assert_eq!(world.post("/api/auth/register", &body).await.status, 201);
    world.deliver_mail().await;
    world.mails().remove(0)
}

#[tokio::test]
async fn a_name_is_plain_in_the_text_and_escaped_in_the_html() {
    // INP-03
    let mail = greeting_of("Ada \"&\" 'Byron'").await;
    assert_eq!(mail.subject, "Welcome!");
    assert_eq!(first_line(&mail), "Hello Ada \"&\" 'Byron', welcome to our platform!");
    let html = mail.html.as_deref().expect("HTML");
    assert!(html.contains(">Hello Ada &#34;&#38;&#34; &#39;Byron&#39;, welcome to our platform!<"), "{html}");
}

#[tokio::test]
async fn a_name_that_mail_programs_turn_into_a_link_is_left_out() {
    // INP-03: an attacker who registers a stranger's address cannot mail a link to it
    let mail = greeting_of("You won! Go to evil.example/win").await;
    assert_eq!(first_line(&mail), "Hello, welcome to our platform!");
    assert!(!mail.html.as_deref().expect("HTML").contains("evil"), "{mail:?}");
}

#[tokio::test]
async fn a_mail_is_tagged_with_its_row_and_attempt() {
    // OUT-06: the tags lead SES's events to the row
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::sending_rate_exceeded(), 1);
    let ada = world.registered_with_queued_mail("ada@example.com").await;
    world.live_through(SignedDuration::from_secs(10)).await;
    let key = world.only_mail().key();
    let mut tags: Vec<_> = world.mails()[0].tags.clone().into_iter().collect();
    tags.sort();
    let tag = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let (user, mail) = key.split_once('/').unwrap();
    assert_eq!(user, ada.id());
    assert_eq!(tags, [tag("address", "0"), tag("attempt", "2"), tag("mail", mail), tag("user", user)]);
}

#[tokio::test]
async fn a_queue_message_contains_only_the_key_of_its_row() {
    // OUT-03: no address, no name, no token
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    let body = format!(r#"{{"v":1,"mail":"{}"}}"#, world.only_mail().key());
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE), [body]);
    world.deliver_mail().await;
}

// ---- One mail, however many messages ----

#[tokio::test]
async fn ten_copies_of_a_message_in_one_batch_send_one_mail() {
    // OUT-04, SQS-01
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    let body = world.aws().sqs.bodies(MAIL_QUEUE).remove(0);
    for _ in 1..10 {
        world.enqueue(&body).await;
    }
    let messages = world.receive(10).await;
    assert_eq!(messages.len(), 10);
    assert_eq!(world.hand_over(&messages, 60).await, [""; 0]);
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (1, 1));
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE), [""; 0]);
}

#[tokio::test]
async fn ten_copies_of_a_message_in_ten_concurrent_invocations_send_one_mail() {
    // OUT-04
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    let body = world.aws().sqs.bodies(MAIL_QUEUE).remove(0);
    for _ in 1..10 {
        world.enqueue(&body).await;
    }
    let mut batches = Vec::new();
    for _ in 0..10 {
        batches.push(world.receive(1).await);
    }
    let lease = Lease::starting(world.now());
    join_all(batches.iter().map(|batch| world.hand_over(batch, 60))).await;
    assert_eq!((world.calls("SendEmail"), world.only_mail().state), (1, MailState::Sent));

    // The copies that met the lease come back at its end, find the mail sent, and are acknowledged.
    world.pass(lease.until.duration_since(world.now()));
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (1, 1));
    assert_eq!((world.aws().sqs.counts(MAIL_QUEUE), world.dead_letters()), (Counts::default(), vec![]));
}

#[tokio::test]
async fn a_message_for_a_sent_mail_is_acknowledged_without_sending() {
    // OUT-04, OUT-07: the row outlives every copy of its message
    let world = World::new().await;
    world.registered("ada@example.com").await;
    let body = json!({"v": 1, "mail": world.only_mail().key()}).to_string();
    for retry in [body.clone(), body.replace('}', r#","retry":1}"#)] {
        world.enqueue(&retry).await;
        world.deliver_mail().await;
        assert_eq!((world.calls("SendEmail"), world.aws().sqs.bodies(MAIL_QUEUE)), (1, vec![]), "{retry}");
    }
}

#[tokio::test]
async fn a_message_without_a_row_is_acknowledged_without_sending() {
    // OUT-04, OUT-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.enqueue(&json!({"v": 1, "mail": format!("{0}/{0}", ada.id())}).to_string()).await;
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.aws().sqs.bodies(MAIL_QUEUE)), (1, vec![]));
    assert_eq!(world.mail_rows().len(), 1, "a message creates no row");
}

#[tokio::test]
async fn a_failed_mail_is_resent_only_by_a_message_that_names_its_attempt() {
    // OUT-04
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::rejected(), 1);
    world.registered_with_queued_mail("ada@example.com").await;
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.only_mail().state), (1, MailState::Failed));

    let plain = json!({"v": 1, "mail": world.only_mail().key()});
    for retry in [Value::Null, json!(0), json!(2)] {
        let mut body = plain.clone();
        body["retry"] = retry;
        world.enqueue(&body.to_string()).await;
        world.deliver_mail().await;
        assert_eq!((world.calls("SendEmail"), world.aws().sqs.bodies(MAIL_QUEUE)), (1, vec![]), "{body}");
    }

    let dead_letter = world.dead_letters()[0].to_string();
    world.enqueue(&dead_letter).await;
    world.enqueue(&dead_letter).await;
    world.deliver_mail().await;
    world.enqueue(&dead_letter).await;
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.only_mail().state), (2, MailState::Sent));
    assert_eq!((world.mails().len(), world.aws().sqs.bodies(MAIL_QUEUE)), (1, vec![]));
}

#[tokio::test]
async fn a_message_that_meets_a_live_lease_becomes_visible_when_the_lease_ends() {
    // OUT-04
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::Reset, 1);
    world.registered_with_queued_mail("ada@example.com").await;
    world.deliver_mail().await;
    let lease_end = world.only_mail().lease_until.unwrap();
    assert_eq!(lease_end, Lease::starting(world.now()).until);

    world.pass(SignedDuration::from_mins(3));
    let body = world.aws().sqs.bodies(MAIL_QUEUE).remove(0);
    world.aws().sqs.purge(MAIL_QUEUE);
    world.enqueue(&body).await;
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.aws().sqs.next_visible_at(MAIL_QUEUE)), (1, Some(lease_end)));

    world.pass(SignedDuration::from_mins(7));
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (2, 1));
}

// ---- Users who are gone ----

#[tokio::test]
async fn a_message_about_an_erased_user_sends_nothing_and_creates_nothing() {
    // OUT-08
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    world.delete_user_items("");
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.rows("MAIL#")), (0, vec![]));
    assert_eq!((world.aws().sqs.bodies(MAIL_QUEUE), world.dead_letters()), (vec![], vec![]));
}

#[tokio::test]
async fn a_mail_without_a_profile_fails_without_a_dead_letter() {
    // OUT-08
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    world.delete_user_items("PROFILE");
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.only_mail().state), (0, MailState::Failed));
    assert_eq!((world.aws().sqs.bodies(MAIL_QUEUE), world.dead_letters()), (vec![], vec![]));
}

#[tokio::test]
async fn a_user_erased_during_the_sending_stays_erased() {
    // OUT-08: a row is settled only if it exists
    let faults = [None, Some(Fault::sending_rate_exceeded()), Some(Fault::rejected())];
    for fault in faults {
        let world = World::new().await;
        if let Some(fault) = &fault {
            world.aws().fail(Service::Ses, "SendEmail", fault.clone(), 1);
        }
        world.registered_with_queued_mail("ada@example.com").await;
        world.meanwhile("SendEmail", || world.delete_user_items(""), world.deliver_mail()).await;
        world.live_through(SignedDuration::from_mins(1)).await;
        assert_eq!(
            (world.calls("SendEmail"), world.user_items().len()),
            (1, 0),
            "{fault:?}: no item of the user is left"
        );
    }
}
