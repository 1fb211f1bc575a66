use std::fmt;

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, RETRY_AFTER,
    STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, StatusCode};
use jiff::SignedDuration;
use lambda_http::Body;
use serde::Serialize;

use super::Request;
use crate::domain::Code;
use crate::error::{ApiError, Violation};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A handler's response.
pub struct Response(lambda_http::Response<Body>);

/// Shows the status alone, because the body holds tokens.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// Returns a response with `body` as JSON.
pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Response, ApiError> {
    let body = serde_json::to_string(body).map_err(|error| ApiError::Internal(error.to_string()))?;
    Ok(Response::new(status, "application/json", Body::Text(body)))
}

/// Returns a 204 response.
#[must_use]
pub fn no_content() -> Response {
    let mut response = lambda_http::Response::new(Body::Empty);
    *response.status_mut() = StatusCode::NO_CONTENT;
    Response(response)
}

impl Response {
    fn new(status: StatusCode, content_type: &'static str, body: Body) -> Self {
        let mut response = lambda_http::Response::new(body);
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self(response)
    }

    /// Lets every cache keep the response for five minutes.
    ///
    /// The entity tag is the digest of the body (RFC 9110, 8.8.3). If the client already has the body, the response
    /// becomes a 304 without one.
    #[must_use]
    pub fn cacheable(self, request: &Request) -> Self {
        let mut response = self.0;
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(digest(&SHA256, response.body())));
        if request.if_none_match(&tag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response.headers_mut().remove(CONTENT_TYPE);
            *response.body_mut() = Body::Empty;
        }
        if let Ok(tag) = HeaderValue::try_from(tag) {
            response.headers_mut().insert(ETAG, tag);
        }
        Self(response)
    }

    /// Lets a browser save the body as a file of this name.
    #[must_use]
    pub fn attachment(mut self, name: &str) -> Self {
        if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
            self.0.headers_mut().insert(CONTENT_DISPOSITION, value);
        }
        self
    }

    /// Asks the client to retry after one second.
    #[must_use]
    pub fn retry_soon(self) -> Self {
        self.retry_after(SignedDuration::from_secs(1))
    }

    /// Asks the client to retry after `wait`. It is rounded up, because `Retry-After` has whole seconds (RFC 9110,
    /// 10.2.3).
    fn retry_after(mut self, wait: SignedDuration) -> Self {
        let seconds = wait.as_secs() + i64::from(wait.subsec_nanos() > 0);
        self.0.headers_mut().insert(RETRY_AFTER, seconds.max(1).into());
        self
    }

    pub(super) fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// Converts the response to an event of API Gateway and adds the headers that every response carries (OWASP REST
    /// Security Cheat Sheet).
    pub(super) fn into_event(self, request_id: &str) -> ApiGatewayV2httpResponse {
        let (mut parts, body) = self.0.into_parts();
        let fixed = [
            (CACHE_CONTROL, "no-store"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
            (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        ];
        for (name, value) in fixed {
            parts.headers.entry(name).or_insert(HeaderValue::from_static(value));
        }
        if let Ok(value) = HeaderValue::from_str(request_id) {
            parts.headers.insert(X_REQUEST_ID, value);
        }
        let mut event = ApiGatewayV2httpResponse::default();
        event.status_code = i64::from(parts.status.as_u16());
        event.headers = parts.headers;
        event.body = (body != Body::Empty).then_some(body);
        event
    }
}

/// A problem document (RFC 9457) with the members `error` and `details` of the replaced backend.
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

/// Returns the response to a failed request. It tells the kind of failure, and only the log tells more.
pub(super) fn problem(error: &ApiError, request_id: &str) -> Response {
    let (status, title, detail) = match error {
        ApiError::Invalid(_) => (StatusCode::BAD_REQUEST, "Validation failed", None),
        ApiError::InvalidCredentials(_) => (StatusCode::UNAUTHORIZED, "Invalid credentials", None),
        ApiError::RegistrationClosed => (StatusCode::FORBIDDEN, "Registration is closed", None),
        ApiError::WrongPassword => (StatusCode::FORBIDDEN, "Wrong password", None),
        ApiError::InvalidCode(_) => (StatusCode::BAD_REQUEST, "Invalid code", None),
        ApiError::NoToken => (StatusCode::UNAUTHORIZED, "No token provided", None),
        ApiError::InvalidToken(_) => (StatusCode::UNAUTHORIZED, "Invalid token", None),
        ApiError::AroundProxy(_) => (StatusCode::FORBIDDEN, "Forbidden", None),
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
            Some("The Idempotency-Key belongs to another request, or its account has changed: send a new key"),
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
    let body = serde_json::to_string(&problem).map_or(Body::Empty, Body::Text);
    let mut response = Response::new(status, "application/problem+json", body);
    if status == StatusCode::UNAUTHORIZED {
        response.0.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_output_of_a_response_has_no_headers_and_no_body() {
        let response = json(StatusCode::OK, &["canary"]).unwrap();
        assert_eq!(format!("{response:?}"), "Response { status: 200, .. }");
    }
}
