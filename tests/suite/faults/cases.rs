//! A case, how it runs, and how many run at once.

use std::fmt;
use std::sync::Arc;

use tests::doubles::Fault;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Scenario;
use super::invariants::Violation;
use super::stage::Stage;

/// How many cases run at once, whatever their test: enough for one to compute while others wait before they call again.
pub static TURNS: Semaphore = Semaphore::const_new(8);

/// What goes wrong with a call. "For good" is until the invocation ends, for every call of the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Reset,
    ResetForGood,
    Timeout,
    BlackHole,
    Lost,
    LostForGood,
    Throttled,
    ThrottledForGood,
    Down,
    DownForGood,
    DiesBefore,
    DiesAfter,
}

impl Mode {
    pub const ALL: [Self; 12] = [
        Self::Reset,
        Self::ResetForGood,
        Self::Timeout,
        Self::BlackHole,
        Self::Lost,
        Self::LostForGood,
        Self::Throttled,
        Self::ThrottledForGood,
        Self::Down,
        Self::DownForGood,
        Self::DiesBefore,
        Self::DiesAfter,
    ];

    /// The modes by what they do to a process. Those of one kind are told apart only by the SDK: it makes the call again
    /// after each of the first kind, and gives up after each of the third.
    pub const KINDS: [&[Self]; 6] = [
        &[Self::Reset, Self::Timeout, Self::Throttled, Self::Down],
        &[Self::Lost],
        &[Self::ResetForGood, Self::BlackHole, Self::ThrottledForGood, Self::DownForGood],
        &[Self::LostForGood],
        &[Self::DiesBefore],
        &[Self::DiesAfter],
    ];

    /// Returns the fault, and how many calls meet it.
    pub fn fault(self) -> (Fault, usize) {
        let down =
            || Fault::Error { status: 500, code: "InternalServerError".to_owned(), message: "out of order".to_owned() };
        match self {
            Self::Reset => (Fault::Reset, 1),
            Self::ResetForGood => (Fault::Reset, usize::MAX),
            Self::Timeout => (Fault::Hang, 1),
            Self::BlackHole => (Fault::Hang, usize::MAX),
            Self::Lost => (Fault::AppliedButLost, 1),
            Self::LostForGood => (Fault::AppliedButLost, usize::MAX),
            Self::Throttled => (Fault::Throttled, 1),
            Self::ThrottledForGood => (Fault::Throttled, usize::MAX),
            Self::Down => (down(), 1),
            Self::DownForGood => (down(), usize::MAX),
            Self::DiesBefore => (Fault::DiesBefore, 1),
            Self::DiesAfter => (Fault::DiesAfter, 1),
        }
    }

    pub fn ends_the_process(self) -> bool {
        matches!(self, Self::DiesBefore | Self::DiesAfter)
    }
}

/// As `FAULTS` has it: `lost-for-good`.
impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for c in format!("{self:?}").chars() {
            if c.is_uppercase() && !text.is_empty() {
                text.push('-');
            }
            text.push(c.to_ascii_lowercase());
        }
        f.write_str(&text)
    }
}

/// A scenario and what goes wrong in it: at which calls, and how.
#[derive(Clone)]
pub struct Case {
    pub scenario: Arc<Scenario>,
    pub faults: Vec<(usize, Mode)>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scenario.name)?;
        self.faults.iter().try_for_each(|(position, mode)| write!(f, " {position} {mode}"))
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Case {
    /// Runs the case to its end. Returns what it broke.
    pub async fn run(&self) -> Vec<Violation> {
        let mut stage = self.scenario.staged().await;
        for (position, mode) in &self.faults {
            let (fault, times) = mode.fault();
            stage.world.aws().fail_at(*position, fault, times);
        }
        let is_done = self.scenario.act(&mut stage).await;
        stage.world.aws().clear_faults();
        self.scenario.recover(&mut stage, is_done).await;
        stage.violations().await
    }
}

/// Runs all of them. Returns those that broke something, and what.
pub async fn run_all(cases: Vec<Case>) -> Vec<(Case, Vec<Violation>)> {
    let mut runs = JoinSet::new();
    for case in cases {
        runs.spawn(async move {
            let _turn = TURNS.acquire().await;
            let violations = case.run().await;
            (case, violations)
        });
    }
    let mut broken: Vec<_> = runs.join_all().await.into_iter().filter(|(_, broken)| !broken.is_empty()).collect();
    broken.sort_by_key(|(case, _)| case.to_string());
    broken
}

impl Stage {
    /// Returns the operations that functions called since this was last asked for, in order.
    pub fn calls(&self) -> Vec<String> {
        let calls = self.world.aws().calls().into_iter().filter(|call| !call.is_pollers());
        let operations = calls.map(|call| call.operation).collect();
        self.world.aws().clear_calls();
        operations
    }
}
