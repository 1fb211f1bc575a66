//! How one set of keys follows another: every month by rotation, in an emergency by withdrawal.

use jiff::{SignedDuration, Timestamp};

use super::{Dated, KeyError, KeySet, MAC_KEY_LENGTH, PublicKeySet, SigningKey, StoredKey, StoredKeySet, random};
use crate::config::Algorithm;
use crate::domain::ABSOLUTE_LIFETIME;
use crate::tokens::ACCESS_TOKEN_LIFETIME;

/// From publication to the first signature: longer than any verifier keeps a key set. API Gateway keeps for two hours what a cache
/// on the way has kept for five minutes, and the function behind it for five before.
pub(super) const HEAD_START: SignedDuration = SignedDuration::from_mins(2 * 60 + 2 * 5);
/// From publication to the end of the rotation, at the most. Issuers that cannot read the secret sign on for an hour and five
/// minutes with what they have: to the start of the new keys and the slack behind it, and no longer.
const LONGEST_ROTATION: SignedDuration = SignedDuration::from_hours(1);
/// What a clock or a cache may lag.
pub(super) const SLACK: SignedDuration = SignedDuration::from_mins(5);

impl KeySet {
    /// The first set: there is no token and no verifier yet, so it signs at once.
    ///
    /// # Errors
    /// [`KeyError`] when the machine has no randomness.
    pub fn first(algorithm: Algorithm, now: Timestamp) -> Result<Self, KeyError> {
        Self::from_stored(StoredKeySet {
            version: 1,
            access_keys: vec![StoredKey::access(algorithm, now, now)?],
            refresh_keys: vec![StoredKey::refresh(now, now)?],
            device_key: random(MAC_KEY_LENGTH)?,
            limit_key: random(MAC_KEY_LENGTH)?,
            pseudonym_key: random(MAC_KEY_LENGTH)?,
        })
    }

    /// The next set: a new key of each kind, published now and signing after its head start; the others retire when the last
    /// thing that they signed has ended; what has retired is gone.
    ///
    /// # Errors
    /// [`KeyError`] when the machine has no randomness.
    pub fn rotated(&self, algorithm: Algorithm, now: Timestamp) -> Result<Self, KeyError> {
        let mut stored = self.stored.clone();
        let signs_from = now + HEAD_START;
        for (keys, lifetime) in
            [(&mut stored.access_keys, ACCESS_TOKEN_LIFETIME), (&mut stored.refresh_keys, ABSOLUTE_LIFETIME)]
        {
            keys.retain(|key| key.retires_at.is_none_or(|at| now < at));
            for key in keys.iter_mut() {
                key.retires_at.get_or_insert(signs_from + lifetime + SLACK);
            }
        }
        stored.access_keys.push(StoredKey::access(algorithm, now, signs_from)?);
        stored.refresh_keys.push(StoredKey::refresh(now, signs_from)?);
        Self::from_stored(stored)
    }

    /// The next set when keys are in wrong hands: without those of these names. Where none is left that signs and goes on, a new
    /// one signs at once, whether or not verifiers know it yet. Nothing if it has none of them.
    ///
    /// # Errors
    /// [`KeyError`] when the machine has no randomness.
    pub fn without(&self, ids: &[String], algorithm: Algorithm, now: Timestamp) -> Result<Option<Self>, KeyError> {
        let mut stored = self.stored.clone();
        let withdraw = |keys: &mut Vec<StoredKey>| {
            let before = keys.len();
            keys.retain(|key| !ids.contains(&key.id));
            keys.len() < before
        };
        let [access, refresh] = [withdraw(&mut stored.access_keys), withdraw(&mut stored.refresh_keys)];
        let goes_on = |keys: &[StoredKey]| keys.iter().any(|key| key.signs_from <= now && key.retires_at.is_none());
        if access && !goes_on(&stored.access_keys) {
            stored.access_keys.push(StoredKey::access(algorithm, now, now)?);
        }
        if refresh && !goes_on(&stored.refresh_keys) {
            stored.refresh_keys.push(StoredKey::refresh(now, now)?);
        }
        if access || refresh { Self::from_stored(stored).map(Some) } else { Ok(None) }
    }

    /// Whether each key's signature verifies with `published`: a set that fails must not sign.
    #[must_use]
    pub fn all_verify_with(&self, published: &PublicKeySet, now: Timestamp) -> bool {
        const MESSAGE: &[u8] = b"Does this key sign what its published half verifies?";
        let live = |dated: &&Dated<SigningKey>| dated.retires_at.is_none_or(|at| now < at);
        self.access.iter().filter(live).all(|dated| {
            let jwk = published.find(&dated.key.jwk.kid, now);
            jwk.zip(dated.key.sign(MESSAGE).ok()).is_some_and(|(jwk, signature)| jwk.verifies(MESSAGE, &signature))
        })
    }

    /// Whether a rotation may still end with this set in place of `current`: its times hold only if it does soon after they were
    /// set, and a withdrawal since then would be undone.
    #[must_use]
    pub fn may_replace(&self, current: Option<&Self>, now: Timestamp) -> bool {
        let is_recent =
            self.stored.access_keys.last().is_some_and(|youngest| now <= youngest.published_at + LONGEST_ROTATION);
        is_recent
            && current.is_none_or(|current| {
                succeed(&self.stored.access_keys, &current.stored.access_keys, now)
                    && succeed(&self.stored.refresh_keys, &current.stored.refresh_keys, now)
            })
    }

    /// What verifiers get to know while `current` signs and this set is still to come: its youngest key too. Of its others only
    /// those that are current still, which a withdrawal may have changed; and no retirement for its sake, since it may never come.
    #[must_use]
    pub fn announced_beside(&self, current: Option<&Self>) -> PublicKeySet {
        let mut announced = current.map(Self::public).unwrap_or_default();
        if let Some(youngest) = self.public().keys.pop()
            && announced.keys.iter().all(|known| known.jwk.kid != youngest.jwk.kid)
        {
            announced.keys.push(youngest);
        }
        announced
    }
}

/// Whether `next` is `keys` and one more, but for what has retired.
fn succeed(next: &[StoredKey], keys: &[StoredKey], now: Timestamp) -> bool {
    let Some((_new, kept)) = next.split_last() else { return false };
    let has = |keys: &[StoredKey], id: &str| keys.iter().any(|key| key.id == id);
    kept.iter().all(|key| has(keys, &key.id))
        && keys.iter().all(|key| has(kept, &key.id) || key.retires_at.is_some_and(|at| at <= now))
}
