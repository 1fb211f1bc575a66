//! The queue between those who owe a mail and the function that sends it.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{SendMessageBatchRequestEntry, SendMessageBatchResultEntry};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::aws::describe;
use crate::domain::MailKey;

/// The version of messages that is written.
const VERSION: u8 = 1;

/// The queue and its dead-letter queue.
#[derive(Clone, Debug)]
pub struct MailQueue {
    client: Client,
    queue_url: String,
    dead_letter_queue_url: String,
}

/// SQS did not take it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct QueueError(String);

/// A message: which row, and nothing of whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailMessage {
    /// The row.
    pub key: MailKey,
    /// On a copy from the dead-letter queue: the attempt that failed.
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
    /// The message that `body` is; nothing if it is none of this version.
    #[must_use]
    pub fn parse(body: &str) -> Option<Self> {
        let body: Body = serde_json::from_str(body).ok()?;
        (body.v == VERSION).then_some(Self { key: body.mail.parse().ok()?, retry: body.retry })
    }
}

impl MailQueue {
    /// The queues at these URLs.
    #[must_use]
    pub const fn new(client: Client, queue_url: String, dead_letter_queue_url: String) -> Self {
        Self { client, queue_url, dead_letter_queue_url }
    }

    /// Has the mail sent soon. It is already owed, by its row: if SQS does not take this, the sweeper sees to it.
    pub async fn announce(&self, mail: MailKey) {
        if let Err(error) = self.enqueue(mail).await {
            tracing::warn!(event = "mail_not_announced", mail = %mail, reason = %error);
        }
    }

    /// Puts the mail into the queue.
    ///
    /// # Errors
    /// [`QueueError`] when SQS does not take it, or does not say so.
    pub async fn enqueue(&self, mail: MailKey) -> Result<(), QueueError> {
        self.send(&self.queue_url, message(mail)?).await
    }

    /// Puts up to ten mails into the queue at once. Those that it did not take, or did not say so.
    ///
    /// # Errors
    /// [`QueueError`] when it took none, or does not say so.
    pub async fn enqueue_all(&self, mails: &[MailKey]) -> Result<Vec<MailKey>, QueueError> {
        let mut request = self.client.send_message_batch().queue_url(&self.queue_url);
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

    /// Puts a copy of the mail before a person: why it failed, and at which attempt. Moved back into the queue, the copy has
    /// it sent once more.
    ///
    /// # Errors
    /// [`QueueError`] when SQS does not take it, or does not say so.
    pub async fn dead_letter(&self, mail: MailKey, attempt: u32, reason: &str) -> Result<(), QueueError> {
        let body = Body { v: VERSION, mail: mail.to_string(), retry: Some(attempt), reason: Some(reason.to_owned()) };
        self.send(&self.dead_letter_queue_url, write(&body)?).await
    }

    /// Makes a received message visible again after `delay`, to the second above.
    ///
    /// # Errors
    /// [`QueueError`] when SQS does not take it, or does not say so. The queue's own visibility then applies.
    pub async fn come_back(&self, receipt_handle: &str, delay: SignedDuration) -> Result<(), QueueError> {
        const LONGEST: i32 = 12 * 60 * 60; // that SQS takes
        let seconds = i32::try_from((delay.as_millis().max(0) + 999) / 1000).unwrap_or(LONGEST).min(LONGEST);
        let request = self.client.change_message_visibility().queue_url(&self.queue_url).receipt_handle(receipt_handle);
        let result = request.visibility_timeout(seconds).send().await;
        result.map(drop).map_err(|error| QueueError(describe("ChangeMessageVisibility", &error)))
    }

    async fn send(&self, queue_url: &str, body: String) -> Result<(), QueueError> {
        let result = self.client.send_message().queue_url(queue_url).message_body(body).send().await;
        result.map(drop).map_err(|error| QueueError(describe("SendMessage", &error)))
    }
}

/// The message that has a mail sent.
fn message(mail: MailKey) -> Result<String, QueueError> {
    write(&Body { v: VERSION, mail: mail.to_string(), retry: None, reason: None })
}

fn write(body: &Body) -> Result<String, QueueError> {
    serde_json::to_string(body).map_err(|error| QueueError(error.to_string()))
}
