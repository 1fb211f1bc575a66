//! The doubles of SQS, SES and Secrets Manager, as the real SDK clients see them.

#![expect(clippy::expect_used, reason = "a helper that cannot reach its doubles has nothing to go on with")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_sdk_ses::types::{Body, Content, Destination, MessageTag};
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Region};
use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageFluentBuilder;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry};
use aws_smithy_http_client::Builder;
use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use shared::clock::Clock;
use tests::doubles::{Aws, Call, Counts, Fault, QueueSettings, Service};
use tokio::task::JoinSet;

const SENDER: &str = "hello@latchkey.example";
const FIRST_TOKEN: &str = "11111111-1111-1111-1111-111111111111";
const SECOND_TOKEN: &str = "22222222-2222-2222-2222-222222222222";

/// A set of doubles with a clock that stands still, and the clients that talk to it: without retries, so that a call
/// that fails is one call.
struct World {
    clock: Clock,
    aws: Aws,
    sqs: aws_sdk_sqs::Client,
    ses: aws_sdk_ses::Client,
    secrets: aws_sdk_secretsmanager::Client,
    dynamodb: aws_sdk_dynamodb::Client,
}

impl World {
    async fn new() -> Self {
        Self::with(None, None).await
    }

    async fn with(data: Option<&Path>, dynamodb: Option<String>) -> Self {
        let clock = Clock::fixed(Timestamp::from_second(1_800_000_000).expect("a time"));
        let aws = Aws::start(clock.clone(), 0, data, dynamodb).await.expect("the doubles start");
        let config = config(&aws.endpoint);
        Self {
            clock,
            sqs: aws_sdk_sqs::Client::new(&config),
            ses: aws_sdk_ses::Client::new(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            aws,
        }
    }

    fn later(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// Returns once as many calls have arrived since the log was empty.
    async fn arrived(&self, calls: usize) {
        while self.aws.calls().len() < calls {
            tokio::task::yield_now().await;
        }
    }

    /// A queue `mail` that gives a message to `dead` after three receives.
    fn mail_queue(&self) -> String {
        self.aws.sqs.create_queue("dead", QueueSettings::default());
        let dead_letter = Some(("dead".to_owned(), 3));
        self.aws.sqs.create_queue("mail", QueueSettings { dead_letter, ..QueueSettings::default() })
    }

    async fn send(&self, queue: &str, body: &str) -> String {
        let sent = self.sqs.send_message().queue_url(queue).message_body(body).send().await.expect("sent");
        sent.message_id.expect("an id")
    }

    fn receiving(&self, queue: &str) -> ReceiveMessageFluentBuilder {
        self.sqs.receive_message().queue_url(queue).max_number_of_messages(10)
    }

    async fn receive(&self, queue: &str) -> Vec<Message> {
        let all = MessageSystemAttributeName::All;
        let received = self.receiving(queue).message_system_attribute_names(all).send().await;
        received.expect("an answer").messages.unwrap_or_default()
    }

    async fn mail(&self, source: &str, to: &str) -> Result<String, aws_sdk_ses::operation::send_email::SendEmailError> {
        let sending = self.ses.send_email().source(source).destination(Destination::builder().to_addresses(to).build());
        let sent = sending.message(message("Welcome")).send().await;
        sent.map(|sent| sent.message_id).map_err(aws_sdk_ses::error::SdkError::into_service_error)
    }

    async fn put(&self, token: &str, value: &str, stage: Option<&str>) -> Result<(), String> {
        let put = self.secrets.put_secret_value().secret_id("keys").client_request_token(token).secret_string(value);
        let put = put.set_version_stages(stage.map(|stage| vec![stage.to_owned()])).send().await;
        put.map(|_| ()).map_err(|error| error.code().unwrap_or_default().to_owned())
    }
}

fn config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "doubles");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(Builder::new().build_http())
        .endpoint_url(endpoint)
        .retry_config(RetryConfig::disabled())
        .build()
}

fn text(data: &str) -> Content {
    Content::builder().data(data).charset("UTF-8").build().expect("a content")
}

