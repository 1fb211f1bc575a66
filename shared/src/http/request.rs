use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH};
use http::{HeaderName, Method};
use tracing::Span;

use crate::config::Config;
use crate::domain::IdempotencyKey;
use crate::error::{ApiError, Violation};
use crate::signing_keys::KeySet;
use crate::tokens::bearer;

const MAX_BODY: usize = 8 * 1024;
const MAX_USER_AGENT: usize = 200;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A request as API Gateway describes it (HTTP API, payload format 2.0).
pub struct Request(ApiGatewayV2httpRequest);

/// Its body and its headers hold secrets: they stay out.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("path", &self.path()).finish_non_exhaustive()
    }
}

impl Request {
    pub(super) const fn new(event: ApiGatewayV2httpRequest) -> Self {
        Self(event)
    }

    /// Returns the route that API Gateway chose: `GET /api/auth/sessions/{id}`.
    ///
    /// Under a `$default` route (`cargo lambda watch`) it is made of the method and the path, with each path parameter's name in
    /// the place of its value.
    #[must_use]
    pub fn route_key(&self) -> Cow<'_, str> {
        match self.0.route_key.as_deref() {
            Some(key) if key != "$default" => Cow::Borrowed(key),
            _ => Cow::Owned(format!("{} {}", self.method(), self.path_pattern())),
        }
    }

    fn path_pattern(&self) -> String {
        let mut segments: Vec<_> = self.path().split('/').map(Cow::Borrowed).collect();
        for (name, value) in &self.0.path_parameters {
            if let Some(segment) = segments.iter_mut().rfind(|segment| *segment == value) {
                *segment = Cow::Owned(format!("{{{name}}}"));
            }
        }
        segments.join("/")
    }

    /// The path, as sent.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.raw_path.as_deref().unwrap_or_default()
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.0.request_context.http.method
    }

    /// What stands in the path where the route has `{name}`.
    #[must_use]
    pub fn path_parameter(&self, name: &str) -> Option<&str> {
        self.0.path_parameters.get(name).map(String::as_str)
    }

    /// The token of `Authorization: Bearer <token>`.
    ///
    /// # Errors
    /// [`ApiError::NoToken`] when there is no such header.
    pub fn bearer_token(&self) -> Result<&str, ApiError> {
        let header = self.0.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        header.and_then(bearer).ok_or(ApiError::NoToken)
    }

    /// Whether the client has the answer of this entity tag, by weak comparison (RFC 9110, 13.1.2).
    pub(super) fn has_kept(&self, tag: &str) -> bool {
        let names = self.0.headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
        names.split(',').map(str::trim).any(|name| name == "*" || name.strip_prefix("W/").unwrap_or(name) == tag)
    }

    /// The `Idempotency-Key` header, if there is one.
    ///
    /// # Errors
    /// A [`Violation`] that names the header.
    pub fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, Violation> {
        let key = self.0.headers.get(IDEMPOTENCY_KEY).map(|value| IdempotencyKey::parse(value.as_bytes()));
        key.transpose().map_err(|rejected| Violation { field: Some("Idempotency-Key"), rejected })
    }

    /// The issuer of tokens: the configured one, or the address at which the API was called.
    ///
    /// # Errors
    /// [`ApiError::Internal`] when neither is known.
    pub fn issuer(&self, config: &Config) -> Result<String, ApiError> {
        if let Some(issuer) = &config.issuer {
            return Ok(issuer.clone());
        }
        match self.0.request_context.domain_name.as_deref() {
            Some(domain) if !domain.is_empty() => Ok(format!("https://{domain}")),
            _ => Err(ApiError::Internal("ISSUER is not set and the event has no domain name".to_owned())),
        }
    }

    /// The client's network: an IPv4 address or the /64 of an IPv6 one, by API Gateway's word alone. Forwarded headers are
    /// the client's to forge.
    #[must_use]
    pub fn network(&self) -> Option<String> {
        let address: IpAddr = self.0.request_context.http.source_ip.as_deref()?.parse().ok()?;
        match address.to_canonical() {
            IpAddr::V4(address) => Some(address.to_string()),
            IpAddr::V6(address) => {
                let network = address.to_bits() >> 64 << 64;
                Some(format!("{}/64", std::net::Ipv6Addr::from_bits(network)))
            }
        }
    }

    /// The network that the request counts for: who comes from nowhere comes from one. What is logged from here on bears its pseudonym.
    #[must_use]
    pub fn counted_network(&self, keys: &KeySet) -> String {
        let network = self.network().unwrap_or_default();
        Span::current().record("network", keys.pseudonym(&network));
        network
    }

    /// What the client calls itself, one line of at most 200 characters.
    #[must_use]
    pub fn user_agent(&self) -> Option<String> {
        let text = self.0.request_context.http.user_agent.as_deref()?;
        let line: String = text.chars().filter(|c| !c.is_control()).take(MAX_USER_AGENT).collect();
        (!line.is_empty()).then_some(line)
    }

    /// The body, decoded.
    pub(super) fn json_body(&self) -> Result<Vec<u8>, BodyError> {
        let content_type = self.0.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(is_json) {
            return Err(BodyError::NotJson);
        }
        let text = self.0.body.as_deref().unwrap_or_default();
        let body = if self.0.is_base64_encoded {
            if text.len() > MAX_BODY * 2 {
                return Err(BodyError::TooLarge);
            }
            STANDARD.decode(text).map_err(|_| BodyError::NotBase64)?
        } else {
            text.as_bytes().to_vec()
        };
        if body.len() > MAX_BODY {
            return Err(BodyError::TooLarge);
        }
        Ok(body)
    }
}

pub(super) enum BodyError {
    NotJson,
    TooLarge,
    NotBase64,
}

/// `application/json`, or a suffix of it (RFC 6839, 3.1); in UTF-8, the only encoding that JSON has (RFC 8259, 8.1).
fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(|part| part.trim().to_ascii_lowercase());
    let essence = parts.next().unwrap_or_default();
    let is_json = essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"));
    is_json
        && parts.all(|part| match part.split_once('=') {
            Some(("charset", charset)) => charset.trim_matches('"') == "utf-8",
            _ => true,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_goes_by_these_names() {
        for yes in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
            "application/ld+json",
        ] {
            assert!(is_json(yes), "{yes}");
        }
        for no in [
            "",
            "text/json",
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=latin1",
            "application/jsonp",
        ] {
            assert!(!is_json(no), "{no}");
        }
    }

    #[test]
    fn a_network_is_an_ipv4_address_or_an_ipv6_64() {
        let request = |ip: &str| {
            let mut event = ApiGatewayV2httpRequest::default();
            event.request_context.http.source_ip = Some(ip.to_owned());
            Request::new(event)
        };
        assert_eq!(request("192.0.2.7").network().as_deref(), Some("192.0.2.7"));
        assert_eq!(request("::ffff:192.0.2.7").network().as_deref(), Some("192.0.2.7"));
        assert_eq!(request("2001:db8:1:2:3:4:5:6").network().as_deref(), Some("2001:db8:1:2::/64"));
        assert_eq!(request("nonsense").network(), None);
    }
}
