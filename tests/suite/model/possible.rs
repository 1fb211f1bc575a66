//! Which actions are possible next.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::Model;
use super::account::{Account, FIRST, PasswordNumber, Route};
use super::scenario::{TIMEOUT, is_late};
use super::state::{Action, Holder, State, Step};

impl Model {
    pub(super) fn possible(&self, state: &State) -> Vec<Action> {
        let mut actions = Vec::new();
        if state.left.requests > 0 && state.under_way.len() < self.scenario.at_once {
            self.sends(state, &mut actions);
        }
        for request in &state.under_way {
            match request.step {
                Step::Answer(_) => actions.extend([Action::Keep(*request), Action::Lose(*request)]),
                // Lost before the store is not sent; lost behind it is a lost answer.
                Step::Rotate => actions.push(Action::Write(*request)),
                Step::Reissue(_) | Step::End => actions.extend([Action::Write(*request), Action::Lose(*request)]),
            }
            if Self::applies(state, request) {
                actions.push(Action::WriteUnheard(*request));
            }
        }
        if state.left.clock > 0 {
            let oldest = state.under_way.iter().map(|request| request.arrived).min().unwrap_or(Timestamp::MAX);
            let steps =
                self.scenario.clock.iter().filter(|step| (state.now + **step).duration_since(oldest) <= TIMEOUT);
            actions.extend(steps.copied().map(Action::Pass));
        }
        if state.left.thefts > 0 && state.thief != Some(state.client) {
            actions.push(Action::Steal);
        }
        if state.left.endings > 0 {
            actions.extend([Action::LogOut, Action::Disable]);
        }
        self.calls(state, &mut actions);
        if state.left.restores > 0 && state.under_way.is_empty() {
            actions.push(Action::Restore);
        }
        actions
    }

    fn calls(&self, state: &State, actions: &mut Vec<Action>) {
        if !self.scenario.has_passwords() {
            return;
        }
        let (account, left) = (&state.account, state.left);
        if account.calls.len() < self.scenario.calls_at_once {
            let sessions = || 0..=account.opened.len();
            if left.logins > 0 {
                actions.extend(passwords(account).into_iter().map(Route::Login).map(Action::Arrive));
            }
            if left.changes > 0 {
                actions.extend(sessions().map(Route::ChangePassword).map(Action::Arrive));
                actions.extend(sessions().map(Route::RepeatChange).map(Action::Arrive));
            }
            if left.resets > 0 {
                actions.push(Action::Arrive(Route::Reset));
            }
            if left.deletions > 0 {
                actions.extend(sessions().map(Route::DeleteAccount).map(Action::Arrive));
            }
        }
        actions.extend(account.calls.iter().copied().map(Action::GoOn));
        let goes_on = |number: &usize| self.may_continue(&self.session(state, *number), account.profile);
        actions.extend((0..=account.opened.len()).filter(goes_on).map(Action::Refresh));
        actions.extend(self.endings(state));
    }

    fn sends(&self, state: &State, actions: &mut Vec<Action>) {
        let waits = |holder| self.scenario.in_turn && state.history.sent.is_some_and(|(other, _)| other != holder);
        if !waits(Holder::Client) {
            actions.push(Action::Send(Holder::Client, state.client));
        }
        if let Some(token) = state.thief.filter(|_| !waits(Holder::Thief)) {
            actions.push(Action::Send(Holder::Thief, token));
        }
        if self.scenario.tabs {
            let older = state.client.saturating_sub(3)..state.client;
            let older = older.filter(|token| !is_late(state, *token, state.now));
            actions.extend(older.map(|token| Action::Send(Holder::Client, token)));
        }
        if self.scenario.is_promised {
            actions.retain(|action| match action {
                Action::Send(Holder::Client, token) => self.scenario.promises(state, *token, state.now),
                _ => true,
            });
        }
    }
}

/// Returns the passwords that are or were the user's, or that a request under way sets.
fn passwords(account: &Account) -> BTreeSet<PasswordNumber> {
    let present = account.credential.map(|credential| credential.password);
    let set = account.calls.iter().filter_map(|call| call.route.new_password(account.profile?));
    set.chain(present).chain([FIRST]).collect()
}
