//! The sessions that a login deletes.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};

use super::{ACCESS_TOKEN_LIFETIME, Session};
use crate::domain::{SessionId, User};

/// How many live sessions a user may have.
pub const MAX_LIVE_SESSIONS: usize = 10;
/// How long a refresh may be under way.
const UNDER_WAY: SignedDuration = SignedDuration::from_mins(1);
/// How many rows of dead sessions a login leaves in place. DynamoDB's TTL deletes them without a charge, but days late.
const MAX_DEAD_SESSIONS: usize = 10;
/// How many sessions one login may delete, because a transaction of DynamoDB takes 100 items. Later logins delete the
/// rest.
const MAX_DELETED_AT_ONCE: usize = 99;

/// Returns the sessions that a login deletes, so that one more makes at most [`MAX_LIVE_SESSIONS`] live ones. They are
/// the user's oldest.
///
/// If more than ten rows are of no use any more, it returns these too. So a login reads a bounded
/// number of rows, however often the user signs in and out.
#[must_use]
pub fn superseded(sessions: &[Session], user: &User, now: Timestamp) -> Vec<SessionId> {
    let (mut live, others): (Vec<_>, Vec<_>) =
        sessions.iter().partition(|session| session.is_of(user) && session.is_live(now));
    live.sort_by_key(|session| session.created_at);
    let too_many = (live.len() + 1).saturating_sub(MAX_LIVE_SESSIONS);
    let mut dead: Vec<_> = others.into_iter().filter(|session| session.is_useless(user, now)).collect();
    if dead.len() <= MAX_DEAD_SESSIONS {
        dead.clear();
    }
    let deleted = live.into_iter().take(too_many).chain(dead);
    deleted.take(MAX_DELETED_AT_ONCE).map(|session| session.id).collect()
}

impl Session {
    /// Returns whether no request can need the row any more.
    ///
    /// A session that a change of the password or the address ended may still repeat that change with its access token.
    /// A session of a later epoch began while the user was read. A refresh that began before the expiry may still be
    /// under way.
    fn is_useless(&self, user: &User, now: Timestamp) -> bool {
        match self.epoch.cmp(&user.epoch) {
            Ordering::Less => now >= self.rotated_at + ACCESS_TOKEN_LIFETIME && !user.has_password_of(self.id),
            Ordering::Equal => self.revoked_at.is_some() || self.is_expired(now - UNDER_WAY),
            Ordering::Greater => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ABSOLUTE_LIFETIME, IDLE_LIFETIME, Origin};
    use super::*;
    use crate::domain::{ChangedBy, Email};

    #[test]
    fn a_login_deletes_no_row_that_a_request_may_need() {
        // LOG-05, ACC-13
        let registered_at = Timestamp::from_second(1_800_000_000).unwrap();
        let now = registered_at + ABSOLUTE_LIFETIME;
        let user = User { epoch: 5, ..User::new(Email::parse("ada@example.com").unwrap(), None, registered_at) };
        let begun = |epoch, at| Session { epoch, ..Session::new(&user, Origin::default(), at) };
        let old = begun(4, now - ACCESS_TOKEN_LIFETIME);
        let young = begun(4, now - ACCESS_TOKEN_LIFETIME + SignedDuration::from_millis(1));
        let ended = Session { revoked_at: Some(now), ..begun(5, now) };
        let expired = begun(5, now - IDLE_LIFETIME - UNDER_WAY);
        let expired_now = begun(5, now - IDLE_LIFETIME);
        let of_a_later_epoch = begun(6, now);
        for (session, is_useless) in [
            (&old, true),
            (&young, false),
            (&ended, true),
            (&expired, true),
            (&expired_now, false),
            (&of_a_later_epoch, false),
        ] {
            assert_eq!(session.is_useless(&user, now), is_useless, "{session:?}");
        }
        let changed_by = User { password_changed_by: Some(ChangedBy { session: old.id, epoch: 5 }), ..user.clone() };
        assert!(!old.is_useless(&changed_by, now), "it may repeat its change of the password");

        let all = [vec![old; 10], vec![young; 20]].concat();
        assert_eq!(superseded(&all, &user, now), []);
        let all = [all, vec![ended]].concat();
        assert_eq!(superseded(&all, &user, now).len(), 11);
    }
}
