//! Wrong rules. The exploration must find each by the promise that it breaks.
//!
//! To add a mutant, add a row: the real rules with one replaced, the promise, and a scenario in which it is broken.

use jiff::{SignedDuration, Timestamp};
use shared::domain::{Claim, Lease, Mail, MailState, Readiness, Refusal, Retry};

use super::rules::{REAL, Rules};
use super::scenario::{CROWDED, ERASED, EXPIRING, NEW, REJECTED, Scenario, TOLD, UNVERIFIED, WELCOMED_LATE};
use super::state::MailerStep;
use super::{Model, Promise};
use crate::explore;

/// Rules with one thing wrong.
struct Mutant {
    /// What the wrong rule does.
    name: &'static str,
    rules: Rules,
    breaks: Promise,
    scenario: Scenario,
}

const MUTANTS: [Mutant; 24] = [
    Mutant {
        name: "a row that another mailer is sending is taken",
        rules: Rules {
            claim: |row, retry, now| match row.claim(retry, now) {
                Claim::Wait(_) => Mail { state: MailState::Pending, ..row.clone() }.claim(retry, now),
                claim => claim,
            },
            ..REAL
        },
        breaks: Promise::OneHolder,
        scenario: CROWDED,
    },
    Mutant {
        name: "a lease ends while its mailer still lives",
        rules: Rules {
            claim: |row, retry, now| match row.claim(retry, now) {
                Claim::Take(mail) => {
                    let until = now + SignedDuration::from_secs(2);
                    Claim::Take(Mail { state: MailState::Sending(Lease { until }), due: Some(until), ..mail })
                }
                claim => claim,
            },
            ..REAL
        },
        breaks: Promise::OneHolder,
        scenario: CROWDED,
    },
    Mutant {
        name: "the mailer claims the row when SES has the mail",
        rules: Rules { claims_first: false, is_known: |row, known| row.attempt + 1 == known.attempt, ..REAL },
        breaks: Promise::Once,
        scenario: NEW,
    },
    Mutant {
        name: "no answer counts as a refusal",
        rules: Rules { when_unanswered: Some(MailerStep::Postpone(Refusal::Passing)), ..REAL },
        breaks: Promise::Once,
        scenario: NEW,
    },
    Mutant {
        name: "a message whose row could not be written is deleted, and nothing brings the row back",
        rules: Rules { acknowledges_errors: true, ..REAL },
        breaks: Promise::NotLost,
        scenario: NEW,
    },
    Mutant {
        name: "the row fails before its copy is in the dead-letter queue",
        rules: Rules { when_rejected: MailerStep::Fail, ..REAL },
        breaks: Promise::NotLost,
        scenario: NEW,
    },
    Mutant {
        name: "a redriven copy claims a failed row whatever its attempt",
        rules: Rules { claim: |row, retry, now| row.claim(retry.map(|_| row.attempt), now), ..REAL },
        breaks: Promise::RedriveOnce,
        scenario: REJECTED,
    },
    Mutant {
        name: "a row is settled whatever it has become",
        rules: Rules { is_known: |_, _| true, settles_the_erased: true, ..REAL },
        breaks: Promise::NoMailForTheErased,
        scenario: ERASED,
    },
    Mutant {
        name: "a row is due when its message comes back, not later",
        rules: Rules {
            postponed: |mail, refusal, now| match mail.postponed(refusal, now) {
                (next, retry @ Retry::Message(delay)) => (Mail { due: Some(now + delay), ..next }, retry),
                by_the_sweeper => by_the_sweeper,
            },
            ..REAL
        },
        breaks: Promise::Due,
        scenario: NEW,
    },
    Mutant {
        name: "the sweeper enqueues what is due and leaves it due",
        rules: Rules { move_due: |row, from, _| row.due == Some(from), ..REAL },
        breaks: Promise::Due,
        scenario: NEW,
    },
    Mutant {
        name: "the sweeper moves a due time whatever it has become",
        rules: Rules {
            move_due: |row, _, to| {
                row.due = Some(to);
                true
            },
            ..REAL
        },
        breaks: Promise::Due,
        scenario: CROWDED,
    },
    Mutant {
        name: "an event counts for the attempt that it names alone",
        rules: Rules { is_told: |row, attempt| row.attempt == attempt, ..REAL },
        breaks: Promise::Told,
        scenario: TOLD,
    },
    Mutant {
        name: "an event makes the row that it does not find",
        rules: Rules { events_make_rows: true, ..REAL },
        breaks: Promise::NoMailForTheErased,
        scenario: ERASED,
    },
    Mutant {
        name: "the mailer does not ask whether the user is still there",
        rules: Rules {
            readiness: |mail, user, now| user.map_or(Readiness::Ready, |user| mail.readiness(Some(user), now)),
            ..REAL
        },
        breaks: Promise::NoMailForTheErased,
        scenario: ERASED,
    },
    Mutant {
        name: "the mailer does not look at notAfter",
        rules: Rules {
            readiness: |mail, user, now| Mail { not_after: None, ..mail.clone() }.readiness(user, now),
            ..REAL
        },
        breaks: Promise::NoLateTicket,
        scenario: EXPIRING,
    },
    Mutant {
        name: "a ticket is mailed up to its very end",
        rules: Rules {
            readiness: |mail, user, now| {
                let ends_at = mail.not_after.map(|not_after| not_after + not_after.duration_since(mail.created_at) / 5);
                Mail { not_after: ends_at, ..mail.clone() }.readiness(user, now)
            },
            ..REAL
        },
        breaks: Promise::NoLateTicket,
        scenario: EXPIRING,
    },
    Mutant {
        name: "a redrive of a failed ticket mail sends it after its end",
        rules: Rules {
            claim: |row, retry, now| match row.claim(retry, now) {
                Claim::Take(mail) if row.state == MailState::Failed => Claim::Take(Mail { not_after: None, ..mail }),
                claim => claim,
            },
            ..REAL
        },
        breaks: Promise::NoLateTicket,
        scenario: EXPIRING,
    },
    Mutant {
        name: "a welcome mail past notAfter keeps its code",
        rules: Rules {
            readiness: |mail, user, now| match mail.readiness(user, now) {
                Readiness::ReadyWithoutCode => Readiness::Ready,
                readiness => readiness,
            },
            ..REAL
        },
        breaks: Promise::NoLateTicket,
        scenario: WELCOMED_LATE,
    },
    Mutant {
        name: "a welcome mail past notAfter is dropped by the mailer",
        rules: Rules {
            readiness: |mail, user, now| match mail.readiness(user, now) {
                Readiness::ReadyWithoutCode => Readiness::Obsolete("expired"),
                readiness => readiness,
            },
            ..REAL
        },
        breaks: Promise::NotLost,
        scenario: WELCOMED_LATE,
    },
    Mutant {
        name: "a welcome mail past notAfter is dropped by the sweeper",
        rules: Rules { is_obsolete: is_past_not_after, ..REAL },
        breaks: Promise::NotLost,
        scenario: WELCOMED_LATE,
    },
    Mutant {
        name: "the sweeper enqueues an expired ticket mail once more",
        rules: Rules { is_obsolete: |_, _| false, ..REAL },
        breaks: Promise::Quiet,
        scenario: EXPIRING,
    },
    Mutant {
        name: "the sweeper enqueues an expired ticket mail forever, because the mailer leaves its row as it is",
        rules: Rules { is_obsolete: |_, _| false, when_obsolete: None, ..REAL },
        breaks: Promise::NotLost,
        scenario: UNVERIFIED,
    },
    Mutant {
        name: "the mailer dead-letters an expired ticket mail",
        rules: Rules { when_obsolete: Some(MailerStep::Copy), ..REAL },
        breaks: Promise::Quiet,
        scenario: EXPIRING,
    },
    Mutant {
        name: "the sweeper dead-letters an expired ticket mail",
        rules: Rules {
            is_obsolete: |_, _| false,
            is_given_up: |mail, now| mail.is_given_up(now) || is_past_not_after(mail, now),
            ..REAL
        },
        breaks: Promise::Quiet,
        scenario: EXPIRING,
    },
];

fn is_past_not_after(mail: &Mail, now: Timestamp) -> bool {
    mail.not_after.is_some_and(|not_after| not_after <= now)
}

#[test]
fn each_wrong_rule_breaks_its_promise() {
    for Mutant { name, rules, breaks, scenario } in MUTANTS {
        let way = explore::breaks(&Model::new(rules, scenario), breaks);
        println!("{name}: {way}");
    }
}
