use jiff::{SignedDuration, Timestamp};

/// The longest wait that [`Policy::Backoff`] asks for.
pub const LONGEST_BACKOFF: SignedDuration = SignedDuration::from_mins(15);
/// The number of steps from a wait of one second to [`LONGEST_BACKOFF`]. Each step doubles the wait.
pub const BACKOFF_STEPS: u32 = 10;

/// The kinds of action that are limited. `shared::limits` has the table of their policies, settings and log names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// Registrations, by network.
    Registrations,
    /// Logins, by network.
    LoginsOfNetwork,
    /// Failed logins, by address and network.
    LoginsOfAccountAndNetwork,
    /// Failed logins, by address.
    FailuresOfAccount,
    /// Failed logins on a known device, by device.
    FailuresOfDevice,
    /// Welcome and verification mails that are asked for, by user.
    WelcomeMails,
    /// Mails about reused tokens, by user.
    ReuseMails,
    /// Requests to reset a password, by network.
    ForgotOfNetwork,
    /// Requests to reset a password, by address and network.
    ForgotOfAccountAndNetwork,
    /// Requests to reset a password, by address.
    ForgotOfAccount,
    /// Requests to reset a password on a known device, by device.
    ForgotOfDevice,
    /// Resets that are tried, by network.
    ResetsOfNetwork,
    /// Changes of password, by user.
    PasswordChanges,
    /// Requests to change the address, by user.
    EmailChanges,
    /// Requests to change to an address, by that address.
    EmailChangesToAddress,
    /// Exports, by user.
    Exports,
    /// Deletions of accounts, by address.
    DeletionsOfAddress,
}

/// A maximum number of actions in a window of time.
///
/// Windows are aligned to the clock, and a counter's key contains the window's number. So counting is one write,
/// without a read before it. Around the boundary of two windows, twice the maximum may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub most: u32,
    /// The length of a window.
    pub every: SignedDuration,
}

/// The rule that allows or refuses an attempt.
///
/// Callers may take an attempt back when it succeeds. Then only failures and attempts in flight count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// At most so many in a window.
    FixedWindow(Limit),
    /// Any number, but after this many failures in a day each attempt has to wait after the last one: see [`backoff`].
    Backoff(u32),
}

/// One window of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Counted from the epoch.
    pub number: i64,
    /// The beginning of the next window.
    pub ends_at: Timestamp,
}

impl Limit {
    /// Returns a limit of `most` in an hour of the clock.
    #[must_use]
    pub const fn hourly(most: u32) -> Self {
        Self { most, every: SignedDuration::from_hours(1) }
    }

    /// Returns a limit of `most` in a day of UTC.
    #[must_use]
    pub const fn daily(most: u32) -> Self {
        Self { most, every: SignedDuration::from_hours(24) }
    }

    /// Returns the window that `now` lies in.
    #[must_use]
    pub fn window(&self, now: Timestamp) -> Window {
        let length = self.every.as_secs().max(1);
        let number = now.as_second() / length;
        let ends_at = Timestamp::from_second((number + 1).saturating_mul(length)).unwrap_or(Timestamp::MAX);
        Window { number, ends_at }
    }
}

impl Policy {
    /// Returns the limit whose windows the attempts are counted in.
    #[must_use]
    pub const fn limit(self) -> Limit {
        match self {
            Self::FixedWindow(limit) => limit,
            Self::Backoff(after) => Limit::daily(after),
        }
    }
}

/// Returns how long a client must wait after the last attempt, if `failures` attempts have failed.
///
/// Fewer than `after` failures require no wait. From then on the wait is one second, and it doubles with each further
/// failure, up to 15 minutes.
#[must_use]
pub fn backoff(failures: u32, after: u32) -> SignedDuration {
    match failures.checked_sub(after) {
        None => SignedDuration::ZERO,
        Some(more) if more < BACKOFF_STEPS => SignedDuration::from_secs(1 << more),
        Some(_) => LONGEST_BACKOFF,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(milliseconds).unwrap()
    }

    #[test]
    fn a_window_lasts_to_the_millisecond_before_the_next() {
        let limit = Limit::hourly(5);
        let window = |number, ends_at| Window { number, ends_at: at(ends_at) };
        for (now, expected) in
            [(0, window(0, 3_600_000)), (3_599_999, window(0, 3_600_000)), (3_600_000, window(1, 7_200_000))]
        {
            assert_eq!(limit.window(at(now)), expected, "{now}");
        }
    }

    #[test]
    fn the_backoff_begins_late_doubles_and_stays_within_bounds() {
        // LIM-02
        let seconds = |failures| backoff(failures, 10).as_secs();
        assert_eq!([0, 9, 10, 11, 12, 19, 20, 21, u32::MAX].map(seconds), [0, 0, 1, 2, 4, 512, 900, 900, 900]);
    }
}
