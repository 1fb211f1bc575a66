//! The mailer: what a mail says, who may send it, and that one message too many changes nothing.

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
async fn a_mail_goes_to_one_address_and_that_is_the_stored_one() {
    // INP-04, INP-02: as typed, not as compared
    let world = World::new().await;
    let ada = world.registered("Ada.Lovelace+keys@Example.COM").await;
    let [mail] = &world.mails()[..] else { panic!("one mail, not {:?}", world.mails()) };
    assert_eq!(mail.to, [ada.email.as_str()]);
    assert_eq!(mail.to, [world.user(&ada).email]);
    assert_eq!((&mail.cc[..], &mail.bcc[..], &mail.reply_to[..]), (&[][..], &[][..], &[][..]));
    assert_eq!((mail.source.as_str(), &mail.return_path), ("Latchkey <no-reply@latchkey.example>", &None));
}

#[tokio::test]
async fn an_address_in_another_script_gets_its_mail_at_its_a_labels() {
    // INP-02: SES takes nothing else
    let world = World::new().await;
    world.registered("Ada@Bücher.example").await;
    assert_eq!(world.mails()[0].to, ["Ada@xn--bcher-kva.example"]);
}

#[tokio::test]
async fn subject_and_service_are_those_of_the_settings() {
    // OUT-01
    let settings = [("SERVICE_NAME", "Tom & Sons"), ("WELCOME_SUBJECT", "Grüezi & willkommen")];
    let world = World::with(&settings).await;
    world.registered("ada@example.com").await;
    let mail = &world.mails()[0];
    assert_eq!(mail.subject, "Grüezi & willkommen");
    assert_eq!(mail.text.as_deref().map(str::trim), Some("Hello, welcome to Tom & Sons!"));
    let html = mail.html.as_deref().unwrap_or_default();
    assert!(html.contains("<title>Grüezi &#38; willkommen</title>"), "{html}");
    assert!(html.contains(">Hello, welcome to Tom &#38; Sons!<"), "{html}");
}

/// The mail that somebody gets who registers with this name.
async fn greeting_of(name: &str) -> SentMail {
    let world = World::new().await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD, "name": name});
    assert_eq!(world.post("/api/auth/register", &body).await.status, 201);
    world.deliver_mail().await;
    world.mails().remove(0)
}

#[tokio::test]
async fn a_name_is_one_line_in_the_text_and_escaped_in_the_html() {
    // INP-03
    let mail = greeting_of("Ada \"&\" 'Byron'").await;
    assert_eq!(mail.subject, "Welcome!");
    assert_eq!(mail.text.as_deref().map(str::trim), Some("Hello Ada \"&\" 'Byron', welcome to our platform!"));
    let html = mail.html.as_deref().unwrap_or_default();
    assert!(html.contains(">Hello Ada &#34;&#38;&#34; &#39;Byron&#39;, welcome to our platform!<"), "{html}");
}

#[tokio::test]
async fn a_name_that_a_mail_program_would_make_a_link_of_is_left_out() {
    // INP-03: whoever registers a stranger's address sends no link there
    let mail = greeting_of("You won! Go to evil.example/win").await;
    assert_eq!(mail.text.as_deref().map(str::trim), Some("Hello, welcome to our platform!"));
    assert!(!mail.html.as_deref().unwrap_or_default().contains("evil"), "{mail:?}");
}

#[tokio::test]
async fn a_mail_is_tagged_with_its_row_and_attempt() {
    // OUT-06: by these SES's events find the row
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
    assert_eq!(tags, [tag("attempt", "2"), tag("mail", mail), tag("user", user)]);
}

#[tokio::test]
async fn a_message_names_the_row_and_nothing_else() {
    // OUT-03: no address, no name, no token
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    let body = format!(r#"{{"v":1,"mail":"{}"}}"#, world.only_mail().key());
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE), [body]);
    world.deliver_mail().await;
}

// ---- Who may send it ----

#[tokio::test]
async fn ten_copies_in_one_batch_are_one_mail() {
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
async fn ten_copies_in_ten_invocations_at_once_are_one_mail() {
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

    // Those that met the lease come back at its end, find the mail sent, and go.
    world.pass(lease.until.duration_since(world.now()));
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.mails().len()), (1, 1));
    assert_eq!((world.aws().sqs.counts(MAIL_QUEUE), world.dead_letters()), (Counts::default(), vec![]));
}

#[tokio::test]
async fn a_message_for_a_sent_row_is_acknowledged_without_sending() {
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
async fn a_message_for_no_row_is_acknowledged_without_sending() {
    // OUT-04, OUT-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.enqueue(&json!({"v": 1, "mail": format!("{0}/{0}", ada.id())}).to_string()).await;
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.aws().sqs.bodies(MAIL_QUEUE)), (1, vec![]));
    assert_eq!(world.mail_rows().len(), 1, "a message makes no row");
}

#[tokio::test]
async fn a_failed_mail_is_sent_once_more_by_the_copy_that_names_its_attempt_and_by_no_other() {
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
async fn a_message_that_meets_a_live_lease_is_visible_again_at_its_end() {
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

// ---- Who is gone gets none ----

#[tokio::test]
async fn an_erased_user_gets_no_mail_and_no_row() {
    // OUT-08
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    world.delete_user_items("");
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.rows("MAIL#")), (0, vec![]));
    assert_eq!((world.aws().sqs.bodies(MAIL_QUEUE), world.dead_letters()), (vec![], vec![]));
}

#[tokio::test]
async fn a_mail_whose_user_is_gone_is_given_up() {
    // OUT-08
    let world = World::new().await;
    world.registered_with_queued_mail("ada@example.com").await;
    world.delete_user_items("PROFILE");
    world.deliver_mail().await;
    assert_eq!((world.calls("SendEmail"), world.only_mail().state), (0, MailState::Failed));
    assert_eq!((world.aws().sqs.bodies(MAIL_QUEUE), world.dead_letters()), (vec![], vec![]));
}

#[tokio::test]
async fn a_user_erased_while_the_mail_goes_out_stays_erased() {
    // OUT-08: settling a row requires that it exists
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
            "{fault:?}: nothing of the user's is left"
        );
    }
}
