//! Time limits.
//!
//! By the machine's clock, a limit is a timer. By a fixed clock, a limit stands still with the clock, and only
//! [`Clock::reach_next_limit`] reaches it. So no test waits for a timeout, and no test fails because its machine is
//! slow.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::config::{AsyncSleep, Sleep};
use tokio::sync::watch;

use super::{Clock, Fixed};

/// The shortest limit that the SDK sets. Its waits before a retry are shorter, and they really pass.
const SHORTEST: Duration = Duration::from_secs(1);

/// Work that a limit ended.
#[derive(Debug, thiserror::Error)]
#[error("not done within {} ms", .0.as_millis())]
pub struct OutOfTime(Duration);

/// The limits of a fixed clock.
#[derive(Debug, Default)]
pub(super) struct Limits {
    /// The time that has passed for these limits.
    elapsed: watch::Sender<Duration>,
    /// The ends of the running limits, and how many limits end then.
    running: Mutex<BTreeMap<Duration, usize>>,
    holds: AtomicUsize,
}

/// While a hold exists, no limit is reached.
#[derive(Debug)]
pub struct Hold(Option<Arc<Fixed>>);

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(fixed) = &self.0 {
            fixed.limits.holds.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Limits {
    /// Waits until `limit` is reached.
    async fn reached(&self, limit: Duration) {
        let mut elapsed = self.elapsed.subscribe();
        let end = elapsed.borrow_and_update().saturating_add(limit);
        let _running = Running::new(self, end);
        // This fails only without a sender, and `self` is the sender.
        let _ = elapsed.wait_for(|elapsed| *elapsed >= end).await;
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<Duration, usize>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A limit from its beginning until it is reached or dropped.
struct Running<'a> {
    limits: &'a Limits,
    end: Duration,
}

impl<'a> Running<'a> {
    fn new(limits: &'a Limits, end: Duration) -> Self {
        *limits.running().entry(end).or_default() += 1;
        Self { limits, end }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let mut running = self.limits.running();
        if let Some(number) = running.get_mut(&self.end) {
            *number -= 1;
            if *number == 0 {
                running.remove(&self.end);
            }
        }
    }
}

impl Clock {
    /// Returns the output of `work` if it is done within `limit`.
    ///
    /// # Errors
    /// [`OutOfTime`] if the limit is reached first. The work is dropped.
    pub async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Result<T, OutOfTime> {
        // Boxed: held by value it would be in the future three times, once for each way below and once before.
        let mut work = Box::pin(work);
        let Self::Fixed(fixed) = self else {
            return tokio::time::timeout(limit, work).await.map_err(|_| OutOfTime(limit));
        };
        tokio::select! {
            biased;
            output = &mut work => Ok(output),
            () = fixed.limits.reached(limit) => Err(OutOfTime(limit)),
        }
    }

    /// Keeps the limits of a fixed clock from being reached, as long as the hold lives.
    #[must_use]
    pub fn hold(&self) -> Hold {
        let Self::Fixed(fixed) = self else { return Hold(None) };
        fixed.limits.holds.fetch_add(1, Ordering::SeqCst);
        Hold(Some(Arc::clone(fixed)))
    }

    /// Lets the limits of a fixed clock run on until the next one is reached, unless they are held. The time of day
    /// stays the same.
    pub fn reach_next_limit(&self) {
        let Self::Fixed(fixed) = self else { return };
        if fixed.limits.holds.load(Ordering::SeqCst) > 0 {
            return;
        }
        let next = fixed.limits.running().keys().next().copied();
        if let Some(next) = next {
            fixed.limits.elapsed.send_modify(|elapsed| *elapsed = next.max(*elapsed));
        }
    }

    /// Returns the time that has passed for the limits of a fixed clock.
    #[must_use]
    pub fn waited(&self) -> Duration {
        match self {
            Self::System => Duration::ZERO,
            Self::Fixed(fixed) => *fixed.limits.elapsed.borrow(),
        }
    }
}

/// Makes the SDK's timeouts limits of the clock.
impl AsyncSleep for Clock {
    fn sleep(&self, time: Duration) -> Sleep {
        match self {
            Self::Fixed(fixed) if time >= SHORTEST => {
                let fixed = Arc::clone(fixed);
                Sleep::new(async move { fixed.limits.reached(time).await })
            }
            Self::System | Self::Fixed(_) => Sleep::new(tokio::time::sleep(time)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::FutureExt;
    use futures_util::future::join;
    use jiff::Timestamp;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn a_limit_of_a_fixed_clock_is_reached_when_it_is_next() {
        // FLT-10
        let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
        let mut short = Box::pin(clock.within(2 * SECOND, pending::<()>()));
        let mut long = Box::pin(clock.within(5 * SECOND, pending::<()>()));
        assert!((&mut short).now_or_never().is_none());
        assert!((&mut long).now_or_never().is_none());
        clock.reach_next_limit();
        assert!(short.await.is_err());
        assert!((&mut long).now_or_never().is_none());
        assert_eq!(clock.waited(), 2 * SECOND);
        clock.reach_next_limit();
        assert!(long.await.is_err());
        assert_eq!((clock.waited(), clock.now()), (5 * SECOND, Timestamp::UNIX_EPOCH));
    }

    #[tokio::test]
    async fn no_limit_is_reached_while_they_are_held() {
        let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
        let mut limit = Box::pin(clock.within(SECOND, pending::<()>()));
        assert!((&mut limit).now_or_never().is_none());
        let holds = [clock.hold(), clock.hold()];
        for hold in holds {
            clock.reach_next_limit();
            assert!((&mut limit).now_or_never().is_none());
            drop(hold);
        }
        clock.reach_next_limit();
        assert!(limit.await.is_err());
    }

    #[tokio::test]
    async fn what_is_done_is_in_time_and_its_limit_runs_no_more() {
        let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.within(SECOND, ready(1)).await.unwrap(), 1);
        clock.reach_next_limit();
        assert_eq!(clock.waited(), Duration::ZERO);
        assert_eq!(Clock::System.within(Duration::from_mins(1), ready(1)).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn the_sdk_waits_by_the_clock_for_a_second_and_more() {
        let clock = Clock::fixed(Timestamp::UNIX_EPOCH);
        clock.sleep(Duration::from_millis(1)).await;
        join(clock.sleep(SECOND), async { clock.reach_next_limit() }).await;
        assert_eq!(clock.waited(), SECOND);
    }
}
