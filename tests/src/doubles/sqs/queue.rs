//! A standard queue as state and transitions: each takes `now`, none does I/O.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::wire::Refusal;

/// The longest that a message may stay hidden, counted from its receive.
pub(super) const LONGEST_VISIBILITY: SignedDuration = SignedDuration::from_hours(12);

/// How a queue treats its messages. The default is AWS's: 30 seconds, 4 days, no dead-letter queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QueueSettings {
    /// How long a received message stays hidden, unless the receive says otherwise.
    pub visibility_timeout: SignedDuration,
    /// How long after its sending a message is dropped.
    pub retention: SignedDuration,
    /// The name of the dead-letter queue, and after how many receives (`maxReceiveCount`) a message goes there.
    pub dead_letter: Option<(String, u32)>,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            visibility_timeout: SignedDuration::from_secs(30),
            retention: SignedDuration::from_hours(4 * 24),
            dead_letter: None,
        }
    }
}

/// How many messages of a queue are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Can be received now.
    pub visible: usize,
    /// Received, and hidden since.
    pub in_flight: usize,
    /// Sent or moved with a delay that has not passed.
    pub delayed: usize,
}

/// A queue and what is in it, in the order of arrival.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Queue {
    pub(super) settings: QueueSettings,
    pub(super) messages: Vec<Message>,
}

/// A message, or a second copy of one: copies share the id, each has its own `copy`.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Message {
    pub(super) copy: Uuid,
    pub(super) id: String,
    pub(super) body: String,
    pub(super) sent_at: Timestamp,
    pub(super) visible_at: Timestamp,
    pub(super) receive_count: u32,
    pub(super) first_received_at: Option<Timestamp>,
    pub(super) last_receive: Option<Receive>,
}

/// The receive that a receipt handle names.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Receive {
    pub(super) receipt: Uuid,
    at: Timestamp,
}

/// What a receive took out of the queue.
#[derive(Default)]
pub(super) struct Received {
    /// Delivered; they stay in the queue, hidden.
    pub(super) delivered: Vec<Message>,
    /// Received too often already; they have left the queue for the dead-letter queue.
    pub(super) dead: Vec<Message>,
}

impl Queue {
    /// The messages that are not past the retention.
    pub(super) fn live(&self, now: Timestamp) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter(move |message| !message.is_expired(self.settings.retention, now))
    }

    /// Drops the messages that are past the retention; every change of a queue begins with it.
    pub(super) fn drop_expired(&mut self, now: Timestamp) {
        let retention = self.settings.retention;
        self.messages.retain(|message| !message.is_expired(retention, now));
    }

    /// Adds a message, hidden for `delay`; answers with its id.
    pub(super) fn send(&mut self, body: String, delay: SignedDuration, now: Timestamp) -> String {
        let id = Uuid::new_v4().to_string();
        self.messages.push(Message {
            copy: Uuid::new_v4(),
            id: id.clone(),
            body,
            sent_at: now,
            visible_at: now + delay,
            receive_count: 0,
            first_received_at: None,
            last_receive: None,
        });
        id
    }

    /// Adds a message that another queue gave up on: the same id, body, sending time and count, visible at once.
    pub(super) fn bury(&mut self, message: Message, now: Timestamp) {
        self.messages.push(Message { visible_at: now, last_receive: None, ..message });
    }

    /// Adds a visible copy of every message, as a standard queue may; answers how many.
    pub(super) fn duplicate(&mut self, now: Timestamp) -> usize {
        let originals = self.messages.len();
        for message in self.messages.clone() {
            self.messages.push(Message { copy: Uuid::new_v4(), visible_at: now, last_receive: None, ..message });
        }
        originals
    }

    /// Whether a receive would find a message.
    pub(super) fn has_visible(&self, now: Timestamp) -> bool {
        self.live(now).any(|message| !message.is_hidden(now))
    }

    /// Delivers up to `most` visible messages and hides them for `visibility`; those that were received `tries` times
    /// already are taken out instead.
    pub(super) fn receive(
        &mut self,
        most: usize,
        visibility: SignedDuration,
        tries: Option<u32>,
        now: Timestamp,
    ) -> Received {
        let mut received = Received::default();
        for mut message in std::mem::take(&mut self.messages) {
            if received.delivered.len() == most || message.is_hidden(now) {
                self.messages.push(message);
                continue;
            }
            if tries.is_some_and(|tries| message.receive_count >= tries) {
                received.dead.push(message);
                continue;
            }
            message.receive_count += 1;
            message.first_received_at.get_or_insert(now);
            message.last_receive = Some(Receive { receipt: Uuid::new_v4(), at: now });
            message.visible_at = now + visibility;
            received.delivered.push(message.clone());
            self.messages.push(message);
        }
        received
    }

    /// Deletes a message if `receipt` is of its last receive. An older one changes nothing, which is no error: AWS lets it
    /// pass and need not delete.
    pub(super) fn delete(&mut self, copy: Uuid, receipt: Uuid) {
        self.messages.retain(|message| message.copy != copy || !message.was_received_as(receipt));
    }

    /// Hides a message in flight for `timeout` from now.
    ///
    /// # Errors
    /// When the message is gone, is no longer in flight under this receipt, or would be hidden for over 12 hours in all.
    pub(super) fn change_visibility(
        &mut self,
        copy: Uuid,
        receipt: Uuid,
        timeout: SignedDuration,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let Some(message) = self.messages.iter_mut().find(|message| message.copy == copy) else {
            return Err(Refusal::new(
                "InvalidParameterValue",
                "Value for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for \
                 visibility timeout change.",
            ));
        };
        let in_flight = message.last_receive.filter(|last| last.receipt == receipt && message.is_hidden(now));
        let Some(receive) = in_flight else {
            return Err(Refusal::new("MessageNotInflight", "The specified message isn't in flight."));
        };
        if now + timeout > receive.at + LONGEST_VISIBILITY {
            return Err(Refusal::new(
                "InvalidParameterValue",
                format!(
                    "Value {} for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message \
                     is beyond the limit [43200 seconds]",
                    timeout.as_secs()
                ),
            ));
        }
        message.visible_at = now + timeout;
        Ok(())
    }

    /// How many messages are in which state.
    pub(super) fn counts(&self, now: Timestamp) -> Counts {
        let mut counts = Counts::default();
        for message in self.live(now) {
            match message.last_receive {
                _ if !message.is_hidden(now) => counts.visible += 1,
                Some(_) => counts.in_flight += 1,
                None => counts.delayed += 1,
            }
        }
        counts
    }

    /// When the next hidden message can be received.
    pub(super) fn next_visible_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.live(now).filter(|message| message.is_hidden(now)).map(|message| message.visible_at).min()
    }
}

impl Message {
    fn is_hidden(&self, now: Timestamp) -> bool {
        self.visible_at > now
    }

    fn is_expired(&self, retention: SignedDuration, now: Timestamp) -> bool {
        now.duration_since(self.sent_at) >= retention
    }

    fn was_received_as(&self, receipt: Uuid) -> bool {
        self.last_receive.is_some_and(|last| last.receipt == receipt)
    }
}
