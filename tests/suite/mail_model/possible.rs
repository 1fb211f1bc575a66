//! Which actions are possible next.

use jiff::Timestamp;
use shared::domain::Claim;

use super::Model;
use super::state::{Action, Answer, MailerStep, Message, Part, State, TIMEOUT};

impl Model {
    pub(super) fn possible(&self, state: &State) -> Vec<Action> {
        let mut actions = Vec::new();
        if state.left.announcements > 0 && state.now == self.start.now {
            actions.push(Action::Announce);
        }
        self.receives(state, &mut actions);
        self.writes(state, &mut actions);
        Self::sweeps(state, &mut actions);
        for attempt in &state.events {
            actions.push(Action::Tell(*attempt));
            if state.left.repeats > 0 {
                actions.push(Action::TellAndKeep(*attempt));
            }
        }
        if state.left.redrives > 0 {
            actions.extend(state.copies.iter().map(Action::Redrive));
        }
        if state.left.erasures > 0 {
            actions.extend(state.row.as_ref().map(|_| Action::Erase(Part::Row)));
            actions.extend(state.user_exists.then_some(Action::Erase(Part::User)));
        }
        if state.left.clock > 0 {
            let began = state.sweepers.iter().map(|sweeper| sweeper.started_at);
            let began = began.chain(state.mailer.as_ref().map(|mailer| mailer.claimed_at)).min();
            let began = began.unwrap_or(Timestamp::MAX);
            let steps = self.scenario.clock.iter().filter(|step| (state.now + **step).duration_since(began) <= TIMEOUT);
            actions.extend(steps.copied().map(Action::Pass));
        }
        actions
    }

    fn receives(&self, state: &State, actions: &mut Vec<Action>) {
        let mut last = None;
        for message in state.queue.iter().filter(|message| message.visible_at <= state.now) {
            if last.replace(message) == Some(message) {
                continue; // the same again
            }
            if state.left.calls > 0 || !self.claims(state, *message) {
                actions.push(Action::Receive(*message));
            }
            if state.left.faults > 0 {
                actions.push(Action::ReceiveAndDie(*message));
            }
            if state.left.repeats > 0 {
                actions.push(Action::Duplicate(*message));
            }
        }
    }

    fn claims(&self, state: &State, message: Message) -> bool {
        let claim = state.row.as_ref().map(|row| (self.rules.claim)(row, message.retry, state.now));
        matches!(claim, Some(Claim::Take(_)))
    }

    fn writes(&self, state: &State, actions: &mut Vec<Action>) {
        let Some(mailer) = &state.mailer else { return };
        match mailer.step {
            MailerStep::Ask if self.scenario.waits_before_call => actions.push(Action::Ask),
            // The mailer does not call SES, so there is one outcome.
            MailerStep::Ask if !self.is_ready(state, &mailer.mail) => actions.push(Action::Send(Answer::Accepted)),
            MailerStep::Ask | MailerStep::Send { .. } => {
                actions.extend(self.scenario.answers.iter().copied().map(Action::Send));
            }
            _ => actions.push(Action::Write),
        }
        if state.left.faults > 0 {
            actions.push(Action::Die);
            if !matches!(mailer.step, MailerStep::Ask | MailerStep::Send { .. }) {
                actions.extend([Action::WriteFails, Action::WriteUnheard]);
            }
        }
    }

    fn sweeps(state: &State, actions: &mut Vec<Action>) {
        let is_due = state.row.as_ref().and_then(|row| row.due).is_some_and(|due| due <= state.now);
        if is_due && state.left.sweeps > 0 {
            actions.push(Action::Look);
        }
        for which in 0..state.sweepers.len() {
            actions.push(Action::Sweep(which));
            if state.left.faults > 0 {
                actions.push(Action::SweeperDies(which));
            }
        }
    }
}
