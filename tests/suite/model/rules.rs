//! What a request makes of the row.
//!
//! The verdict is [`Session::decide`] itself. The writes are expressions inside requests to DynamoDB in `shared::store`, so they
//! stand here a second time. `../traces.rs` compares the row that they make with the store's, attribute by attribute.

use jiff::{SignedDuration, Timestamp};
use shared::domain::{Decision, IDLE_LIFETIME, Session};

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
}

/// The rules that run.
pub const REAL: Rules = Rules {
    decide,
    rotate,
    reissue,
    repeat: |_, _, _| {},
    end: |row, now| row.revoked_at = row.revoked_at.or(Some(now)),
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
