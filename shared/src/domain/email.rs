use std::fmt;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};

use super::{Code, Rejected};

const MAX_LENGTH: usize = 254; // RFC 5321, 4.5.3.1.3: a path of 256 octets, less its angle brackets
const MAX_LOCAL_PART: usize = 64; // RFC 5321, 4.5.3.1.1

/// The address of one mailbox: an RFC 5321 dot-atom at a domain of two labels or more.
///
/// Quoted strings, comments, address literals and groups are refused. They are legal, but hardly any mailbox uses them,
/// and attackers use them to smuggle a second recipient past a check.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email {
    typed: String,
    canonical: String,
    local_part_length: usize,
}

impl TryFrom<String> for Email {
    type Error = Rejected;

    fn try_from(text: String) -> Result<Self, Rejected> {
        Self::parse(&text)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.typed
    }
}

impl Email {
    /// Reads an address. Any other text is refused with `invalid_string`.
    pub fn parse(text: &str) -> Result<Self, Rejected> {
        Self::read(text).ok_or(Rejected::new(Code::InvalidString, "Invalid email"))
    }

    fn read(text: &str) -> Option<Self> {
        let (local_part, domain) = text.split_once('@')?;
        if !is_dot_atom(local_part) || local_part.len() > MAX_LOCAL_PART {
            return None;
        }
        let domain = canonical_domain(domain)?;
        let canonical = format!("{}@{domain}", local_part.to_ascii_lowercase());
        (canonical.len() <= MAX_LENGTH && text.len() <= MAX_LENGTH).then(|| Self {
            typed: text.to_owned(),
            canonical,
            local_part_length: local_part.len(),
        })
    }

    /// Returns the address as the user typed it, for display.
    #[must_use]
    pub fn as_typed(&self) -> &str {
        &self.typed
    }

    /// Returns the form that decides uniqueness, login and limits: lower case, with the domain as A-labels.
    ///
    /// Dots and tags stay, because only the receiving host knows whether `a.b` is the mailbox `ab`.
    #[must_use]
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// Returns the address for SES: as typed, but with a domain in another script as A-labels, because SES accepts no
    /// other form.
    #[must_use]
    pub fn recipient(&self) -> String {
        if self.typed.is_ascii() {
            return self.typed.clone();
        }
        let (local_part, _) = self.typed.split_at(self.local_part_length);
        let (_, at_domain) = self.canonical.split_at(self.local_part_length);
        format!("{local_part}{at_domain}")
    }
}

/// Hides the address, because it is personal data and `{:?}` may end up in a log.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(redacted)")
    }
}

fn is_dot_atom(text: &str) -> bool {
    text.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atext))
}

/// Checks for an `atext` character (RFC 5322, 3.2.3).
fn is_atext(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

/// Returns the domain as lower-case A-labels (UTS 46, non-transitional). Only letters, digits and inner hyphens are
/// allowed.
///
/// Returns `None` for a domain of one label, and for one whose last label is a number.
fn canonical_domain(domain: &str) -> Option<String> {
    let ascii =
        Uts46::new().to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, DnsLength::Verify).ok()?;
    let (_, top_level) = ascii.rsplit_once('.')?;
    (!top_level.bytes().all(|byte| byte.is_ascii_digit())).then(|| ascii.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plain_mailbox_is_taken() {
        // INP-01
        for text in
            ["ada@example.com", "a.b+tag@sub.example.co", "o'hara@example.ie", "x@bücher.example", "A@EXAMPLE.COM"]
        {
            assert!(Email::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_not_one_plain_mailbox_is_refused() {
        // INP-01
        let too_long = format!("{}@{}.example.com", "a".repeat(64), "b".repeat(63) + &".c".repeat(60));
        let long_local_part = format!("{}@example.com", "a".repeat(65));
        let long_label = format!("a@{}.com", "b".repeat(64));
        for text in [
            "",
            "@",
            "a@",
            "@b.co",
            "a",
            "a@b",
            "a@b@c.com",
            "a b@c.com",
            "\"a b\"@c.com",
            "a(x)@c.com",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@example.123",
            ".a@b.co",
            "a.@b.co",
            "a..b@c.com",
            "a@.b.co",
            "a@b..co",
            "a@b.co.",
            "a@-b.co",
            "a@b-.co",
            "a@b_c.co",
            "a@b.co, c@d.co",
            "a@b.co;c@d.co",
            "A <a@b.co>",
            "a@b.co\r\nBcc: c@d.co",
            "a\0@b.co",
            "ä@b.co",
            " a@b.co",
            "a@b.co ",
            "a\u{202e}@b.co",
            "a@b\u{3002}\u{3002}co",
            &too_long,
            &long_local_part,
            &long_label,
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn one_canonical_form_that_canonicalises_to_itself() {
        // INP-02
        for (typed, canonical) in [
            ("Ada.Lovelace+Tag@Example.COM", "ada.lovelace+tag@example.com"),
            ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
            ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
            ("ada@straße.example", "ada@xn--strae-oqa.example"),
        ] {
            let email = Email::parse(typed).unwrap();
            assert_eq!(email.canonical(), canonical);
            assert_eq!(Email::parse(email.canonical()).unwrap().canonical(), canonical);
            assert_eq!(email.as_typed(), typed);
        }
    }

    #[test]
    fn mail_goes_to_the_address_as_typed_in_what_ses_can_carry() {
        // INP-02
        assert_eq!(Email::parse("Ada@Example.COM").unwrap().recipient(), "Ada@Example.COM");
        assert_eq!(Email::parse("Ada@BÜCHER.example").unwrap().recipient(), "Ada@xn--bcher-kva.example");
    }

    #[test]
    fn debug_shows_no_address() {
        assert_eq!(format!("{:?}", Email::parse("ada@example.com").unwrap()), "Email(redacted)");
    }
}
