//! Turns API Gateway events into responses. Every function with routes calls [`respond`].

mod authentication;
mod fields;
mod proxy;
mod request;
mod response;

use std::panic::AssertUnwindSafe;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use futures_util::FutureExt;
use http::StatusCode;
use lambda_runtime::LambdaEvent;
use serde_json::Value;
use tracing::Instrument;
use tracing::field::Empty;

use crate::app::App;
use crate::clock::Deadline;
use crate::domain::{Code, Rejected};
use crate::error::{ApiError, Violation};

pub use authentication::{Caller, active, authenticate, authenticated_user, caller, live_caller, verify};
pub use fields::{Fields, fields};
pub use request::Request;
pub use response::{Response, json, no_content};

/// API Gateway accepts at most 10,240 bytes of headers. `HeaderMap` panics if it has to hold more than 24,576 headers.
const MAX_HEADERS: usize = 10_240;

/// Calls `handle` for an event and returns its response.
///
/// It always returns a response, in time for API Gateway to pass it on. Errors, panics and timeouts become problem
/// documents. Failures are logged here and nowhere else.
pub async fn respond<H>(app: &App, event: LambdaEvent<Value>, handle: H) -> ApiGatewayV2httpResponse
where
    H: AsyncFnOnce(&App, Request) -> Result<Response, ApiError>,
{
    let (payload, context) = event.into_parts();
    let deadline = Deadline::new(&app.clock, context.deadline);
    let event = read(payload);
    let request_id = event.as_ref().and_then(|event| event.request_context.request_id.clone());
    let request_id = request_id.unwrap_or(context.request_id);
    // An `error` span stays enabled at every log level, so all lines carry its fields.
    let span =
        tracing::error_span!("request", request_id, user = Empty, network = Empty, metric.HashMilliseconds = Empty);
    let result = match event {
        Some(event) => {
            let time = deadline.time_left();
            let answer = async {
                let request = proxy::admit(Request::new(event, deadline), &app.config.origin_secrets)?;
                handle(app, request).await
            };
            let answer = AssertUnwindSafe(answer).catch_unwind().instrument(span.clone());
            match app.clock.within(time, answer).await {
                Ok(Ok(result)) => result,
                Ok(Err(_panic)) => Err(ApiError::Internal("a panic, logged where it happened".to_owned())),
                Err(_out_of_time) => Err(ApiError::Unavailable("the time of this invocation ran out".to_owned())),
            }
        }
        None => Err(unreadable()),
    };
    let response = result.unwrap_or_else(|error| {
        let response = response::problem(&error, &request_id);
        span.in_scope(|| log_failure(&error, response.status()));
        response
    });
    response.into_event(&request_id)
}

/// Returns the event, or `None` if API Gateway does not make such events.
fn read(payload: Value) -> Option<ApiGatewayV2httpRequest> {
    let headers = payload.get("headers").and_then(Value::as_object);
    if headers.is_some_and(|headers| headers.len() > MAX_HEADERS) {
        return None;
    }
    serde_json::from_value(payload).ok()
}

fn unreadable() -> ApiError {
    let rejected = Rejected::new(Code::Custom, "The request is not one that API Gateway makes");
    ApiError::Invalid(vec![Violation { field: None, rejected }])
}

/// Names the log events as OWASP's Logging Vocabulary Cheat Sheet does, where it has a name.
fn log_failure(error: &ApiError, status: StatusCode) {
    let status = status.as_u16();
    match error {
        _ if status >= 500 => tracing::error!(event = "request_failed", status, reason = %error),
        ApiError::TooManyRequests { limit, .. } => {
            tracing::warn!(event = "excess_rate_limit_exceeded", status, limit, metric.RequestsOverLimit = 1);
        }
        ApiError::Invalid(_) | ApiError::BodyTooLarge | ApiError::NotJson => {
            tracing::info!(event = "input_validation_fail", status, reason = %error);
        }
        _ => tracing::info!(event = "request_refused", status, reason = %error),
    }
}
