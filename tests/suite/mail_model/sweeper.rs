//! What a sweeper does with a row that is due: `functions/sweeper`, one call at a time.

use shared::domain::{Mail, MailState, NEXT_SWEEP};

use super::rules::failed;
use super::state::{HIDDEN, State, Sweeper, SweeperStep};
use super::{Model, Promise, deliver};

impl Model {
    /// Has a sweeper find the row in the index.
    pub(super) fn look(state: &mut State) {
        let due = state.row.as_ref().and_then(|row| row.due);
        let found = due.map(|due| Sweeper { started_at: state.now, step: SweeperStep::Move(due) });
        state.sweepers.extend(found);
    }

    /// Makes a sweeper's next call.
    pub(super) fn sweep(&self, state: &mut State, which: usize) -> Option<Promise> {
        let Sweeper { started_at, step } = state.sweepers.remove(which);
        let mut broken = None;
        let next = match step {
            SweeperStep::Move(due) => {
                self.rules.move_due(&mut state.row, due, started_at + NEXT_SWEEP).map(SweeperStep::Enqueue)
            }
            SweeperStep::Enqueue(mail) if (self.rules.is_obsolete)(&mail, started_at) => {
                let is_being_sent = matches!(mail.state, MailState::Sending(lease) if started_at < lease.until);
                (!is_being_sent).then_some(SweeperStep::Fail(mail))
            }
            SweeperStep::Enqueue(mail) if (self.rules.is_given_up)(&mail, started_at) => {
                state.copies.insert(mail.attempt);
                broken = self.must_end_quietly(started_at).then_some(Promise::Quiet);
                Some(SweeperStep::Fail(mail))
            }
            SweeperStep::Enqueue(mail) => {
                broken = self.must_end_quietly(started_at).then_some(Promise::Quiet).or(enqueue(state, &mail));
                None
            }
            SweeperStep::Fail(mail) => {
                let settles = self.rules.settle(&mut state.row, &mail, failed(&mail));
                state.history.unanswered |= settles && matches!(mail.state, MailState::Sending(_));
                None
            }
        };
        state.sweepers.extend(next.map(|step| Sweeper { started_at, step }));
        broken
    }

    /// Removes the sweepers that can make no difference any more, because what they know of the row will never be so again.
    pub(super) fn forget(&self, state: &mut State) {
        let row = &state.row;
        state.sweepers.retain(|sweeper| match &sweeper.step {
            SweeperStep::Move(due) => self.rules.move_due(&mut row.clone(), *due, *due).is_some(),
            SweeperStep::Fail(mail) => self.rules.settle(&mut row.clone(), mail, failed(mail)),
            SweeperStep::Enqueue(_) => true,
        });
    }
}

/// Enqueues a message. The row must not be due again while the queue may still hide the message from a receiver that died.
fn enqueue(state: &mut State, mail: &Mail) -> Option<Promise> {
    deliver(state, None);
    let due = state.row.as_ref().filter(|row| row.attempt == mail.attempt).and_then(|row| row.due);
    due.is_some_and(|due| due < state.now + HIDDEN).then_some(Promise::Due)
}
