//! `MAIL_SENDER`: an address and the name that mail programs show in its place.

use std::fmt::Write as _;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::domain::Email;

/// The demand on `MAIL_SENDER`, in words for the operator.
pub(super) const WANTS: &str =
    "`address` or `Name <address>`, the address in lower case, the name of 64 characters at the most";

/// The most characters before the `<` of the address.
const MAX_NAME: usize = 64;
/// The most bytes of a name in one encoded word. 45 bytes are 60 characters in base64, and a word has at most 75
/// characters (RFC 2047, 2).
const MAX_ENCODED: usize = 45;

/// The sender of mails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    name: String,
    address: String,
}

impl Sender {
    /// Reads `Name <address>`, `<address>` or `address`.
    ///
    /// The name may be any text on one line, with or without quotes. The address must be ASCII in lower case, because
    /// the IAM policy compares it character by character.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, address) = match text.split_once('<') {
            Some((name, rest)) => (name, rest.strip_suffix('>')?),
            None => ("", text),
        };
        let is_unfit = |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER || matches!(c, '<' | '>' | '@');
        if name.contains(is_unfit) || name.chars().count() > MAX_NAME || !is_address(address) {
            return None;
        }
        let name = name.trim();
        Some(Self { name: unquoted(name).unwrap_or_else(|| name.to_owned()), address: address.to_owned() })
    }

    /// Returns the address alone. SES must know it as verified.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Returns the value of the `From` header, in ASCII.
    ///
    /// A name with punctuation is quoted (RFC 5322, 3.2.4), and a name in another script is encoded (RFC 2047). A name
    /// of plain words stays as it is, even if it contains encoded words.
    #[must_use]
    pub fn header(&self) -> String {
        let Self { name, address } = self;
        if name.is_empty() {
            return address.clone();
        }
        if !name.is_ascii() {
            return format!("{} <{address}>", encoded(name));
        }
        if name.bytes().all(|byte| byte == b' ' || is_atext(byte)) {
            return format!("{name} <{address}>");
        }
        format!("\"{}\" <{address}>", name.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

/// Checks for an address that the template's `Sender` allows. That pattern also allows texts that are no addresses.
fn is_address(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"@._%+-".contains(&byte);
    text.bytes().all(fits) && Email::parse(text).is_ok()
}

/// Checks for an `atext` character (RFC 5322, 3.2.3).
fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// Returns the content of a quoted string, or `None` for any other text.
fn unquoted(text: &str) -> Option<String> {
    let mut characters = text.strip_prefix('"')?.strip_suffix('"')?.chars();
    let mut name = String::new();
    while let Some(character) = characters.next() {
        match character {
            '"' => return None,
            '\\' => name.push(characters.next()?),
            _ => name.push(character),
        }
    }
    Some(name)
}

/// Returns the name as encoded words. No character is split between two words.
fn encoded(name: &str) -> String {
    let mut words = vec![String::new()];
    for character in name.chars() {
        match words.last_mut() {
            Some(word) if word.len() + character.len_utf8() <= MAX_ENCODED => word.push(character),
            _ => words.push(character.to_string()),
        }
    }
    let mut header = String::new();
    for (index, word) in words.iter().enumerate() {
        let space = if index == 0 { "" } else { " " };
        let _ = write!(header, "{space}=?UTF-8?B?{}?=", STANDARD.encode(word));
    }
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Option<String> {
        Sender::parse(text).map(|sender| sender.header())
    }

    #[test]
    fn a_name_is_quoted_or_encoded_where_a_header_needs_it() {
        // FLT-05
        for (text, expected) in [
            ("no-reply@example.com", "no-reply@example.com"),
            ("<no-reply@example.com>", "no-reply@example.com"),
            (" <no-reply@example.com>", "no-reply@example.com"),
            ("Latchkey <no-reply@example.com>", "Latchkey <no-reply@example.com>"),
            ("Latchkey<no-reply@example.com>", "Latchkey <no-reply@example.com>"),
            ("R&D at Acme <a@example.com>", "R&D at Acme <a@example.com>"),
            ("Acme, Inc. <a@example.com>", "\"Acme, Inc.\" <a@example.com>"),
            ("\"Acme, Inc.\" <a@example.com>", "\"Acme, Inc.\" <a@example.com>"),
            ("\"Acme\" <a@example.com>", "Acme <a@example.com>"),
            ("The \"Best\" Shop <a@example.com>", "\"The \\\"Best\\\" Shop\" <a@example.com>"),
            ("\"a\" and \"b\" <a@example.com>", "\"\\\"a\\\" and \\\"b\\\"\" <a@example.com>"),
            ("a\\b <a@example.com>", "\"a\\\\b\" <a@example.com>"),
            ("Müller & Söhne <a@example.com>", "=?UTF-8?B?TcO8bGxlciAmIFPDtmhuZQ==?= <a@example.com>"),
            ("\"Müller\" <a@example.com>", "=?UTF-8?B?TcO8bGxlcg==?= <a@example.com>"),
            ("=?UTF-8?Q?M=C3=BCller?= <a@example.com>", "=?UTF-8?Q?M=C3=BCller?= <a@example.com>"),
        ] {
            assert_eq!(header(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_long_name_becomes_words_of_whole_characters() {
        // FLT-05; RFC 2047, 2: 75 characters a word
        let name = "漢字かな交じり文".repeat(8);
        let header = header(&format!("{name}<a@example.com>")).unwrap();
        let words: Vec<_> = header.strip_suffix(" <a@example.com>").unwrap().split(' ').collect();
        let decoded = words.iter().map(|word| {
            assert!(word.len() <= 75, "{word}");
            let base64 = word.strip_prefix("=?UTF-8?B?").unwrap().strip_suffix("?=").unwrap();
            String::from_utf8(STANDARD.decode(base64).unwrap()).unwrap()
        });
        assert_eq!(decoded.collect::<String>(), name);
        assert!(words.len() > 4);
    }

    #[test]
    fn what_cannot_be_a_sender_is_refused() {
        // FLT-05
        for text in [
            "",
            "nobody",
            "Nobody",
            "Latchkey no-reply@example.com",
            "Latchkey <no-reply@example.com",
            "no-reply@example.com>",
            "Latchkey <No-Reply@example.com>",
            "Latchkey <no-reply@Example.com>",
            "Latchkey <no-reply@bücher.example>",
            "Latchkey <o'hara@example.com>",
            "Latchkey <a..b@example.com>",
            "Latchkey <a@localhost>",
            "Latchkey <a@127.0.0.1>",
            "Latchkey <a@example.com> ",
            "Latchkey < a@example.com>",
            "A <a@example.com>, B <b@example.com>",
            "a@example.com, b@example.com",
            "a@example.com <b@example.com>",
            "A <a@example.com>\r\nBcc: b@example.com",
            "A\r\nBcc: b@example.com <a@example.com>",
            "A\u{7} <a@example.com>",
            "M\u{fffd}ller <a@example.com>",
            &format!("{} <a@example.com>", "x".repeat(64)),
        ] {
            assert_eq!(header(text), None, "{text:?}");
        }
    }
}
