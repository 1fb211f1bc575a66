//! A model of the refresh protocol: all that clients, a thief, the network and the clock can do to one session, within bounds,
//! and all that new passwords, an operator and an erasure can do to the sessions of one user.
//!
//! [`Model::next`] does what `Sessions::refresh` and the handlers around it do, one write at a time, and asks the real
//! [`Session::decide`]. `../explore.rs` takes every step from every state, breadth first. So a broken [`Promise`] comes with a
//! shortest way to break it.
//!
//! | File | |
//! |---|---|
//! | `scenario.rs` | who takes part, and how much may happen |
//! | `rules.rs` | what a write does |
//! | `server.rs` | what a refresh does |
//! | `account.rs` | the profile, the credential, and the requests that take a password |
//! | `calls.rs` | what those requests do |
//! | `endings.rs` | what else ends all sessions of a user |
//! | `mutants.rs` | wrong rules, and the promise that each breaks |
//! | `checks.rs` | the tests of the real rules |
//! | `../traces.rs` | the same steps on the wire, compared |
//!
//! # The server
//!
//! A request takes the time when it arrives. Then it writes: the rotation, on condition that its token is the current one; if
//! that fails, perhaps the mark of a reissue, on condition that the counter is still what it judged by; or the end of the
//! session. Each write is atomic, and between two of them anything may happen. After each the function may crash, its answer
//! may get lost, or the SDK may not hear of the write and send it again. Ten seconds after its arrival a request is over.
//!
//! # An honest client, and what R1 and R2 suppose of it
//!
//! It keeps one token. It sends that token, from one tab or several, as often as it likes, and again when no answer came. A tab
//! that is behind sends an older token, within the grace of that token. "Within" and "past" go by the server's clock, from the
//! retirement of the token to the arrival of the request. A client that
//!
//! - keeps an answer only while it still holds the token that it sent for it (else a slow answer replaces a newer token);
//! - has no request under way that two further tokens have overtaken when it reaches the store within its grace (so: does not
//!   rotate three times while one of its requests is slow), or that one has when it reaches the store past its grace (so: while
//!   it asks for a lost answer, does not use what one request got while another is slow);
//! - asks past the grace for what it got no answer to, and for the answers to two consecutive tokens not both times past it
//!
//! is never refused: by R1 if the token's grace is not over, by R2 if it is. Each of these is a [`scenario::Premise`]. A check
//! leaves out each in turn and finds the refusal that follows.
//!
//! # Passwords
//!
//! Logins, changes of the password and deletions first read the credential and then the profile. Then they write, each by one
//! write or one transaction. A reset is proved by a mailed code, so it reads the profile alone. Between these steps anything may
//! happen to the user: another such request, a sign-out everywhere, an operator who disables or enables, the end of an erasure.
//! Logins come with every password that is, was or is about to be the user's. Every session may ask for a change at any time,
//! whether it has ended or not. So the answer to a change may be lost, and the change repeated, wherever that matters.
//!
//! The model notes for each session which version of the password opened it, and what has ended all sessions since. The promises
//! compare that with the profile, and the rules do not see it. A refresh is judged by the profile at its arrival: if a change
//! comes while it is under way, it counts as earlier, and its token is of no use.
//!
//! # What is not modelled
//!
//! The bytes of a token (here a token is its counter), the mail about a reuse, withdrawn keys, a request that is overtaken four
//! times, which gets a 503, limits, changes of the address, and hashes that a login renews. The sessions that are opened after
//! the start refresh in one step. Bounds: up to 7 requests, 3 at once, 4 steps of the clock, or 5 requests with a password, 3 at
//! once (see each scenario).
//!
//! # Why not stateright
//!
//! It always brings its web server, `tiny_http`, and ten more crates. `../explore.rs` is the part of it that is needed here.

pub mod account;
mod calls;
mod checks;
mod endings;
mod mutants;
mod possible;
pub mod rules;
pub mod scenario;
mod server;
pub mod state;

use shared::domain::{Email, IDLE_LIFETIME, Origin, Session, SessionId, Status, User};

use crate::explore::Explorable;
use account::Account;
use rules::{GRACE, Rules};
use scenario::{Premise, Scenario};
use state::{Action, History, Request, START, State, Step};

/// A promise that must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// A client that sends a token several times within the grace, and keeps any one of the answers, is never refused.
    R1,
    /// A client that lost the answers to one token, however many, recovers whenever it asks.
    R2,
    /// Two holders who refresh in turn, further apart than the grace, are found out at the second turn at the latest.
    R3,
    /// All answers at one time are one token: the successor of the newest token that was ever presented.
    OneSuccessor,
    /// No token two or more behind is answered after its grace.
    OldTokensAreDead,
    /// After a reuse or a logout the session does not refresh. Nor does any session from before the user was disabled, enabled,
    /// erased, signed out everywhere or given a new password.
    EndsAreFinal,
    /// Nothing refreshes 7 days after the last rotation or 30 days after the login.
    ExpiriesHold,
    /// A token ahead of the table never ends a session.
    AheadIsNoReuse,
    /// A session refreshes only if the login that opened it verified the present password. A password allows a change or a
    /// deletion only as long as it is the present one.
    OldPasswordsAreDead,
    /// A session that has ended changes nothing. But it may repeat its own change of the password until something ends the
    /// sessions that came after it.
    OnlyLiveSessionsAct,
    /// A sign-out everywhere does not stop a reset.
    ResetsPrevail,
}

