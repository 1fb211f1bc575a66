use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpRequestContext};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH};
use http::{HeaderName, Method};
use lambda_http::request::RequestContext;
use lambda_http::{Body, RequestExt};

use crate::clock::Deadline;
use crate::config::Config;
use crate::domain::{IdempotencyKey, Origin};
use crate::error::{ApiError, Violation};
use crate::tokens::bearer;

const MAX_BODY: usize = 8 * 1024;
const MAX_USER_AGENT: usize = 200;
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A request to an HTTP API of API Gateway.
pub struct Request(lambda_http::Request);

/// The client's address, as the deployment's own proxy tells it.
#[derive(Clone, Copy)]
struct ClientAddress(IpAddr);

/// Shows the path alone, because the headers and the body hold tokens and passwords.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("path", &self.path()).finish_non_exhaustive()
    }
}

impl Request {
    /// Builds the request from an event of payload format 2.0.
    ///
    /// `lambda_http` can convert the event itself. That conversion panics if the body is not base64, or if the host,
    /// the path or the query do not make a URI. Setting the parts one by one cannot fail. [`Self::json_body`] reports
    /// what is wrong with the body.
    pub(super) fn new(event: ApiGatewayV2httpRequest, deadline: Deadline) -> Self {
        let mut context = event.request_context;
        context.route_key = context.route_key.or(event.route_key);
        let mut request = lambda_http::Request::new(Body::Empty)
            .with_raw_http_path(event.raw_path.unwrap_or_default())
            .with_path_parameters(event.path_parameters);
        *request.method_mut() = context.http.method.clone();
        *request.headers_mut() = event.headers;
        match decode(event.body.unwrap_or_default(), event.is_base64_encoded) {
            Ok(body) => *request.body_mut() = body,
            Err(error) => drop(request.extensions_mut().insert(error)),
        }
        request.extensions_mut().insert(deadline);
        Self(request.with_request_context(RequestContext::ApiGatewayV2(context)))
    }

    /// Returns the request of a client at `address`, which a trusted proxy tells.
    pub(super) fn of_client_at(mut self, address: IpAddr) -> Self {
        self.0.extensions_mut().insert(ClientAddress(address));
        self
    }

