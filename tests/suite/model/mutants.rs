//! Wrong rules. The exploration must find each by the promise that it breaks.
//!
//! To add a mutant, add a row: the real rules with one replaced, the promise, and a scenario in which it is broken.

use shared::domain::{ChangedBy, Decision, IDLE_LIFETIME, Session, User};

use super::rules::{self, REAL, Rules};
use super::scenario::{ALONE, AT_ONCE, ENDING, ERASED, IN_TURN, PASSWORDS, REPEATS, RESTORED, Scenario};
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

const MUTANTS: [Mutant; 23] = [
    Mutant {
        name: "a lost answer is given again within the grace only",
        rules: Rules {
            decide: |row, presented, now| match rules::decide(row, presented, now) {
                Decision::Reissue => Decision::Reuse,
                decision => decision,
            },
            ..REAL
        },
        breaks: Promise::R2,
        scenario: ALONE,
    },
    Mutant {
        name: "a lost answer is given again at every token",
        rules: Rules {
            decide: |row, presented, now| match rules::decide(row, presented, now) {
                Decision::Reuse => rules::decide(&Session { reissued: None, ..row.clone() }, presented, now),
                decision => decision,
            },
            ..REAL
        },
        breaks: Promise::R3,
        scenario: IN_TURN,
    },
    Mutant {
        name: "a lost answer is given again once",
        rules: Rules {
            decide: |row, presented, now| match rules::decide(row, presented, now) {
                Decision::Reissue if row.reissued == Some(row.counter) => Decision::Reuse,
                decision => decision,
            },
            ..REAL
        },
        breaks: Promise::R2,
        scenario: ALONE,
    },
    Mutant {
        name: "the grace begins anew with each answer",
        rules: Rules {
            repeat: |row, presented, now| match row.counter - presented {
                1 => row.rotated_at = now,
                _ => row.previous_rotated_at = Some(now),
            },
            ..REAL
        },
        breaks: Promise::OldTokensAreDead,
        scenario: AT_ONCE,
    },
    Mutant {
        name: "the loser of a race gets a token of its own",
        rules: Rules { repeat: |row, _, now| rules::rotate(row, now), ..REAL },
        breaks: Promise::OneSuccessor,
        scenario: ALONE,
    },
    Mutant {
        name: "reuse is refused, but the session goes on",
        rules: Rules { end: |_, _| {}, ..REAL },
        breaks: Promise::EndsAreFinal,
        scenario: AT_ONCE,
    },
    Mutant {
        name: "a reissue counts as activity",
        rules: Rules {
            reissue: |row, now| {
                rules::reissue(row, now);
                row.idle_expires_at = now + IDLE_LIFETIME;
            },
            ..REAL
        },
        breaks: Promise::ExpiriesHold,
        scenario: ENDING,
    },
    Mutant {
        name: "two behind is reuse even within its grace",
        rules: Rules {
            decide: |row, presented, now| match rules::decide(row, presented, now) {
                Decision::Repeat if row.counter - presented == 2 => Decision::Reuse,
                decision => decision,
            },
            ..REAL
        },
        breaks: Promise::R1,
        scenario: ALONE,
    },
    Mutant {
        name: "a rotation forgets that an answer was given again",
        rules: Rules {
            rotate: |row, now| {
                rules::rotate(row, now);
                row.reissued = None;
            },
            ..REAL
        },
        breaks: Promise::R3,
        scenario: IN_TURN,
    },
    Mutant {
        name: "a token ahead of the table is reuse",
        rules: Rules {
            decide: |row, presented, now| match rules::decide(row, presented, now) {
                Decision::Ahead => Decision::Reuse,
                decision => decision,
            },
            ..REAL
        },
        breaks: Promise::AheadIsNoReuse,
        scenario: RESTORED,
    },
    Mutant {
        name: "a change does not raise the epoch",
        rules: Rules { change: |user, by, now| User { epoch: user.epoch, ..user.with_new_password(by, now) }, ..REAL },
        breaks: Promise::OldPasswordsAreDead,
        scenario: PASSWORDS,
    },
    Mutant {
        name: "a reset does not raise the epoch",
        rules: Rules { reset: |user, by, now| User { epoch: user.epoch, ..user.with_new_password(by, now) }, ..REAL },
        breaks: Promise::OldPasswordsAreDead,
        scenario: PASSWORDS,
    },
    Mutant {
        name: "a login takes the profile's epoch without comparing passwordVersion",
        rules: Rules { is_of_one_time: |_, _| true, ..REAL },
        breaks: Promise::OldPasswordsAreDead,
        scenario: PASSWORDS,
    },
    Mutant {
        name: "a change and a deletion are written although the password was reset meanwhile",
        rules: Rules { is_unchanged: |_, user| user.is_active(), ..REAL },
        breaks: Promise::OldPasswordsAreDead,
        scenario: PASSWORDS,
    },
    Mutant {
        name: "a reset is bound to the epoch",
        rules: Rules { may_reset: REAL.is_unchanged, ..REAL },
        breaks: Promise::ResetsPrevail,
        scenario: REPEATS,
    },
    Mutant {
        name: "a session that has ended may change the password",
        rules: Rules { is_live: |caller, now| caller.session.is_live(now), ..REAL },
        breaks: Promise::OnlyLiveSessionsAct,
        scenario: REPEATS,
    },
    Mutant {
        name: "the repeat after a lost answer is accepted from any session",
        rules: Rules {
            may_repeat: |user, session| {
                let by = user.password_changed_by.map(|by| ChangedBy { session, ..by });
                User { password_changed_by: by, ..user.clone() }.has_password_of(session)
            },
            ..REAL
        },
        breaks: Promise::OnlyLiveSessionsAct,
        scenario: REPEATS,
    },
    Mutant {
        name: "the repeat is accepted after another epoch",
        rules: Rules {
            may_repeat: |user, session| user.password_changed_by.is_some_and(|by| by.session == session),
            ..REAL
        },
        breaks: Promise::OnlyLiveSessionsAct,
        scenario: REPEATS,
    },
    Mutant {
        name: "the repeat is judged by the profile of its arrival alone",
        rules: Rules { repeats_are_judged_twice: false, ..REAL },
        breaks: Promise::OnlyLiveSessionsAct,
        scenario: REPEATS,
    },
    Mutant {
        name: "a disabled user's session refreshes",
        rules: Rules { may_continue: |session, user| is_of(session, user, |user| !user.is_active()), ..REAL },
        breaks: Promise::EndsAreFinal,
        scenario: ERASED,
    },
    Mutant {
        name: "an erased user's session refreshes",
        rules: Rules { may_continue: |session, user| user.is_none() || is_of(session, user, |_| false), ..REAL },
        breaks: Promise::EndsAreFinal,
        scenario: ERASED,
    },
    Mutant {
        name: "a session from before the user was disabled refreshes when the user is enabled",
        rules: Rules { set_status: |user, status| User { status, ..user.clone() }, ..REAL },
        breaks: Promise::EndsAreFinal,
        scenario: ERASED,
    },
    Mutant {
        name: "a user who is being erased can be enabled",
        rules: Rules { may_set_status: |_| true, ..REAL },
        breaks: Promise::EndsAreFinal,
        scenario: ERASED,
    },
];

/// Returns whether the session goes on by the real rule, or by this one.
fn is_of(session: &Session, user: Option<&User>, or: fn(&User) -> bool) -> bool {
    (REAL.may_continue)(session, user) || user.is_some_and(or)
}

#[test]
fn each_wrong_rule_breaks_its_promise() {
    for Mutant { name, rules, breaks, scenario } in MUTANTS {
        let way = explore::breaks(&Model::new(rules, scenario), breaks);
        println!("{name}: {way}");
    }
}
