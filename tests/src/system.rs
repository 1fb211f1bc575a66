//! Latchkey in one process.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use dynoxide::Database;
use futures_util::future::BoxFuture;
use http::HeaderMap;
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use shared::app::App;
use shared::aws::Clients;
use shared::clock::Clock;
use shared::config::Config;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

use crate::doubles::{self, Aws};
use crate::event::{self, HttpRequest};
use crate::{database, functions, template};

/// The mail queue's name.
pub const MAIL_QUEUE: &str = "mail";
/// The dead-letter queue's name.
pub const DEAD_LETTER_QUEUE: &str = "mail-dead-letters";
/// The name of the queue of SES's events.
pub const MAIL_EVENTS_QUEUE: &str = "mail-events";
/// The name of its dead-letter queue.
pub const MAIL_EVENTS_DEAD_LETTER_QUEUE: &str = "mail-events-dead-letters";
/// The name of the secret with the signing keys.
pub const SIGNING_KEYS: &str = "latchkey-signing-keys";
/// The name of the secret with the account keys.
pub const ACCOUNT_KEYS: &str = "latchkey-account-keys";
/// Both secrets.
pub const SECRETS: [&str; 2] = [SIGNING_KEYS, ACCOUNT_KEYS];
/// The domain that SES knows as verified.
pub const SENDER_DOMAIN: &str = "latchkey.example";

const CONFIGURATION_SET: &str = "latchkey-mail";
const CREDENTIALS: &str = "Credentials";
const ACCOUNTS: &str = "Accounts";
const PUBLIC_KEYS: &str = "PublicKeys";
/// Timeouts of the template, in seconds.
const HTTP_SECONDS: i64 = 10;
const MAILER_SECONDS: i64 = 60;

/// Any error.
pub type AnyError = Box<dyn Error + Send + Sync>;

/// A function as Lambda knows it.
pub type StandIn = for<'a> fn(&'a App, LambdaEvent<Value>) -> BoxFuture<'a, Result<Value, AnyError>>;

/// What a system starts from.
#[derive(Debug)]
pub struct Options {
    /// Its time.
    pub clock: Clock,
    /// Where it keeps its data; in memory if nowhere.
    pub data: Option<PathBuf>,
    /// The port of the AWS doubles; 0 picks one.
    pub aws_port: u16,
    /// Settings beside, or instead of, those that the system knows itself.
    pub settings: HashMap<String, String>,
    /// The values of [`SECRETS`], if it goes on with the keys of another system.
    pub secrets: Option<[String; 2]>,
    /// What its functions log to; nothing for the log of the process.
    pub log: Option<Dispatch>,
}

/// The functions and all that they stand on.
pub struct System {
    /// What the functions work with.
    pub app: App,
    /// SQS, SES, Secrets Manager, and the way to DynamoDB that counts and breaks calls.
    pub aws: Aws,
    /// DynamoDB's inside.
    pub database: Database,
    /// Every variable that a function of this system needs.
    pub environment: HashMap<String, String>,
    /// What is called in place of a function.
    pub stand_ins: HashMap<&'static str, StandIn>,
    /// A client of the queues that waits for as long as it takes.
    pub sqs: aws_sdk_sqs::Client,
    log: Option<Dispatch>,
    _stop_dynamodb: oneshot::Sender<()>,
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("aws", &self.aws.endpoint).finish_non_exhaustive()
    }
}

/// An answer of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; empty if there is none.
    pub body: String,
}

