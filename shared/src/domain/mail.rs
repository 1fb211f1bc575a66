mod occasions;
mod readiness;

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use super::{Email, MAIL_LIFETIME, MailId, MailKind, Origin, TicketId, UserId};

pub use readiness::Readiness;

/// How long a claim holds. It is longer than any call of SES, so no other attempt starts during the call.
const LEASE: SignedDuration = SignedDuration::from_mins(10);
/// How long the sweeper leaves a mail to the queue after a function has put its message there.
const HEAD_START: SignedDuration = SignedDuration::from_mins(1);
/// The same for a message that the sweeper itself has put there. It is longer than the queue hides a message whose
/// receiver died.
pub const NEXT_SWEEP: SignedDuration = SignedDuration::from_mins(7);
const LONGEST_DELAY: SignedDuration = SignedDuration::from_mins(15);
/// How many retries the queue makes before the sweeper takes over.
const RETRIES_IN_QUEUE: u32 = 3;

/// Names the row of a mail, as `<user id>/<mail id>`. A message in the queue tells no more about a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MailKey {
    pub user: UserId,
    pub mail: MailId,
}

impl fmt::Display for MailKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.user, self.mail)
    }
}

impl FromStr for MailKey {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        let (user, mail) = text.split_once('/').unwrap_or((text, ""));
        Ok(Self { user: user.parse()?, mail: mail.parse()? })
    }
}

/// A mail that is owed to a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    pub key: MailKey,
    pub kind: MailKind,
    pub state: MailState,
    /// The number of claims so far.
    pub attempt: u32,
    /// When the mail became owed.
    pub created_at: Timestamp,
    /// When the sweeper picks the mail up. `None` once the mail is finished.
    pub due: Option<Timestamp>,
    /// The origin of the request that caused the mail.
    pub origin: Origin,
    /// The recipient, if it is not the user's present address.
    pub recipient: Option<Email>,
    /// The ticket whose code the mail carries.
    pub ticket: Option<TicketId>,
    /// From this time on, the ticket is no longer mailed.
    pub not_after: Option<Timestamp>,
    /// The version of the user's address that the mail is meant for. `None` if any version will do.
    pub address_version: Option<u64>,
    /// The other address that the mail is about, masked.
    pub about: Option<String>,
    /// Nobody gets this mail. It makes a request for an unknown address cost what it costs for a known one.
    pub to_nobody: bool,
}

/// The progress of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailState {
    /// No attempt is running.
    Pending,
    /// An attempt is running, or its process died.
    Sending(Lease),
    /// SES accepted it.
    Sent,
    /// The mail was given up: SES refused it for good, its address is suppressed, or its lifetime has passed.
    Failed,
}

impl MailState {
    /// Returns the text of the state in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending(_) => "sending",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

/// The time in which only one attempt may send the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub until: Timestamp,
}

/// What happens to a message, depending on the row that it names.
#[expect(clippy::large_enum_variant, reason = "the large variant is the usual one")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The mail is sent. This is its row, claimed for the next attempt.
    Take(Mail),
    /// The message comes back when the running attempt's lease has ended.
    Wait(Lease),
    /// The message is deleted, because nothing is left to do.
    Drop,
}

/// Why SES refused a mail for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The mails come too fast, or SES has trouble. It passes by itself.
    Passing,
    /// A quota, a verification or a permission is missing. An operator must act.
    Operator,
}

/// How a postponed mail comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// By its message, after this delay.
    Message(SignedDuration),
    /// By the sweeper, when the mail is due.
    Sweeper,
}

impl Lease {
    /// Returns the lease of a claim at `now`.
    #[must_use]
    pub fn starting(now: Timestamp) -> Self {
        Self { until: now + LEASE }
    }
}

impl Mail {
    fn new(key: MailKey, kind: MailKind, origin: Origin, now: Timestamp) -> Self {
        Self {
            key,
            kind,
            state: MailState::Pending,
            attempt: 0,
            created_at: now,
            due: Some(now + HEAD_START),
            origin,
            recipient: None,
            ticket: None,
            not_after: None,
            address_version: None,
            about: None,
            to_nobody: false,
        }
    }

    /// Decides what happens to a message that names this row.
    ///
    /// `retry` is the attempt that a dead-lettered copy names. If an operator puts the copy back into the queue, it
    /// claims the failed row once more. It does so only once, because the claim raises the attempt.
    #[must_use]
    pub fn claim(&self, retry: Option<u32>, now: Timestamp) -> Claim {
        let take = || {
            let lease = Lease::starting(now);
            let (state, attempt) = (MailState::Sending(lease), self.attempt + 1);
            Claim::Take(Self { state, attempt, due: Some(lease.until), ..self.clone() })
        };
        match self.state {
            MailState::Sending(lease) if now < lease.until => Claim::Wait(lease),
            MailState::Pending | MailState::Sending(_) => take(),
            MailState::Failed if retry == Some(self.attempt) => take(),
            MailState::Failed | MailState::Sent => Claim::Drop,
        }
    }

