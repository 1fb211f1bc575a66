//! The mailer: what a mail says, who may send it, and that one message too many changes nothing.

#![expect(clippy::expect_used, reason = "a helper that cannot reach its world has nothing to go on with")]

mod batches;
mod refusals;
mod store_faults;

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::aws::Clients;
use shared::domain::Lease;
use tests::doubles::{Counts, Fault};
use tests::system::MAIL_QUEUE;
use tests::world::{Actor, PASSWORD, World};
use tests::{event, functions};

// ---- What a mail says ----

#[tokio::test]
async fn a_mail_goes_to_one_address_and_that_is_the_stored_one() {
    // INP-04, INP-02: as typed, not as compared
    let world = World::new().await;
    let ada = world.registered("Ada.Lovelace+keys@Example.COM").await;
    let [mail] = &world.mails()[..] else { panic!("one mail, not {:?}", world.mails()) };
    assert_eq!(mail.to, [ada.email.as_str()]);
    assert_eq!(mail.to, [text(&world.rows("PROFILE")[0], "email")]);
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

#[tokio::test]
async fn a_name_is_one_line_in_the_text_and_escaped_in_the_html() {
    // INP-03
    let world = World::new().await;
    let body = json!({"email": "ada@example.com", "password": PASSWORD, "name": "Ada \"&\" 'Byron'"});
    assert_eq!(world.post("/api/auth/register", &body).await.status, 201);
    world.deliver_mail().await;
    let mail = &world.mails()[0];
    assert_eq!(mail.subject, "Welcome!");
    assert_eq!(mail.text.as_deref().map(str::trim), Some("Hello Ada \"&\" 'Byron', welcome to our platform!"));
    let html = mail.html.as_deref().unwrap_or_default();
    assert!(html.contains(">Hello Ada &#34;&#38;&#34; &#39;Byron&#39;, welcome to our platform!<"), "{html}");
}

#[tokio::test]
async fn a_mail_is_tagged_with_its_row_and_attempt() {
    // OUT-06: by these SES's events find the row
    let world = World::new().await;
    world.aws().fail(
        tests::doubles::Service::Ses,
        "SendEmail",
        error(400, "Throttling", "Maximum sending rate exceeded."),
        1,
    );
    let ada = registers(&world, "ada@example.com").await;
    world.live_through(SignedDuration::from_secs(10)).await;
    let key = key(&row(&world));
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
    registers(&world, "ada@example.com").await;
    let body = format!(r#"{{"v":1,"mail":"{}"}}"#, key(&row(&world)));
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE), [body]);
    world.deliver_mail().await;
}

// ---- Who may send it ----

#[tokio::test]
async fn ten_copies_in_one_batch_are_one_mail() {
    // OUT-04, SQS-01
    let world = World::new().await;
    registers(&world, "ada@example.com").await;
    let body = world.aws().sqs.bodies(MAIL_QUEUE).remove(0);
    for _ in 1..10 {
        enqueue(&world, &body).await;
    }
    let messages = receive(&world, 10).await;
    assert_eq!(messages.len(), 10);
    assert_eq!(hand_over(&world, &messages, 60).await, [""; 0]);
    assert_eq!((calls(&world, "SendEmail"), world.mails().len()), (1, 1));
    assert_eq!(world.aws().sqs.bodies(MAIL_QUEUE), [""; 0]);
}

#[tokio::test]
async fn ten_copies_in_ten_invocations_at_once_are_one_mail() {
    // OUT-04
    let world = World::new().await;
    registers(&world, "ada@example.com").await;
    let body = world.aws().sqs.bodies(MAIL_QUEUE).remove(0);
    for _ in 1..10 {
        enqueue(&world, &body).await;
    }
    let mut batches = Vec::new();
    for _ in 0..10 {
        batches.push(receive(&world, 1).await);
    }
    let lease = Lease::starting(world.now());
    join_all(batches.iter().map(|batch| hand_over(&world, batch, 60))).await;
    assert_eq!((calls(&world, "SendEmail"), text(&row(&world), "state")), (1, "sent"));

    // Those that met the lease come back at its end, find the mail sent, and go.
    world.pass(lease.until.duration_since(world.now()));
    world.deliver_mail().await;
    assert_eq!((calls(&world, "SendEmail"), world.mails().len()), (1, 1));
    assert_eq!((world.aws().sqs.counts(MAIL_QUEUE), world.dead_letters()), (Counts::default(), vec![]));
}

