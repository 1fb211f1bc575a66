//! What a request makes of the row: the rules that run, and the same rules with one thing wrong.
//!
//! The verdict is [`Session::decide`] itself. The writes are expressions inside requests to DynamoDB in `shared::store`, so they
//! stand here a second time; `traces.rs` holds the row they make against the store's, attribute by attribute.

use jiff::{SignedDuration, Timestamp};
use shared::domain::{Decision, IDLE_LIFETIME, Session};

pub const GRACE: SignedDuration = SignedDuration::from_secs(10);

/// Whose rules are explored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    Real,
    Mutant(Mutant),
}

/// One thing wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A lost answer is given again within the grace only.
    NoReissue,
    /// A lost answer is given again at any token, whatever was reissued before.
    ReissueAtEveryToken,
    /// A lost answer is given again once; if that is lost too, it is reuse.
    ReissueOnce,
    /// The grace is counted from the last answer rather than from the retirement.
    SlidingGrace,
    /// The loser of a race is given a token of its own.
    ForkOnRace,
    /// Reuse is refused, but the session goes on.
    NoRevocation,
    /// A reissue counts as activity.
    ReissueExtends,
    /// Two behind is reuse even within its grace.
    TwoBehindIsReuse,
    /// A rotation forgets that something was reissued.
    RotationForgets,
    /// A token ahead of the table is taken for reuse.
    AheadIsReuse,
}

impl Rules {
    const fn are(self, mutant: Mutant) -> bool {
        matches!(self, Self::Mutant(own) if own as u8 == mutant as u8)
    }

    /// What the token `presented` is worth.
    pub fn decide(self, row: &Session, presented: u64, now: Timestamp) -> Decision {
        let decision = row.decide(presented, now, GRACE);
        let Self::Mutant(mutant) = self else { return decision };
        match (mutant, decision) {
            (Mutant::NoReissue, Decision::Reissue) | (Mutant::AheadIsReuse, Decision::Ahead) => Decision::Reuse,
            (Mutant::ReissueAtEveryToken, Decision::Reuse) => {
                Session { reissued: None, ..row.clone() }.decide(presented, now, GRACE)
            }
            (Mutant::ReissueOnce, Decision::Reissue) if row.reissued == Some(row.counter) => Decision::Reuse,
            (Mutant::TwoBehindIsReuse, Decision::Repeat) if row.counter - presented == 2 => Decision::Reuse,
            (_, decision) => decision,
        }
    }

    /// The row after `Sessions::rotate`.
    pub fn rotate(self, row: &mut Session, now: Timestamp) {
        row.counter += 1;
        row.previous_rotated_at = Some(row.rotated_at);
        row.rotated_at = now;
        row.idle_expires_at = now + IDLE_LIFETIME;
        if self.are(Mutant::RotationForgets) {
            row.reissued = None;
        }
    }

    /// The row after `Sessions::reissue`.
    pub fn reissue(self, row: &mut Session, now: Timestamp) {
        row.reissued = Some(row.counter);
        if self.are(Mutant::ReissueExtends) {
            row.idle_expires_at = now + IDLE_LIFETIME;
        }
    }

    /// The row after an answer without a write: as it was.
    pub fn repeat(self, row: &mut Session, presented: u64, now: Timestamp) {
        if self.are(Mutant::SlidingGrace) {
            match row.counter - presented {
                1 => row.rotated_at = now,
                _ => row.previous_rotated_at = Some(now),
            }
        }
        if self.are(Mutant::ForkOnRace) {
            self.rotate(row, now);
        }
    }

    /// The row after `Sessions::end` or `Sessions::end_for_reuse`.
    pub fn end(self, row: &mut Session, now: Timestamp) {
        if !self.are(Mutant::NoRevocation) {
            row.revoked_at = row.revoked_at.or(Some(now));
        }
    }
}
