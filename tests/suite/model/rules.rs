//! What a request makes of the row.
//!
//! The verdict is [`Session::decide`] itself, and so are the other questions: [`Session::is_of`], [`Credential::is_of`],
//! [`Caller::is_live`], [`User::has_password_of`], [`User::with_new_password`]. The writes are expressions inside requests to DynamoDB in `shared::store`, so they
//! stand here a second time. `../traces.rs` compares the row that they make with the store's, attribute by attribute.

use jiff::{SignedDuration, Timestamp};
use shared::domain::{Decision, IDLE_LIFETIME, Session, SessionId, Status, User};
use shared::http::Caller;
use shared::store::Credential;

use super::endings::set_status;

pub const GRACE: SignedDuration = SignedDuration::from_secs(10);

/// The rules that the model goes by. `mutants.rs` has wrong ones.
#[derive(Clone, Copy)]
pub struct Rules {
    /// Returns what the presented token is worth.
    pub decide: fn(&Session, u64, Timestamp) -> Decision,
    /// Changes the row as `Sessions::rotate` does.
    pub rotate: fn(&mut Session, Timestamp),
    /// Changes the row as `Sessions::reissue` does.
    pub reissue: fn(&mut Session, Timestamp),
    /// Changes the row as an answer to the presented token does for which nothing is written.
    pub repeat: fn(&mut Session, u64, Timestamp),
    /// Changes the row as `Sessions::end` and `Sessions::end_for_reuse` do.
    pub end: fn(&mut Session, Timestamp),
    /// Returns whether the session goes on at a refresh, as `may_continue` of `functions/refresh` does.
    pub may_continue: fn(&Session, Option<&User>) -> bool,
    /// Returns whether a login has read credential and profile with no change in between.
    pub is_of_one_time: fn(&Credential, &User) -> bool,
    /// Returns whether a session may change something.
    pub is_live: fn(&Caller, Timestamp) -> bool,
    /// Returns whether a session that has ended may repeat its change of the password.
    pub may_repeat: fn(&User, SessionId) -> bool,
    /// Whether that is asked again when the profile is read with the password.
    pub repeats_are_judged_twice: bool,
    /// Returns the user after a change of the password.
    pub change: NewPassword,
    /// Returns the user after a reset.
    pub reset: NewPassword,
    /// The condition of a change and of a deletion: whether the user is still as the request read it.
    pub is_unchanged: fn(&User, &User) -> bool,
    /// The condition of a reset: the same without the epoch.
    pub may_reset: fn(&User, &User) -> bool,
    /// Returns the user after `Users::set_status`.
    pub set_status: fn(&User, Status) -> User,
    /// The condition of `Users::set_status`.
    pub may_set_status: fn(&User) -> bool,
}

type NewPassword = fn(&User, Option<SessionId>, Timestamp) -> User;

/// The rules that run.
pub const REAL: Rules = Rules {
    decide,
    rotate,
    reissue,
    repeat: |_, _, _| {},
    end: |row, now| row.revoked_at = row.revoked_at.or(Some(now)),
    may_continue: |session, user| user.is_some_and(|user| user.is_active() && session.is_of(user)),
    is_of_one_time: |credential, user| credential.is_of(user, &user.email),
    is_live: Caller::is_live,
    may_repeat: User::has_password_of,
    repeats_are_judged_twice: true,
    change: User::with_new_password,
    reset: User::with_new_password,
    is_unchanged: |before, user| may_reset(before, user) && before.epoch == user.epoch,
    may_reset,
    set_status,
    may_set_status: |user| user.erasing_since.is_none(),
};

pub(super) fn decide(row: &Session, presented: u64, now: Timestamp) -> Decision {
    row.decide(presented, now, GRACE)
}

pub(super) fn rotate(row: &mut Session, now: Timestamp) {
    row.counter += 1;
    row.previous_rotated_at = Some(row.rotated_at);
    row.rotated_at = now;
    row.idle_expires_at = now + IDLE_LIFETIME;
}

pub(super) fn reissue(row: &mut Session, _: Timestamp) {
    row.reissued = Some(row.counter);
}

fn may_reset(before: &User, user: &User) -> bool {
    user.is_active() && before.password_version == user.password_version
}
