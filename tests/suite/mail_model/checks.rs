//! What the exploration finds: nothing wrong with the rules, and every mutant.

use super::rules::{Mutant, Rules};
use super::scenario::{CROWDED, ERASED, FORGOTTEN, NEW, OLD, REJECTED, Scenario, TOLD};
use super::{Model, Promise};
use crate::explore;

fn holds(scenario: Scenario, at_least: usize) -> String {
    explore::holds(&Model::new(Rules::Real, scenario), at_least)
}

fn kills(promise: Promise, mutant: Mutant, scenario: Scenario) -> String {
    explore::breaks(&Model::new(Rules::Mutant(mutant), scenario), promise)
}

#[test]
fn a_new_mail_ends_sent_or_before_a_person_whatever_ses_says() {
    // OUT-02, OUT-04, OUT-06
    println!("{}", holds(NEW, 280_000));
}

#[test]
fn of_several_messages_and_sweepers_one_sends() {
    // OUT-02, OUT-04
    println!("{}", holds(CROWDED, 290_000));
}

#[test]
fn a_mail_that_ses_tells_of_is_not_sent_again() {
    // OUT-06
    println!("{}", holds(TOLD, 170_000));
}

#[test]
fn a_rejected_mail_is_before_a_person_who_redrives_it_once() {
    // OUT-04
    println!("{}", holds(REJECTED, 90_000));
}

#[test]
fn a_mail_of_fourteen_days_is_given_up_and_not_lost() {
    // OUT-02
    println!("{}", holds(OLD, 95_000));
    println!("{}", holds(FORGOTTEN, 60_000));
}

#[test]
fn an_erased_user_gets_no_mail_and_no_row() {
    // OUT-08
    println!("{}", holds(ERASED, 110_000));
}

#[test]
fn without_a_lease_two_are_at_work() {
    println!("{}", kills(Promise::OneHolder, Mutant::NoLease, CROWDED));
}

#[test]
fn with_a_short_lease_two_are_at_work() {
    println!("{}", kills(Promise::OneHolder, Mutant::ShortLease, CROWDED));
}

#[test]
fn with_a_claim_after_the_sending_a_crash_sends_twice() {
    println!("{}", kills(Promise::Once, Mutant::SendsFirst, NEW));
}

#[test]
fn with_unknown_taken_for_refused_a_lost_answer_sends_twice() {
    println!("{}", kills(Promise::Once, Mutant::UnknownIsRefused, NEW));
}

#[test]
fn with_errors_acknowledged_a_mail_is_lost() {
    println!("{}", kills(Promise::NotLost, Mutant::AcknowledgesErrors, NEW));
}

#[test]
fn with_the_row_failed_before_the_copy_a_mail_is_lost() {
    println!("{}", kills(Promise::NotLost, Mutant::FailsFirst, NEW));
}

#[test]
fn with_a_redrive_of_any_attempt_a_copy_sends_again_and_again() {
    println!("{}", kills(Promise::RedriveOnce, Mutant::RedrivesAnything, REJECTED));
}

#[test]
fn with_settling_whatever_the_row_is_an_erased_one_comes_back() {
    println!("{}", kills(Promise::NoMailForTheErased, Mutant::SettlesAnything, ERASED));
}

#[test]
fn with_a_due_before_the_message_s_return_both_bring_it_back() {
    println!("{}", kills(Promise::Due, Mutant::PostponesTooShort, NEW));
}

#[test]
fn with_a_sweep_that_moves_nothing_the_next_enqueues_it_too() {
    println!("{}", kills(Promise::Due, Mutant::SweepsWithoutMoving, NEW));
}

#[test]
fn with_a_sweep_that_moves_anything_a_finished_row_is_due() {
    println!("{}", kills(Promise::Due, Mutant::MovesAnything, CROWDED));
}

#[test]
fn with_events_of_one_attempt_a_mail_that_ses_told_of_is_sent_again() {
    println!("{}", kills(Promise::Told, Mutant::EventsOfOneAttempt, TOLD));
}

#[test]
fn with_events_that_make_rows_an_erased_one_comes_back() {
    println!("{}", kills(Promise::NoMailForTheErased, Mutant::EventsMakeRows, ERASED));
}

#[test]
fn without_asking_for_the_user_an_erased_one_gets_mail() {
    println!("{}", kills(Promise::NoMailForTheErased, Mutant::AsksForNobody, ERASED));
}

#[test]
fn what_was_given_up_unanswered_may_be_sent_twice_by_the_person_who_redrives_it() {
    // OUT-06: what is not counted
    let model = Model::new(Rules::Real, Scenario { redrives_count: false, ..FORGOTTEN });
    println!("{}", explore::breaks(&model, Promise::Once));
}
