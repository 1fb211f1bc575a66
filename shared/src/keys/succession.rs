//! How one set of keys follows another: every month by rotation, in an emergency by withdrawal.

use jiff::{SignedDuration, Timestamp};

use super::set::StoredKey;
use super::{KeyError, KeySet, Purpose, SecretKind};
use crate::config::Algorithm;

/// The time from a key's publication to its first signature. It is longer than any verifier keeps a key set: API Gateway keeps one for
/// two hours that a cache on the way has kept for five minutes, and the function behind it for five before.
pub(super) const HEAD_START: SignedDuration = SignedDuration::from_mins(2 * 60 + 2 * 5);
/// The longest time from publication to the end of the rotation. Issuers that cannot read the secret sign on for an hour and five
/// minutes with what they have: to the start of the new keys and the slack behind it, and no longer.
const LONGEST_ROTATION: SignedDuration = SignedDuration::from_hours(1);
/// How far a clock or a cache may lag.
pub(super) const SLACK: SignedDuration = SignedDuration::from_mins(5);

impl KeySet {
    /// Makes the first set. No token and no verifier exists yet, so it is in force at once.
    ///
    /// # Errors
    /// [`KeyError`] if the machine has no randomness.
    pub fn first(kind: SecretKind, algorithm: Algorithm, now: Timestamp) -> Result<Self, KeyError> {
        let make = |purpose: &Purpose| StoredKey::new(purpose.clone(), algorithm, now, now);
        Self { kind, keys: kind.purposes().iter().map(make).collect::<Result<_, _>>()? }.checked()
    }

    /// Makes the next set.
    ///
    /// Each purpose that turns gets a new key, published now and in force after its head start. The keys before it retire when the
    /// last thing that they made has ended; retired keys are dropped. A purpose without any key, as after an upgrade, gets one at once.
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
        Self { kind: self.kind, keys }.checked()
    }

    /// Makes the next set without the keys of these names, which are in wrong hands.
    ///
    /// If that leaves a purpose without a key that is in force and goes on, a new key is in force at once, whether or not verifiers
    /// know it yet. Returns `None` if the set has none of these names.
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
        Self { kind: self.kind, keys }.checked().map(Some)
    }

    /// Whether a rotation may still end with this set in place of `current`.
    ///
    /// The set's times hold only if the rotation ends soon after they were set. A withdrawal since then would be undone.
    #[must_use]
    pub fn may_replace(&self, current: Option<&Self>, now: Timestamp) -> bool {
        let is_recent =
            self.keys.iter().map(|key| key.published_at).max().is_some_and(|at| now <= at + LONGEST_ROTATION);
        is_recent && current.is_none_or(|current| self.follows(current, now))
    }

    /// Whether this set is `current` and new keys, except for retired ones.
    fn follows(&self, current: &Self, now: Timestamp) -> bool {
        let Some(published_at) = self.keys.iter().map(|key| key.published_at).max() else { return false };
        let has = |set: &Self, id: &str| set.keys.iter().any(|key| key.id == id);
        self.keys.iter().all(|key| key.published_at == published_at || has(current, &key.id))
            && current.keys.iter().all(|key| has(self, &key.id) || key.retires_at.is_some_and(|at| at <= now))
    }
}
