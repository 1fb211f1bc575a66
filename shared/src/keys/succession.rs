//! How one set of keys follows another: every month by rotation, in an emergency by withdrawal.

use jiff::{SignedDuration, Timestamp};

use super::set::StoredKey;
use super::{KeyError, KeySet, Purpose, SecretKind};
use crate::config::Algorithm;

/// The time from a key's publication to its first signature. It is longer than any verifier keeps a key set.
///
/// API Gateway keeps a key set for two hours. A cache in front of it may have kept the set for five minutes, and the
/// function's own cache for five more.
pub(super) const HEAD_START: SignedDuration = SignedDuration::from_mins(2 * 60 + 2 * 5);
/// The longest time from the publication of a set to the end of its rotation.
///
/// After that, a function that cannot read the secret keeps on signing with the earlier keys for an hour and five
/// minutes at most. The two times together are shorter than [`HEAD_START`] and [`SLACK`], so no token outlives its key.
const LONGEST_ROTATION: SignedDuration = SignedDuration::from_hours(1);
/// How far a clock or a cache may lag behind.
pub(super) const SLACK: SignedDuration = SignedDuration::from_mins(5);

impl KeySet {
    /// Makes the first set. No token and no verifier exists yet, so the set is in force at once.
    ///
    /// # Errors
    /// [`KeyError`] if the machine has no randomness.
    pub fn first(kind: SecretKind, algorithm: Algorithm, now: Timestamp) -> Result<Self, KeyError> {
        let make = |purpose: &Purpose| StoredKey::new(purpose.clone(), algorithm, now, now);
        Self { kind, keys: kind.purposes().iter().map(make).collect::<Result<_, _>>()? }.complete()
    }

    /// Makes the next set.
    ///
    /// Each purpose that rotates gets a new key. It is published now, and in force after its head start. The earlier
    /// keys retire when their last token or code has expired, and retired keys are dropped. A purpose without any key,
    /// as after an upgrade, gets a key that is in force at once.
    ///
    /// # Errors
    /// [`KeyError`] if the machine has no randomness.
    pub fn rotated(&self, algorithm: Algorithm, now: Timestamp) -> Result<Self, KeyError> {
        let mut keys = self.keys.clone();
        keys.retain(|key| key.retires_at.is_none_or(|at| now < at));
        let signs_from = now + HEAD_START;
        for purpose in self.kind.purposes() {
            if keys.iter().all(|key| key.purpose != *purpose) {
                keys.push(StoredKey::new(purpose.clone(), algorithm, now, now)?);
            } else if let Some(lifetime) = purpose.lifetime() {
                for key in keys.iter_mut().filter(|key| key.purpose == *purpose) {
                    key.retires_at.get_or_insert(signs_from + lifetime + SLACK);
                }
                keys.push(StoredKey::new(purpose.clone(), algorithm, now, signs_from)?);
            }
        }
        Self { kind: self.kind, keys }.complete()
    }

    /// Makes the next set without the keys of these names, which are in wrong hands.
    ///
    /// If no key of a purpose is left that is in force and not about to retire, a new key is in force at once, even if
    /// verifiers do not know it yet. Returns `None` if the set has none of these names.
    ///
    /// # Errors
    /// [`KeyError`] if the machine has no randomness.
    pub fn without(&self, ids: &[String], algorithm: Algorithm, now: Timestamp) -> Result<Option<Self>, KeyError> {
        let mut keys = self.keys.clone();
        keys.retain(|key| !ids.contains(&key.id));
        if keys.len() == self.keys.len() {
            return Ok(None);
        }
        for purpose in self.kind.purposes() {
            let withdrawn = self.of(purpose).any(|key| ids.contains(&key.id));
            let goes_on =
                |key: &StoredKey| key.purpose == *purpose && key.signs_from <= now && key.retires_at.is_none();
            if withdrawn && !keys.iter().any(goes_on) {
                keys.push(StoredKey::new(purpose.clone(), algorithm, now, now)?);
            }
        }
        Self { kind: self.kind, keys }.complete().map(Some)
    }

    /// Returns whether a rotation may still end with this set in place of `current`.
    ///
    /// The set's times hold only if the rotation ends soon after they were set. If keys were withdrawn in the meantime,
    /// the set would bring them back.
    #[must_use]
    pub fn may_replace(&self, current: Option<&Self>, now: Timestamp) -> bool {
        let is_recent =
            self.keys.iter().map(|key| key.published_at).max().is_some_and(|at| now <= at + LONGEST_ROTATION);
        is_recent && current.is_none_or(|current| self.follows(current, now))
    }

    /// Returns whether this set contains `current` and new keys. Retired keys may be missing.
    fn follows(&self, current: &Self, now: Timestamp) -> bool {
        let Some(published_at) = self.keys.iter().map(|key| key.published_at).max() else { return false };
        let has = |set: &Self, id: &str| set.keys.iter().any(|key| key.id == id);
        self.keys.iter().all(|key| key.published_at == published_at || has(current, &key.id))
            && current.keys.iter().all(|key| has(self, &key.id) || key.retires_at.is_some_and(|at| at <= now))
    }
}