fn message(subject: &str) -> aws_sdk_ses::types::Message {
    let body = Body::builder().text(text("Hallo, schöne Welt & <alle>")).html(text("<p>Hallo</p>")).build();
    aws_sdk_ses::types::Message::builder().subject(text(subject)).body(body).build()
}

fn handle(message: &Message) -> &str {
    message.receipt_handle().expect("a handle")
}

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

#[tokio::test]
async fn a_mail_is_kept_as_it_was_sent() {
    let world = World::new().await;
    world.aws.ses.verify("latchkey.example");
    world.aws.ses.create_configuration_set("events");
    let tag = MessageTag::builder().name("attempt").value("1").build().unwrap();
    let to = Destination::builder().to_addresses("ada@example.com").bcc_addresses("\"Bob, Jr\" <bob@example.com>");
    let sending = world.ses.send_email().source(format!("Latchkey <{SENDER}>")).destination(to.build());
    let sending = sending.message(message("Willkommen, Zoë")).tags(tag).configuration_set_name("events");
    let sent = sending.reply_to_addresses("help@latchkey.example").send().await.unwrap();

    let mails = world.aws.ses.sent();
    let [mail] = mails.as_slice() else { panic!("one mail, not {mails:?}") };
    assert_eq!(mail.message_id, sent.message_id);
    assert_eq!(mail.source, format!("Latchkey <{SENDER}>"));
    assert_eq!(mail.to, ["ada@example.com"]);
    assert_eq!(mail.bcc, ["\"Bob, Jr\" <bob@example.com>"]);
    assert_eq!(mail.reply_to, ["help@latchkey.example"]);
    assert_eq!(mail.subject, "Willkommen, Zoë");
    assert_eq!(mail.text.as_deref(), Some("Hallo, schöne Welt & <alle>"));
    assert_eq!(mail.html.as_deref(), Some("<p>Hallo</p>"));
    assert_eq!(mail.tags["attempt"], "1");
    assert_eq!(mail.configuration_set.as_deref(), Some("events"));
    assert_eq!(mail.sent_at, world.clock.now());

    let quota = world.ses.get_send_quota().send().await.unwrap();
    assert!((quota.sent_last24_hours - 1.0).abs() < f64::EPSILON);
    world.later(24 * 3600);
    let quota = world.ses.get_send_quota().send().await.unwrap();
    assert!(quota.sent_last24_hours.abs() < f64::EPSILON);
}

#[tokio::test]
async fn only_a_verified_sender_may_send() {
    let world = World::new().await;
    let error = world.mail(SENDER, "ada@example.com").await.unwrap_err();
    assert!(error.is_message_rejected(), "{error:?}");
    let wording = "Email address is not verified. The following identities failed the check in region US-EAST-1: ";
    assert_eq!(error.message(), Some(format!("{wording}{SENDER}").as_str()));
    world.aws.ses.verify("other.example");
    world.aws.ses.verify("key.example");
    assert!(world.mail(SENDER, "ada@example.com").await.unwrap_err().is_message_rejected());

    world.aws.ses.verify(SENDER);
    world.mail(SENDER, "ada@example.com").await.unwrap();
    world.mail("Latchkey <hello@LATCHKEY.example>", "ada@example.com").await.unwrap();
    assert!(world.mail("bye@latchkey.example", "ada@example.com").await.unwrap_err().is_message_rejected());
    world.mail("any@mail.key.example", "ada@example.com").await.unwrap();
    assert_eq!(world.aws.ses.sent().len(), 3);
}

#[tokio::test]
async fn addresses_that_ses_refuses_are_refused() {
    let world = World::new().await;
    world.aws.ses.verify("latchkey.example");
    let long = format!("{}@example.com", "x".repeat(65));
    let bad = [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@.com",
        "ada@example..com",
        "ada@example.com.",
        "a..b@example.com",
        ".a@example.com",
        "a.@example.com",
        "a da@example.com",
        "ada@exa mple.com",
        "ada@-example.com",
        "a@b@example.com",
        "zoë@example.com",
        "ada@bücher.example",
        "Zoë <zoe@example.com>",
        "Bob, Jr <bob@example.com>",
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com, eve@example.com",
        &long,
    ];
    for address in bad {
        let error = world.mail(SENDER, address).await.unwrap_err();
        assert_eq!(error.code(), Some("InvalidParameterValue"), "{address}");
    }
    let error = world.mail("Latchkey\r\nBcc: eve@example.com <hello@latchkey.example>", "ada@example.com").await;
    assert_eq!(error.unwrap_err().code(), Some("InvalidParameterValue"));
    for address in ["ada+tag@example.com", "o'hara@xn--bcher-kva.example", "\"a b\"@example.com", &long[1..]] {
        world.mail(SENDER, address).await.unwrap();
    }
}

