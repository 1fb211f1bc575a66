use secrecy::{ExposeSecret, SecretString};

use super::{MacKey, SessionId, UserId, mac_token};

const PREFIX: &str = "lk1.";

/// The content of a refresh token: the session, and the number of the token in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshClaim {
    pub user: UserId,
    pub session: SessionId,
    /// The number of the token in the session, from 0.
    pub counter: u64,
}

/// `lk1.` and base64url of key id, user id, session id, counter and MAC.
///
/// A token is computed when it is needed, and stored nowhere. So a stolen table yields no token, and a forged token
/// costs no read.
#[derive(Clone, Debug)]
pub struct RefreshToken(SecretString);

impl RefreshToken {
    /// Makes the one token of this claim under this key.
    #[must_use]
    pub fn mint(key: &MacKey, claim: &RefreshClaim) -> Self {
        let payload = [&claim.user.as_bytes()[..], claim.session.as_bytes(), &claim.counter.to_be_bytes()].concat();
        Self(mac_token::mint(PREFIX, key, &payload, &[]))
    }

    /// Returns the claim of an authentic token, or `None` for any other text. `key` finds a key by its id.
    pub fn open<'k>(text: &str, key: impl FnOnce([u8; 4]) -> Option<&'k MacKey>) -> Option<RefreshClaim> {
        let payload: [u8; 40] = mac_token::open(PREFIX, text, &[], key)?;
        let (user, rest) = payload.split_first_chunk::<16>()?;
        let (session, counter) = rest.split_first_chunk::<16>()?;
        Some(RefreshClaim {
            user: UserId::from_bytes(*user),
            session: SessionId::from_bytes(*session),
            counter: u64::from_be_bytes(counter.try_into().ok()?),
        })
    }

    /// Returns the token's text, for the response that hands it out.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_carries_its_claim() {
        let key = MacKey::new([0, 0, 0, 1], vec![1; 32].into());
        let claim =
            RefreshClaim { user: UserId::from_bytes([1; 16]), session: SessionId::from_bytes([2; 16]), counter: 7 };
        let token = RefreshToken::mint(&key, &claim);
        assert!(token.expose().starts_with("lk1."));
        assert_eq!(RefreshToken::open(token.expose(), |id| (id == key.id()).then_some(&key)), Some(claim));
    }
}
