//! Lists, redrives and deletes the messages of dead-letter queues.
//!
//! A call does a bounded part of it and never touches what comes back meanwhile, so redriving ends while its cause lasts.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use jiff::Timestamp;
use serde_json::Value;
use shared::answers::rfc3339;
use shared::aws::describe;

use crate::Call;
use crate::answers::{DeadLetter, DeadLettersDone};
use crate::protocol::{DeadLetters, QueueAction, QueueName};
use crate::refusal::Refusal;

/// The most messages that one call receives.
const MOST: usize = 200;
/// How long a received message is hidden, in seconds: longer than a call lasts, so that a call receives it once.
const HIDDEN: i32 = 120;
/// A call stops when this much of its time is left. It still makes messages visible again.
const RESERVE: Duration = Duration::from_secs(15);

pub(crate) async fn handle(call: &Call<'_>, wish: &DeadLetters) -> Result<DeadLettersDone, Refusal> {
    let sent_until = wish.sent_until.unwrap_or(call.now.as_millisecond());
    let mut work = Work { sqs: sqs(call), queues: Queues::named(call, wish.queue), done: Vec::new(), left: Vec::new() };
    let result = work.go_through(call, wish, sent_until).await;
    work.release().await;
    match result {
        Ok(more) => Ok(DeadLettersDone { messages: work.done, more, sent_until }),
        // What is done is done. The same request goes on.
        Err(reason) => Err(Refusal::Unavailable(format!("{} messages are done, then {reason}", work.done.len()))),
    }
}

pub(crate) fn sqs(call: &Call<'_>) -> Client {
    let mut config = aws_sdk_sqs::config::Builder::from(&call.app.clients.config);
    config.set_endpoint_url(call.app.config.aws.sqs_endpoint.clone());
    Client::from_conf(config.build())
}

/// The URLs of a queue and of its dead-letter queue.
pub(crate) struct Queues {
    pub(crate) queue: String,
    pub(crate) dead_letters: String,
}

impl Queues {
    pub(crate) fn named(call: &Call<'_>, name: QueueName) -> Self {
        let config = &call.app.config;
        let (queue, dead_letters) = match name {
            QueueName::Mail => (&config.mail_queue_url, &config.mail_dead_letter_queue_url),
            QueueName::MailEvents => (&config.mail_events_queue_url, &config.mail_events_dead_letter_queue_url),
        };
        Self { queue: queue.clone(), dead_letters: dead_letters.clone() }
    }
}

struct Work {
    sqs: Client,
    queues: Queues,
    done: Vec<DeadLetter>,
    /// The receipts of messages that stay.
    left: Vec<String>,
}

impl Work {
    /// Returns whether the queue may have more messages than this call could see.
    async fn go_through(&mut self, call: &Call<'_>, wish: &DeadLetters, sent_until: i64) -> Result<bool, String> {
        let mut received = 0;
        while received < MOST && call.deadline.time_left() > RESERVE {
            let messages = self.receive().await?;
            received += messages.len();
            if messages.is_empty() {
                return Ok(false);
            }
            // If one fails, the others of the page have to be visible again too.
            let mut failed = None;
            for message in messages {
                let letter = DeadLetter::from(&message);
                let is_wanted = wish.messages.is_empty() || wish.messages.contains(&letter.id);
                let is_back = sent_at(&message).is_some_and(|at| at.as_millisecond() > sent_until);
                let result = match wish.action {
                    _ if !is_wanted || is_back || failed.is_some() => Ok(false),
                    QueueAction::List => Ok(false),
                    QueueAction::Redrive => self.redrive(&message).await.map(|()| true),
                    QueueAction::Delete => self.delete(&message).await.map(|()| true),
                };
                let is_listed = wish.action == QueueAction::List && is_wanted && !is_back;
                let is_gone = result.unwrap_or_else(|reason| {
                    failed.get_or_insert(reason);
                    false
                });
                if !is_gone {
                    self.left.extend(message.receipt_handle);
                }
                if is_gone || is_listed {
                    self.done.push(letter);
                }
            }
            if let Some(reason) = failed {
                return Err(reason);
            }
        }
        Ok(true)
    }

    async fn receive(&self) -> Result<Vec<Message>, String> {
        let request = self.sqs.receive_message().queue_url(&self.queues.dead_letters).max_number_of_messages(10);
        let request = request
            .visibility_timeout(HIDDEN)
            // Without a wait, SQS asks only some of its servers, and a short queue looks empty.
            .wait_time_seconds(1)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        let output = request.send().await.map_err(|error| describe("ReceiveMessage", &error))?;
        Ok(output.messages.unwrap_or_default())
    }

    /// Sends the message before it is deleted. A crash in between leaves a second copy, which sends nothing twice.
    async fn redrive(&self, message: &Message) -> Result<(), String> {
        let request = self.sqs.send_message().queue_url(&self.queues.queue);
        let result = request.set_message_body(message.body.clone()).send().await;
        result.map_err(|error| describe("SendMessage", &error))?;
        self.delete(message).await
    }

    async fn delete(&self, message: &Message) -> Result<(), String> {
        let request = self.sqs.delete_message().queue_url(&self.queues.dead_letters);
        let result = request.set_receipt_handle(message.receipt_handle.clone()).send().await;
        result.map(drop).map_err(|error| describe("DeleteMessage", &error))
    }

    /// Makes the messages visible again that stay. One that cannot be is visible again two minutes later.
    async fn release(&self) {
        for receipt in &self.left {
            let request = self.sqs.change_message_visibility().queue_url(&self.queues.dead_letters);
            let result = request.receipt_handle(receipt).visibility_timeout(0).send().await;
            if let Err(error) = result {
                let reason = describe("ChangeMessageVisibility", &error);
                tracing::warn!(event = "dead_letter_hidden", reason);
                return;
            }
        }
    }
}

impl From<&Message> for DeadLetter {
    fn from(message: &Message) -> Self {
        let body =
            message.body.as_deref().and_then(|body| serde_json::from_str::<Value>(body).ok()).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            id: message.message_id.clone().unwrap_or_default(),
            sent_at: sent_at(message).map(rfc3339),
            receives: attribute(message, &MessageSystemAttributeName::ApproximateReceiveCount).unwrap_or_default(),
            mail: text("mail").filter(|mail| mail.parse::<shared::domain::MailKey>().is_ok()),
            reason: text("reason"),
        }
    }
}

fn sent_at(message: &Message) -> Option<Timestamp> {
    Timestamp::from_millisecond(attribute(message, &MessageSystemAttributeName::SentTimestamp)?).ok()
}

fn attribute<T: std::str::FromStr>(message: &Message, name: &MessageSystemAttributeName) -> Option<T> {
    message.attributes.as_ref()?.get(name)?.parse().ok()
}
