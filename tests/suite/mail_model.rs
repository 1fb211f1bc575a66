//! A model of a mail's row: all that messages, mailers, sweepers, SES, an operator and the clock can do to one row, within bounds.
//!
//! [`Model::act`] does what `mailer`, `sweeper` and `mail-events` do, one call at a time, and asks the real
//! [`Mail::claim`], [`Mail::readiness`], [`Mail::postponed`], [`Mail::is_obsolete`] and [`Mail::is_given_up`]. `../explore.rs`
//! takes every step from every state, breadth first.
//!
//! | File | |
//! |---|---|
//! | `scenario.rs` | how much may happen |
//! | `rules.rs` | what a write does |
//! | `mutants.rs` | wrong rules, and the promise that each breaks |
//! | `promises.rs` | what must hold of every state |
//! | `checks.rs` | the tests of the real rules |
//! | `table.rs` | every write to every row in the table, compared |
//!
//! # Who takes part
//!
//! - **The queue** hides a received message for six minutes, delivers any message twice, and has lost all of them in 14 days.
//! - **A mailer** claims the row, asks for the user and calls SES, perhaps puts a copy into the dead-letter queue, and settles
//!   the row. Between two of these anything may happen; at each it may die, or a write may fail, or be made and be taken for
//!   failed. After 60 seconds it is gone.
//! - **SES** accepts, refuses for now (in two ways) or for good, or gives no answer, and then has the mail or not. Of what it has
//!   it sends an event, which comes soon, late, twice or never.
//! - **A sweeper** finds the row, moves its `due`, and enqueues it or gives it up. Two may be at it; each may die at each call.
//! - **An operator** puts copies from the dead-letter queue back, perhaps the same one twice.
//! - **The user** is erased: first the row or first the user, because a mail may become owed while its user is being erased.
//!
//! # A mail with a ticket
//!
//! A ticket's code is not mailed after `notAfter`, a sixth of the ticket's life before its end. The mailer compares when it asks
//! for the user, and lives 60 seconds at most. So SES has the code before the ticket ends. Where a scenario says so
//! ([`scenario::Scenario::waits_before_call`]), anything may happen between that question and the call of SES.
//!
//! Past `notAfter` a mail that is of no use without its code ends quietly: the sweeper does not enqueue it, and nothing makes a
//! dead letter of it. A welcome mail is owed as before, and goes out without its code.
//!
//! # What "once" supposes
//!
//! SES may have accepted a mail whose last attempt had no answer. If such a mail is given up after 14 days, an operator who
//! redrives its copy may send it twice. No counter shows that, because a claim of a failed row is not a claim of an expired
//! lease. The model counts it ([`scenario::Scenario::redrives_count`]). A check leaves that out and finds the second mail.
//!
//! # What is not modelled
//!
//! The text of a mail, limits, suppressed addresses (a rejection without a call), rows and messages that cannot be read, and how
//! long the dead-letter queue keeps a copy. A ticket ends by its time alone, and not because it is used or the user changes. Messages do not count their receives: a message that went to the dead-letter queue
//! after ten of them counts as lost. A user who is erased between the mailer's question and the call of SES may get
//! the mail, so the scenarios with an erasure make one step of the two. Bounds: up to 3 calls of SES, 3 steps of the clock, 2 faults (see each scenario).

mod checks;
mod mailer;
mod mutants;
mod possible;
mod promises;
mod rules;
mod scenario;
mod state;
mod sweeper;
mod table;

use std::cell::RefCell;
use std::collections::HashSet;

use jiff::Timestamp;
use shared::domain::{Email, Mail, MailKind, Origin, TicketId, User};

use crate::explore::Explorable;
use rules::Rules;
use scenario::Scenario;
use state::{Action, Attempts, HIDDEN, History, Left, Mark, Message, Part, RETENTION, START, State};

/// A promise that must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// SES accepts the mail once, and at most once more for each time that sending it again was counted.
    Once,
    /// SES does not accept the mail after a `Send` event has come while no mailer was at work.
    Told,
    /// Two mailers never work on the row at once.
    OneHolder,
    /// An unfinished row has a `due` and a finished row has none. `due` lies after the next try that the queue already owes.
    Due,
    /// A row is `sent` only if SES accepted the mail. It is `failed` only if a copy that names its attempt is in the dead-letter
    /// queue, or the user is gone, or its ticket is past `notAfter`
    /// and the mail is no welcome mail. An unfinished row ends in one of these ways by time and sweeper alone, if nothing more goes
    /// wrong.
    NotLost,
    /// SES accepts no mail once the user is gone, and a deleted row does not come back.
    NoMailForTheErased,
    /// The copies of an attempt claim the failed row once.
    RedriveOnce,
    /// SES accepts no code after the end of its ticket.
    NoLateTicket,
    /// A mail that is of no use without its code gets no further message and no dead letter from a process that finds its ticket
    /// past `notAfter`.
    Quiet,
}