#[tokio::test]
async fn mails_that_ses_refuses_are_refused() {
    let world = World::new().await;
    world.aws.ses.verify("latchkey.example");
    let to = |count: usize| {
        let to = (0..count).map(|number| format!("a{number}@example.com")).collect();
        Destination::builder().set_to_addresses(Some(to)).build()
    };
    let sending = |destination| world.ses.send_email().source(SENDER).destination(destination);
    sending(to(50)).message(message("Welcome")).send().await.unwrap();

    let refused = [
        sending(to(0)).message(message("Welcome")),
        sending(to(51)).message(message("Welcome")),
        sending(to(1)).message(message("Welcome\r\nBcc: eve@example.com")),
        sending(to(1))
            .message(message("Welcome"))
            .tags(MessageTag::builder().name("user").value("a@b").build().unwrap()),
        sending(to(1)).message(message("Welcome")).source_arn("arn:aws:ses:us-east-1:000000000000:identity/a"),
    ];
    for sending in refused {
        let error = sending.send().await.unwrap_err();
        assert_eq!(error.code(), Some("InvalidParameterValue"), "{error:?}");
    }
    let no_such_set = sending(to(1)).message(message("Welcome")).configuration_set_name("absent").send().await;
    let error = no_such_set.unwrap_err().into_service_error();
    assert!(error.is_configuration_set_does_not_exist_exception(), "{error:?}");
    assert_eq!(world.aws.ses.sent().len(), 1);
}

#[tokio::test]
async fn text_without_a_character_set_loses_what_is_not_ascii() {
    let world = World::new().await;
    world.aws.ses.verify("latchkey.example");
    let subject = Content::builder().data("Zoë").build().unwrap();
    let body = Body::builder().text(text("Zoë")).build();
    let message = aws_sdk_ses::types::Message::builder().subject(subject).body(body).build();
    let to = Destination::builder().to_addresses("ada@example.com").build();
    world.ses.send_email().source(SENDER).destination(to).message(message).send().await.unwrap();
    let mails = world.aws.ses.sent();
    assert_eq!((mails[0].subject.as_str(), mails[0].text.as_deref()), ("Zo?", Some("Zoë")));
}

#[tokio::test]
async fn a_secret_is_found_by_name_and_arn_and_a_missing_one_in_the_words_of_aws() {
    let world = World::new().await;
    let arn = world.aws.secrets.create("latchkey/keys", "one");
    assert!(arn.starts_with("arn:aws:secretsmanager:us-east-1:000000000000:secret:latchkey/keys-"), "{arn}");
    assert_eq!(world.aws.secrets.create("latchkey/keys", "other"), arn);

    let get = |id: &str| world.secrets.get_secret_value().secret_id(id);
    let by_name = get("latchkey/keys").send().await.unwrap();
    assert_eq!(by_name.arn(), Some(arn.as_str()));
    assert_eq!(by_name.secret_string(), Some("one"));
    assert_eq!(by_name.version_stages(), ["AWSCURRENT"]);
    assert_eq!(by_name.created_date().unwrap().secs(), 1_800_000_000);
    assert_eq!(get(&arn).send().await.unwrap().version_id(), by_name.version_id());

    let missing = [
        (get("absent"), "Secrets Manager can't find the specified secret."),
        (
            get("latchkey/keys").version_stage("AWSPENDING"),
            "Secrets Manager can't find the specified secret value for staging label: AWSPENDING",
        ),
        (
            get("latchkey/keys").version_id(FIRST_TOKEN),
            "Secrets Manager can't find the specified secret value for VersionId: 11111111-1111-1111-1111-111111111111",
        ),
    ];
    for (get, wording) in missing {
        let error = get.send().await.unwrap_err().into_service_error();
        assert!(error.is_resource_not_found_exception(), "{error:?}");
        assert_eq!(error.message(), Some(wording));
    }
    let mismatch = get("latchkey/keys").version_id(by_name.version_id().unwrap()).version_stage("AWSPENDING");
    assert!(mismatch.send().await.unwrap_err().into_service_error().is_invalid_request_exception());
}

