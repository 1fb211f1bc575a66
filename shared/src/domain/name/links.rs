//! What mail programs and phones make clickable.

use std::net::Ipv6Addr;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::visibility::is_invisible;

/// The fewest digits that phones recognise as a telephone number.
const PHONE_DIGITS: usize = 7;
/// The fewest digits, and digits and letters together, of a telephone number with letters, such as 1-800-FLOWERS.
const VANITY_DIGITS: usize = 3;
const VANITY_LENGTH: usize = 10;

/// Returns `text` in the form in which links are looked for: in NFKC and lower case, with U+3002 for every full stop but the ASCII
/// one, and with one slash, one backslash and one colon.
fn normalise(text: &str) -> String {
    text.chars().map(plain).nfkc().flat_map(char::to_lowercase).collect()
}

fn without_invisible(text: &str) -> String {
    text.chars().filter(|c| !is_invisible(*c)).collect()
}

/// Returns one character for all those that programs, or readers, take for the same one as `c`.
fn plain(c: char) -> char {
    match c {
        // Every character that Unicode calls a full stop. They do not become ASCII, because some programs read them as letters.
        '\u{589}' | '\u{6d4}' | '\u{701}' | '\u{702}' | '\u{1362}' | '\u{166e}' | '\u{1803}' | '\u{1809}'
        | '\u{2024}' | '\u{2cf9}' | '\u{2cfe}' | '\u{2e3c}' | '\u{a4ff}' | '\u{a60e}' | '\u{a6f3}' | '\u{fe52}'
        | '\u{ff0e}' | '\u{16af5}' | '\u{16e98}' | '\u{1bc9f}' | '\u{1da88}' => '\u{3002}',
        '\u{2044}' | '\u{2215}' | '\u{2571}' | '\u{29f8}' => '/',
        '\u{2216}' | '\u{29f5}' | '\u{29f9}' => '\\',
        '\u{2236}' => ':',
        _ => c,
    }
}

fn is_full_stop(c: char) -> bool {
    matches!(c, '.' | '\u{3002}')
}

/// Returns whether `text` holds markup, an address, or the beginning of a URL. Such a name is refused.
pub(super) fn holds_markup_or_link(text: &str) -> bool {
    let text = without_invisible(&normalise(text));
    ["<", ">", "@", "://", "www.", "www\u{3002}"].iter().any(|part| text.contains(part))
}

/// Returns whether a part of `text` could become a link: a URL, a path to a file share, a domain, an IP address, a telephone number
/// or a hash tag.
pub(super) fn could_be_link(text: &str) -> bool {
    let shown = normalise(text);
    let text = without_invisible(&shown); // some programs drop invisible characters, others read them as letters
    text.contains("//")
        || text.contains("\\\\")
        || has_scheme(&text)
        || has_hash_tag(&text)
        || has_ip_address(&text)
        || has_phone_number(&text)
        || text.split_whitespace().any(is_vanity_number)
        || text.split_whitespace().chain(shown.split_whitespace()).any(has_domain)
}

/// Returns whether a colon stands between what could be a URL's scheme, such as `tel` or `mailto`, and what follows it.
///
/// A scheme has two characters or more here, so that "K:son" is none. It is in ASCII, so that the long vowels of Mohawk names
/// ("Tó:ra") are none.
fn has_scheme(text: &str) -> bool {
    text.match_indices(':').any(|(at, colon)| {
        let (before, after) = text.split_at(at);
        let (_, after) = after.split_at(colon.len());
        let scheme = before.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        scheme.len() >= 2
            && scheme.bytes().any(|byte| byte.is_ascii_alphabetic())
            && after.starts_with(|c: char| !c.is_whitespace())
    })
}

fn has_hash_tag(text: &str) -> bool {
    text.split('#').skip(1).any(|tag| tag.starts_with(char::is_alphabetic))
}

/// Returns whether a full stop in `word` stands behind something and before what could be a top-level domain: two letters or digits
/// at least, so that the initials of "J.R.R." are none. An ellipsis, as in "Wait...what", divides no domain.
fn has_domain(word: &str) -> bool {
    word.match_indices(is_full_stop).any(|(at, full_stop)| {
        let (before, after) = word.split_at(at);
        let label = after.chars().skip(1).take_while(|c| c.is_alphanumeric() || is_combining_mark(*c));
        let is_ellipsis = full_stop == "." && before.ends_with('.');
        !before.is_empty() && !is_ellipsis && label.count() >= 2
    })
}

fn has_ip_address(text: &str) -> bool {
    let is_ipv4 = |part: &str| part.split(is_full_stop).filter(|number| !number.is_empty()).count() >= 4;
    let is_ipv6 = |part: &str| part.parse::<Ipv6Addr>().is_ok_and(|address| !address.is_unspecified());
    text.split(|c: char| !c.is_numeric() && !is_full_stop(c)).any(is_ipv4)
        || text.split(|c: char| !c.is_ascii_hexdigit() && c != ':' && c != '.').any(is_ipv6)
}

/// Returns whether seven digits, of any script, stand together with no letter between them.
fn has_phone_number(text: &str) -> bool {
    text.split(char::is_alphabetic).any(|part| part.chars().filter(|c| c.is_numeric()).count() >= PHONE_DIGITS)
}

fn is_vanity_number(word: &str) -> bool {
    let word = word.trim_start_matches(['+', '(']);
    word.starts_with(|c: char| c.is_ascii_digit())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || "-.()\u{3002}".contains(c))
        && word.bytes().filter(u8::is_ascii_digit).count() >= VANITY_DIGITS
        && word.bytes().filter(u8::is_ascii_alphanumeric).count() >= VANITY_LENGTH
}
