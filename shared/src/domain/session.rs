mod superseded;

use jiff::fmt::serde::timestamp::millisecond::{optional as optional_millisecond, required as millisecond};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{SessionId, User, UserId};

pub use superseded::{MAX_LIVE_SESSIONS, superseded};

/// How long an access token is valid. It may outlive its session by this much.
pub const ACCESS_TOKEN_LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// A session that is not refreshed for this long has ended.
pub const IDLE_LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A session ends this long after its login, however busy it is.
pub const ABSOLUTE_LIFETIME: SignedDuration = SignedDuration::from_hours(30 * 24);
/// One sign-in on one device, and the state of its refresh tokens.
///
/// The tokens are stored nowhere. Each is computed from the session's ids and a counter (see [`super::RefreshToken`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    #[serde(rename = "sessionId")]
    pub id: SessionId,
    #[serde(rename = "userId")]
    pub user: UserId,
    /// The counter of the current token. Each rotation adds one.
    pub counter: u64,
    /// When the current token was made and the token before it retired.
    #[serde(with = "millisecond")]
    pub rotated_at: Timestamp,
    /// When the token before the current one was made and the token before that retired.
    #[serde(default, with = "optional_millisecond", skip_serializing_if = "Option::is_none")]
    pub previous_rotated_at: Option<Timestamp>,
    /// The value of `counter` when the current token was last given again after the grace, because its answer was lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reissued: Option<u64>,
    /// The user's epoch at login.
    pub epoch: u64,
    /// The time of the login.
    #[serde(with = "millisecond")]
    pub created_at: Timestamp,
    /// [`IDLE_LIFETIME`] after the last rotation.
    #[serde(with = "millisecond")]
    pub idle_expires_at: Timestamp,
    /// [`ABSOLUTE_LIFETIME`] after the login.
    #[serde(with = "millisecond")]
    pub expires_at: Timestamp,
    /// When a logout, a revocation or a reuse ended the session.
    #[serde(default, with = "optional_millisecond", skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Timestamp>,
    /// Where the login came from.
    #[serde(flatten)]
    pub origin: Origin,
}

/// Where a request came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// An IPv4 address, or the /64 of an IPv6 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The client's `User-Agent`, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// What a presented refresh token leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is the current token. The answer is the next one.
    Rotate,
    /// It retired within the grace, so this is a race, a reload or a quick retry. The answer is the current token
    /// again.
    Repeat,
    /// Its successor was never used, so the answer was lost. The answer is the current token again, and the session
    /// records that.
    Reissue,
    /// Two clients hold it.
    Reuse,
    /// It is newer than the table, because the table was restored from a backup. It is refused, but it is no reuse.
    Ahead,
    /// The session has been idle for too long, or has reached its end.
    Expired,
    /// A logout, a revocation or a reuse ended the session.
    Ended,
}

impl Session {
    /// Returns the session that a login at `now` opens.
    #[must_use]
    pub fn new(user: &User, origin: Origin, now: Timestamp) -> Self {
        Self {
            id: SessionId::new(now),
            user: user.id,
            counter: 0,
            rotated_at: now,
            previous_rotated_at: None,
            reissued: None,
            epoch: user.epoch,
            created_at: now,
            idle_expires_at: now + IDLE_LIFETIME,
            expires_at: now + ABSOLUTE_LIFETIME,
            revoked_at: None,
            origin,
        }
    }

    /// Decides what the token with the counter `presented` leads to at `now`.
    ///
    /// | presented | when | decision |
    /// |---|---|---|
    /// | any | the session was ended | `Ended` |
    /// | any | at or past either expiry | `Expired` |
    /// | ahead of the current | always | `Ahead` |
    /// | the current | always | `Rotate` |
    /// | one behind | within `grace` of its own retirement | `Repeat` |
    /// | one behind | later, unless the last reissue was at the previous counter | `Reissue` |
    /// | two behind | within `grace` of its own retirement | `Repeat` |
    /// | otherwise | | `Reuse` |
    ///
    /// If the clock steps back, a retirement looks fresh. That errs on the client's side.
    #[must_use]
    pub fn decide(&self, presented: u64, now: Timestamp, grace: SignedDuration) -> Decision {
        if self.revoked_at.is_some() {
            return Decision::Ended;
        }
        if self.is_expired(now) {
            return Decision::Expired;
        }
        let Some(behind) = self.counter.checked_sub(presented) else {
            return Decision::Ahead;
        };
        let fresh = |retired_at: Timestamp| now.duration_since(retired_at) <= grace;
        match behind {
            0 => Decision::Rotate,
            1 if fresh(self.rotated_at) => Decision::Repeat,
            1 if self.may_reissue() => Decision::Reissue,
            2 if self.previous_rotated_at.is_some_and(fresh) => Decision::Repeat,
            _ => Decision::Reuse,
        }
    }

