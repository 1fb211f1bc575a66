//! The operations of SQS on the wire: inputs, their limits, outputs.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use super::super::wire::{Refusal, input};
use super::queue::{Message, Queue};
use super::{Sqs, arn, handle, limits, name_in, no_such_queue};

/// The sender of every message, as the attribute `SenderId` tells it.
const SENDER: &str = "AIDAIT2UOQQY3AUEKVGXU";
/// A waiting receive looks again this often, because nobody tells it of a clock that was moved.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SendMessage {
    queue_url: String,
    message_body: String,
    #[serde(default)]
    delay_seconds: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SendMessageBatch {
    queue_url: String,
    entries: Vec<BatchEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct BatchEntry {
    pub(super) id: String,
    pub(super) message_body: String,
    #[serde(default)]
    delay_seconds: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ReceiveMessage {
    pub(super) queue_url: String,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    /// No message has any, so what is asked for does not matter.
    #[serde(default, rename = "MessageAttributeNames")]
    _message_attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeleteMessage {
    queue_url: String,
    receipt_handle: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ChangeMessageVisibility {
    queue_url: String,
    receipt_handle: String,
    visibility_timeout: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetQueueAttributes {
    queue_url: String,
    #[serde(default)]
    attribute_names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetQueueUrl {
    queue_name: String,
}

impl Sqs {
    /// Carries out a request; answers with the JSON of its output.
    pub(in super::super) async fn answer(&self, operation: &str, body: &[u8]) -> Result<String, Refusal> {
        let output = match operation {
            "SendMessage" => self.send_message(input(body)?)?,
            "SendMessageBatch" => self.send_message_batch(input(body)?)?,
            "ReceiveMessage" => self.receive_message(input(body)?).await?,
            "DeleteMessage" => self.delete_message(&input(body)?)?,
            "ChangeMessageVisibility" => self.change_message_visibility(&input(body)?)?,
            "GetQueueAttributes" => self.get_queue_attributes(&input(body)?)?,
            "GetQueueUrl" => self.get_queue_url(&input(body)?)?,
            other => return Err(Refusal::unknown_operation(other)),
        };
        Ok(output.to_string())
    }

    fn send_message(&self, wish: SendMessage) -> Result<Value, Refusal> {
        let delay = limits::delay(wish.delay_seconds)?;
        limits::body(&wish.message_body)?;
        let digest = md5_hex(&wish.message_body);
        let id = self.change(&wish.queue_url, |queue, now| Ok(queue.send(wish.message_body, delay, now)))?;
        self.0.arrivals.notify_waiters();
        Ok(json!({ "MessageId": id, "MD5OfMessageBody": digest }))
    }

    fn send_message_batch(&self, wish: SendMessageBatch) -> Result<Value, Refusal> {
        limits::batch(&wish.entries)?;
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        self.change(&wish.queue_url, |queue, now| {
            for entry in wish.entries {
                match entry.send(queue, now) {
                    Ok(sent) => successful.push(sent),
                    Err(error) => failed.push(error),
                }
            }
            Ok(())
        })?;
        self.0.arrivals.notify_waiters();
        Ok(json!({ "Successful": successful, "Failed": failed }))
    }

    async fn receive_message(&self, wish: ReceiveMessage) -> Result<Value, Refusal> {
        wish.check()?;
        let wait = u64::try_from(wish.wait_time_seconds.unwrap_or(0)).unwrap_or(0);
        let found = timeout(Duration::from_secs(wait), self.receive_some(&wish)).await;
        let messages: Vec<Value> = found.unwrap_or(Ok(Vec::new()))?.iter().map(|message| wish.tell(message)).collect();
        if messages.is_empty() {
            return Ok(json!({}));
        }
        Ok(json!({ "Messages": messages }))
    }

    /// Looks until there is a message; the caller sets the limit.
    async fn receive_some(&self, wish: &ReceiveMessage) -> Result<Vec<Message>, Refusal> {
        loop {
            let arrival = self.0.arrivals.notified(); // made before the look, so that no arrival is missed
            let messages = self.receive(wish)?;
            if !messages.is_empty() {
                return Ok(messages);
            }
            let _ = timeout(LOOK_AGAIN, arrival).await;
        }
    }

    fn delete_message(&self, wish: &DeleteMessage) -> Result<Value, Refusal> {
        self.change(&wish.queue_url, |queue, _| {
            let (copy, receipt) = handle::open(&wish.queue_url, &wish.receipt_handle)?;
            queue.delete(copy, receipt);
            Ok(json!({}))
        })
    }

    fn change_message_visibility(&self, wish: &ChangeMessageVisibility) -> Result<Value, Refusal> {
        limits::between("VisibilityTimeout", wish.visibility_timeout, 0, 43_200)?;
        let timeout = SignedDuration::from_secs(wish.visibility_timeout);
        self.change(&wish.queue_url, |queue, now| {
            let (copy, receipt) = handle::open(&wish.queue_url, &wish.receipt_handle)?;
            queue.change_visibility(copy, receipt, timeout, now)
        })?;
        self.0.arrivals.notify_waiters();
        Ok(json!({}))
    }

    fn get_queue_attributes(&self, wish: &GetQueueAttributes) -> Result<Value, Refusal> {
        let name = name_in(&wish.queue_url)?;
        let all = self.look(name, |queue, now| Some(attributes(name, queue, now))).ok_or_else(no_such_queue)?;
        let mut chosen = Map::new();
        for wanted in &wish.attribute_names {
            if wanted == "All" {
                return Ok(json!({ "Attributes": all }));
            }
            let value = all.get(wanted);
            if value.is_none() && wanted != "RedrivePolicy" {
                return Err(Refusal::new("InvalidAttributeName", format!("Unknown Attribute {wanted}.")));
            }
            chosen.extend(value.map(|value| (wanted.clone(), value.clone())));
        }
        Ok(json!({ "Attributes": chosen }))
    }

    fn get_queue_url(&self, wish: &GetQueueUrl) -> Result<Value, Refusal> {
        if !self.0.queues.read(|queues| queues.contains_key(&wish.queue_name)) {
            return Err(no_such_queue());
        }
        Ok(json!({ "QueueUrl": self.url(&wish.queue_name) }))
    }
}

impl BatchEntry {
    /// Sends one message of a batch; the error is the entry of the output's `Failed`.
    fn send(self, queue: &mut Queue, now: Timestamp) -> Result<Value, Value> {
        let refused = |refusal: Refusal| json!({ "Id": self.id, "SenderFault": true, "Code": refusal.code, "Message": refusal.message });
        let delay = limits::delay(self.delay_seconds).map_err(refused)?;
        limits::body(&self.message_body).map_err(refused)?;
        let digest = md5_hex(&self.message_body);
        let id = queue.send(self.message_body, delay, now);
        Ok(json!({ "Id": self.id, "MessageId": id, "MD5OfMessageBody": digest }))
    }
}

impl ReceiveMessage {
    fn check(&self) -> Result<(), Refusal> {
        limits::between("MaxNumberOfMessages", self.max_number_of_messages.unwrap_or(1), 1, 10)?;
        limits::between("VisibilityTimeout", self.visibility_timeout.unwrap_or(0), 0, 43_200)?;
        limits::between("WaitTimeSeconds", self.wait_time_seconds.unwrap_or(0), 0, 20)
    }

    /// The most messages to deliver.
    pub(super) fn most(&self) -> usize {
        self.max_number_of_messages.and_then(|most| usize::try_from(most).ok()).unwrap_or(1)
    }

    /// How long to hide what is delivered, if the request says so.
    pub(super) fn visibility(&self) -> Option<SignedDuration> {
        self.visibility_timeout.map(SignedDuration::from_secs)
    }

    /// A delivered message as the output holds it, with the attributes that were asked for.
    fn tell(&self, message: &Message) -> Value {
        let mut attributes = Map::new();
        let all = [
            ("SenderId", SENDER.to_owned()),
            ("SentTimestamp", millis(message.sent_at)),
            ("ApproximateReceiveCount", message.receive_count.to_string()),
            ("ApproximateFirstReceiveTimestamp", millis(message.first_received_at.unwrap_or(message.sent_at))),
        ];
        for (name, value) in all {
            let mut asked = self.attribute_names.iter().chain(&self.message_system_attribute_names);
            if asked.any(|asked| asked == "All" || asked == name) {
                attributes.insert(name.to_owned(), value.into());
            }
        }
        let mut told = json!({
            "MessageId": message.id,
            "ReceiptHandle": handle::seal(&self.queue_url, message),
            "MD5OfBody": md5_hex(&message.body),
            "Body": message.body,
        });
        if let (Some(told), false) = (told.as_object_mut(), attributes.is_empty()) {
            told.insert("Attributes".to_owned(), attributes.into());
        }
        told
    }
}

fn attributes(name: &str, queue: &Queue, now: Timestamp) -> Map<String, Value> {
    let counts = queue.counts(now);
    let settings = &queue.settings;
    let mut all = Map::new();
    let mut add = |attribute: &str, value: String| all.insert(attribute.to_owned(), value.into());
    add("QueueArn", arn(name));
    add("ApproximateNumberOfMessages", counts.visible.to_string());
    add("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string());
    add("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string());
    add("VisibilityTimeout", settings.visibility_timeout.as_secs().to_string());
    add("MessageRetentionPeriod", settings.retention.as_secs().to_string());
    add("MaximumMessageSize", limits::MOST_BYTES.to_string());
    add("DelaySeconds", "0".to_owned());
    add("ReceiveMessageWaitTimeSeconds", "0".to_owned());
    if let Some((target, tries)) = &settings.dead_letter {
        let policy = json!({ "deadLetterTargetArn": arn(target), "maxReceiveCount": tries });
        add("RedrivePolicy", policy.to_string());
    }
    all
}

fn md5_hex(text: &str) -> String {
    format!("{:x}", md5::compute(text))
}

fn millis(at: Timestamp) -> String {
    at.as_millisecond().to_string()
}
