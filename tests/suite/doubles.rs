//! The doubles of AWS's services, as the real SDK clients see them.

mod dynamodb;
mod faults;
mod secrets;
mod server;
mod ses;
mod sqs;

use std::path::Path;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_sdk_ses::types::{Body, Content, Destination};
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Region};
use aws_sdk_sqs::operation::receive_message::builders::ReceiveMessageFluentBuilder;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use aws_types::SdkConfig;
use jiff::{SignedDuration, Timestamp};
use shared::aws;
use shared::clock::Clock;
use tests::doubles::{Aws, QueueSettings};

const SENDER: &str = "hello@latchkey.example";
const FIRST_TOKEN: &str = "11111111-1111-1111-1111-111111111111";
const SECOND_TOKEN: &str = "22222222-2222-2222-2222-222222222222";

/// A set of doubles with a clock that stands still, and clients of them. The clients call once, without retries and timeouts.
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

    /// Returns once so many calls have arrived since the log was empty.
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
        .http_client(aws::https([]))
        .endpoint_url(endpoint)
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
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
