//! What a request does in the store: `Sessions::refresh` and the handler around it, one write at a time.

use jiff::Timestamp;
use shared::domain::{ABSOLUTE_LIFETIME, Decision, IDLE_LIFETIME};

use super::account::Verified;
use super::scenario::is_late;
use super::state::{Holder, Request, START, State, Step};
use super::{Model, Promise};

impl Model {
    /// Returns whether the condition of a request's next write is met.
    pub(super) fn applies(state: &State, request: &Request) -> bool {
        match request.step {
            Step::Rotate => state.row.counter == request.token && state.row.is_live(request.arrived),
            Step::Reissue(counter) => state.row.counter == counter && state.row.is_live(request.arrived),
            Step::End => true,
            Step::Answer(_) => false,
        }
    }

    /// Makes one write of `Sessions::refresh`.
    pub(super) fn write(&self, state: &mut State, request: Request) -> Option<Promise> {
        let Request { token, arrived, .. } = request;
        if token <= state.row.counter {
            state.history.presented = state.history.presented.max(Some(token));
        }
        if request.by == Holder::Client && is_late(state, token, arrived) {
            state.history.asked_late = state.history.asked_late.max(Some(token));
        }
        let applies = Self::applies(state, &request);
        match request.step {
            Step::Rotate if applies => {
                (self.rules.rotate)(&mut state.row, arrived);
                state.history.retired.push(arrived);
                self.answer(state, request)
            }
            Step::Reissue(_) if applies => {
                (self.rules.reissue)(&mut state.row, arrived);
                self.answer(state, request)
            }
            Step::Rotate | Step::Reissue(_) => self.judge(state, request),
            Step::End => {
                self.end(state, arrived);
                state.replace(request, None);
                None
            }
            Step::Answer(_) => None,
        }
    }

    /// Judges by the row that a failed condition returned.
    fn judge(&self, state: &mut State, request: Request) -> Option<Promise> {
        let Request { token, arrived, .. } = request;
        let go_on = |state: &mut State, step| state.replace(request, Some(Request { step, ..request }));
        match (self.rules.decide)(&state.row, token, arrived) {
            Decision::Repeat => {
                (self.rules.repeat)(&mut state.row, token, arrived);
                return self.answer(state, request);
            }
            Decision::Reissue if state.row.reissued == Some(state.row.counter) => return self.answer(state, request),
            Decision::Reissue => go_on(state, Step::Reissue(state.row.counter)),
            Decision::Rotate => go_on(state, Step::Rotate),
            Decision::Reuse => {
                go_on(state, Step::End);
                return self.refused(state, request);
            }
            Decision::Expired if !self.is_over(state, arrived) => return self.refused(state, request),
            Decision::Ahead | Decision::Expired | Decision::Ended => state.replace(request, None),
        }
        None
    }

    /// Returns the promise that a refusal breaks, if any.
    fn refused(&self, state: &State, request: Request) -> Option<Promise> {
        let Request { token, arrived, .. } = request;
        match self.scenario.is_promised {
            false => None,
            true if token > state.row.counter => Some(Promise::AheadIsNoReuse),
            true if is_late(state, token, arrived) => Some(Promise::R2),
            true => Some(Promise::R1),
        }
    }

    /// Answers with the row's current token, if the session may go on by what its user was at the arrival.
    fn answer(&self, state: &mut State, request: Request) -> Option<Promise> {
        let Request { token, arrived, profile, ends, .. } = request;
        let answer = state.row.counter;
        let may_continue = self.may_continue(&state.row, profile);
        let step = if may_continue { Step::Answer(answer) } else { Step::End };
        state.replace(request, Some(Request { step, ..request }));
        if !may_continue {
            return None;
        }
        let rules = [
            (state.history.presented.map(|newest| newest + 1) == Some(answer), Promise::OneSuccessor),
            (answer < token + 3 && (answer < token + 2 || !is_late(state, token, arrived)), Promise::OldTokensAreDead),
            (!state.history.has_ended, Promise::EndsAreFinal),
            (!self.is_over(state, arrived), Promise::ExpiriesHold),
        ];
        let broken = rules.into_iter().find(|(holds, _)| !holds).map(|(_, promise)| promise);
        broken.or_else(|| self.answers(&state.row, profile, Verified::default(), ends))
    }

    pub(super) fn end(&self, state: &mut State, now: Timestamp) {
        (self.rules.end)(&mut state.row, now);
        state.history.has_ended = true;
    }

    /// Returns whether an expiry has been reached, by the history and not by the row.
    fn is_over(&self, state: &State, now: Timestamp) -> bool {
        let rotated_at = state.history.retired.last().copied().unwrap_or(START);
        now >= rotated_at + IDLE_LIFETIME || now >= self.row.created_at + ABSOLUTE_LIFETIME
    }
}
