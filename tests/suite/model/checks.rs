//! What the exploration finds: nothing wrong with the rules, and that each premise is needed.

use super::rules::REAL;
use super::scenario::{
    ALONE, AT_ONCE, CROWDED, ENDING, ERASED, IN_TURN, OLD_AGE, PASSWORDS, Premise, REPEATS, RESTORED, STEPPING_BACK,
    Scenario, TWO_THEFTS,
};
use super::{Model, Promise};
use crate::explore;

#[expect(clippy::print_stdout, reason = "the size of the exploration is shown with --nocapture")]
fn assert_holds(scenario: Scenario, at_least: usize) {
    println!("{}", explore::holds(&Model::new(REAL, scenario), at_least));
}

#[test]
fn a_client_with_two_tabs_is_never_refused() {
    // REF-09, REF-04: R1, R2
    assert_holds(ALONE, 125_000);
    assert_holds(CROWDED, 25_000);
    assert_holds(STEPPING_BACK, 50_000);
}

#[test]
fn two_holders_who_take_turns_are_found_out_at_the_second_turn() {
    // REF-09, REF-03: R3
    assert_holds(IN_TURN, 175_000);
    assert_holds(TWO_THEFTS, 55_000);
}

#[test]
fn a_thief_who_does_not_wait_gets_no_second_line_of_tokens() {
    // REF-09, REF-02
    assert_holds(AT_ONCE, 155_000);
}

#[test]
fn a_session_that_has_ended_never_refreshes_again() {
    // REF-09, REF-05, REF-06, REF-08
    assert_holds(ENDING, 40_000);
    assert_holds(OLD_AGE, 35_000);
}

#[test]
fn a_restored_backup_accuses_no_client() {
    // REF-09, REF-03
    assert_holds(RESTORED, 30_000);
}

#[test]
fn nothing_that_an_older_password_opened_or_began_goes_on() {
    // ACC-03, ACC-05, REF-09
    assert_holds(PASSWORDS, 200_000);
}

#[test]
fn an_ended_session_repeats_its_own_change_of_the_password_and_does_nothing_else() {
    // ACC-13, ACC-05
    assert_holds(REPEATS, 120_000);
}

#[test]
fn no_session_of_a_disabled_or_erased_user_refreshes() {
    // REF-06, ACC-03, ACC-08
    assert_holds(ERASED, 125_000);
}

#[test]
fn no_premise_of_r1_and_r2_can_be_left_out() {
    // REF-04: what is not promised, and why
    let premises = [
        (Premise::TwoRotationsAtMost, Promise::R1),
        (Premise::NoLossAtTwoTokensRunning, Promise::R2),
        (Premise::LateAskIsNotOvertaken, Promise::R2),
        (Premise::KeepsAnswersToWhatItHolds, Promise::R2),
    ];
    for (premise, promise) in premises {
        let model = Model::new(REAL, Scenario { without: Some(premise), ..ALONE });
        println!("without {premise:?}: {}", explore::breaks(&model, promise));
    }
}
