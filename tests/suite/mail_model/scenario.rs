//! How much may happen.

use jiff::SignedDuration;
use shared::domain::{MAIL_LIFETIME, MailKind, Refusal, VerificationTicket};

use super::state::{Answer, Left};

/// Past the first wait of a message, and past a lease that is too short.
pub const SHORT: SignedDuration = SignedDuration::from_secs(3);
/// Almost all that a mailer lives.
pub const LIFE: SignedDuration = SignedDuration::from_secs(59);
/// Past a new row's `due`, and past what a mailer lives.
pub const MINUTE: SignedDuration = SignedDuration::from_secs(70);
/// A lease.
pub const LEASE: SignedDuration = SignedDuration::from_mins(10);
/// The longest wait.
pub const QUARTER: SignedDuration = SignedDuration::from_mins(15);

/// Past the end of a ticket that is no longer mailed.
pub const FOUR_HOURS: SignedDuration = SignedDuration::from_hours(4);
/// The shortest `ResetMinutes`.
const SHORTEST_RESET: SignedDuration = SignedDuration::from_mins(10);

/// A part of what can happen, which is explored completely.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    pub kind: MailKind,
    /// How long the mail's ticket is valid. The mail became owed when the ticket was made.
    pub ticket_lifetime: SignedDuration,
    /// For how long the mail has been owed.
    pub age: SignedDuration,
    /// How much may happen in all.
    pub left: Left,
    /// How the clock may move.
    pub clock: &'static [SignedDuration],
    /// The possible outcomes of a call of SES.
    pub answers: &'static [Answer],
    /// Whether it counts as sending again when an operator redrives a mail that was given up without an answer.
    pub redrives_count: bool,
    /// Whether anything may happen between the question for the user and the call of SES.
    pub waits_before_call: bool,
}

const NOTHING: Left =
    Left { announcements: 0, calls: 0, clock: 0, faults: 0, repeats: 0, sweeps: 0, redrives: 0, erasures: 0 };

const PASSING: Answer = Answer::Refused(Refusal::Passing);
const OPERATOR: Answer = Answer::Refused(Refusal::Operator);
const ANY: [Answer; 6] =
    [Answer::Accepted, PASSING, OPERATOR, Answer::Rejected, Answer::LostAccepted, Answer::LostRefused];

/// A new mail with every answer of SES, crashes and failing writes.
pub const NEW: Scenario = Scenario {
    kind: MailKind::Welcome,
    ticket_lifetime: VerificationTicket::LIFETIME,
    age: SignedDuration::ZERO,
    left: Left { announcements: 1, calls: 3, clock: 3, faults: 2, sweeps: 1, ..NOTHING },
    clock: &[SHORT, MINUTE, LEASE],
    answers: &ANY,
    redrives_count: true,
    waits_before_call: false,
};

/// Several messages and sweepers at once.
pub const CROWDED: Scenario = Scenario {
    left: Left { announcements: 1, calls: 2, clock: 3, faults: 1, repeats: 1, sweeps: 2, ..NOTHING },
    clock: &[SHORT, LIFE, LEASE],
    answers: &[Answer::Accepted, PASSING, Answer::LostAccepted],
    ..NEW
};

/// Answers that are lost, and events that come late, twice or never.
pub const TOLD: Scenario = Scenario {
    left: Left { announcements: 1, calls: 3, clock: 3, faults: 1, repeats: 1, redrives: 1, ..NOTHING },
    clock: &[SHORT, LEASE],
    answers: &[Answer::Accepted, PASSING, Answer::Rejected, Answer::LostAccepted],
    ..NEW
};

/// Mails that SES rejects, and an operator who redrives their copies.
pub const REJECTED: Scenario = Scenario {
    left: Left { announcements: 1, calls: 3, clock: 2, faults: 1, redrives: 3, ..NOTHING },
    clock: &[MINUTE, LEASE],
    answers: &[Answer::Accepted, Answer::Rejected, PASSING, Answer::LostAccepted],
    ..NEW
};

/// A mail of almost fourteen days.
pub const OLD: Scenario = Scenario {
    age: MAIL_LIFETIME.saturating_sub(QUARTER),
    left: Left { calls: 2, clock: 3, faults: 1, sweeps: 2, redrives: 1, ..NOTHING },
    clock: &[SHORT, QUARTER],
    answers: &[Answer::Accepted, PASSING, Answer::Rejected, Answer::LostAccepted, Answer::LostRefused],
    ..NEW
};

/// A mail that is forgotten for fourteen days at any point of its life.
pub const FORGOTTEN: Scenario = Scenario {
    left: Left { announcements: 1, calls: 2, clock: 3, sweeps: 1, redrives: 2, ..NOTHING },
    clock: &[SHORT, LEASE, MAIL_LIFETIME],
    ..OLD
};

/// A user who is erased while a mail is owed.
pub const ERASED: Scenario = Scenario {
    left: Left { announcements: 1, calls: 2, clock: 2, faults: 1, repeats: 1, sweeps: 1, erasures: 2, ..NOTHING },
    clock: &[MINUTE, LEASE],
    answers: &[Answer::Accepted, PASSING, Answer::Rejected, Answer::LostAccepted],
    ..NEW
};

/// A reset mail that is owed so long that its ticket expires: a retry, a sweep and a redrive come too late.
pub const EXPIRING: Scenario = Scenario {
    kind: MailKind::Reset,
    ticket_lifetime: SHORTEST_RESET,
    age: SignedDuration::from_mins(8),
    left: Left { announcements: 1, calls: 2, clock: 3, faults: 1, sweeps: 2, redrives: 1, ..NOTHING },
    clock: &[SHORT, LIFE, LEASE],
    answers: &[Answer::Accepted, PASSING, Answer::Rejected, Answer::LostAccepted],
    waits_before_call: true,
    ..NEW
};

/// The same with a verification mail, which is sent again as often as the user asks.
pub const UNVERIFIED: Scenario = Scenario {
    kind: MailKind::Verification,
    ticket_lifetime: VerificationTicket::LIFETIME,
    age: SignedDuration::from_secs(20 * 60 * 60 - 20),
    left: Left { announcements: 1, calls: 2, clock: 2, faults: 1, sweeps: 1, redrives: 1, ..NOTHING },
    clock: &[LIFE, LEASE, FOUR_HOURS],
    ..EXPIRING
};

/// A welcome mail whose code expires. It is owed nevertheless.
pub const WELCOMED_LATE: Scenario = Scenario { kind: MailKind::Welcome, ..UNVERIFIED };