#[tokio::test]
async fn a_secret_is_created_once() {
    let world = World::new().await;
    let create = |token: &str, value: &str| {
        world.secrets.create_secret().name("keys").client_request_token(token).secret_string(value).send()
    };
    let created = create(FIRST_TOKEN, "one").await.unwrap();
    assert_eq!(created.version_id(), Some(FIRST_TOKEN));
    create(FIRST_TOKEN, "one").await.unwrap();
    assert!(create(SECOND_TOKEN, "one").await.unwrap_err().into_service_error().is_resource_exists_exception());
    let unnamed = world.secrets.create_secret().name("not a name").secret_string("one").send().await;
    assert_eq!(unnamed.unwrap_err().code(), Some("ValidationException"));
}

#[tokio::test]
async fn putting_a_value_again_is_harmless_and_another_under_its_token_is_refused() {
    let world = World::new().await;
    world.aws.secrets.create("keys", "zero");
    world.put(FIRST_TOKEN, "one", None).await.unwrap();
    world.put(SECOND_TOKEN, "two", None).await.unwrap();
    world.put(FIRST_TOKEN, "one", None).await.unwrap();
    let value = |stage| world.aws.secrets.value("keys", stage);
    assert_eq!((value("AWSCURRENT").as_deref(), value("AWSPREVIOUS").as_deref()), (Some("two"), Some("one")));

    assert_eq!(world.put(FIRST_TOKEN, "other", None).await, Err("ResourceExistsException".to_owned()));
    assert_eq!(world.put("short", "other", None).await, Err("InvalidParameterException".to_owned()));
    let empty = world.secrets.put_secret_value().secret_id("keys").send().await.unwrap_err().into_service_error();
    assert!(empty.is_invalid_parameter_exception(), "{empty:?}");
}

#[tokio::test]
async fn staging_labels_move_as_aws_moves_them() {
    let world = World::new().await;
    world.aws.secrets.create("keys", "zero");
    let described = world.secrets.describe_secret().secret_id("keys").send().await.unwrap();
    let zero = described.version_ids_to_stages().unwrap().keys().next().unwrap().clone();
    world.put(FIRST_TOKEN, "one", Some("AWSPENDING")).await.unwrap();
    assert_eq!(world.aws.secrets.value("keys", "AWSCURRENT").as_deref(), Some("zero"));

    let shift = |label: &str, from: Option<&str>, to: Option<&str>| {
        let shift = world.secrets.update_secret_version_stage().secret_id("keys").version_stage(label);
        let shift = shift.set_remove_from_version_id(from.map(str::to_owned));
        shift.set_move_to_version_id(to.map(str::to_owned)).send()
    };
    let refused =
        [(None, Some(FIRST_TOKEN)), (Some(FIRST_TOKEN), Some(FIRST_TOKEN)), (Some(zero.as_str()), None), (None, None)];
    for (from, to) in refused {
        let error = shift("AWSCURRENT", from, to).await.unwrap_err().into_service_error();
        assert!(error.is_invalid_parameter_exception(), "{error:?}");
    }
    let absent = shift("AWSCURRENT", Some(&zero), Some(SECOND_TOKEN)).await.unwrap_err().into_service_error();
    assert!(absent.is_resource_not_found_exception(), "{absent:?}");

    shift("AWSCURRENT", Some(&zero), Some(FIRST_TOKEN)).await.unwrap();
    shift("AWSCURRENT", None, Some(FIRST_TOKEN)).await.unwrap();
    shift("AWSPENDING", Some(FIRST_TOKEN), None).await.unwrap();
    let described = world.secrets.describe_secret().secret_id("keys").send().await.unwrap();
    let stages = described.version_ids_to_stages().unwrap();
    assert_eq!(stages[FIRST_TOKEN], ["AWSCURRENT"]);
    assert_eq!(stages[&zero], ["AWSPREVIOUS"]);
}