#[tokio::test]
async fn a_message_for_a_sent_row_is_acknowledged_without_sending() {
    // OUT-04, OUT-07: the row outlives every copy of its message
    let world = World::new().await;
    world.registered("ada@example.com").await;
    let body = json!({"v": 1, "mail": key(&row(&world))}).to_string();
    for retry in [body.clone(), body.replace('}', r#","retry":1}"#)] {
        enqueue(&world, &retry).await;
        world.deliver_mail().await;
        assert_eq!((calls(&world, "SendEmail"), world.aws().sqs.bodies(MAIL_QUEUE)), (1, vec![]), "{retry}");
    }
}

#[tokio::test]
async fn a_message_for_no_row_is_acknowledged_without_sending() {
    // OUT-04, OUT-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    enqueue(&world, &json!({"v": 1, "mail": format!("{0}/{0}", ada.id())}).to_string()).await;
    world.deliver_mail().await;
    assert_eq!((calls(&world, "SendEmail"), world.aws().sqs.bodies(MAIL_QUEUE)), (1, vec![]));
    assert_eq!(world.rows("MAIL#").len(), 1, "a message makes no row");
}

#[tokio::test]
async fn a_failed_mail_is_sent_once_more_by_the_copy_that_names_its_attempt_and_by_no_other() {
    // OUT-04
    let world = World::new().await;
    world.aws().fail(
        tests::doubles::Service::Ses,
        "SendEmail",
        error(400, "MessageRejected", "Address blacklisted."),
        1,
    );
    registers(&world, "ada@example.com").await;
    world.deliver_mail().await;
    assert_eq!((calls(&world, "SendEmail"), text(&row(&world), "state")), (1, "failed"));

    let plain = json!({"v": 1, "mail": key(&row(&world))});
    for retry in [Value::Null, json!(0), json!(2)] {
        let mut body = plain.clone();
        body["retry"] = retry;
        enqueue(&world, &body.to_string()).await;
        world.deliver_mail().await;
        assert_eq!((calls(&world, "SendEmail"), world.aws().sqs.bodies(MAIL_QUEUE)), (1, vec![]), "{body}");
    }

    let dead_letter = world.dead_letters()[0].to_string();
    enqueue(&world, &dead_letter).await;
    enqueue(&world, &dead_letter).await;
    world.deliver_mail().await;
    enqueue(&world, &dead_letter).await;
    world.deliver_mail().await;
    assert_eq!((calls(&world, "SendEmail"), text(&row(&world), "state")), (2, "sent"));
    assert_eq!((world.mails().len(), world.aws().sqs.bodies(MAIL_QUEUE)), (1, vec![]));
}

#[tokio::test]
async fn a_message_that_meets_a_live_lease_is_visible_again_at_its_end() {
    // OUT-04
    let world = World::new().await;
    world.aws().fail(tests::doubles::Service::Ses, "SendEmail", Fault::Reset, 1);
    registers(&world, "ada@example.com").await;
    world.deliver_mail().await;
    let lease_end = time(&row(&world), "leaseUntil");
    assert_eq!(lease_end, Lease::starting(world.now()).until);

    world.pass(SignedDuration::from_mins(3));
    let body = world.aws().sqs.bodies(MAIL_QUEUE).remove(0);
    world.aws().sqs.purge(MAIL_QUEUE);
    enqueue(&world, &body).await;
    world.deliver_mail().await;
    assert_eq!((calls(&world, "SendEmail"), world.aws().sqs.next_visible_at(MAIL_QUEUE)), (1, Some(lease_end)));

    world.pass(SignedDuration::from_mins(7));
    world.deliver_mail().await;
    assert_eq!((calls(&world, "SendEmail"), world.mails().len()), (2, 1));
}

// ---- Who is gone gets none ----

#[tokio::test]
async fn an_erased_user_gets_no_mail_and_no_row() {
    // OUT-08
    let world = World::new().await;
    registers(&world, "ada@example.com").await;
    erase(&world, "");
    world.deliver_mail().await;
    assert_eq!((calls(&world, "SendEmail"), world.rows("MAIL#")), (0, vec![]));
    assert_eq!((world.aws().sqs.bodies(MAIL_QUEUE), world.dead_letters()), (vec![], vec![]));
}

#[tokio::test]
async fn a_mail_whose_user_is_gone_is_given_up() {
    // OUT-08
    let world = World::new().await;
    registers(&world, "ada@example.com").await;
    erase(&world, "PROFILE");
    world.deliver_mail().await;
    assert_eq!((calls(&world, "SendEmail"), text(&row(&world), "state")), (0, "failed"));
    assert_eq!((world.aws().sqs.bodies(MAIL_QUEUE), world.dead_letters()), (vec![], vec![]));
}

#[tokio::test]
async fn a_user_erased_while_the_mail_goes_out_stays_erased() {
    // OUT-08: settling a row requires that it exists
    let faults = [
        None,
        Some(error(400, "Throttling", "Maximum sending rate exceeded.")),
        Some(error(400, "MessageRejected", "Address blacklisted.")),
    ];
    for fault in faults {
        let world = World::new().await;
        if let Some(fault) = &fault {
            world.aws().fail(tests::doubles::Service::Ses, "SendEmail", fault.clone(), 1);
        }
        registers(&world, "ada@example.com").await;
        meanwhile(&world, "SendEmail", || erase(&world, ""), world.deliver_mail()).await;
        world.live_through(SignedDuration::from_mins(1)).await;
        assert_eq!(
            (calls(&world, "SendEmail"), world.items("Accounts").len()),
            (1, 1),
            "{fault:?}: only the keys are left"
        );
    }
}

// ---- Helpers, for the tests of the sweeper too ----

/// Opens an account and leaves the welcome mail to the test.
pub async fn registers(world: &World, email: &str) -> Actor {
    let answer = world.post("/api/auth/register", &json!({"email": email, "password": PASSWORD})).await;
    Actor::signed_in(email, &answer, 201)
}

/// The only mail row.
pub fn row(world: &World) -> Value {
    let mut rows = world.rows("MAIL#");
    assert_eq!(rows.len(), 1, "one mail row");
    rows.remove(0)
}

/// What messages call a row.
pub fn key(row: &Value) -> String {
    let id = |name: &str| text(row, name).split_once('#').map(|(_, id)| id.to_owned()).expect("a key");
    format!("{}/{}", id("pk"), id("sk"))
}

/// A text of a row.
pub fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row.get(name).and_then(|value| value.get("S")).and_then(Value::as_str).unwrap_or_default()
}

