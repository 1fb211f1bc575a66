//! What a mailer does with a message: `functions/mailer`, one call at a time.

use jiff::Timestamp;
use shared::domain::{Claim, Mail, MailState, Readiness, Refusal, Retry};

use super::rules::{failed, sent};
use super::state::{Answer, HIDDEN, Mailer, MailerStep, Message, State};
use super::{Model, Promise};

impl Model {
    /// Receives a message, which claims the row if it may.
    pub(super) fn receive(&self, state: &mut State, message: Message) -> Option<Promise> {
        let now = state.now;
        let hidden = Message { visible_at: now + HIDDEN, ..message };
        let Some(row) = &state.row else {
            state.replace(message, None);
            return None;
        };
        let (from, retried) = (row.state, row.attempt);
        match (self.rules.claim)(row, message.retry, now) {
            Claim::Wait(lease) => state.replace(message, Some(Message { visible_at: lease.until, ..message })),
            Claim::Drop => state.replace(message, None),
            Claim::Take(mail) => {
                state.replace(message, Some(hidden));
                if self.rules.claims_first {
                    state.row = Some(mail.clone());
                }
                let mailer = Mailer { mail, message: hidden, claimed_at: now, step: MailerStep::Ask };
                if state.mailer.replace(mailer).is_some() {
                    return Some(Promise::OneHolder);
                }
                return self.claimed_from(state, from, message.retry.unwrap_or(retried));
            }
        }
        None
    }

    /// Notes what the claim of a row counts as.
    fn claimed_from(&self, state: &mut State, from: MailState, retry: u32) -> Option<Promise> {
        let history = &mut state.history;
        match from {
            MailState::Sending(_) => history.acceptable += 1,
            MailState::Failed => {
                let again = std::mem::take(&mut history.unanswered) && self.scenario.redrives_count;
                history.acceptable += i8::from(again);
                return (!history.redriven.insert(retry)).then_some(Promise::RedriveOnce);
            }
            MailState::Pending | MailState::Sent => {}
        }
        None
    }

    /// Returns whether the mailer sends the mail, by what the user is now.
    pub(super) fn is_ready(&self, state: &State, mail: &Mail) -> bool {
        matches!(self.readiness(state, mail), Readiness::Ready | Readiness::ReadyWithoutCode)
    }

    fn readiness(&self, state: &State, mail: &Mail) -> Readiness {
        (self.rules.readiness)(mail, state.user_exists.then_some(&self.user), state.now)
    }

    /// Asks for the user, and decides whether the mail is still to be sent.
    pub(super) fn ask(&self, state: &mut State) {
        let Some(Mailer { mail, message, .. }) = &state.mailer else { return };
        let step = match self.readiness(state, mail) {
            Readiness::Ready => Some(MailerStep::Send { with_code: mail.kind.rules().ticket.is_some() }),
            Readiness::ReadyWithoutCode => Some(MailerStep::Send { with_code: false }),
            Readiness::Suppressed | Readiness::Obsolete(_) => self.rules.when_obsolete,
        };
        let message = *message;
        if let (Some(mailer), Some(step)) = (&mut state.mailer, step) {
            mailer.step = step;
        } else {
            state.replace(message, None);
            state.mailer = None;
        }
    }

    /// Calls SES.
    pub(super) fn send(&self, state: &mut State, answer: Answer) -> Option<Promise> {
        let step = |state: &State| state.mailer.as_ref().map(|mailer| mailer.step);
        if step(state) == Some(MailerStep::Ask) {
            self.ask(state);
        }
        let Some(MailerStep::Send { with_code }) = step(state) else { return None };
        match answer {
            Answer::Accepted => self.accept(state, with_code).or(goes_on(state, MailerStep::Sent)),
            Answer::Refused(refusal) => goes_on(state, MailerStep::Postpone(refusal)),
            Answer::Rejected => goes_on(state, self.rules.when_rejected),
            Answer::LostAccepted => self.accept(state, with_code).or(self.unanswered(state)),
            Answer::LostRefused => self.unanswered(state),
        }
    }

