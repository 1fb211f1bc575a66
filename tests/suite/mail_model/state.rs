//! The states of the model, and the actions that change them.

use std::hash::{Hash, Hasher};
use std::mem::{Discriminant, discriminant};

use jiff::{SignedDuration, Timestamp};
use shared::domain::{Mail, MailState, Refusal};

/// When the model begins.
pub const START: Timestamp = Timestamp::constant(1_800_014_400, 0);
/// How long the queue hides a message that was received.
pub const HIDDEN: SignedDuration = SignedDuration::from_mins(6);
/// After how long a mailer or a sweeper is ended.
pub const TIMEOUT: SignedDuration = SignedDuration::from_secs(60);
/// How long the queue keeps a message.
pub const RETENTION: SignedDuration = SignedDuration::from_hours(4 * 24);

/// A message in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Message {
    pub visible_at: Timestamp,
    /// On a redriven copy: the attempt that failed.
    pub retry: Option<u32>,
}

/// A mailer that has claimed the row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailer {
    /// The row, claimed.
    pub mail: Mail,
    pub message: Message,
    pub claimed_at: Timestamp,
    pub step: MailerStep,
}

/// What a mailer does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailerStep {
    /// Asks for the user, and decides whether the mail is still to be sent.
    Ask,
    /// Calls SES.
    Send { with_code: bool },
    /// Marks the row: SES accepted.
    Sent,
    /// Puts the row back: SES refused for now.
    Postpone(Refusal),
    /// Puts a copy into the dead-letter queue: SES refused for good.
    Copy,
    /// Marks the row: it is given up.
    Fail,
}

/// A sweeper that has found the row in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweeper {
    pub started_at: Timestamp,
    pub step: SweeperStep,
}

/// What a sweeper does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SweeperStep {
    /// Moves the row's `due` on from this.
    Move(Timestamp),
    /// Enqueues this row. If it has been owed for too long, puts a copy into the dead-letter queue. If its ticket has expired,
    /// does neither.
    Enqueue(Mail),
    /// Marks this row: it is given up.
    Fail(Mail),
}

/// The outcome of a call of SES.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Accepted,
    Refused(Refusal),
    Rejected,
    /// There is no answer, but SES accepted the mail.
    LostAccepted,
    /// There is no answer, and SES did not accept the mail.
    LostRefused,
}

/// What is deleted of a user, in either order: a mail may become owed while its user is being erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Row,
    User,
}

/// Something that may happen. A message that SQS did not accept, or an event that is lost, counts as not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The queue is told of the new row.
    Announce,
    /// A mailer receives this message, and claims the row if it may.
    Receive(Message),
    /// A mailer receives this message, and is gone.
    ReceiveAndDie(Message),
    /// The queue delivers this message a second time.
    Duplicate(Message),
    /// The mailer asks for the user.
    Ask,
    /// The mailer calls SES. It asks for the user just before, unless it has asked already. If the mail is obsolete, the mailer
    /// does not call.
    Send(Answer),
    /// The mailer's next write is made.
    Write,
    /// The mailer's next write fails.
    WriteFails,
    /// The mailer's next write is made, and the mailer is told that it failed.
    WriteUnheard,
    /// The mailer is gone.
    Die,
    /// A sweeper finds the row.
    Look,
    /// That sweeper goes on.
    Sweep(usize),
    /// That sweeper is gone.
    SweeperDies(usize),
    /// SES's `Send` event for this attempt is recorded.
    Tell(u32),
    /// The same, and it will come again.
    TellAndKeep(u32),
    /// An operator puts the copy of this attempt back into the queue, perhaps not for the last time.
    Redrive(u32),
    /// Of the user this is deleted.
    Erase(Part),
    /// The clock moves.
    Pass(SignedDuration),
}

/// One moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub now: Timestamp,
    /// Nothing once it is erased.
    pub row: Option<Mail>,
    pub user_exists: bool,
    /// Sorted: it does not matter which was first.
    pub queue: Vec<Message>,
    /// Whose attempts' copies have been in the dead-letter queue.
    pub copies: Attempts,
    /// At most one: see `Promise::OneHolder`.
    pub mailer: Option<Mailer>,
    pub sweepers: Vec<Sweeper>,
    /// For which attempts SES's `Send` events are under way. Sorted.
    pub events: Vec<u32>,
    pub history: History,
    pub left: Left,
}

/// What the promises are about, but no rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct History {
    /// Whether SES accepted the mail.
    pub is_accepted: bool,
    /// How often it may still accept it: once, and once more for each time that sending it again was counted.
    pub acceptable: i8,
    /// Whether a `Send` event came while no mailer was at work.
    pub is_told: bool,
    /// Whose attempts' copies have claimed the failed row.
    pub redriven: Attempts,
    /// Whether the row was given up when its last attempt had ended without an answer.
    pub unanswered: bool,
}

/// How much may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Left {
    pub announcements: u8,
    /// Calls of SES.
    pub calls: u8,
    pub clock: u8,
    /// Crashes, and writes that fail.
    pub faults: u8,
    /// Messages and events that come twice.
    pub repeats: u8,
    pub sweeps: u8,
    pub redrives: u8,
    pub erasures: u8,
}

/// A set of attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attempts(u32);

impl Attempts {
    /// Adds an attempt. Returns whether it is new.
    pub const fn insert(&mut self, attempt: u32) -> bool {
        let was_in = self.has(attempt);
        self.0 |= 1 << attempt;
        !was_in
    }

    pub const fn has(self, attempt: u32) -> bool {
        self.0 & (1 << attempt) != 0
    }

    pub fn iter(self) -> impl Iterator<Item = u32> {
        (0..u32::BITS).filter(move |attempt| self.has(*attempt))
    }
}

impl State {
    /// Deletes a message, or replaces it.
    pub fn replace(&mut self, message: Message, with: Option<Message>) {
        if let Some(at) = self.queue.iter().position(|other| *other == message) {
            self.queue.remove(at);
        }
        self.queue.extend(with);
        self.queue.sort_unstable();
    }
}

/// Of a row, only what changes.
pub type Mark = (Discriminant<MailState>, Option<Timestamp>, u32, Option<Timestamp>);

pub fn mark(mail: &Mail) -> Mark {
    let lease = match mail.state {
        MailState::Sending(lease) => Some(lease.until),
        MailState::Pending | MailState::Sent | MailState::Failed => None,
    };
    (discriminant(&mail.state), lease, mail.attempt, mail.due)
}

impl Hash for State {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.now, self.row.as_ref().map(mark), self.user_exists, &self.queue, self.copies).hash(state);
        (&self.mailer, &self.sweepers, &self.events, self.history, self.left).hash(state);
    }
}

impl Hash for Mailer {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (mark(&self.mail), self.message, self.claimed_at, discriminant(&self.step)).hash(state);
    }
}

impl Hash for Sweeper {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.started_at, discriminant(&self.step)).hash(state);
    }
}