/// How many sessions are opened at most.
const MOST_SESSIONS: usize = 8;

/// The protocol, with some rules in some scenario.
pub struct Model {
    rules: Rules,
    scenario: Scenario,
    user: User,
    row: Session,
    /// The ids of the sessions, by number.
    sessions: Vec<SessionId>,
}

impl Model {
    pub fn new(rules: Rules, scenario: Scenario) -> Self {
        let email = Email::parse("ada@example.com").expect("an address");
        let login = START - scenario.age;
        let user = User::new(email, None, login);
        let row = Session {
            rotated_at: START,
            idle_expires_at: START + IDLE_LIFETIME,
            ..Session::new(&user, Origin::default(), login)
        };
        let opened = (0..MOST_SESSIONS).map(|_| SessionId::new(START));
        let sessions = [row.id].into_iter().chain(opened).collect();
        Self { rules, scenario, user, row, sessions }
    }
}

impl Explorable for Model {
    type State = State;
    type Action = Action;
    type Promise = Promise;

    /// The client holds the first token.
    fn start(&self) -> State {
        State {
            now: START,
            row: self.row.clone(),
            account: Account::default(),
            under_way: Vec::new(),
            client: 0,
            thief: None,
            history: History::default(),
            left: self.scenario.left,
        }
    }

    fn actions(&self, state: &State) -> Vec<Action> {
        self.possible(state)
    }

    fn next(&self, state: &State, action: Action) -> (State, Option<Promise>) {
        let mut next = state.clone();
        let broken = match action {
            Action::Send(by, token) => {
                next.left.requests -= 1;
                if self.scenario.in_turn {
                    next.history.sent = Some((by, state.now));
                }
                let (profile, ends) = (state.account.profile, state.account.truth.ends);
                next.under_way.push(Request { by, token, arrived: state.now, profile, ends, step: Step::Rotate });
                next.under_way.sort_unstable();
                None
            }
            Action::Write(request) => self.write(&mut next, request),
            Action::WriteUnheard(request) => {
                let mut unheard = next.clone();
                let broken = self.write(&mut unheard, request);
                let (row, history) = (unheard.row, unheard.history);
                next = State { row, history, ..next };
                broken
            }
            Action::Keep(request) => self.keep(&mut next, request),
            Action::Lose(request) => {
                next.replace(request, None);
                None
            }
            Action::Steal => {
                next.left.thefts -= 1;
                next.thief = Some(state.client);
                next.history.turns = (None, 0);
                None
            }
            Action::Pass(time) => {
                next.left.clock -= 1;
                next.now += time;
                next.history.sent = next.history.sent.filter(|(_, at)| next.now.duration_since(*at) <= GRACE);
                None
            }
            Action::LogOut => {
                next.left.endings -= 1;
                self.end(&mut next, state.now);
                None
            }
            Action::Disable | Action::Enable => {
                next.left.spend_ending(self.scenario.has_passwords());
                self.set_status(&mut next, if action == Action::Enable { Status::Active } else { Status::Disabled });
                None
            }
            Action::SignOutEverywhere(session) => {
                next.left.spend_ending(self.scenario.has_passwords());
                self.sign_out_everywhere(&mut next, session);
                None
            }
            Action::EndErasure => {
                next.account.profile = None;
                None
            }
            Action::Arrive(route) => {
                next.left.spend_call(route);
                self.arrive(&mut next, route);
                None
            }
            Action::GoOn(call) => self.go_on(&mut next, call),
            Action::Refresh(session) => self.refresh(state, session),
            Action::Restore => {
                next.left.restores -= 1;
                next.row = self.row.clone();
                next.history = History::default();
                None
            }
        };
        self.forget(&mut next);
        (next, broken)
    }
}

impl Model {
    /// Removes what can make no difference any more: an answer to a token that its holder no longer keeps, and a request of which
    /// nothing is promised. Such a request counts as lost before the store.
    fn forget(&self, state: &mut State) {
        let mut under_way = std::mem::take(&mut state.under_way);
        under_way.retain(|request| match request.step {
            Step::Answer(_) => self.keeps_all() || *state.kept_by(request.by) == request.token,
            _ => !self.scenario.is_promised || self.scenario.promises(state, request.token, request.arrived),
        });
        state.under_way = under_way;
    }

    fn keeps_all(&self) -> bool {
        self.scenario.without == Some(Premise::KeepsAnswersToWhatItHolds)
    }

    /// Has the holder keep an answer. It still keeps the token that the answer is for (see `forget`).
    fn keep(&self, state: &mut State, request: Request) -> Option<Promise> {
        state.replace(request, None);
        let Step::Answer(answer) = request.step else { return None };
        *state.kept_by(request.by) = answer;
        if !self.scenario.in_turn || state.thief.is_none() {
            return None;
        }
        let (last, turns) = state.history.turns;
        if last != Some(request.by) {
            state.history.turns = (Some(request.by), turns + 1);
        }
        (state.history.turns.1 > 3).then_some(Promise::R3)
    }
}
