//! The queue between the functions that owe a mail and the function that sends it.

use std::sync::Arc;

use aws_sdk_sqs::types::{SendMessageBatchRequestEntry, SendMessageBatchResultEntry};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::aws::{Clients, describe};
use crate::domain::MailKey;

/// The version of the messages that this code writes.
const VERSION: u8 = 1;

/// The mail queue and its dead-letter queue.
#[derive(Clone, Debug)]
pub struct MailQueue {
    clients: Arc<Clients>,
    queue_url: String,
    dead_letter_queue_url: String,
}

/// SQS refused a request or did not answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct QueueError(String);

/// A message of the mail queue. It names the row of a mail and contains no personal data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailMessage {
    pub key: MailKey,
    /// The attempt that failed, if the message is a copy from the dead-letter queue.
    pub retry: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct Body {
    v: u8,
    mail: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl MailMessage {
    /// Reads the body of a message. Returns `None` if it is not of this version.
    #[must_use]
    pub fn parse(body: &str) -> Option<Self> {
        let body: Body = serde_json::from_str(body).ok()?;
        (body.v == VERSION).then_some(Self { key: body.mail.parse().ok()?, retry: body.retry })
    }
}

impl MailQueue {
    #[must_use]
    pub const fn new(clients: Arc<Clients>, queue_url: String, dead_letter_queue_url: String) -> Self {
        Self { clients, queue_url, dead_letter_queue_url }
    }

    /// Puts a mail into the queue, so that it is sent soon. If SQS refuses, the sweeper finds the mail, because the
    /// mail's row already owes it.
    pub async fn announce(&self, mail: MailKey) {
        if let Err(error) = self.enqueue(mail).await {
            tracing::warn!(event = "mail_not_announced", mail = %mail, reason = %error);
        }
    }

    /// Puts the mail into the queue.
    ///
    /// # Errors
    /// [`QueueError`] if SQS refuses the message or does not answer.
    pub async fn enqueue(&self, mail: MailKey) -> Result<(), QueueError> {
        self.send(&self.queue_url, message(mail)?).await
    }

    /// Puts up to ten mails into the queue by one call. Returns the mails that SQS did not accept.
    ///
    /// # Errors
    /// [`QueueError`] if SQS refuses the whole call or does not answer.
    pub async fn enqueue_all(&self, mails: &[MailKey]) -> Result<Vec<MailKey>, QueueError> {
        let mut request = self.clients.sqs().send_message_batch().queue_url(&self.queue_url);
        for (index, mail) in mails.iter().enumerate() {
            let body = message(*mail)?;
            let entry = SendMessageBatchRequestEntry::builder().id(index.to_string()).message_body(body).build();
            request = request.entries(entry.map_err(|error| QueueError(error.to_string()))?);
        }
        let output = request.send().await.map_err(|error| QueueError(describe("SendMessageBatch", &error)))?;
        let taken: Vec<_> = output.successful().iter().map(SendMessageBatchResultEntry::id).collect();
        let refused = mails.iter().enumerate().filter(|(index, _)| !taken.contains(&index.to_string().as_str()));
        Ok(refused.map(|(_, mail)| *mail).collect())
    }

    /// Puts a copy of the mail into the dead-letter queue for an operator, with the reason and the attempt that failed.
    /// If an operator moves the copy back into the queue, the mail is sent once more.
    ///
    /// # Errors
    /// [`QueueError`] if SQS refuses the message or does not answer.
    pub async fn dead_letter(&self, mail: MailKey, attempt: u32, reason: &str) -> Result<(), QueueError> {
        let body = Body { v: VERSION, mail: mail.to_string(), retry: Some(attempt), reason: Some(reason.to_owned()) };
        self.send(&self.dead_letter_queue_url, write(&body)?).await
    }

    /// Makes a received message visible again after `delay`, rounded up to whole seconds.
    ///
    /// # Errors
    /// [`QueueError`] if SQS refuses or does not answer. The queue's own visibility timeout then applies.
    pub async fn come_back(&self, receipt_handle: &str, delay: SignedDuration) -> Result<(), QueueError> {
        const LONGEST: i32 = 12 * 60 * 60; // the longest that SQS accepts
        let seconds = i32::try_from((delay.as_millis().max(0) + 999) / 1000).unwrap_or(LONGEST).min(LONGEST);
        let request =
            self.clients.sqs().change_message_visibility().queue_url(&self.queue_url).receipt_handle(receipt_handle);
        let result = request.visibility_timeout(seconds).send().await;
        result.map(drop).map_err(|error| QueueError(describe("ChangeMessageVisibility", &error)))
    }

    async fn send(&self, queue_url: &str, body: String) -> Result<(), QueueError> {
        let result = self.clients.sqs().send_message().queue_url(queue_url).message_body(body).send().await;
        result.map(drop).map_err(|error| QueueError(describe("SendMessage", &error)))
    }
}

/// Returns the message that makes the mailer send a mail.
fn message(mail: MailKey) -> Result<String, QueueError> {
    write(&Body { v: VERSION, mail: mail.to_string(), retry: None, reason: None })
}

fn write(body: &Body) -> Result<String, QueueError> {
    serde_json::to_string(body).map_err(|error| QueueError(error.to_string()))
}
