//! What ends all sessions of a user at once, besides a new password: a sign-out everywhere, an operator, an erasure.

use shared::domain::{Status, User};

use super::Model;
use super::account::{Profile, SessionNumber};
use super::state::{Action, State};

impl Model {
    /// Returns what may end all sessions now.
    pub(super) fn endings(&self, state: &State) -> Vec<Action> {
        let Some(profile) = state.account.profile else { return Vec::new() };
        let mut endings = Vec::new();
        if state.left.endings_of_all > 0 {
            endings.push(if profile.is_active { Action::Disable } else { Action::Enable });
            let is_current = |number: &SessionNumber| self.session(state, *number).epoch == profile.epoch;
            endings.extend((0..=state.account.opened.len()).filter(is_current).map(Action::SignOutEverywhere));
        }
        if profile.is_erasing {
            endings.push(Action::EndErasure);
        }
        endings
    }

    /// `Users::set_status`.
    pub(super) fn set_status(&self, state: &mut State, status: Status) {
        let Some(profile) = state.account.profile else { return };
        let user = self.user(profile);
        if (self.rules.may_set_status)(&user) {
            state.account.profile = Some(self.profile(&(self.rules.set_status)(&user, status)));
            state.account.ended_all(None);
        }
    }

    /// `Sessions::end_everywhere`, by the current token of a live session.
    pub(super) fn sign_out_everywhere(&self, state: &mut State, number: SessionNumber) {
        let session = self.session(state, number);
        let Some(profile) = state.account.profile else { return };
        let user = self.user(profile);
        if session.is_live(state.now) && session.is_of(&user) {
            state.account.profile = Some(Profile { epoch: user.epoch + 1, ..profile });
            state.account.ended_all(None);
        }
    }
}

/// Returns the user after `Users::set_status`.
pub(super) fn set_status(user: &User, status: Status) -> User {
    User { status, epoch: user.epoch + 1, ..user.clone() }
}
