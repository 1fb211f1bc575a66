//! The promises that must hold of every state.

use jiff::Timestamp;
use shared::domain::{Mail, MailKind, MailState};

use super::state::{Action, Answer, State, mark};
use super::{Model, Promise};

/// How many sweeps may be needed.
const SWEEPS: usize = 3;

impl Model {
    /// Returns the promise that a step from `before` has broken, if any.
    pub(super) fn broken(&self, before: &State, state: &State) -> Option<Promise> {
        let Some(row) = &state.row else { return None };
        let is_kept = match row.state {
            MailState::Sent => state.history.is_accepted,
            MailState::Failed => self.may_have_failed(state, row),
            MailState::Pending | MailState::Sending(_) => self.recovers(state, row),
        };
        let is_unfinished = matches!(row.state, MailState::Pending | MailState::Sending(_));
        let rules = [
            (before.row.is_some(), Promise::NoMailForTheErased),
            (is_kept, Promise::NotLost),
            (row.due.is_some() == is_unfinished, Promise::Due),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map(|(_, promise)| promise)
    }

    /// Returns whether a failed row has a copy in the dead-letter queue, or needs none.
    fn may_have_failed(&self, state: &State, row: &Mail) -> bool {
        state.copies.has(row.attempt) || !state.user_exists || self.must_end_quietly(state.now)
    }

    /// Returns whether a mail that is judged at `now` ends quietly: its ticket is no longer mailed, and the mail is of no use
    /// without it.
    pub(super) fn must_end_quietly(&self, now: Timestamp) -> bool {
        self.scenario.kind != MailKind::Welcome && now >= self.mailed_until
    }

    /// Returns whether time and the sweeper alone finish an unfinished row, if the queue loses everything and every process dies.
    /// Remembers the rows for which it is so.
    fn recovers(&self, state: &State, row: &Mail) -> bool {
        let kept = (state.now, mark(row), state.user_exists);
        if self.recovering.borrow().contains(&kept) {
            return true;
        }
        let mut state = State { queue: Vec::new(), mailer: None, sweepers: Vec::new(), ..state.clone() };
        let recovers = (0..SWEEPS).any(|_| self.ends_after_a_sweep(&mut state));
        recovers && self.recovering.borrow_mut().insert(kept)
    }

    fn ends_after_a_sweep(&self, state: &mut State) -> bool {
        let Some(due) = state.row.as_ref().and_then(|row| row.due) else { return false };
        state.now = state.now.max(due);
        let _ = self.act(state, Action::Look);
        while !state.sweepers.is_empty() {
            let _ = self.act(state, Action::Sweep(0));
        }
        if let Some(message) = state.queue.first().copied() {
            let _ = self.act(state, Action::Receive(message));
            let _ = self.act(state, Action::Send(Answer::Accepted));
            let _ = self.act(state, Action::Write);
        }
        state.row.as_ref().is_some_and(|row| match row.state {
            MailState::Sent => true,
            MailState::Failed => self.may_have_failed(state, row),
            MailState::Pending | MailState::Sending(_) => false,
        })
    }
}
