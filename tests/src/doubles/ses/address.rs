//! Which addresses SES takes. The reasons that it gives are those of `JavaMail`, and so are these.

use super::super::wire::Refusal;

/// The bare address in `text`, which is either one or `display name <address>`.
///
/// # Errors
/// `InvalidParameterValue` when it is no address, or holds line breaks or anything beyond ASCII.
pub(super) fn bare(text: &str) -> Result<&str, Refusal> {
    if !text.is_ascii() {
        return Err(refuse("Address contains non-ASCII characters; use Punycode for a domain, RFC 2047 for a name"));
    }
    if text.contains(|c: char| c.is_ascii_control()) {
        return Err(refuse("Local address contains control or whitespace"));
    }
    let text = text.trim();
    let Some((name, address)) = text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) else {
        return check(text);
    };
    if !is_display_name(name.trim()) {
        return Err(refuse("Illegal address"));
    }
    check(address)
}

/// An identity or address with its domain in lower case; the part before the `@` tells capitals apart.
pub(super) fn lowercase_domain(identity: &str) -> String {
    match identity.rsplit_once('@') {
        Some((local, domain)) => format!("{local}@{}", domain.to_ascii_lowercase()),
        None => identity.to_ascii_lowercase(),
    }
}

/// A name may stand as it is unless it holds one of RFC 5322's specials; then it needs quotes, in which a backslash goes before
/// each quote and backslash.
fn is_display_name(name: &str) -> bool {
    let Some(inside) = quoted(name) else {
        return !name.contains(['(', ')', '<', '>', '@', ',', ';', ':', '\\', '"', '[', ']']);
    };
    let mut characters = inside.chars();
    while let Some(character) = characters.next() {
        if character == '"' || (character == '\\' && characters.next().is_none()) {
            return false;
        }
    }
    true
}

fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('"')?.strip_suffix('"')
}

fn check(address: &str) -> Result<&str, Refusal> {
    let (local, domain) = address.rsplit_once('@').ok_or_else(|| refuse("Missing final '@domain'"))?;
    check_local(local)?;
    check_domain(domain)?;
    Ok(address)
}

fn check_local(local: &str) -> Result<(), Refusal> {
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    if local.is_empty() {
        return Err(refuse("Missing local name"));
    }
    if local.len() > 64 {
        return Err(refuse("Local address is longer than 64 characters"));
    }
    if quoted(local).is_some_and(|inside| !inside.contains(['"', '\\'])) {
        return Ok(());
    }
    if local.starts_with('.') {
        return Err(refuse("Local address starts with dot"));
    }
    if local.ends_with('.') {
        return Err(refuse("Local address ends with dot"));
    }
    if local.contains("..") {
        return Err(refuse("Local address contains dot-dot"));
    }
    if local.contains(' ') {
        return Err(refuse("Local address contains control or whitespace"));
    }
    if !local.chars().all(atom) {
        return Err(refuse("Local address contains illegal character"));
    }
    Ok(())
}

fn check_domain(domain: &str) -> Result<(), Refusal> {
    if domain.is_empty() {
        return Err(refuse("Missing domain"));
    }
    if domain.len() > 255 {
        return Err(refuse("Domain is longer than 255 characters"));
    }
    if domain.starts_with('.') {
        return Err(refuse("Domain starts with dot"));
    }
    if domain.ends_with('.') {
        return Err(refuse("Domain ends with dot"));
    }
    if domain.contains("..") {
        return Err(refuse("Domain contains dot-dot"));
    }
    if domain.contains(' ') {
        return Err(refuse("Domain contains control or whitespace"));
    }
    if !domain.split('.').all(is_label) {
        return Err(refuse("Domain contains illegal character"));
    }
    Ok(())
}

fn is_label(label: &str) -> bool {
    label.len() <= 63
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn refuse(reason: &'static str) -> Refusal {
    Refusal::new("InvalidParameterValue", reason)
}
