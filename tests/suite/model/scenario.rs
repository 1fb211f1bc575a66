//! Who takes part, how much may happen, and under which premises.

use jiff::{SignedDuration, Timestamp};

use super::rules::GRACE;
use super::state::{Left, State};

/// After how long the platform ends a request.
pub const TIMEOUT: SignedDuration = SignedDuration::from_secs(10);
/// Within the grace; two of them are past it.
pub const WITHIN: SignedDuration = SignedDuration::from_secs(6);
/// Just past the grace.
pub const PAST: SignedDuration = SignedDuration::from_millis(10_001);
/// Within the idle lifetime; two of them are past it.
pub const SIX_DAYS: SignedDuration = SignedDuration::from_hours(6 * 24);
/// A step back: the clock was wrong, or another machine's clock is.
pub const BACK: SignedDuration = SignedDuration::from_mins(-1);

/// The premises of R1 and R2 (see `../model.rs`), so that one can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Premise {
    /// A request within its grace is overtaken by two rotations at most.
    TwoRotationsAtMost,
    /// No two consecutive tokens are both asked for past their grace.
    NoLossAtTwoTokensRunning,
    /// A request past its grace is overtaken by no rotation.
    LateAskIsNotOvertaken,
    /// An answer is kept only while its client holds the token that it answers.
    KeepsAnswersToWhatItHolds,
}

/// A part of what can happen, which is explored completely.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// How long ago the login was.
    pub age: SignedDuration,
    /// How much may happen in all.
    pub left: Left,
    /// How many requests may be under way at once.
    pub at_once: usize,
    /// How the clock may move.
    pub clock: &'static [SignedDuration],
    /// Whether a second tab may send tokens that the client no longer keeps.
    pub tabs: bool,
    /// Whether the client keeps to the premises of R1 and R2, and so must never be refused.
    pub is_promised: bool,
    /// Whether the holders take turns, further apart than the grace, as R3 supposes.
    pub in_turn: bool,
    /// The premise that the client does not keep to.
    pub without: Option<Premise>,
    /// How many requests that take a password or a proof may be under way at once. If it is 0, passwords take no part.
    pub calls_at_once: usize,
}

pub const NOTHING: Left = Left {
    requests: 0,
    clock: 0,
    thefts: 0,
    endings: 0,
    restores: 0,
    logins: 0,
    changes: 0,
    resets: 0,
    deletions: 0,
    endings_of_all: 0,
};

/// One client, two tabs, answers that get lost. For R1 and R2.
pub const ALONE: Scenario = Scenario {
    age: SignedDuration::ZERO,
    left: Left { requests: 7, clock: 3, ..NOTHING },
    at_once: 2,
    clock: &[WITHIN, PAST],
    tabs: true,
    is_promised: true,
    in_turn: false,
    without: None,
    calls_at_once: 0,
};

/// The same with a clock that steps back.
pub const STEPPING_BACK: Scenario =
    Scenario { left: Left { requests: 6, clock: 2, ..NOTHING }, clock: &[WITHIN, PAST, BACK], ..ALONE };

/// The same with more at once and less in a row.
pub const CROWDED: Scenario = Scenario { left: Left { requests: 6, clock: 2, ..NOTHING }, at_once: 3, ..ALONE };

/// A client and a thief who take turns; each may lose answers. For R3.
pub const IN_TURN: Scenario = Scenario {
    left: Left { requests: 6, clock: 4, thefts: 1, ..NOTHING },
    at_once: 1,
    clock: &[PAST],
    tabs: false,
    is_promised: false,
    in_turn: true,
    ..ALONE
};

/// The same, and the thief comes back for another token.
pub const TWO_THEFTS: Scenario = Scenario { left: Left { requests: 5, clock: 3, thefts: 2, ..NOTHING }, ..IN_TURN };

/// A client and a thief who do not wait for each other.
pub const AT_ONCE: Scenario = Scenario {
    left: Left { requests: 5, clock: 2, thefts: 1, ..NOTHING },
    at_once: 2,
    clock: &[WITHIN, PAST],
    tabs: false,
    is_promised: false,
    ..ALONE
};

/// Two tabs that grow idle, log out, or lose their user.
pub const ENDING: Scenario =
    Scenario { left: Left { requests: 4, clock: 3, endings: 1, ..NOTHING }, clock: &[PAST, SIX_DAYS], ..ALONE };

/// The same with eight days to go to the absolute end.
pub const OLD_AGE: Scenario = Scenario { age: SignedDuration::from_hours(22 * 24), ..ENDING };

/// The table is restored from a backup, and the client is ahead of it.
pub const RESTORED: Scenario =
    Scenario { left: Left { requests: 5, clock: 2, restores: 1, ..NOTHING }, clock: &[PAST, BACK], ..ALONE };

/// Logins that are under way while the password is changed or reset, by whoever knows the old one.
pub const PASSWORDS: Scenario = Scenario {
    left: Left { requests: 1, logins: 2, changes: 2, resets: 1, ..NOTHING },
    clock: &[],
    tabs: false,
    is_promised: false,
    calls_at_once: 3,
    ..ALONE
};

/// Changes whose answers get lost, and what ends all sessions meanwhile.
pub const REPEATS: Scenario = Scenario {
    left: Left { changes: 4, resets: 1, endings_of_all: 2, logins: 1, ..NOTHING },
    calls_at_once: 2,
    ..PASSWORDS
};

/// A user who is disabled, enabled and erased while logins and a change are under way.
pub const ERASED: Scenario = Scenario {
    left: Left { requests: 1, logins: 2, changes: 1, deletions: 1, endings_of_all: 2, ..NOTHING },
    calls_at_once: 2,
    ..PASSWORDS
};

/// Returns whether a token's grace is over for a request.
pub fn is_late(state: &State, token: u64, arrived: Timestamp) -> bool {
    let retired = usize::try_from(token).ok().and_then(|token| state.history.retired.get(token));
    retired.is_some_and(|retired| arrived.duration_since(*retired) > GRACE)
}

impl Scenario {
    /// Returns whether passwords take part, and what ends all sessions of a user.
    pub const fn has_passwords(&self) -> bool {
        self.calls_at_once > 0
    }

    /// Returns whether R1 and R2 promise anything about a request of the client's that reaches the store now.
    pub fn promises(&self, state: &State, token: u64, arrived: Timestamp) -> bool {
        let Some(behind) = state.row.counter.checked_sub(token) else { return true };
        let not = |premise| self.without == Some(premise);
        match (is_late(state, token, arrived), behind) {
            (_, 0) | (false, 1..=2) => true,
            (false, _) => not(Premise::TwoRotationsAtMost),
            (true, 1) => {
                let next = state.history.asked_late.map(|lost| lost + 1);
                next != Some(token) || not(Premise::NoLossAtTwoTokensRunning)
            }
            (true, _) if token == state.client => not(Premise::KeepsAnswersToWhatItHolds),
            (true, _) => not(Premise::LateAskIsNotOvertaken),
        }
    }
}
