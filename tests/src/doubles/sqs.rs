//! The SQS double: standard queues whose time is the [`Clock`] alone. The wire is JSON 1.0 (`X-Amz-Target: AmazonSQS.*`).

mod handle;
mod limits;
mod operations;
mod queue;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use shared::clock::Clock;
use tokio::sync::Notify;

use super::kept::Kept;
use super::wire::Refusal;
use super::{ACCOUNT, REGION};

pub use queue::{Counts, QueueSettings};

use queue::{Message, Queue};

/// The queues, by name.
type Queues = BTreeMap<String, Queue>;

/// The queues of the double. Clones share them.
#[derive(Clone, Debug)]
pub struct Sqs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    endpoint: String,
    queues: Kept<Queues>,
    /// Told of everything that may let a waiting receive find a message.
    arrivals: Notify,
}

#[expect(clippy::must_use_candidate, reason = "called for the effect as often as for the answer")]
impl Sqs {
    /// The queues kept in `data`.
    ///
    /// # Errors
    /// When `data` cannot be read or understood.
    pub(super) fn open(clock: Clock, endpoint: String, data: Option<&Path>) -> io::Result<Self> {
        let queues = Kept::open(data, "sqs")?;
        Ok(Self(Arc::new(Inner { clock, endpoint, queues, arrivals: Notify::new() })))
    }

    /// Makes a queue, or gives the one of that name these settings; answers with its URL. A dead-letter queue takes
    /// messages as soon as it exists itself.
    pub fn create_queue(&self, name: &str, settings: QueueSettings) -> String {
        self.0.queues.set(|queues| queues.entry(name.to_owned()).or_default().settings = settings);
        self.url(name)
    }

    /// The URL of the queue of that name, which need not exist.
    pub fn url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.0.endpoint)
    }

    /// The bodies of all messages in a queue, whether visible or not, oldest arrival first; none for an unknown queue.
    pub fn bodies(&self, name: &str) -> Vec<String> {
        self.look(name, |queue, now| queue.live(now).map(|message| message.body.clone()).collect())
    }

    /// How many messages of a queue are in which state; zeros for an unknown queue.
    pub fn counts(&self, name: &str) -> Counts {
        self.look(name, Queue::counts)
    }

    /// When the next message that is hidden now (delayed or in flight) can be received; none when none is hidden.
    pub fn next_visible_at(&self, name: &str) -> Option<Timestamp> {
        self.look(name, Queue::next_visible_at)
    }

    /// Puts a message into a queue, as a service inside AWS does. An unknown queue takes none.
    pub fn put(&self, name: &str, body: String) {
        let now = self.0.clock.now();
        self.0.queues.set(|queues| queues.get_mut(name).map(|queue| queue.send(body, SignedDuration::ZERO, now)));
        self.0.arrivals.notify_waiters();
    }

    /// Empties a queue.
    pub fn purge(&self, name: &str) {
        self.0.queues.set(|queues| {
            if let Some(queue) = queues.get_mut(name) {
                queue.messages.clear();
            }
        });
    }

    /// Delivers at least once in the way that hurts: puts a visible copy, with the same message id, beside every message of
    /// a queue; answers how many.
    pub fn duplicate(&self, name: &str) -> usize {
        let now = self.0.clock.now();
        let copies = self.0.queues.set(|queues| {
            let Some(queue) = queues.get_mut(name) else { return 0 };
            queue.drop_expired(now);
            queue.duplicate(now)
        });
        self.0.arrivals.notify_waiters();
        copies
    }

    /// What `look` sees in a queue; the default for an unknown queue.
    fn look<R: Default>(&self, name: &str, look: impl FnOnce(&Queue, Timestamp) -> R) -> R {
        let now = self.0.clock.now();
        self.0.queues.read(|queues| queues.get(name).map(|queue| look(queue, now)).unwrap_or_default())
    }

    /// Acts on the queue that a URL names.
    ///
    /// # Errors
    /// `QueueDoesNotExist`, or what `act` answers.
    fn change<R>(
        &self,
        url: &str,
        act: impl FnOnce(&mut Queue, Timestamp) -> Result<R, Refusal>,
    ) -> Result<R, Refusal> {
        let name = name_in(url)?;
        let now = self.0.clock.now();
        self.0.queues.change(|queues| {
            let queue = queues.get_mut(name).ok_or_else(no_such_queue)?;
            queue.drop_expired(now);
            act(queue, now)
        })
    }

    /// Receives what is visible now. What was received too often goes to the dead-letter queue, if there is one.
    ///
    /// # Errors
    /// `QueueDoesNotExist`.
    fn receive(&self, wish: &operations::ReceiveMessage) -> Result<Vec<Message>, Refusal> {
        let name = name_in(&wish.queue_url)?;
        let now = self.0.clock.now();
        let found = self.0.queues.read(|queues| queues.get(name).map(|queue| queue.has_visible(now)));
        if !found.ok_or_else(no_such_queue)? {
            return Ok(Vec::new()); // without a change, so that polling writes no files
        }
        self.0.queues.change(|queues| {
            let settings = queues.get(name).ok_or_else(no_such_queue)?.settings.clone();
            let dead_letter = settings.dead_letter.filter(|(target, _)| queues.contains_key(target));
            let tries = dead_letter.as_ref().map(|(_, tries)| *tries);
            let visibility = wish.visibility().unwrap_or(settings.visibility_timeout);

            let queue = queues.get_mut(name).ok_or_else(no_such_queue)?;
            queue.drop_expired(now);
            let received = queue.receive(wish.most(), visibility, tries, now);
            if let Some(target) = dead_letter.and_then(|(target, _)| queues.get_mut(&target)) {
                received.dead.into_iter().for_each(|message| target.bury(message, now));
            }
            Ok(received.delivered)
        })
    }
}

/// The name of the queue that a URL is of: the last segment, behind the account. The host may be any that reaches this server.
fn name_in(url: &str) -> Result<&str, Refusal> {
    let segments = url.rsplit_once('/').and_then(|(account, name)| Some((account.rsplit_once('/')?.1, name)));
    match segments {
        Some((ACCOUNT, name)) => Ok(name),
        _ => Err(no_such_queue()),
    }
}

fn arn(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

fn no_such_queue() -> Refusal {
    Refusal::new("QueueDoesNotExist", "The specified queue does not exist.")
}
