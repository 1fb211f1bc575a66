use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use super::{Code, Rejected};

const MAX_CODE_POINTS: usize = 64;

/// What a user wants to be called: 1 to 64 code points in NFC, of plain text.
///
/// It is shown in a mail that anyone can have sent to anyone, so nothing that could be a link, markup, a line or a trick of
/// direction gets in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl TryFrom<String> for Name {
    type Error = Rejected;

    fn try_from(text: String) -> Result<Self, Rejected> {
        Self::parse(&text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl Name {
    /// The name that `text` is, normalised.
    pub fn parse(text: &str) -> Result<Self, Rejected> {
        if text.chars().count() > MAX_CODE_POINTS {
            return Err(too_long());
        }
        let name: String = text.nfc().collect();
        if name.chars().count() > MAX_CODE_POINTS {
            return Err(too_long());
        }
        if name.trim().is_empty() {
            return Err(Rejected::new(Code::TooSmall, "Name must be at least 1 character"));
        }
        if name.chars().any(is_unprintable) {
            return Err(Rejected::new(Code::Custom, "Name must be one line without control characters"));
        }
        let lower = name.to_lowercase();
        if ["<", ">", "@", "://", "www."].iter().any(|part| lower.contains(part)) {
            return Err(Rejected::new(Code::Custom, "Name must not contain markup, links or addresses"));
        }
        Ok(Self(name))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Name {
    /// Whether a mail program could make a link of it, or of a part: by a slash, or a dot between what could be two labels. What is
    /// between them and cannot be seen counts as seen: a mail program may drop it.
    #[must_use]
    pub fn could_be_link(&self) -> bool {
        let is_link = |word: &str| {
            let mut labels = word.split(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']); // IDNA's dots
            !labels.next().unwrap_or_default().is_empty() && labels.any(|label| label.chars().nth(1).is_some())
        };
        self.0.contains('/') || self.0.split_whitespace().any(is_link)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Name(redacted)")
    }
}

fn too_long() -> Rejected {
    Rejected::new(Code::TooBig, format!("Name must be at most {MAX_CODE_POINTS} characters"))
}

/// Controls, line and paragraph separators, and the marks, embeddings, overrides and isolates of direction (UAX 9).
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_people_are_taken() {
        // INP-03
        for text in ["Ada", "Ada Lovelace", "O'Hara", "李", "José", "Анна-Мария", &"a".repeat(64)] {
            assert_eq!(Name::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(Name::parse("Jose\u{301}").unwrap().as_str(), "José");
    }

    #[test]
    fn what_a_mail_program_would_make_a_link_of_is_found() {
        // INP-03
        for text in
            ["evil.com", "You won! Go to evil.com, now", "https:/evil", "evil\u{3002}com", "a.b.evil.co", "1.22"]
        {
            assert!(Name::parse(text).unwrap().could_be_link(), "{text}");
        }
        for text in ["Ada", "J.R.R. Tolkien", "Dr. Who", "Sammy Davis Jr.", "A.J", "...", "Ada ...and Co"] {
            assert!(!Name::parse(text).unwrap().could_be_link(), "{text}");
        }
    }

    #[test]
    fn what_could_be_more_than_a_name_is_refused() {
        // INP-03
        for text in [
            "",
            " ",
            "a\nb",
            "a\r\nBcc: c@d.co",
            "a\u{2028}b",
            "a\0",
            "a\u{7f}",
            "\u{202e}adA",
            "a\u{2066}b",
            "<b>Ada</b>",
            "Ada >",
            "ada@example.com",
            "http://evil.example",
            "WWW.evil.example",
            &"a".repeat(65),
        ] {
            assert!(Name::parse(text).is_err(), "{text:?}");
        }
    }
}
