//! Requests through a proxy of the deployment's own, such as `CloudFront`, which proves itself by a secret header.
//!
//! Behind a proxy all connections come from the proxy. It alone knows the client's address, and anyone can forge the
//! header that tells it. So the address is believed only beside the secret, and requests without the secret are refused.

use std::net::IpAddr;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::HeaderName;
use secrecy::{ExposeSecret, SecretString};

use super::Request;
use crate::error::ApiError;

const ORIGIN_SECRET: HeaderName = HeaderName::from_static("x-origin-secret");
/// `CloudFront` writes the client's address and port here.
const VIEWER_ADDRESS: HeaderName = HeaderName::from_static("cloudfront-viewer-address");
/// The routes that stay open beside the proxy. They read nothing that a client sends, and have no limit by client.
/// Verifiers and monitors call them at the API's own address too.
const OPEN: [&str; 3] = ["GET /health", "GET /.well-known/jwks.json", "GET /.well-known/openid-configuration"];

/// Returns the request with the address of its client, if it came through the proxy. Without `secrets` there is no
/// proxy, and the request stays as it is.
///
/// # Errors
/// [`ApiError::AroundProxy`] if the request did not come through the proxy, or if the proxy does not tell the address.
pub(super) fn admit(request: Request, secrets: &[SecretString]) -> Result<Request, ApiError> {
    if secrets.is_empty() || OPEN.contains(&&*request.route_key()) {
        return Ok(request);
    }
    let sent = request.header(ORIGIN_SECRET).ok_or(ApiError::AroundProxy("no secret"))?;
    // Every secret is compared, and each comparison takes the same time for all contents.
    let matches = secrets.iter().filter(|secret| is_equal(secret, sent)).count();
    if matches == 0 {
        return Err(ApiError::AroundProxy("wrong secret"));
    }
    let address = request.header(VIEWER_ADDRESS).and_then(client_address);
    let address = address.ok_or(ApiError::AroundProxy("the proxy does not tell the client's address"))?;
    Ok(request.of_client_at(address))
}

fn is_equal(secret: &SecretString, sent: &str) -> bool {
    verify_slices_are_equal(secret.expose_secret().as_bytes(), sent.as_bytes()).is_ok()
}

/// Reads `192.0.2.1:443`, `2001:db8::1:443` or `[2001:db8::1]:443`.
fn client_address(text: &str) -> Option<IpAddr> {
    let (address, port) = text.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    let address = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    address.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_address_stands_before_its_port() {
        // LIM-04
        for (text, address) in [
            ("198.51.100.10:46532", Some("198.51.100.10")),
            ("2001:db8:1:2::7:46532", Some("2001:db8:1:2::7")),
            ("2001:0db8:0001:0002:0000:0000:0000:0007:46532", Some("2001:db8:1:2::7")),
            ("[2001:db8:1:2::7]:46532", Some("2001:db8:1:2::7")),
            ("::ffff:192.0.2.7:80", Some("::ffff:192.0.2.7")),
            ("198.51.100.10", None),
            ("198.51.100.10:", None),
            ("198.51.100.10:65536", None),
            ("198.51.100.10:http", None),
            ("198.51.100.10,198.51.100.11:80", None),
            ("[2001:db8::1:80", None),
            ("localhost:80", None),
            (":80", None),
            ("", None),
        ] {
            assert_eq!(client_address(text), address.map(|address| address.parse().unwrap()), "{text}");
        }
    }
}
