use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::{Email, Name};

/// How many words are used, and how long each of them is. Shorter ones are in many passwords by chance.
const MAX_WORDS: usize = 24;
const MIN_WORD_LENGTH: usize = 3;
const MAX_WORD_LENGTH: usize = 28;
/// The shortest part of a personal text that is refused as a password although it is no word.
const MIN_PART_LENGTH: usize = 8;

/// What an attacker who guesses a user's password may know of the user.
pub struct PersonalWords {
    words: Vec<String>,
    texts: Vec<String>,
}

impl PersonalWords {
    /// Collects the address, the name and the service's name, whole and in parts.
    #[must_use]
    pub fn new(email: &Email, name: Option<&Name>, service_name: &str) -> Self {
        let address = email.as_typed();
        let (local_part, domain) = address.split_once('@').unwrap_or_default();
        Self::of([name.map_or("", Name::as_str), service_name, local_part, address, domain])
    }

    /// Collects the words of the service's name alone, for a user who is not known yet.
    #[must_use]
    pub fn of_service(service_name: &str) -> Self {
        Self::of([service_name])
    }

    fn of<const N: usize>(texts: [&str; N]) -> Self {
        let texts = texts.map(|text| text.nfkc().collect::<String>());
        let mut words = Vec::new();
        for text in &texts {
            let parts = text.split(|c: char| !c.is_alphanumeric());
            let whole = [beginning(text), end(text), beginning(&parts.clone().collect::<String>())];
            for word in whole.into_iter().chain(parts.map(beginning)) {
                if word.chars().count() >= MIN_WORD_LENGTH && words.len() < MAX_WORDS && !words.contains(&word) {
                    words.push(word);
                }
            }
        }
        Self { words, texts: texts.iter().map(|text| letters_and_digits(text.chars())).collect() }
    }

    /// Returns the words, as `zxcvbn` takes them.
    pub(super) fn words(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }

    /// Returns whether `text` stands in the address or in a name, whatever its capitals and its punctuation.
    pub(super) fn contain(&self, text: &[char]) -> bool {
        let text = letters_and_digits(text.iter().copied());
        text.chars().count() >= MIN_PART_LENGTH && self.texts.iter().any(|known| known.contains(&text))
    }
}

/// Addresses and names do not reach a log by way of `{:?}`.
impl fmt::Debug for PersonalWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonalWords(redacted)")
    }
}

fn letters_and_digits(text: impl Iterator<Item = char>) -> String {
    text.filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn beginning(text: &str) -> String {
    text.chars().take(MAX_WORD_LENGTH).collect()
}

fn end(text: &str) -> String {
    text.chars().skip(text.chars().count().saturating_sub(MAX_WORD_LENGTH)).collect()
}
