use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use aws_lambda_events::encodings::Body;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, RETRY_AFTER, STRICT_TRANSPORT_SECURITY,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::SignedDuration;
use serde::Serialize;

use super::Request;
use crate::domain::Code;
use crate::error::{ApiError, Violation};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a handler answers.
#[derive(Debug)]
pub struct Response {
    status: StatusCode,
    headers: HeaderMap,
    body: Option<String>,
}

/// `status` with `body` as JSON.
///
/// # Errors
/// [`ApiError::Internal`] when `body` cannot be written as JSON.
pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Response, ApiError> {
    let body = serde_json::to_string(body).map_err(|error| ApiError::Internal(error.to_string()))?;
    Ok(Response::new(status, "application/json", Some(body)))
}

/// 204.
#[must_use]
pub fn no_content() -> Response {
    Response { status: StatusCode::NO_CONTENT, headers: HeaderMap::new(), body: None }
}

impl Response {
    fn new(status: StatusCode, content_type: &'static str, body: Option<String>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, headers, body }
    }

    /// The same answer, which anyone may keep for five minutes, named by its body's digest (RFC 9110, 8.8.3); 304 without the
    /// body for whoever has it.
    #[must_use]
    pub fn cacheable(mut self, request: &Request) -> Self {
        self.headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        let digest = digest(&SHA256, self.body.as_deref().unwrap_or_default().as_bytes());
        let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(digest));
        if request.has_kept(&tag) {
            self.status = StatusCode::NOT_MODIFIED;
            self.headers.remove(CONTENT_TYPE);
            self.body = None;
        }
        if let Ok(tag) = HeaderValue::try_from(tag) {
            self.headers.insert(ETAG, tag);
        }
        self
    }

    /// The same answer, with word to come back in a second.
    #[must_use]
    pub fn retry_soon(self) -> Self {
        self.retry_after(SignedDuration::from_secs(1))
    }

    /// The same answer, with word to come back later: in whole seconds (RFC 9110, 10.2.3), so not a moment too soon.
    fn retry_after(mut self, wait: SignedDuration) -> Self {
        let seconds = wait.as_secs() + i64::from(wait.subsec_nanos() > 0);
        self.headers.insert(RETRY_AFTER, seconds.max(1).into());
        self
    }

    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }

    /// The answer in API Gateway's form, with the headers that every answer carries (OWASP REST Security Cheat Sheet).
    pub(super) fn into_event(mut self, request_id: &str) -> ApiGatewayV2httpResponse {
        let fixed = [
            (CACHE_CONTROL, "no-store"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
            (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        ];
        for (name, value) in fixed {
            self.headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
        if let Ok(value) = HeaderValue::from_str(request_id) {
            self.headers.insert(X_REQUEST_ID, value);
        }
        let mut event = ApiGatewayV2httpResponse::default();
        event.status_code = i64::from(self.status.as_u16());
        event.headers = self.headers;
        event.body = self.body.map(Body::Text);
        event
    }
}

/// RFC 9457, with the members `error` and `details` of the replaced backend.
#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'static str>,
    instance: String,
    error: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Vec<Detail<'a>>>,
}

#[derive(Serialize)]
struct Detail<'a> {
    path: Vec<&'static str>,
    code: Code,
    message: &'a str,
}

/// The answer to a failed request. What is known of the failure beyond its kind stays in the log.
pub(super) fn problem(error: &ApiError, request_id: &str) -> Response {
    let (status, title, detail) = match error {
        ApiError::Invalid(_) => (StatusCode::BAD_REQUEST, "Validation failed", None),
        ApiError::InvalidCredentials(_) => (StatusCode::UNAUTHORIZED, "Invalid credentials", None),
        ApiError::NoToken => (StatusCode::UNAUTHORIZED, "No token provided", None),
        ApiError::InvalidToken(_) => (StatusCode::UNAUTHORIZED, "Invalid token", None),
        ApiError::RouteNotFound => (StatusCode::NOT_FOUND, "Not found", None),
        ApiError::UserNotFound => (StatusCode::NOT_FOUND, "User not found", None),
        ApiError::SessionNotFound => (StatusCode::NOT_FOUND, "Session not found", None),
        ApiError::EmailSuppressed => (
            StatusCode::CONFLICT,
            "Email address suppressed",
            Some("Mail to this address bounced, or was reported as spam. No more is sent"),
        ),
        ApiError::EmailTaken => (StatusCode::CONFLICT, "User already exists", None),
        ApiError::IdempotencyKeyReused(_) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "Idempotency key reused",
            Some("The Idempotency-Key came with other fields before: send a new key with a new request"),
        ),
        ApiError::BodyTooLarge => {
            (StatusCode::PAYLOAD_TOO_LARGE, "Payload too large", Some("The body may have 8192 bytes"))
        }
        ApiError::NotJson => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Unsupported media type",
            Some("Send JSON, with the header Content-Type: application/json"),
        ),
        ApiError::TooManyRequests { .. } => {
            (StatusCode::TOO_MANY_REQUESTS, "Too many requests", Some("Try again when Retry-After has passed"))
        }
        ApiError::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "Internal server error", None),
        ApiError::Unavailable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "Service unavailable", Some("Try again in a moment"))
        }
    };
    let details = match error {
        ApiError::Invalid(violations) => Some(violations.iter().map(Detail::from).collect()),
        _ => None,
    };
    let problem = Problem {
        r#type: "about:blank",
        title,
        status: status.as_u16(),
        detail,
        instance: format!("urn:request:{request_id}"),
        error: title,
        details,
    };
    let mut response = Response::new(status, "application/problem+json", serde_json::to_string(&problem).ok());
    if status == StatusCode::UNAUTHORIZED {
        response.headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    match error {
        ApiError::TooManyRequests { wait, .. } => response.retry_after(*wait),
        ApiError::Unavailable(_) => response.retry_soon(),
        _ => response,
    }
}

impl<'a> From<&'a Violation> for Detail<'a> {
    fn from(violation: &'a Violation) -> Self {
        Self {
            path: violation.field.into_iter().collect(),
            code: violation.rejected.code,
            message: &violation.rejected.message,
        }
    }
}