/// The row and everything that changes it, with some rules in some scenario.
pub struct Model {
    rules: Rules,
    scenario: Scenario,
    start: State,
    user: User,
    /// The `notAfter` of the mail's ticket.
    mailed_until: Timestamp,
    ticket_ends_at: Timestamp,
    /// Unfinished rows that are known to end.
    recovering: RefCell<HashSet<(Timestamp, Mark, bool)>>,
}

impl Model {
    pub fn new(rules: Rules, scenario: Scenario) -> Self {
        let owed = START - scenario.age;
        let user = User::new(Email::parse("ada@example.com").unwrap(), None, owed);
        let (lifetime, origin) = (scenario.ticket_lifetime, Origin::default());
        let row = match scenario.kind {
            MailKind::Reset => Mail::reset(&user, TicketId::random(), lifetime, origin, owed),
            MailKind::Verification => Mail::verification(&user, origin, owed),
            _ => Mail::welcome(&user, origin, owed),
        };
        let start = State {
            now: START,
            row: Some(row),
            user_exists: true,
            queue: Vec::new(),
            copies: Attempts::default(),
            mailer: None,
            sweepers: Vec::new(),
            events: Vec::new(),
            history: History {
                is_accepted: false,
                acceptable: 1,
                is_told: false,
                redriven: Attempts::default(),
                unanswered: false,
            },
            left: scenario.left,
        };
        Self {
            rules,
            scenario,
            start,
            user,
            mailed_until: owed + lifetime * 5 / 6,
            ticket_ends_at: owed + lifetime,
            recovering: RefCell::default(),
        }
    }

    /// Does the action. Returns the promise that it breaks by itself, if any.
    fn act(&self, state: &mut State, action: Action) -> Option<Promise> {
        match action {
            Action::Announce => deliver(state, None),
            Action::Receive(message) => return self.receive(state, message),
            Action::ReceiveAndDie(message) => {
                let visible_at = state.now + HIDDEN;
                state.replace(message, Some(Message { visible_at, ..message }));
            }
            Action::Duplicate(message) => deliver(state, message.retry),
            Action::Ask => self.ask(state),
            Action::Send(answer) => return self.send(state, answer),
            Action::Write => return self.write(state),
            Action::WriteFails => self.write_fails(state),
            Action::WriteUnheard => return self.write_unheard(state),
            Action::Die => state.mailer = None,
            Action::Look => Self::look(state),
            Action::Sweep(which) => return self.sweep(state, which),
            Action::SweeperDies(which) => drop(state.sweepers.remove(which)),
            Action::Tell(attempt) => {
                state.events.retain(|other| *other != attempt);
                self.tell(state, attempt);
            }
            Action::TellAndKeep(attempt) => self.tell(state, attempt),
            Action::Redrive(attempt) => deliver(state, Some(attempt)),
            Action::Erase(Part::Row) => state.row = None,
            Action::Erase(Part::User) => state.user_exists = false,
            Action::Pass(time) => {
                state.now += time;
                if time >= RETENTION {
                    state.queue.clear();
                }
                for message in &mut state.queue {
                    message.visible_at = message.visible_at.max(state.now); // for how long it is visible makes no difference
                }
            }
        }
        None
    }

    /// Records a `Send` event.
    fn tell(&self, state: &mut State, attempt: u32) {
        if let Some(mail) = &self.start.row {
            self.rules.tell(&mut state.row, mail, attempt);
        }
        state.history.is_told |= state.mailer.is_none();
    }
}

/// Makes a message visible.
fn deliver(state: &mut State, retry: Option<u32>) {
    state.queue.push(Message { visible_at: state.now, retry });
    state.queue.sort_unstable();
}

impl Left {
    fn spend(&mut self, action: Action) {
        match action {
            Action::Announce => self.announcements -= 1,
            Action::Duplicate(_) | Action::TellAndKeep(_) => self.repeats -= 1,
            Action::Send(_) => self.calls -= 1,
            Action::ReceiveAndDie(_)
            | Action::WriteFails
            | Action::WriteUnheard
            | Action::Die
            | Action::SweeperDies(_) => self.faults -= 1,
            Action::Look => self.sweeps -= 1,
            Action::Redrive(_) => self.redrives -= 1,
            Action::Erase(_) => self.erasures -= 1,
            Action::Pass(_) => self.clock -= 1,
            Action::Receive(_) | Action::Ask | Action::Write | Action::Sweep(_) | Action::Tell(_) => {}
        }
    }
}

impl Explorable for Model {
    type State = State;
    type Action = Action;
    type Promise = Promise;

    /// Returns the state just after the row was written.
    fn start(&self) -> State {
        self.start.clone()
    }

    fn actions(&self, state: &State) -> Vec<Action> {
        self.possible(state)
    }

    fn next(&self, state: &State, action: Action) -> (State, Option<Promise>) {
        let mut next = state.clone();
        next.left.spend(action);
        let broken = self.act(&mut next, action);
        let broken = broken.or_else(|| self.broken(state, &next));
        self.forget(&mut next);
        (next, broken)
    }
}
