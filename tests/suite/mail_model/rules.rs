//! What a write makes of the row: the rules that run, and the same rules with one thing wrong.
//!
//! Who may send, and when a mail comes back, is [`Mail`]'s own to say. The writes are expressions inside requests to DynamoDB in
//! `shared::store`, so they stand here a second time; `table.rs` holds the rows they make against the store's.

use jiff::{SignedDuration, Timestamp};
use shared::domain::{Claim, Lease, Mail, MailState, Refusal, Retry};

/// Whose rules are explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    Real,
    Mutant(Mutant),
}

/// One thing wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A row that another is sending is taken.
    NoLease,
    /// A lease ends while its mailer still lives.
    ShortLease,
    /// The mailer sends, and claims the row only when SES has the mail.
    SendsFirst,
    /// An answer that never came counts as a refusal.
    UnknownIsRefused,
    /// After a write that failed the message is deleted, and nothing brings the row back.
    AcknowledgesErrors,
    /// The row is failed before its copy is in the dead-letter queue.
    FailsFirst,
    /// A redriven copy claims a failed row whatever its attempt.
    RedrivesAnything,
    /// A row is settled whatever it has become.
    SettlesAnything,
    /// A row comes back when its message does, not later.
    PostponesTooShort,
    /// The sweeper enqueues what is due and leaves it due.
    SweepsWithoutMoving,
    /// The sweeper moves a `due` whatever it has become.
    MovesAnything,
    /// An event counts for the attempt that it names alone.
    EventsOfOneAttempt,
    /// An event makes the row that it does not find.
    EventsMakeRows,
    /// The mailer does not ask whether the user is still there.
    AsksForNobody,
}

impl Rules {
    pub const fn are(self, mutant: Mutant) -> bool {
        matches!(self, Self::Mutant(own) if own as u8 == mutant as u8)
    }

    /// What a message may do with the row.
    pub fn claim(self, row: &Mail, retry: Option<u32>, now: Timestamp) -> Claim {
        let retry = if self.are(Mutant::RedrivesAnything) { retry.map(|_| row.attempt) } else { retry };
        let claim = match row.claim(retry, now) {
            Claim::Wait(_) if self.are(Mutant::NoLease) => {
                Mail { state: MailState::Pending, ..row.clone() }.claim(retry, now)
            }
            claim => claim,
        };
        match claim {
            Claim::Take(mail) if self.are(Mutant::ShortLease) => {
                let until = now + SignedDuration::from_secs(2);
                Claim::Take(Mail { state: MailState::Sending(Lease { until }), due: Some(until), ..mail })
            }
            claim => claim,
        }
    }

    /// The row after it was refused for now, and who tries again.
    pub fn postponed(self, mail: &Mail, refusal: Refusal, now: Timestamp) -> (Mail, Retry) {
        let (next, retry) = mail.postponed(refusal, now);
        match retry {
            Retry::Message(delay) if self.are(Mutant::PostponesTooShort) => {
                (Mail { due: Some(now + delay), ..next }, retry)
            }
            Retry::Message(_) | Retry::Sweeper => (next, retry),
        }
    }

    /// `Outbox::sent`, `Outbox::postpone` and `Outbox::fail`: the row becomes `next` if it still is as it is `known`. Whether
    /// it did.
    pub fn settle(self, row: &mut Option<Mail>, known: &Mail, next: Mail) -> bool {
        let is_known = row.as_ref().is_some_and(|row| match self {
            Self::Mutant(Mutant::SendsFirst) => row.attempt + 1 == known.attempt,
            _ => row.attempt == known.attempt && is_same(row.state, known.state),
        });
        let settles = is_known || self.are(Mutant::SettlesAnything);
        if settles {
            *row = Some(next);
        }
        settles
    }

    /// `Outbox::move_due`: the row, if its `due` was moved.
    pub fn move_due(self, row: &mut Option<Mail>, from: Timestamp, to: Timestamp) -> Option<Mail> {
        let row = row.as_mut().filter(|row| row.due == Some(from) || self.are(Mutant::MovesAnything))?;
        if !self.are(Mutant::SweepsWithoutMoving) {
            row.due = Some(to);
        }
        Some(row.clone())
    }

    /// `Outbox::told`, of an attempt of this mail.
    pub fn tell(self, row: &mut Option<Mail>, mail: &Mail, attempt: u32) {
        if self.are(Mutant::EventsMakeRows) {
            row.get_or_insert_with(|| mail.clone());
        }
        let counts = |row: &Mail| row.attempt == attempt || !self.are(Mutant::EventsOfOneAttempt);
        if let Some(row) = row.as_mut().filter(|row| counts(row)) {
            (row.state, row.due) = (MailState::Sent, None);
        }
    }
}

fn is_same(one: MailState, other: MailState) -> bool {
    std::mem::discriminant(&one) == std::mem::discriminant(&other)
}

/// The row once SES has the mail.
pub fn sent(mail: &Mail) -> Mail {
    Mail { state: MailState::Sent, due: None, ..mail.clone() }
}

/// The row once it is given up.
pub fn failed(mail: &Mail) -> Mail {
    Mail { state: MailState::Failed, due: None, ..mail.clone() }
}