    /// Returns the row after SES refused its attempt for now, and how the mail comes back. If its message is retried,
    /// `due` lies after that retry.
    #[must_use]
    pub fn postponed(&self, refusal: Refusal, now: Timestamp) -> (Self, Retry) {
        let delay = retry_delay(self.attempt);
        let (due, retry) = match refusal {
            Refusal::Passing if self.attempt <= RETRIES_IN_QUEUE => (now + delay + HEAD_START, Retry::Message(delay)),
            Refusal::Passing => (now + delay, Retry::Sweeper),
            Refusal::Operator => (now + LONGEST_DELAY, Retry::Sweeper),
        };
        (Self { state: MailState::Pending, due: Some(due), ..self.clone() }, retry)
    }

    /// Returns whether the mail has been owed for so long that it is given up.
    #[must_use]
    pub fn is_given_up(&self, now: Timestamp) -> bool {
        now.duration_since(self.created_at) >= MAIL_LIFETIME
    }
}

/// Returns the wait after the attempt with this number, counted from 1: 2, 4, 8 seconds and so on, up to 15 minutes.
fn retry_delay(attempt: u32) -> SignedDuration {
    let seconds = 1_i64.checked_shl(attempt.min(32)).unwrap_or(i64::MAX);
    SignedDuration::from_secs(seconds).min(LONGEST_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap()
    }

    fn mail(state: MailState, attempt: u32) -> Mail {
        let user = crate::domain::User::new(Email::parse("ada@example.com").unwrap(), None, now());
        Mail { state, attempt, ..Mail::welcome(&user, Origin::default(), now()) }
    }

    #[test]
    fn who_may_send_a_row() {
        // OUT-04
        let lease = Lease { until: now() + SignedDuration::from_secs(1) };
        let (take, wait, drop) = ("take", "wait", "drop");
        let cases = [
            (MailState::Pending, None, take),
            (MailState::Sending(lease), None, wait),
            (MailState::Sending(Lease { until: now() }), None, take),
            (MailState::Sent, None, drop),
            (MailState::Sent, Some(3), drop),
            (MailState::Failed, None, drop),
            (MailState::Failed, Some(2), drop),
            (MailState::Failed, Some(3), take),
        ];
        for (state, retry, expected) in cases {
            let claim = match mail(state, 3).claim(retry, now()) {
                Claim::Take(claimed) => {
                    let lease = Lease::starting(now());
                    assert_eq!((claimed.state, claimed.due), (MailState::Sending(lease), Some(lease.until)));
                    assert_eq!(claimed.attempt, 4);
                    take
                }
                Claim::Wait(until) => {
                    assert_eq!(until, lease);
                    wait
                }
                Claim::Drop => drop,
            };
            assert_eq!(claim, expected, "{state:?} {retry:?}");
        }
    }

    #[test]
    fn three_retries_are_the_message_s_and_what_takes_the_operator_waits_longest() {
        // SQS-03, SES-01, OUT-02
        let after = |attempt, refusal| {
            let (next, retry) = mail(MailState::Sending(Lease::starting(now())), attempt).postponed(refusal, now());
            assert_eq!((next.state, next.attempt), (MailState::Pending, attempt));
            (next.due.unwrap().duration_since(now()).as_secs(), retry)
        };
        for (attempt, seconds) in [(1, 2), (2, 4), (3, 8)] {
            let message = Retry::Message(SignedDuration::from_secs(seconds));
            assert_eq!(after(attempt, Refusal::Passing), (seconds + 60, message));
        }
        for (attempt, seconds) in [(4, 16), (10, 900), (100, 900)] {
            assert_eq!(after(attempt, Refusal::Passing), (seconds, Retry::Sweeper));
        }
        for attempt in [1, 2, 100] {
            assert_eq!(after(attempt, Refusal::Operator), (900, Retry::Sweeper));
        }
    }

    #[test]
    fn the_waits_double_to_a_quarter_of_an_hour() {
        // SQS-03
        let seconds: Vec<_> = (1..=11).map(|attempt| retry_delay(attempt).as_secs()).collect();
        assert_eq!(seconds, [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
        assert_eq!(retry_delay(u32::MAX).as_secs(), 900);
    }

    #[test]
    fn a_key_reads_as_it_is_written() {
        let key = mail(MailState::Pending, 0).key;
        assert_eq!(key.to_string().parse(), Ok(key));
        for wrong in ["", "/", "a/b", &key.user.to_string()] {
            assert!(wrong.parse::<MailKey>().is_err(), "{wrong}");
        }
    }
}
