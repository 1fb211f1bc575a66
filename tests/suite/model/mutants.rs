//! Wrong rules. The exploration must find each by the promise that it breaks.
//!
//! To add a mutant, add a row: the real rules with one replaced, the promise, and a scenario in which it is broken.

use shared::domain::{Decision, IDLE_LIFETIME, Session};

use super::rules::{self, REAL, Rules};
use super::scenario::{ALONE, AT_ONCE, ENDING, IN_TURN, RESTORED, Scenario};
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

const MUTANTS: [Mutant; 10] = [
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
];

#[test]
fn each_wrong_rule_breaks_its_promise() {
    for Mutant { name, rules, breaks, scenario } in MUTANTS {
        let way = explore::breaks(&Model::new(rules, scenario), breaks);
        println!("{name}: {way}");
    }
}
