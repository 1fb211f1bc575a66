use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;

/// Crockford's base 32: no I, L, O and U, so that no two characters look alike.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CODE_BYTES: usize = 5;
/// The longest text that is read as a code: eight characters, and room for spaces and dashes.
const MAX_CODE_LENGTH: usize = 64;

/// A mailed code: 40 bits, shown as `7K3M-9XQ2`.
#[derive(Clone)]
pub struct MailCode([u8; CODE_BYTES]);

impl MailCode {
    /// Returns the code of a MAC: its first 40 bits.
    pub(super) fn of_mac(mac: &[u8]) -> Self {
        Self(mac.first_chunk().copied().unwrap_or_default())
    }

    /// Returns whether the codes are the same, in constant time.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }

    /// Reads a code as users type it: in any case, with spaces and dashes, with I and L for 1 and O for 0.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_CODE_LENGTH {
            return None;
        }
        let mut bits = 0_u64;
        let mut length = 0;
        for c in text.chars().filter(|c| !c.is_whitespace() && !is_dash(*c)) {
            let c = match c.to_ascii_uppercase() {
                'I' | 'L' => '1',
                'O' => '0',
                c => c,
            };
            let value = ALPHABET.iter().position(|letter| char::from(*letter) == c)?;
            bits = bits << 5 | u64::try_from(value).ok()?;
            length += 1;
            if length > 8 {
                return None;
            }
        }
        let [_, _, _, bytes @ ..] = bits.to_be_bytes();
        (length == 8).then_some(Self(bytes))
    }
}

/// Writes the code for a mail.
impl fmt::Display for MailCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for place in (0..8).rev() {
            let value = usize::try_from(bits >> (5 * place) & 31).unwrap_or_default();
            f.write_str(ALPHABET.get(value..=value).and_then(|c| std::str::from_utf8(c).ok()).unwrap_or_default())?;
            if place == 4 {
                f.write_str("-")?;
            }
        }
        Ok(())
    }
}

/// A code does not reach a log by way of `{:?}`.
impl fmt::Debug for MailCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailCode(redacted)")
    }
}

/// Returns whether users may mean a dash by `c`: keyboards and programs replace the plain one.
fn is_dash(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}')
}
