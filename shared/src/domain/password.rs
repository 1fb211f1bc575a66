use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;

use super::{Code, Rejected};

const MAX_CODE_POINTS: usize = 128;
const MAX_BYTES: usize = 512;

/// A password that somebody presents. It has no `Display` and no `Serialize`, and its `Debug` is redacted.
#[derive(Clone, Debug)]
pub struct Password(SecretString);

impl Password {
    /// The password in NFKC (NIST SP 800-63B, 3.1.1.2), whatever its characters, untrimmed. Over 128 code points or 512
    /// bytes is refused before any work is done on it, and nothing is ever cut off.
    pub fn parse(text: &str) -> Result<Self, Rejected> {
        if text.is_empty() {
            return Err(Rejected::new(Code::TooSmall, "Password required"));
        }
        if text.len() > MAX_BYTES || text.chars().count() > MAX_CODE_POINTS {
            return Err(Rejected::new(
                Code::TooBig,
                format!("Password must be at most {MAX_CODE_POINTS} characters and {MAX_BYTES} bytes"),
            ));
        }
        Ok(Self(text.nfkc().collect::<String>().into()))
    }

    /// What the hash is made of.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// A password that somebody chooses: long enough besides.
#[derive(Clone, Debug)]
pub struct NewPassword(Password);

impl NewPassword {
    /// A [`Password`] of at least `min_length` code points, counted as they will be hashed.
    pub fn parse(text: &str, min_length: usize) -> Result<Self, Rejected> {
        let too_short = || Rejected::new(Code::TooSmall, format!("Password must be at least {min_length} characters"));
        if text.is_empty() {
            return Err(too_short());
        }
        let password = Password::parse(text)?;
        if password.expose().chars().count() < min_length {
            return Err(too_short());
        }
        Ok(Self(password))
    }

    /// The password itself.
    #[must_use]
    pub const fn password(&self) -> &Password {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_all_that_is_asked() {
        // PWD-03
        for text in ["12345678", "        ", "пароль-пароль", "🔑🔑🔑🔑🔑🔑🔑🔑", &"a".repeat(64), &"a".repeat(128)]
        {
            assert!(NewPassword::parse(text, 8).is_ok(), "{text}");
        }
        for text in ["", "1234567", "🔑🔑🔑🔑🔑🔑🔑"] {
            assert_eq!(NewPassword::parse(text, 8).unwrap_err().code, Code::TooSmall);
        }
    }

    #[test]
    fn too_long_is_refused_and_never_cut() {
        // PWD-03
        for text in ["a".repeat(129), "🔑".repeat(129), "\u{fdfa}".repeat(171)] {
            assert_eq!(NewPassword::parse(&text, 8).unwrap_err().code, Code::TooBig);
            assert_eq!(Password::parse(&text).unwrap_err().code, Code::TooBig);
        }
    }

    #[test]
    fn one_spelling_of_what_looks_and_means_the_same() {
        let composed = Password::parse("caf\u{e9} \u{fb01}n").unwrap();
        let decomposed = Password::parse("cafe\u{301} fin").unwrap();
        assert_eq!(composed.expose(), decomposed.expose());
    }

    #[test]
    fn debug_shows_no_password() {
        // PWD-09
        let shown = format!("{:?}", NewPassword::parse("correct horse", 8).unwrap());
        assert!(!shown.contains("correct"), "{shown}");
    }
}
