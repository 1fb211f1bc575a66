//! The checks of settings. `template.yaml` has the same rules for its parameters, and `tests/suite/tidy/parameters.rs`
//! compares them.

/// A check, and its demand in words for the operator.
pub(super) struct Check {
    pub(super) wants: &'static str,
    pub(super) is_met: fn(&str) -> bool,
}

pub(super) const AUDIENCE: Check =
    Check { wants: "1 to 128 printable ASCII characters without spaces", is_met: is_audience };
pub(super) const ENDPOINT: Check = Check { wants: "a URL, such as http://127.0.0.1:4566", is_met: is_url };
pub(super) const ISSUER: Check =
    Check { wants: "an https:// URL without a query and without a slash at its end", is_met: is_issuer };
pub(super) const ORIGIN_SECRET: Check = Check {
    wants: "32 to 128 printable ASCII characters without spaces and commas, or two such secrets with a comma between",
    is_met: is_origin_secret,
};
pub(super) const CONTACT: Check =
    Check { wants: "1 to 128 characters on one line, without `<` and `>`", is_met: is_contact };
pub(super) const RESET_URL: Check =
    Check { wants: "an https:// URL of printable ASCII characters, without quotes, `<` and `>`", is_met: is_reset_url };
pub(super) const SERVICE_NAME: Check =
    Check { wants: "1 to 64 characters on one line, without `<` and `>`", is_met: is_service_name };
pub(super) const SESSION_TOKEN: Check = Check { wants: "a session token (Lambda sets it)", is_met: is_word };
pub(super) const SUBJECT: Check = Check { wants: "1 to 128 characters on one line", is_met: is_subject };

pub(super) fn is_url(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else { return false };
    let (Some(host), Some(authority)) = (uri.host(), uri.authority()) else { return false };
    // `Uri::port` does not report a port that is not a number.
    let port = authority.as_str().strip_prefix(host).map(|rest| rest.strip_prefix(':').unwrap_or(rest));
    matches!(uri.scheme_str(), Some("http" | "https"))
        && !host.is_empty()
        && port.is_some_and(|port| port.is_empty() || is_port(port))
}

/// Checks for an HTTPS URL, as discovery demands (OpenID Connect Discovery 1.0, 3). Plain HTTP is allowed for the
/// loopback of development.
fn is_issuer(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let mut segments = rest.split('/');
    let authority = segments.next().unwrap_or_default();
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let is_development = scheme == "http" && matches!(host, "localhost" | "127.0.0.1");
    (scheme == "https" || is_development)
        && host.split('.').all(|label| consists_of(label, b"-"))
        && port.is_none_or(is_port)
        && segments.all(|segment| consists_of(segment, b"._~-") && !segment.starts_with('.'))
}

/// Checks for an HTTPS URL that a mail can carry. Plain HTTP is allowed for the loopback of development.
fn is_reset_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let is_development = scheme == "http" && matches!(host, "localhost" | "127.0.0.1");
    (scheme == "https" || is_development)
        && text.len() <= 512
        && host.split('.').all(|label| consists_of(label, b"-"))
        && port.is_none_or(is_port)
        && is_word(rest)
        && !rest.contains(['"', '<', '>'])
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0') && text.parse::<u16>().is_ok()
}

fn is_origin_secret(text: &str) -> bool {
    let is_secret = |text: &str| is_word(text) && (32..=128).contains(&text.len());
    text.split(',').count() <= 2 && text.split(',').all(is_secret)
}

fn is_audience(text: &str) -> bool {
    is_word(text) && text.len() <= 128
}

fn is_service_name(text: &str) -> bool {
    is_line(text) && text.chars().count() <= 64 && !text.contains(['<', '>'])
}

fn is_contact(text: &str) -> bool {
    is_line(text) && text.chars().count() <= 128 && !text.contains(['<', '>'])
}

fn is_subject(text: &str) -> bool {
    is_line(text) && text.chars().count() <= 128
}

fn is_line(text: &str) -> bool {
    !text.trim().is_empty() && !text.contains(|c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER)
}

/// Checks for printable ASCII without spaces.
pub(super) fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Checks for one or more characters that are ASCII letters, ASCII digits or in `others`.
fn consists_of(text: &str, others: &[u8]) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
}
