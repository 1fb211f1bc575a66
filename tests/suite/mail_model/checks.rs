//! What the exploration finds: nothing wrong with the rules.

use super::rules::REAL;
use super::scenario::{
    CROWDED, ERASED, EXPIRING, FORGOTTEN, NEW, OLD, REJECTED, Scenario, TOLD, UNVERIFIED, WELCOMED_LATE,
};
use super::{Model, Promise};
use crate::explore;

#[expect(clippy::print_stdout, reason = "the size of the exploration is shown with --nocapture")]
fn assert_holds(scenario: Scenario, at_least: usize) {
    println!("{}", explore::holds(&Model::new(REAL, scenario), at_least));
}

#[test]
fn a_new_mail_ends_sent_or_as_a_dead_letter_whatever_ses_answers() {
    // OUT-02, OUT-04, OUT-06
    assert_holds(NEW, 280_000);
}

#[test]
fn of_several_messages_and_sweepers_one_sends() {
    // OUT-02, OUT-04
    assert_holds(CROWDED, 290_000);
}

#[test]
fn a_mail_is_not_sent_again_after_an_event_of_ses() {
    // OUT-06
    assert_holds(TOLD, 170_000);
}

#[test]
fn an_operator_can_redrive_a_rejected_mail_once() {
    // OUT-04
    assert_holds(REJECTED, 90_000);
}

#[test]
fn a_mail_that_is_given_up_after_fourteen_days_is_not_lost() {
    // OUT-02
    assert_holds(OLD, 95_000);
    assert_holds(FORGOTTEN, 60_000);
}

#[test]
fn an_erased_user_gets_no_mail_and_no_row() {
    // OUT-08
    assert_holds(ERASED, 110_000);
}

#[test]
fn no_ticket_is_mailed_after_its_end_and_such_a_mail_ends_quietly() {
    // TKT-07
    assert_holds(EXPIRING, 140_000);
    assert_holds(UNVERIFIED, 14_000);
}

#[test]
fn a_welcome_mail_past_the_end_of_its_code_is_still_owed() {
    // TKT-07, OUT-02
    assert_holds(WELCOMED_LATE, 50_000);
}

#[test]
fn a_mail_that_was_given_up_without_an_answer_may_be_sent_twice_by_a_redrive() {
    // OUT-06: what is not counted
    let model = Model::new(REAL, Scenario { redrives_count: false, ..FORGOTTEN });
    println!("{}", explore::breaks(&model, Promise::Once));
}