#[tokio::test]
async fn a_rotation_begins_with_an_empty_pending_version() {
    let world = World::new().await;
    world.aws.secrets.create("keys", "zero");
    assert_eq!(world.aws.secrets.begin_rotation("absent"), None);
    let token = world.aws.secrets.begin_rotation("keys").unwrap();
    assert_eq!(world.aws.secrets.begin_rotation("keys").as_deref(), Some(token.as_str()));

    let described = world.secrets.describe_secret().secret_id("keys").send().await.unwrap();
    assert_eq!(described.rotation_enabled(), Some(true));
    assert_eq!(described.version_ids_to_stages().unwrap()[&token], ["AWSPENDING"]);
    let pending = world.secrets.get_secret_value().secret_id("keys").version_id(&token).version_stage("AWSPENDING");
    assert!(pending.clone().send().await.unwrap_err().into_service_error().is_resource_not_found_exception());
    world.put(&token, "one", Some("AWSPENDING")).await.unwrap();
    assert_eq!(pending.send().await.unwrap().secret_string(), Some("one"));
    assert_eq!(world.aws.secrets.value("keys", "AWSCURRENT").as_deref(), Some("zero"));
}

#[tokio::test]
async fn errors_that_a_test_asks_for_decode_to_their_variants() {
    let world = World::new().await;
    let queue = world.mail_queue();
    world.aws.ses.verify(SENDER);
    let error = |status, code: &str| Fault::Error { status, code: code.to_owned(), message: "asked for".to_owned() };

    for code in ["QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"] {
        world.aws.fail(Service::Sqs, "SendMessage", error(400, code), 1);
        let send = world.sqs.send_message().queue_url(&queue).message_body("one").send().await;
        assert!(send.unwrap_err().into_service_error().is_queue_does_not_exist());
    }
    world.aws.fail(Service::Sqs, "SendMessage", error(403, "RequestThrottled"), 1);
    let send = world.sqs.send_message().queue_url(&queue).message_body("one").send().await;
    assert!(send.unwrap_err().into_service_error().is_request_throttled());

    for code in [
        "MessageRejected",
        "MailFromDomainNotVerifiedException",
        "ConfigurationSetDoesNotExistException",
        "ConfigurationSetSendingPausedException",
        "AccountSendingPausedException",
        "Throttling",
    ] {
        world.aws.fail(Service::Ses, "SendEmail", error(400, code), 1);
        let refused = world.mail(SENDER, "ada@example.com").await.unwrap_err();
        let decoded = match code {
            "MessageRejected" => refused.is_message_rejected(),
            "MailFromDomainNotVerifiedException" => refused.is_mail_from_domain_not_verified_exception(),
            "ConfigurationSetDoesNotExistException" => refused.is_configuration_set_does_not_exist_exception(),
            "ConfigurationSetSendingPausedException" => refused.is_configuration_set_sending_paused_exception(),
            "AccountSendingPausedException" => refused.is_account_sending_paused_exception(),
            other => refused.code() == Some(other),
        };
        assert!(decoded, "{refused:?}");
        assert_eq!(refused.message(), Some("asked for"));
    }
    assert!(world.aws.ses.sent().is_empty());

    world.aws.secrets.create("keys", "one");
    world.aws.fail(Service::Secrets, "GetSecretValue", error(500, "InternalServiceError"), 1);
    let get = world.secrets.get_secret_value().secret_id("keys").send().await;
    assert!(get.unwrap_err().into_service_error().is_internal_service_error());
}

#[tokio::test]
async fn a_fault_is_met_by_as_many_calls_as_it_was_asked_for_and_the_log_has_them_all() {
    let world = World::new().await;
    let queue = world.mail_queue();
    world.aws.fail(Service::Sqs, "SendMessage", Fault::Reset, 2);
    let send = || world.sqs.send_message().queue_url(&queue).message_body("one").send();
    for _ in 0..2 {
        assert!(matches!(send().await, Err(SdkError::DispatchFailure(_))));
    }
    assert!(world.aws.sqs.bodies("mail").is_empty());
    send().await.unwrap();
    let call = Call { service: Service::Sqs, operation: "SendMessage".to_owned() };
    assert_eq!(world.aws.calls(), vec![call; 3]);
    world.aws.clear_calls();
    assert!(world.aws.calls().is_empty());

    world.aws.fail(Service::Sqs, "SendMessage", Fault::Reset, usize::MAX);
    assert!(send().await.is_err());
    assert_eq!(world.aws.calls().len(), 1, "a connection that was in use before is not tried again underneath");
    world.aws.clear_faults();
    send().await.unwrap();
}

