//! The names that a request may call this machine by.
//!
//! A page of another site can have a name of its own resolve to 127.0.0.1 ("DNS rebinding"). Its browser then lets it read every
//! answer. Such a request carries the page's name in `Host`, so a server on loopback refuses names that are not loopback's.

use std::net::IpAddr;

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, Uri};

/// Checks that a request names this machine, by a loopback name or by one of `others`. A request without a name is no browser's.
#[must_use]
pub fn is_known(uri: &Uri, headers: &HeaderMap, others: &[String]) -> bool {
    let in_headers = headers.get_all(HOST).iter().map(|value| value.to_str().ok()?.parse::<Authority>().ok());
    let in_uri = uri.authority().cloned().map(Some);
    in_headers
        .chain(in_uri)
        .all(|authority| authority.is_some_and(|authority| is_name_of_ours(authority.host(), others)))
}

fn is_name_of_ours(host: &str, others: &[String]) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        || others.contains(&host)
}
