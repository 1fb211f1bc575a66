//! What the exploration finds: nothing wrong with the rules, every mutant, and that no premise is idle.

use super::rules::{Mutant, Rules};
use super::scenario::{
    ALONE, AT_ONCE, CROWDED, ENDING, IN_TURN, OLD_AGE, Premise, RESTORED, STEPPING_BACK, Scenario, TWO_THEFTS,
};
use super::{Model, Promise};
use crate::explore;

fn holds(scenario: Scenario, at_least: usize) -> String {
    explore::holds(&Model::new(Rules::Real, scenario), at_least)
}

fn kills(promise: Promise, mutant: Mutant, scenario: Scenario) -> String {
    explore::breaks(&Model::new(Rules::Mutant(mutant), scenario), promise)
}

#[test]
fn a_client_with_two_tabs_is_never_refused() {
    // REF-09, REF-04: R1, R2
    println!("{}", holds(ALONE, 125_000));
    println!("{}", holds(CROWDED, 25_000));
    println!("{}", holds(STEPPING_BACK, 50_000));
}

#[test]
fn two_holders_in_turn_are_found_out_at_the_second_turn() {
    // REF-09, REF-03: R3
    println!("{}", holds(IN_TURN, 175_000));
    println!("{}", holds(TWO_THEFTS, 55_000));
}

#[test]
fn a_thief_who_does_not_wait_gets_no_second_line_of_tokens() {
    // REF-09, REF-02
    println!("{}", holds(AT_ONCE, 155_000));
}

#[test]
fn an_end_is_an_end() {
    // REF-09, REF-05, REF-06, REF-08
    println!("{}", holds(ENDING, 40_000));
    println!("{}", holds(OLD_AGE, 35_000));
}

#[test]
fn nobody_is_accused_after_a_restore() {
    // REF-09, REF-03
    println!("{}", holds(RESTORED, 30_000));
}

#[test]
fn without_a_reissue_a_lost_answer_is_taken_for_reuse() {
    println!("{}", kills(Promise::R2, Mutant::NoReissue, ALONE));
}

#[test]
fn with_a_reissue_at_every_token_two_go_on_in_turn_for_ever() {
    println!("{}", kills(Promise::R3, Mutant::ReissueAtEveryToken, IN_TURN));
}

#[test]
fn with_one_reissue_only_a_second_lost_answer_is_taken_for_reuse() {
    println!("{}", kills(Promise::R2, Mutant::ReissueOnce, ALONE));
}

#[test]
fn with_a_sliding_grace_an_old_token_is_answered() {
    println!("{}", kills(Promise::OldTokensAreDead, Mutant::SlidingGrace, AT_ONCE));
}

#[test]
fn with_a_fork_on_a_race_there_are_two_successors() {
    println!("{}", kills(Promise::OneSuccessor, Mutant::ForkOnRace, ALONE));
}

#[test]
fn without_a_revocation_a_found_thief_goes_on() {
    println!("{}", kills(Promise::EndsAreFinal, Mutant::NoRevocation, AT_ONCE));
}

#[test]
fn with_a_reissue_that_extends_an_idle_session_lives_on() {
    println!("{}", kills(Promise::ExpiriesHold, Mutant::ReissueExtends, ENDING));
}

#[test]
fn without_two_behind_a_burst_is_taken_for_reuse() {
    println!("{}", kills(Promise::R1, Mutant::TwoBehindIsReuse, ALONE));
}

#[test]
fn with_a_rotation_that_forgets_the_reissue_two_go_on_in_turn_for_ever() {
    println!("{}", kills(Promise::R3, Mutant::RotationForgets, IN_TURN));
}

#[test]
fn with_ahead_taken_for_reuse_a_restore_accuses_the_client() {
    println!("{}", kills(Promise::AheadIsNoReuse, Mutant::AheadIsReuse, RESTORED));
}

#[test]
fn no_premise_of_r1_and_r2_can_be_left_out() {
    // REF-04: what is not promised, and why
    let without = |premise| Model::new(Rules::Real, Scenario { without: Some(premise), ..ALONE });
    println!("{}", explore::breaks(&without(Premise::TwoRotationsAtMost), Promise::R1));
    println!("{}", explore::breaks(&without(Premise::NoLossAtTwoTokensRunning), Promise::R2));
    println!("{}", explore::breaks(&without(Premise::LateAskIsNotOvertaken), Promise::R2));
    println!("{}", explore::breaks(&without(Premise::KeepsAnswersToWhatItHolds), Promise::R2));
}