#[tokio::test]
async fn an_effect_can_outlive_its_answer() {
    let world = World::new().await;
    let queue = world.mail_queue();
    world.aws.ses.verify(SENDER);
    world.aws.secrets.create("keys", "zero");
    world.aws.fail(Service::Sqs, "SendMessage", Fault::AppliedButLost, 1);
    let sent = world.sqs.send_message().queue_url(&queue).message_body("one").send().await;
    assert!(matches!(sent, Err(SdkError::DispatchFailure(_))), "{sent:?}");
    assert_eq!(world.aws.sqs.bodies("mail"), ["one"]);

    world.aws.fail(Service::Ses, "SendEmail", Fault::AppliedButLost, 1);
    let to = Destination::builder().to_addresses("ada@example.com").build();
    let sending = world.ses.send_email().source(SENDER).destination(to).message(message("Welcome"));
    assert!(matches!(sending.send().await, Err(SdkError::DispatchFailure(_))));
    assert_eq!(world.aws.ses.sent().len(), 1);

    world.aws.fail(Service::Secrets, "PutSecretValue", Fault::AppliedButLost, 1);
    world.put(FIRST_TOKEN, "one", None).await.unwrap_err();
    assert_eq!(world.aws.secrets.value("keys", "AWSCURRENT").as_deref(), Some("one"));
}

#[tokio::test]
async fn a_call_that_hangs_ends_with_the_clients_patience_or_with_the_server() {
    let world = World::new().await;
    let queue = world.mail_queue();
    world.aws.fail(Service::Sqs, "SendMessage", Fault::Hang, 2);
    let send = || world.sqs.send_message().queue_url(&queue).message_body("one");
    let patience = TimeoutConfig::builder().operation_timeout(Duration::from_millis(50)).build();
    let hung = send().customize().config_override(aws_sdk_sqs::config::Builder::new().timeout_config(patience));
    assert!(matches!(hung.send().await, Err(SdkError::TimeoutError(_))));
    assert!(world.aws.sqs.bodies("mail").is_empty());

    let arrived = world.aws.calls().len(); // none, if the client's patience ended before the call was sent
    let hung = tokio::spawn(send().send());
    world.arrived(arrived + 1).await;
    drop(world.aws);
    assert!(matches!(hung.await.unwrap(), Err(SdkError::DispatchFailure(_))));
}

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

#[tokio::test]
async fn dynamodb_is_behind_the_same_endpoint_when_there_is_one() {
    let alone = World::new().await;
    let put = |world: &World| {
        world.dynamodb.put_item().table_name("Accounts").item("pk", AttributeValue::S("a".to_owned())).send()
    };
    assert_eq!(put(&alone).await.unwrap_err().code(), Some("UnknownOperationException"));

    // A second set of doubles stands in for the emulator: what it is asked for comes back unchanged.
    let world = World::with(None, Some(alone.aws.endpoint.clone())).await;
    let failed = Fault::Error {
        status: 400,
        code: "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException".to_owned(),
        message: "The conditional request failed".to_owned(),
    };
    alone.aws.clear_calls();
    alone.aws.fail(Service::DynamoDb, "PutItem", failed, 1);
    let error = put(&world).await.unwrap_err().into_service_error();
    assert!(error.is_conditional_check_failed_exception(), "{error:?}");

    world.aws.fail(Service::DynamoDb, "PutItem", Fault::AppliedButLost, 1);
    assert!(matches!(put(&world).await, Err(SdkError::DispatchFailure(_))));
    world.aws.fail(Service::DynamoDb, "PutItem", Fault::Reset, 1);
    assert!(matches!(put(&world).await, Err(SdkError::DispatchFailure(_))));
    assert_eq!(world.aws.calls().len(), 3);
    assert_eq!(alone.aws.calls().len(), 2);
}