    fn accept(&self, state: &mut State, with_code: bool) -> Option<Promise> {
        let attempt = state.mailer.as_ref()?.mail.attempt;
        state.events.push(attempt);
        state.events.sort_unstable();
        let history = &mut state.history;
        history.is_accepted = true;
        history.acceptable -= 1;
        let rules = [
            (state.user_exists, Promise::NoMailForTheErased),
            (!history.is_told, Promise::Told),
            (history.acceptable >= 0, Promise::Once),
            (!with_code || state.now < self.ticket_ends_at, Promise::NoLateTicket),
        ];
        rules.into_iter().find(|(holds, _)| !holds).map(|(_, promise)| promise)
    }

    fn unanswered(&self, state: &mut State) -> Option<Promise> {
        if let Some(step) = self.rules.when_unanswered {
            return goes_on(state, step);
        }
        unsettled(state);
        None
    }

    /// Makes the mailer's next write.
    pub(super) fn write(&self, state: &mut State) -> Option<Promise> {
        let Mailer { mail, message, claimed_at, step } = state.mailer.take()?;
        match step {
            MailerStep::Ask | MailerStep::Send { .. } => {}
            MailerStep::Sent => {
                self.rules.settle(&mut state.row, &mail, sent(&mail));
                state.replace(message, None);
            }
            MailerStep::Postpone(refusal) => return self.postpone(state, &mail, message, refusal),
            MailerStep::Copy => {
                state.copies.insert(mail.attempt);
                state.mailer = Some(Mailer { mail, message, claimed_at, step: MailerStep::Fail });
                return self.must_end_quietly(claimed_at).then_some(Promise::Quiet);
            }
            MailerStep::Fail => {
                self.rules.settle(&mut state.row, &mail, failed(&mail));
                state.replace(message, None);
            }
        }
        None
    }

    fn postpone(&self, state: &mut State, mail: &Mail, message: Message, refusal: Refusal) -> Option<Promise> {
        let (next, retry) = (self.rules.postponed)(mail, refusal, state.now);
        let due = next.due;
        let settles = self.rules.settle(&mut state.row, mail, next);
        let Retry::Message(delay) = retry else {
            state.replace(message, None);
            return None;
        };
        let visible_at = state.now + delay + delay / 4; // the most that it is delayed
        state.replace(message, Some(Message { visible_at, ..message }));
        (settles && due <= Some(visible_at)).then_some(Promise::Due)
    }

    /// Fails the mailer's next write, or has the mailer take it for failed.
    pub(super) fn write_fails(&self, state: &mut State) {
        let Some(mailer) = &mut state.mailer else { return };
        if mailer.step == MailerStep::Copy {
            mailer.step = MailerStep::Postpone(Refusal::Passing);
            return;
        }
        if self.rules.acknowledges_errors {
            let message = mailer.message;
            state.replace(message, None);
            state.mailer = None;
            if let Some(row) = &mut state.row {
                row.due = None;
            }
            return;
        }
        unsettled(state);
    }

    /// Makes the mailer's next write, and has the mailer take it for failed.
    pub(super) fn write_unheard(&self, state: &mut State) -> Option<Promise> {
        let mailer = state.mailer.clone()?;
        let queue = state.queue.clone();
        let broken = self.write(state);
        (state.mailer, state.queue) = (Some(mailer), queue);
        self.write_fails(state);
        broken
    }
}

fn goes_on(state: &mut State, step: MailerStep) -> Option<Promise> {
    if let Some(mailer) = &mut state.mailer {
        mailer.step = step;
    }
    None
}

/// Ends the mailer, which leaves the row as it is. Its message comes back when the lease has ended.
fn unsettled(state: &mut State) {
    let Some(Mailer { mail, message, .. }) = state.mailer.take() else { return };
    let visible_at = match mail.state {
        MailState::Sending(lease) => lease.until,
        MailState::Pending | MailState::Sent | MailState::Failed => Timestamp::MAX,
    };
    state.replace(message, Some(Message { visible_at, ..message }));
}