    /// Returns whether a lost answer may be given again: not at the very next token after a reissue.
    ///
    /// Otherwise a thief and the victim could refresh in turn for ever, and each turn would look like a lost answer of
    /// the other.
    fn may_reissue(&self) -> bool {
        self.reissued.is_none_or(|at| at == self.counter || at + 1 < self.counter)
    }

    /// Returns whether either expiry has been reached.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.idle_expires_at || now >= self.expires_at
    }

    /// Returns whether the user has not signed out everywhere since the login.
    #[must_use]
    pub const fn is_of(&self, user: &User) -> bool {
        self.epoch == user.epoch
    }

    /// Returns whether the session is neither ended nor expired. The user's status and epoch are not checked.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && !self.is_expired(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Email;

    const GRACE: SignedDuration = SignedDuration::from_secs(10);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    /// Rotated at 100 s and, before that, at 95 s.
    fn session(counter: u64) -> Session {
        let user = User::new(Email::parse("ada@example.com").unwrap(), None, at(0));
        Session {
            counter,
            rotated_at: at(100),
            previous_rotated_at: Some(at(95)),
            ..Session::new(&user, Origin::default(), at(0))
        }
    }

    #[test]
    fn the_table_of_decisions() {
        // REF-02, REF-04
        let cases = [
            (5, 5, 101, Decision::Rotate),
            (5, 4, 110, Decision::Repeat),
            (5, 4, 111, Decision::Reissue),
            (5, 3, 105, Decision::Repeat),
            (5, 3, 106, Decision::Reuse),
            (5, 2, 101, Decision::Reuse),
            (5, 0, 101, Decision::Reuse),
            (5, 6, 101, Decision::Ahead),
            (5, 4, 90, Decision::Repeat),
        ];
        for (counter, presented, seconds, decision) in cases {
            assert_eq!(session(counter).decide(presented, at(seconds), GRACE), decision, "{presented} at {seconds}");
        }
    }

    #[test]
    fn a_lost_answer_is_given_again_but_not_at_two_tokens_running() {
        // REF-04
        let cases = [
            (None, Decision::Reissue),
            (Some(5), Decision::Reissue),
            (Some(4), Decision::Reuse),
            (Some(3), Decision::Reissue),
        ];
        for (reissued, decision) in cases {
            let session = Session { reissued, ..session(5) };
            assert_eq!(session.decide(4, at(1000), GRACE), decision, "{reissued:?}");
        }
    }

    #[test]
    fn both_expiries_end_it_to_the_millisecond() {
        // REF-05
        let session = session(5);
        let millisecond = SignedDuration::from_millis(1);
        assert_eq!(session.decide(5, session.idle_expires_at - millisecond, GRACE), Decision::Rotate);
        assert_eq!(session.decide(5, session.idle_expires_at, GRACE), Decision::Expired);
        let busy = Session { idle_expires_at: session.expires_at + IDLE_LIFETIME, ..session.clone() };
        assert_eq!(busy.decide(5, session.expires_at - millisecond, GRACE), Decision::Rotate);
        assert_eq!(busy.decide(5, session.expires_at, GRACE), Decision::Expired);
    }

    #[test]
    fn an_ended_session_accuses_nobody() {
        let ended = Session { revoked_at: Some(at(100)), ..session(5) };
        for presented in 0..8 {
            assert_eq!(ended.decide(presented, at(101), GRACE), Decision::Ended);
        }
    }
}
