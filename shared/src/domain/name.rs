mod links;
mod visibility;

use std::fmt;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use self::links::{could_be_link, holds_markup_or_link};
use self::visibility::{is_blank, trim};
use super::{Code, Rejected};

const MAX_CODE_POINTS: usize = 64;

/// What a user wants to be called: one line of plain text, 1 to 64 code points, in NFC, trimmed.
///
/// Anyone can register with anyone's address, and the welcome mail shows the name. So a name holds no link, no markup, no line
/// break and no override of direction.
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
    /// Trims and normalises `text`, and refuses it if it can be no name or could do harm in a mail.
    pub fn parse(text: &str) -> Result<Self, Rejected> {
        if text.chars().all(is_blank) {
            return Err(Rejected::new(Code::TooSmall, "Name must be at least 1 character"));
        }
        let normalised: String = text.nfc().collect();
        if normalised.chars().any(breaks_the_line) {
            return Err(not_one_line());
        }
        let name = trim(&normalised);
        if name.chars().count() > MAX_CODE_POINTS {
            return Err(Rejected::new(Code::TooBig, format!("Name must be at most {MAX_CODE_POINTS} characters")));
        }
        if name.chars().any(marks_direction) {
            return Err(not_one_line());
        }
        if holds_markup_or_link(name) {
            return Err(Rejected::new(Code::Custom, "Name must not contain markup, links or addresses"));
        }
        Ok(Self(name.to_owned()))
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether a mail program or a phone could make the name, or a part of it, clickable. No mail may show such a name.
    ///
    /// Some of these are plausible names ("St.John"), so they are not refused.
    #[must_use]
    pub fn could_be_link(&self) -> bool {
        could_be_link(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Name(redacted)")
    }
}

fn not_one_line() -> Rejected {
    Rejected::new(Code::Custom, "Name must be one line without control characters")
}

/// Returns whether `c` is a control, a line or paragraph separator, or an embedding, override or isolate of direction (UAX 9).
/// They are refused at the ends of a name too, where white space is trimmed.
fn breaks_the_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns whether `c` is an invisible mark of direction (UAX 9). Copied text often has them at its ends, where they are trimmed.
fn marks_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{61c}')
}

#[cfg(test)]
mod tests;