    /// Returns the key of the route that API Gateway matched, such as `GET /api/auth/sessions/{id}`.
    ///
    /// `cargo lambda watch` calls every function through the route `$default`. For that route, the key is made from the
    /// method and the path. Each path parameter's name replaces its value, in the last segment that has the value.
    #[must_use]
    pub fn route_key(&self) -> Cow<'_, str> {
        match self.context().and_then(|context| context.route_key.as_deref()) {
            Some(key) if key != "$default" => Cow::Borrowed(key),
            _ => Cow::Owned(format!("{} {}", self.method(), self.path_pattern())),
        }
    }

    fn path_pattern(&self) -> String {
        let mut segments: Vec<_> = self.path().split('/').map(Cow::Borrowed).collect();
        for (name, value) in self.0.path_parameters_ref().into_iter().flat_map(|parameters| parameters.iter()) {
            if let Some(segment) = segments.iter_mut().rfind(|segment| *segment == value) {
                *segment = Cow::Owned(format!("{{{name}}}"));
            }
        }
        segments.join("/")
    }

    /// Returns the path as the client sent it.
    #[must_use]
    pub fn path(&self) -> &str {
        self.0.raw_http_path()
    }

    #[must_use]
    pub fn method(&self) -> &Method {
        self.0.method()
    }

    /// Returns the part of the path that the route calls `{name}`.
    #[must_use]
    pub fn path_parameter(&self, name: &str) -> Option<&str> {
        self.0.path_parameters_ref()?.first(name)
    }

    /// Returns the token from `Authorization: Bearer <token>`, or [`ApiError::NoToken`].
    pub fn bearer_token(&self) -> Result<&str, ApiError> {
        self.header(AUTHORIZATION).and_then(bearer).ok_or(ApiError::NoToken)
    }

    /// Returns whether `If-None-Match` names the entity tag, by weak comparison (RFC 9110, 13.1.2).
    pub(super) fn if_none_match(&self, tag: &str) -> bool {
        let mut tags = self.header(IF_NONE_MATCH).unwrap_or_default().split(',').map(str::trim);
        tags.any(|sent| sent == "*" || sent.strip_prefix("W/").unwrap_or(sent) == tag)
    }

    /// Returns the `Idempotency-Key` header if the client sent one.
    pub fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, Violation> {
        let key = self.0.headers().get(IDEMPOTENCY_KEY).map(|value| IdempotencyKey::parse(value.as_bytes()));
        key.transpose().map_err(|rejected| Violation { field: Some("Idempotency-Key"), rejected })
    }

    /// Returns the issuer of access tokens: the configured one, or else the domain name that the client called.
    ///
    /// If both are unknown, the result is [`ApiError::Internal`].
    pub fn issuer(&self, config: &Config) -> Result<String, ApiError> {
        if let Some(issuer) = &config.issuer {
            return Ok(issuer.clone());
        }
        match self.context().and_then(|context| context.domain_name.as_deref()) {
            Some(domain) if !domain.is_empty() => Ok(format!("https://{domain}")),
            _ => Err(ApiError::Internal("ISSUER is not set and the event has no domain name".to_owned())),
        }
    }

    /// Returns the client's network: an IPv4 address, or the /64 of an IPv6 address.
    ///
    #[must_use]
    pub fn network(&self) -> Option<String> {
        match self.client_address()?.to_canonical() {
            IpAddr::V4(address) => Some(address.to_string()),
            IpAddr::V6(address) => {
                let network = address.to_bits() >> 64 << 64;
                Some(format!("{}/64", Ipv6Addr::from_bits(network)))
            }
        }
    }

    /// Returns the client's address: API Gateway's source address, unless a trusted proxy tells another one.
    ///
    /// No other header is read, because a client can forge `X-Forwarded-For`.
    fn client_address(&self) -> Option<IpAddr> {
        match self.0.extensions().get() {
            Some(ClientAddress(address)) => Some(*address),
            None => self.context()?.http.source_ip.as_deref()?.parse().ok(),
        }
    }

    /// Returns where the request came from, as sessions and mails remember it.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin { network: self.network(), user_agent: self.user_agent() }
    }

    /// Returns how much of the invocation's time is left, less what the answer needs.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.0.extensions().get().map_or(Duration::ZERO, Deadline::time_left)
    }

    /// Returns the client's `User-Agent` as one line of at most 200 characters.
    fn user_agent(&self) -> Option<String> {
        let text = self.context()?.http.user_agent.as_deref()?;
        let line: String = text.chars().filter(|c| !c.is_control()).take(MAX_USER_AGENT).collect();
        (!line.is_empty()).then_some(line)
    }

    /// Returns the decoded body if it is announced as JSON.
    pub(super) fn json_body(&self) -> Result<&[u8], BodyError> {
        if !self.header(CONTENT_TYPE).is_some_and(is_json) {
            return Err(BodyError::NotJson);
        }
        match self.0.extensions().get() {
            Some(error) => Err(*error),
            None => Ok(self.0.body()),
        }
    }

    pub(super) fn header(&self, name: HeaderName) -> Option<&str> {
        self.0.headers().get(name)?.to_str().ok()
    }

    fn context(&self) -> Option<&ApiGatewayV2httpRequestContext> {
        match self.0.request_context_ref()? {
            RequestContext::ApiGatewayV2(context) => Some(context),
            _ => None,
        }
    }
}

/// The reasons to refuse a body. If several apply, the first in this order counts.
#[derive(Clone, Copy)]
pub(super) enum BodyError {
    NotJson,
    TooLarge,
    NotBase64,
}

fn decode(text: String, is_base64_encoded: bool) -> Result<Body, BodyError> {
    let body = if is_base64_encoded {
        // A longer text encodes more than `MAX_BODY` bytes, so there is no need to decode it.
        if text.len() > MAX_BODY.div_ceil(3) * 4 {
            return Err(BodyError::TooLarge);
        }
        Body::Binary(STANDARD.decode(text).map_err(|_| BodyError::NotBase64)?)
    } else {
        Body::Text(text)
    };
    if body.len() > MAX_BODY { Err(BodyError::TooLarge) } else { Ok(body) }
}

/// Accepts `application/json` and types with the suffix `+json` (RFC 6839, 3.1). JSON is always UTF-8 (RFC 8259, 8.1),
/// so another `charset` is refused.
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
mod tests;
