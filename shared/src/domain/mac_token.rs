//! The form of every token that carries a MAC: a prefix, then base64url of key id, payload and HMAC-SHA-256.
//!
//! To add a token: choose a prefix that no other token has and a fixed layout of the payload, and add a type with
//! `mint` and `open`.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretSlice, SecretString};

const ID_LENGTH: usize = 4;
const MAC_LENGTH: usize = 32;

/// A key for HMAC-SHA-256 of 32 bytes or more, with the id that its tokens carry.
#[derive(Clone, Debug)]
pub struct MacKey {
    id: [u8; ID_LENGTH],
    secret: SecretSlice<u8>,
}

impl MacKey {
    /// The length of a new key in bytes. No key is shorter.
    pub const LENGTH: usize = 32;

    #[must_use]
    pub fn new(id: [u8; ID_LENGTH], secret: SecretSlice<u8>) -> Self {
        Self { id, secret }
    }

    /// Returns the id that the key's tokens carry.
    #[must_use]
    pub const fn id(&self) -> [u8; ID_LENGTH] {
        self.id
    }

    pub(crate) fn hmac(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.secret.expose_secret())
    }
}

/// Makes the token of `payload` under `key`. The same input always gives the same token.
///
/// The MAC also covers the prefix, so a token of one kind never passes as a token of another kind. It covers `context`
/// as well. The context is not in the token, so the code that opens the token must know it.
pub(super) fn mint(prefix: &'static str, key: &MacKey, payload: &[u8], context: &[u8]) -> SecretString {
    let mut bytes = [&key.id, payload].concat();
    let mac = hmac::sign(&key.hmac(), &[prefix.as_bytes(), &bytes, context].concat());
    bytes.extend_from_slice(mac.as_ref());
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)).into()
}

/// Returns the payload of an authentic token, or `None` for any other text. `key` finds a key by its id.
pub(super) fn open<'k, const N: usize>(
    prefix: &'static str,
    text: &str,
    context: &[u8],
    key: impl FnOnce([u8; ID_LENGTH]) -> Option<&'k MacKey>,
) -> Option<[u8; N]> {
    let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(prefix)?).ok()?;
    let (signed, mac) = bytes.split_at_checked(ID_LENGTH + N)?;
    if mac.len() != MAC_LENGTH {
        return None;
    }
    let (id, payload) = signed.split_first_chunk::<ID_LENGTH>()?;
    let message = [prefix.as_bytes(), signed, context].concat();
    hmac::verify(&key(*id)?.hmac(), &message, mac).ok()?;
    payload.try_into().ok()
}

/// Returns the payload of a token whose MAC is not checked yet, for tokens whose context depends on the payload.
pub(super) fn unverified_payload<const N: usize>(prefix: &'static str, text: &str) -> Option<[u8; N]> {
    let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(prefix)?).ok()?;
    let payload = bytes.get(ID_LENGTH..)?.get(..N)?;
    (bytes.len() == ID_LENGTH + N + MAC_LENGTH).then_some(payload.try_into().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAYLOAD: [u8; 5] = [1, 2, 3, 4, 5];

    fn key(id: u8) -> MacKey {
        MacKey::new([0, 0, 0, id], vec![id; MacKey::LENGTH].into())
    }

    fn opened(text: &str, context: &[u8]) -> Option<[u8; 5]> {
        let key = key(1);
        open("lkx1.", text, context, |id| (id == key.id()).then_some(&key))
    }

    #[test]
    fn a_token_opens_to_its_payload_in_its_own_context() {
        let token = mint("lkx1.", &key(1), &PAYLOAD, b"context");
        assert_eq!(opened(token.expose_secret(), b"context"), Some(PAYLOAD));
        assert_eq!(opened(token.expose_secret(), b"another"), None);
    }

    #[test]
    fn any_flipped_bit_is_refused() {
        // REF-01, LIM-05
        let token = mint("lkx1.", &key(1), &PAYLOAD, b"");
        let bytes = URL_SAFE_NO_PAD.decode(token.expose_secret().strip_prefix("lkx1.").unwrap()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(opened(&format!("lkx1.{}", URL_SAFE_NO_PAD.encode(flipped)), b""), None, "bit {bit}");
        }
    }

    #[test]
    fn another_key_another_form_or_another_length_is_refused() {
        // REF-01, LIM-05
        let token = mint("lkx1.", &key(1), &PAYLOAD, b"");
        let text = token.expose_secret();
        assert_eq!(opened(mint("lkx1.", &key(2), &PAYLOAD, b"").expose_secret(), b""), None);
        assert_eq!(opened(mint("lkx1.", &key(1), &PAYLOAD[..4], b"").expose_secret(), b""), None);
        assert_eq!(opened(mint("lky1.", &key(1), &PAYLOAD, b"").expose_secret(), b""), None);
        let another_prefix = mint("lky1.", &key(1), &PAYLOAD, b"").expose_secret().replace("lky1.", "lkx1.");
        for wrong in [
            "",
            "lkx1.",
            &text[5..],
            &another_prefix,
            &format!("{text}="),
            &text[..text.len() - 1],
            &format!("{text}AA"),
        ] {
            assert_eq!(opened(wrong, b""), None, "{wrong}");
        }
    }
}
