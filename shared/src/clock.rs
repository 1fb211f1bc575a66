//! Time as a value: a handler reads the clock once and passes the time down.

mod timeouts;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use timeouts::Limits;
pub use timeouts::{Hold, OutOfTime};

/// The source of the time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock for tests.
    Fixed(Arc<Fixed>),
}

/// A time that stands still until it is moved.
#[derive(Debug)]
pub struct Fixed {
    /// Milliseconds since the Unix epoch.
    at: AtomicI64,
    limits: Limits,
}

impl Clock {
    /// Returns a clock that stands still at `at`, to the millisecond.
    #[must_use]
    pub fn fixed(at: Timestamp) -> Self {
        let at = AtomicI64::new(at.as_millisecond());
        Self::Fixed(Arc::new(Fixed { at, limits: Limits::default() }))
    }

    /// Returns the time, to the millisecond, because the tables store no more.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let milliseconds = match self {
            Self::System => system_now().as_millisecond(),
            Self::Fixed(fixed) => fixed.at.load(Ordering::SeqCst),
        };
        Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX)
    }

    /// Moves a fixed clock, forwards or back. The machine's clock stays as it is.
    pub fn advance(&self, by: SignedDuration) {
        if let Self::Fixed(fixed) = self {
            fixed.at.fetch_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
fn system_now() -> Timestamp {
    Timestamp::now()
}

/// Measures how long something takes, by the machine's clock. No decision depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that measures time")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Returns the milliseconds since the start.
    #[must_use]
    pub fn milliseconds(self) -> f64 {
        self.0.elapsed().as_secs_f64() * 1000.0
    }
}

/// The time by which an invocation has to be done.
#[derive(Clone, Debug)]
pub struct Deadline {
    clock: Clock,
    /// The time that was left when the invocation began.
    time: Duration,
    stopwatch: Stopwatch,
    waited: Duration,
}

impl Deadline {
    /// Takes Lambda's deadline, in milliseconds since the Unix epoch, at the beginning of the invocation.
    #[must_use]
    pub fn new(clock: &Clock, deadline: u64) -> Self {
        let waited = clock.waited();
        Self { clock: clock.clone(), time: time_left(deadline), stopwatch: Stopwatch::start(), waited }
    }

    /// Returns how much time is left, less the second that the answer needs to leave.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        let gone_by = match self.clock {
            Clock::System => self.stopwatch.0.elapsed(),
            Clock::Fixed(_) => self.clock.waited().saturating_sub(self.waited),
        };
        self.time.saturating_sub(gone_by)
    }
}

/// Returns the time until `deadline`, less a second, by the machine's clock, because Lambda goes by it.
///
/// A deadline that passed more than a day ago is none, because `cargo lambda` sends one of 1970. Such an invocation has
/// a minute.
fn time_left(deadline: u64) -> Duration {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let now = u64::try_from(system_now().as_millisecond()).unwrap_or_default();
    if deadline.saturating_add(DAY) < now {
        return Duration::from_mins(1);
    }
    Duration::from_millis(deadline.saturating_sub(now)).saturating_sub(Duration::from_secs(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_keeps_a_second_for_its_answer() {
        let now = u64::try_from(system_now().as_millisecond()).unwrap();
        let left = time_left(now + 10_000);
        assert!(left <= Duration::from_secs(9) && left > Duration::from_secs(5), "{left:?}");
        assert_eq!(time_left(now), Duration::ZERO);
        assert_eq!(time_left(600_000), Duration::from_mins(1));
        assert!(Deadline::new(&Clock::System, now + 10_000).time_left() <= Duration::from_secs(9));
    }
}
