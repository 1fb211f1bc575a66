use std::fmt;

use super::{Code, Rejected};

const MAX_LENGTH: usize = 255;

/// The client's name for a request (draft-ietf-httpapi-idempotency-key-header): 1 to 255 visible ASCII characters,
/// taken as they are.
///
/// A request that is sent again under the same key is not carried out again.
#[derive(Clone)]
pub struct IdempotencyKey(Vec<u8>);

impl IdempotencyKey {
    /// Reads the value of the `Idempotency-Key` header.
    pub fn parse(value: &[u8]) -> Result<Self, Rejected> {
        if value.is_empty() {
            return Err(Rejected::new(Code::TooSmall, "Idempotency-Key must be at least 1 character"));
        }
        if value.len() > MAX_LENGTH {
            let message = format!("Idempotency-Key must be at most {MAX_LENGTH} characters");
            return Err(Rejected::new(Code::TooBig, message));
        }
        if !value.iter().all(u8::is_ascii_graphic) {
            return Err(Rejected::new(Code::InvalidString, "Idempotency-Key must be visible ASCII characters"));
        }
        Ok(Self(value.to_vec()))
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Hides the key, because clients may put anything into it.
impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_1_to_255_visible_ascii_characters() {
        // REG-06
        for good in [&b"1"[..], b"\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", b"!~", &[b'k'; 255]] {
            assert_eq!(IdempotencyKey::parse(good).unwrap().as_bytes(), good);
        }
        for (bad, code) in [
            (&b""[..], Code::TooSmall),
            (&[b'k'; 256], Code::TooBig),
            (b"a b", Code::InvalidString),
            (b"a\tb", Code::InvalidString),
            (b"a\x7f", Code::InvalidString),
            ("schlüssel".as_bytes(), Code::InvalidString),
        ] {
            assert_eq!(IdempotencyKey::parse(bad).unwrap_err().code, code, "{bad:?}");
        }
    }
}