impl System {
    /// A system with its tables, queues and keys made.
    ///
    /// # Errors
    /// What cannot be started, in words for whoever started it.
    pub async fn start(options: Options) -> Result<Self, AnyError> {
        let Options { clock, data, aws_port, settings, secrets, log } = options;
        let database = database::open(data.as_deref())?;
        for table in [CREDENTIALS, ACCOUNTS, PUBLIC_KEYS] {
            database::create_table(&database, table)?;
        }
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let dynamodb = format!("http://{}", listener.local_addr()?);
        let ((stop, stopped), served) = (oneshot::channel::<()>(), database.clone());
        tokio::spawn(async move {
            let stopped = async move { drop(stopped.await) };
            dynoxide::server::serve_with_shutdown(listener, served, stopped).await
        });

        let aws = Aws::start(clock.clone(), aws_port, data.as_deref(), Some(dynamodb)).await?;
        let queue = |name, id, dead_letters| aws.sqs.create_queue(name, template::queue(id, dead_letters));
        let dead_letters = queue(DEAD_LETTER_QUEUE, "MailDeadLetterQueue", "");
        let mails = queue(MAIL_QUEUE, "MailQueue", DEAD_LETTER_QUEUE);
        let dead_events = queue(MAIL_EVENTS_DEAD_LETTER_QUEUE, "MailEventsDeadLetterQueue", "");
        let events = queue(MAIL_EVENTS_QUEUE, "MailEventsQueue", MAIL_EVENTS_DEAD_LETTER_QUEUE);
        aws.ses.verify(SENDER_DOMAIN);
        aws.ses.create_configuration_set(CONFIGURATION_SET);
        aws.ses.publish_events(aws.sqs.clone(), MAIL_EVENTS_QUEUE);
        let [signing_keys, account_keys] = secrets.unwrap_or_else(|| ["{}", "{}"].map(str::to_owned));
        let signing_keys = aws.secrets.create(SIGNING_KEYS, &signing_keys);
        let account_keys = aws.secrets.create(ACCOUNT_KEYS, &account_keys);

        let mut environment: HashMap<String, String> = [
            ("CREDENTIALS_TABLE", CREDENTIALS.to_owned()),
            ("ACCOUNTS_TABLE", ACCOUNTS.to_owned()),
            ("PUBLIC_KEYS_TABLE", PUBLIC_KEYS.to_owned()),
            ("MAIL_QUEUE_URL", mails),
            ("MAIL_DEAD_LETTER_QUEUE_URL", dead_letters),
            ("MAIL_EVENTS_QUEUE_URL", events),
            ("MAIL_EVENTS_DEAD_LETTER_QUEUE_URL", dead_events),
            ("MAIL_CONFIGURATION_SET", CONFIGURATION_SET.to_owned()),
            ("SIGNING_KEYS_SECRET", signing_keys),
            ("ACCOUNT_KEYS_SECRET", account_keys),
            ("MAIL_SENDER", format!("Latchkey <no-reply@{SENDER_DOMAIN}>")),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "local".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
            ("AWS_ENDPOINT_URL", aws.endpoint.clone()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        environment.extend(settings);
        let config = Config::read(|variable| environment.get(variable).cloned())?;

        let http = doubles::http(&clock);
        // The poller waits for messages longer than a function may.
        let sqs = Clients::new(&config.aws, &http, &clock).sqs().config().to_builder();
        let sqs = aws_sdk_sqs::Client::from_conf(sqs.timeout_config(TimeoutConfig::disabled()).build());
        let app = App::new(config, clock, &http);
        let stand_ins = HashMap::new();
        let system = Self { app, aws, database, environment, stand_ins, sqs, log, _stop_dynamodb: stop };
        for secret in SECRETS {
            if system.aws.secrets.value(secret, "AWSCURRENT").as_deref() == Some("{}") {
                system.rotate(secret).await?;
            }
        }
        Ok(system)
    }

    /// Has API Gateway call the function of a route. Nothing if there is no such route.
    ///
    /// # Errors
    /// What the function fails with: none ever should.
    pub async fn call(&self, request: &HttpRequest<'_>) -> Result<Option<Answer>, AnyError> {
        let Some(route) = functions::route(request.method, request.path) else { return Ok(None) };
        let event = event::http(request, self.app.clock.now());
        let answer = self.invoke(route.function, event, HTTP_SECONDS).await?;
        Answer::read(&answer).map(Some)
    }

    /// Does once what Lambda's poller of the mail queue does: receives, calls the mailer, deletes. How many it received.
    ///
    /// # Errors
    /// What the mailer, or SQS, fails with.
    pub async fn poll_mail(&self, wait_seconds: i32) -> Result<usize, AnyError> {
        self.poll(MAIL_QUEUE, "mailer", wait_seconds).await
    }

    /// The same for the queue of SES's events.
    ///
    /// # Errors
    /// What their consumer, or SQS, fails with.
    pub async fn poll_mail_events(&self, wait_seconds: i32) -> Result<usize, AnyError> {
        self.poll(MAIL_EVENTS_QUEUE, "mail-events", wait_seconds).await
    }

    async fn poll(&self, queue: &str, function: &str, wait_seconds: i32) -> Result<usize, AnyError> {
        let received = self
            .sqs
            .receive_message()
            .queue_url(self.aws.sqs.url(queue))
            .max_number_of_messages(template::batch_size(function))
            .wait_time_seconds(wait_seconds)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await?;
        let messages = received.messages.unwrap_or_default();
        if messages.is_empty() {
            return Ok(0);
        }
        self.hand_over(queue, function, &messages).await?;
        Ok(messages.len())
    }

    /// Calls a queue's consumer with these messages, and deletes those that it does not report as failed.
    async fn hand_over(&self, queue: &str, function: &str, messages: &[Message]) -> Result<(), AnyError> {
        let event = event::sqs(messages, queue);
        let result = self.invoke(function, event, MAILER_SECONDS).await?;
        let failures = result["batchItemFailures"].as_array().cloned().unwrap_or_default();
        for message in messages {
            let failed = failures.iter().any(|failure| failure["itemIdentifier"].as_str() == message.message_id());
            if !failed {
                let request = self.sqs.delete_message().queue_url(self.aws.sqs.url(queue));
                request.set_receipt_handle(message.receipt_handle.clone()).send().await?;
            }
        }
        Ok(())
    }

    /// Does what the schedule does every minute.
    ///
    /// # Errors
    /// What the sweeper fails with.
    pub async fn sweep(&self) -> Result<(), AnyError> {
        let event = event::schedule(self.app.clock.now());
        self.invoke("sweeper", event, MAILER_SECONDS).await.map(drop)
    }

    /// Rotates both secrets, as Secrets Manager does every 30 days.
    ///
    /// # Errors
    /// What a step fails with.
    pub async fn rotate_keys(&self) -> Result<(), AnyError> {
        for secret in SECRETS {
            self.rotate(secret).await?;
        }
        Ok(())
    }

    /// Rotates one secret, as Secrets Manager does when the stack is created and every 30 days.
    ///
    /// # Errors
    /// What a step fails with.
    pub async fn rotate(&self, secret: &str) -> Result<(), AnyError> {
        let token = self.aws.secrets.begin_rotation(secret).ok_or("there is no such secret")?;
        for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
            let event = event::rotation(step, &self.secret_arn(secret), &token);
            self.invoke("rotate-keys", event, MAILER_SECONDS).await?;
        }
        Ok(())
    }

    /// Returns the ARN of a secret, by its name.
    #[must_use]
    pub fn secret_arn(&self, secret: &str) -> String {
        let id = if secret == SIGNING_KEYS { self.app.signing_keys.id() } else { self.app.account_keys.id() };
        id.to_owned()
    }

    /// Calls a function as Lambda does, with so many seconds to answer.
    ///
    /// # Errors
    /// What the function fails with, or that its process died over it.
    pub async fn invoke(&self, function: &str, event: Value, seconds: i64) -> Result<Value, AnyError> {
        let invocation = async {
            // The time to answer begins with the call, however long the task waits for its turn before.
            let Some(stand_in) = self.stand_ins.get(function) else {
                return functions::invoke(&self.app, function, event::invocation(event, seconds)).await;
            };
            stand_in(&self.app, event::invocation(event, seconds)).await
        };
        let invocation = invocation.with_subscriber(self.log.clone().unwrap_or_default());
        // A process that dies is dropped at the very call: what it would have done next is not done.
        tokio::select! {
            biased;
            () = self.aws.death() => Err("the process is gone".into()),
            answer = invocation => answer,
        }
    }
}
