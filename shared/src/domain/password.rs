mod guessing;
mod repeats;
mod substitutions;

use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;
use zxcvbn::zxcvbn;

use self::guessing::weakness;
use super::{Code, PersonalWords, Rejected};

const MAX_CODE_POINTS: usize = 128;
const MAX_BYTES: usize = 512;

/// A password that a client presents. It has no `Display` and no `Serialize`, and its `Debug` is redacted.
#[derive(Clone, Debug)]
pub struct Password {
    /// As the client sent it. Hashes of other systems were made of this text.
    typed: SecretString,
    /// In NFKC. Our own hashes are made of this text.
    normal: SecretString,
}

impl Password {
    /// Keeps `text` and its form in NFKC (NIST SP 800-63B, 3.1.1.2). All characters are allowed, and none is trimmed or
    /// cut off.
    ///
    /// More than 128 code points or 512 bytes are refused before any work is done on them.
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
        Ok(Self { typed: text.into(), normal: text.nfkc().collect::<String>().into() })
    }

    /// Returns the text that a new hash is made of.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.normal.expose_secret()
    }

    /// Returns the text as it was typed.
    #[must_use]
    pub fn expose_typed(&self) -> &str {
        self.typed.expose_secret()
    }

    /// Returns whether the text was typed in NFKC. Then a new hash fits the same passwords as the hash of another system.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        self.expose_typed() == self.expose()
    }

    /// Returns whether the password contains a NUL character. Such a password opens no account, because bcrypt takes
    /// `ab` and `ab\0ab` for the same password.
    #[must_use]
    pub fn contains_nul(&self) -> bool {
        self.expose_typed().contains('\0')
    }
}

/// A password that a user chooses for an account.
#[derive(Clone, Debug)]
pub struct NewPassword(Password);

impl NewPassword {
    /// Returns a [`Password`] of at least `min_length` code points, both as it was typed and as it will be hashed.
    pub fn parse(text: &str, min_length: usize) -> Result<Self, Rejected> {
        let too_short = || Rejected::new(Code::TooSmall, format!("Password must be at least {min_length} characters"));
        if text.is_empty() {
            return Err(too_short());
        }
        let password = Password::parse(text)?;
        if text.chars().count().min(password.expose().chars().count()) < min_length {
            return Err(too_short());
        }
        if password.contains_nul() {
            return Err(Rejected::new(Code::InvalidString, "Password must not contain NUL characters"));
        }
        Ok(Self(password))
    }

    /// Refuses the password if an attacker finds it within a million guesses (Wheeler, "zxcvbn", USENIX Security 2016). The attacker
    /// knows `context`, and which passwords, words, names, dates and rows of keys are common.
    ///
    /// This takes a fraction of a hash's time for most passwords, and no more than two hashes for any.
    pub fn refuse_if_guessable(&self, context: &PersonalWords) -> Result<(), Rejected> {
        match weakness(self.0.expose(), context) {
            Some(reason) => Err(Rejected::new(Code::Custom, format!("Password is too easy to guess. {reason}"))),
            None => Ok(()),
        }
    }

    /// Builds the dictionaries before the first request needs them.
    pub fn warm_up() {
        zxcvbn("password", &[]);
    }

    /// Returns the password to hash.
    #[must_use]
    pub const fn password(&self) -> &Password {
        &self.0
    }
}

#[cfg(test)]
mod tests;