/// A number of a row.
pub fn number(row: &Value, name: &str) -> i64 {
    let number = row.get(name).and_then(|value| value.get("N")).and_then(Value::as_str);
    number.and_then(|number| number.parse().ok()).expect("a number")
}

/// A time of a row.
pub fn time(row: &Value, name: &str) -> Timestamp {
    Timestamp::from_millisecond(number(row, name)).expect("a time")
}

/// How often an operation was called since the calls were last cleared.
pub fn calls(world: &World, operation: &str) -> usize {
    world.aws().calls().iter().filter(|call| call.operation == operation).count()
}

/// An answer that is an error.
pub fn error(status: u16, code: &str, message: &str) -> Fault {
    Fault::Error { status, code: code.to_owned(), message: message.to_owned() }
}

/// A refusal that no SDK tries again.
pub fn denied() -> Fault {
    error(400, "AccessDeniedException", "User is not authorized.")
}

/// Deletes the items of `Accounts` that belong to a user and whose sort key starts so.
pub fn erase(world: &World, sort_key: &str) {
    for item in world.rows(sort_key).iter().filter(|item| text(item, "pk").starts_with("USER#")) {
        let key = json!({"TableName": "Accounts", "Key": {"pk": item["pk"], "sk": item["sk"]}});
        let request = serde_json::from_value(key).expect("a deletion");
        world.system().database.delete_item(request).expect("the item can be deleted");
    }
}

/// Puts a message into the mail queue.
pub async fn enqueue(world: &World, body: &str) {
    let request = sqs(world).send_message().queue_url(world.aws().sqs.url(MAIL_QUEUE)).message_body(body);
    request.send().await.expect("SQS takes it");
}

/// Receives `most` messages of the mail queue, as Lambda's poller does.
pub async fn receive(world: &World, most: i32) -> Vec<Message> {
    let request = sqs(world).receive_message().queue_url(world.aws().sqs.url(MAIL_QUEUE)).max_number_of_messages(most);
    let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
    request.send().await.expect("SQS answers").messages.unwrap_or_default()
}

/// Has the mailer take a batch, with so many seconds to go, and deletes what it does not report. The ids that it reports.
pub async fn hand_over(world: &World, messages: &[Message], seconds: i64) -> Vec<String> {
    let event = event::invocation(event::sqs(messages, MAIL_QUEUE), seconds);
    let answer = functions::invoke(&world.system().app, "welcome-email", event).await.expect("the mailer answers");
    let failures = answer["batchItemFailures"].as_array().expect("a report").iter();
    let failed: Vec<_> =
        failures.map(|failure| failure["itemIdentifier"].as_str().expect("an id").to_owned()).collect();
    for message in messages.iter().filter(|message| !failed.iter().any(|id| message.message_id() == Some(id))) {
        let request = sqs(world).delete_message().queue_url(world.aws().sqs.url(MAIL_QUEUE));
        request.set_receipt_handle(message.receipt_handle.clone()).send().await.expect("SQS deletes it");
    }
    failed
}

fn sqs(world: &World) -> aws_sdk_sqs::Client {
    let http = aws_smithy_http_client::Builder::new().build_http();
    Clients::new(&world.system().app.config.aws, &http).sqs
}

/// Lets `work` go on, and does `act` once, when `operation` was called and whoever called it does not yet know the answer.
pub async fn meanwhile<T>(world: &World, operation: &str, act: impl FnOnce(), work: impl Future<Output = T>) -> T {
    let before = calls(world, operation);
    let (mut work, mut act) = (pin!(work), Some(act));
    poll_fn(|context| {
        if calls(world, operation) > before
            && let Some(act) = act.take()
        {
            act();
        }
        work.as_mut().poll(context)
    })
    .await
}

/// Lets the process that does `work` die once it called `operation`: it never learns the answer.
pub async fn dies_at<T>(world: &World, operation: &str, work: impl Future<Output = T>) {
    let before = calls(world, operation);
    let mut work = pin!(work);
    poll_fn(|context| {
        if calls(world, operation) > before {
            return Poll::Ready(());
        }
        assert!(work.as_mut().poll(context).is_pending(), "it ended before it called {operation}");
        Poll::Pending
    })
    .await;
}
