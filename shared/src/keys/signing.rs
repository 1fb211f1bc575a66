use jiff::Timestamp;
use jsonwebtoken::EncodingKey;
use secrecy::ExposeSecret;

use super::set::{Dated, StoredKey, in_force};
use super::{Jwk, KeyError, KeySet, Keys, PublicKeySet, PublishedKey, Purpose, SecretKind, generation};
use crate::domain::MacKey;

/// The keys of the secret `SigningKeys`.
#[derive(Debug)]
pub struct SigningKeys {
    access: Vec<Dated<SigningKey>>,
    refresh: Vec<Dated<MacKey>>,
}

/// A private key that signs access tokens.
#[derive(Debug)]
pub struct SigningKey {
    jwk: Jwk,
    key: EncodingKey,
}

impl Keys for SigningKeys {
    const KIND: SecretKind = SecretKind::Signing;

    fn read(set: &KeySet) -> Result<Self, KeyError> {
        let access: Vec<_> = set.of(&Purpose::Access).map(SigningKey::read).collect::<Result<_, _>>()?;
        let refresh = set.mac_keys(&Purpose::Refresh)?;
        if access.is_empty() || refresh.is_empty() { Err(KeyError) } else { Ok(Self { access, refresh }) }
    }
}

impl SigningKeys {
    /// Returns the key that signs access tokens at `now`.
    #[must_use]
    pub fn access_key(&self, now: Timestamp) -> Option<&SigningKey> {
        in_force(&self.access, now)
    }

    /// Returns the key that authenticates refresh tokens made at `at`.
    ///
    /// A token that is given out again uses the time of its first making, so that its text stays the same.
    #[must_use]
    pub fn refresh_key(&self, at: Timestamp) -> Option<&MacKey> {
        in_force(&self.refresh, at)
    }

    /// Returns the refresh key with this id, unless it has retired.
    #[must_use]
    pub fn refresh_key_by_id(&self, id: [u8; 4], now: Timestamp) -> Option<&MacKey> {
        self.refresh.iter().find(|dated| dated.key.id() == id && dated.is_live(now)).map(|dated| &dated.key)
    }

    /// Returns the public halves of the access keys.
    #[must_use]
    pub fn public(&self) -> PublicKeySet {
        let publish =
            |dated: &Dated<SigningKey>| PublishedKey { jwk: dated.key.jwk.clone(), retires_at: dated.retires_at };
        PublicKeySet { keys: self.access.iter().map(publish).collect() }
    }

    /// Returns the keys to publish while `current` signs and this set is still to come: the keys of `current`, and the
    /// latest key of this set.
    ///
    /// Older keys of this set are published only if `current` still has them, because a withdrawal may have changed
    /// `current`. This set does not make any key retire yet, because the rotation may never end.
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

    /// Returns whether `published` verifies the signatures of every live access key. A set that fails this test must
    /// not sign.
    #[must_use]
    pub fn all_verify_with(&self, published: &PublicKeySet, now: Timestamp) -> bool {
        const MESSAGE: &[u8] = b"Does this key sign what its published half verifies?";
        self.access.iter().filter(|dated| dated.is_live(now)).all(|dated| {
            let jwk = published.find(&dated.key.jwk.kid, now);
            jwk.zip(dated.key.sign(MESSAGE).ok()).is_some_and(|(jwk, signature)| jwk.verifies(MESSAGE, &signature))
        })
    }
}

impl SigningKey {
    pub(super) fn read(stored: &StoredKey) -> Result<Dated<Self>, KeyError> {
        let pkcs8 = stored.bytes()?;
        let (key, jwk) = generation::signing_key(stored.alg.ok_or(KeyError)?, pkcs8.expose_secret())?;
        if jwk.kid == stored.id { Ok(stored.dated(Self { jwk, key })) } else { Err(KeyError) }
    }

    #[must_use]
    pub const fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// Returns the form that `jsonwebtoken` signs with.
    #[must_use]
    pub(crate) const fn encoding_key(&self) -> &EncodingKey {
        &self.key
    }

    /// Returns the signature over `message` in base64url (RFC 7518, 3.3 and 3.4).
    ///
    /// # Errors
    /// [`KeyError`] if the machine has no randomness.
    pub fn sign(&self, message: &[u8]) -> Result<String, KeyError> {
        jsonwebtoken::crypto::sign(message, &self.key, self.jwk.alg.into()).map_err(|_| KeyError)
    }
}
