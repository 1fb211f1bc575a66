use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::{SessionId, UserId};

const PREFIX: &str = "lk1.";
const CLAIM_LENGTH: usize = 4 + 16 + 16 + 8;
const MAC_LENGTH: usize = 32;

/// A key that authenticates refresh tokens: HMAC-SHA-256, 32 bytes or more.
#[derive(Clone, Debug)]
pub struct MacKey {
    id: [u8; 4],
    secret: SecretSlice<u8>,
}

impl MacKey {
    /// A key with the id that its tokens name.
    #[must_use]
    pub fn new(id: [u8; 4], secret: SecretSlice<u8>) -> Self {
        Self { id, secret }
    }

    /// The id that its tokens name.
    #[must_use]
    pub const fn id(&self) -> [u8; 4] {
        self.id
    }

    fn hmac(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.secret.expose_secret())
    }
}

/// What a refresh token says: which session's, and which in its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshClaim {
    /// Whose session.
    pub user: UserId,
    /// Which session.
    pub session: SessionId,
    /// Which token of the session, from 0.
    pub counter: u64,
}

/// `lk1.` and base64url of key id, user id, session id, counter and the HMAC-SHA-256 over all before it.
///
/// It is made when it is asked for and kept nowhere: a stolen table yields no token, and a forged token costs no read.
#[derive(Clone, Debug)]
pub struct RefreshToken(SecretString);

impl RefreshToken {
    /// The one token of this claim under this key.
    #[must_use]
    pub fn mint(key: &MacKey, claim: &RefreshClaim) -> Self {
        let mut bytes = Vec::with_capacity(CLAIM_LENGTH + MAC_LENGTH);
        bytes.extend_from_slice(&key.id);
        bytes.extend_from_slice(claim.user.as_bytes());
        bytes.extend_from_slice(claim.session.as_bytes());
        bytes.extend_from_slice(&claim.counter.to_be_bytes());
        let mac = hmac::sign(&key.hmac(), &authenticated(&bytes));
        bytes.extend_from_slice(mac.as_ref());
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)).into())
    }

    /// The claim of an authentic token; nothing for any other text. `key` finds a key by its id.
    pub fn open<'k>(text: &str, key: impl FnOnce([u8; 4]) -> Option<&'k MacKey>) -> Option<RefreshClaim> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        if bytes.len() != CLAIM_LENGTH + MAC_LENGTH {
            return None;
        }
        let (claim, mac) = bytes.split_at(CLAIM_LENGTH);
        let (id, rest) = claim.split_first_chunk::<4>()?;
        let (user, rest) = rest.split_first_chunk::<16>()?;
        let (session, rest) = rest.split_first_chunk::<16>()?;
        let counter = rest.first_chunk::<8>()?;
        hmac::verify(&key(*id)?.hmac(), &authenticated(claim), mac).ok()?;
        Some(RefreshClaim {
            user: UserId::from_bytes(*user),
            session: SessionId::from_bytes(*session),
            counter: u64::from_be_bytes(*counter),
        })
    }

    /// The token, for the one answer that carries it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// The version is under the MAC too, so that no other use of a key can be taken for a token.
fn authenticated(claim: &[u8]) -> Vec<u8> {
    [PREFIX.as_bytes(), claim].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u8) -> MacKey {
        MacKey::new([0, 0, 0, id], vec![id; 32].into())
    }

    fn claim() -> RefreshClaim {
        RefreshClaim { user: UserId::from_bytes([1; 16]), session: SessionId::from_bytes([2; 16]), counter: 7 }
    }

    fn open(text: &str) -> Option<RefreshClaim> {
        RefreshToken::open(text, |id| (id == key(1).id()).then(|| Box::leak(Box::new(key(1))) as &MacKey))
    }

    #[test]
    fn a_token_carries_its_claim() {
        assert_eq!(open(RefreshToken::mint(&key(1), &claim()).expose()), Some(claim()));
    }

    #[test]
    fn any_flipped_bit_is_refused() {
        // REF-01
        let token = RefreshToken::mint(&key(1), &claim());
        let bytes = URL_SAFE_NO_PAD.decode(token.expose().strip_prefix(PREFIX).unwrap()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(open(&format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(flipped))), None, "bit {bit}");
        }
    }

    #[test]
    fn another_key_another_form_or_another_length_is_refused() {
        // REF-01
        let token = RefreshToken::mint(&key(1), &claim());
        let text = token.expose();
        assert_eq!(open(RefreshToken::mint(&key(2), &claim()).expose()), None);
        for wrong in [
            "",
            "lk1.",
            &text[4..],
            &format!("lk2.{}", &text[4..]),
            &format!("{text}="),
            &text[..text.len() - 1],
            &format!("{text}AA"),
        ] {
            assert_eq!(open(wrong), None, "{wrong}");
        }
    }
}
