use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::UnicodeNormalization;
use zxcvbn::feedback::Feedback;
use zxcvbn::{Score, zxcvbn};

use super::{Code, Email, Name, Rejected};

const MAX_CODE_POINTS: usize = 128;
const MAX_BYTES: usize = 512;

/// How much of a password is estimated, at its beginning and at its end: as a whole it takes no fewer guesses. An estimate's time
/// grows with the square of it, and would be half a second of the worst.
const ESTIMATED_CODE_POINTS: usize = 24;
/// The words that an estimate knows of a person, and how long each is at least: shorter ones are in many passwords by chance.
const MAX_WORDS: usize = 24;
const MIN_WORD_LENGTH: usize = 3;

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
    /// A [`Password`] of at least `min_length` code points, as it was typed and as it will be hashed.
    pub fn parse(text: &str, min_length: usize) -> Result<Self, Rejected> {
        let too_short = || Rejected::new(Code::TooSmall, format!("Password must be at least {min_length} characters"));
        if text.is_empty() {
            return Err(too_short());
        }
        let password = Password::parse(text)?;
        if text.chars().count().min(password.expose().chars().count()) < min_length {
            return Err(too_short());
        }
        Ok(Self(password))
    }

    /// Refuses it if somebody who knows `context`, and which passwords, words, names, dates and rows of keys are common, guesses it
    /// within a million guesses (Wheeler, "zxcvbn", USENIX Security 2016). To find out costs little, and at the worst what two hashes
    /// cost.
    pub fn refuse_if_guessable(&self, context: &PersonalWords) -> Result<(), Rejected> {
        let words: Vec<_> = context.0.iter().map(String::as_str).collect();
        let estimate = zxcvbn(&beginning(self.0.expose()), &words);
        if estimate.score() >= Score::Two || zxcvbn(&end(self.0.expose()), &words).score() >= Score::Two {
            return Ok(());
        }
        let reason = estimate.feedback().and_then(Feedback::warning).map(|warning| warning.to_string());
        let reason = reason.as_deref().unwrap_or("It is made of what is known of you, or of common words or dates.");
        Err(Rejected::new(Code::Custom, format!("Password is too easy to guess. {reason}")))
    }

    /// Makes the dictionaries, before the first password waits for them.
    pub fn warm_up() {
        zxcvbn("password", &[]);
    }

    /// The password itself.
    #[must_use]
    pub const fn password(&self) -> &Password {
        &self.0
    }
}

/// What whoever guesses a password may know of whom it belongs to.
pub struct PersonalWords(Vec<String>);

impl PersonalWords {
    /// The address, the name and the service's name, whole and in parts.
    #[must_use]
    pub fn new(email: &Email, name: Option<&Name>, service_name: &str) -> Self {
        let address = email.as_typed();
        let (local_part, domain) = address.split_once('@').unwrap_or_default();
        let mut words = Vec::new();
        for text in [name.map_or("", Name::as_str), service_name, local_part, address, domain] {
            let text: String = text.nfkc().collect();
            let parts = text.split(|c: char| !c.is_alphanumeric());
            let whole = [beginning(&text), end(&text), beginning(&parts.clone().collect::<String>())];
            for word in whole.into_iter().chain(parts.map(beginning)) {
                if word.chars().count() >= MIN_WORD_LENGTH && words.len() < MAX_WORDS && !words.contains(&word) {
                    words.push(word);
                }
            }
        }
        Self(words)
    }
}

/// Addresses and names do not reach a log by way of `{:?}`.
impl fmt::Debug for PersonalWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonalWords(redacted)")
    }
}

fn beginning(text: &str) -> String {
    text.chars().take(ESTIMATED_CODE_POINTS).collect()
}

fn end(text: &str) -> String {
    text.chars().skip(text.chars().count().saturating_sub(ESTIMATED_CODE_POINTS)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(text: &str) -> Result<NewPassword, Rejected> {
        let email = Email::parse("Grace.Hopper+navy@Bücher.example").unwrap();
        let context = PersonalWords::new(&email, Name::parse("Amazing Grace").as_ref().ok(), "Blue Harbour");
        let password = NewPassword::parse(text, 8)?;
        password.refuse_if_guessable(&context).map(|()| password)
    }

    #[test]
    fn no_kind_of_character_is_asked_for_and_none_is_refused() {
        // PWD-03, PWD-04
        for text in [
            "mnvtqzkw",
            "correct horse",
            "   two   words   ",
            "пароль-пароль",
            "🔑🚲🔑☂☕🔑🎈🔑",
            &"xylophone owls ".repeat(8),
        ] {
            assert!(choose(text).is_ok(), "{text}");
        }
        for beginning in ["a".repeat(24), "Grace.Hopper+navy@bücher.example".to_owned()] {
            assert!(choose(&format!("{beginning} and a zebra of mnvtqzkw")).is_ok(), "{beginning} is not all of it");
        }
        for text in ["", "1234567", "🔑🔑🔑🔑🔑🔑🔑", "\u{fdfa}", "\u{1112}\u{1161}\u{11ab}".repeat(3).as_str()]
        {
            assert_eq!(choose(text).unwrap_err().code, Code::TooSmall);
        }
    }

    #[test]
    fn what_is_guessed_first_is_refused_with_the_reason() {
        // PWD-05
        let common = "This is a top-10 common password.";
        let similar = "This is similar to a commonly used password.";
        let known = "It is made of what is known of you, or of common words or dates.";
        for (text, reason) in [
            ("password", common),
            ("P\u{ff41}ssword", common), // in NFKC
            ("P4ssw0rd", similar),
            ("drowssap", similar),
            ("qwertyuiop", "This is a top-100 common password."),
            ("aaaaaaaa", "Repeats like \"aaa\" are easy to guess."),
            ("        ", "Repeats like \"aaa\" are easy to guess."),
            ("abcdefgh", "Sequences like abc or 6543 are easy to guess."),
            ("19.12.1906", "Dates are often easy to guess."),
            ("gracehopper", known),
            ("HopperGrace", known),
            ("h0pp3rgr4c3", known),
            ("grace.hopper+navy@bücher.example", known),
            ("bücher.example", known),
            ("amazing grace", known),
            ("BlueHarbour1", known),
            (&"a".repeat(128), "Repeats like \"aaa\" are easy to guess."),
        ] {
            let rejected = choose(text).map(drop).expect_err(text);
            let expected = (Code::Custom, format!("Password is too easy to guess. {reason}"));
            assert_eq!((rejected.code, rejected.message.into_owned()), expected, "{text}");
        }
    }

    #[test]
    fn too_long_is_refused_and_never_cut() {
        // PWD-03
        for text in ["a".repeat(129), "🔑".repeat(129), "\u{fdfa}".repeat(171)] {
            assert_eq!(choose(&text).unwrap_err().code, Code::TooBig);
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
        let shown = format!("{:?}", choose("correct horse").unwrap());
        assert!(!shown.contains("correct"), "{shown}");
    }
}
