//! Authorizes requests to HTTP APIs of other services: a Lambda authorizer with payload format 2.0 and simple responses
//! ("Control access to HTTP APIs with AWS Lambda authorizers" in the API Gateway Developer Guide).

use lambda_runtime::{Error, LambdaEvent};
use serde::Serialize;
use serde_json::Value;
use shared::app::App;
use shared::domain::{SessionId, UserId};
use shared::error::ApiError;
use shared::http::verify;
use shared::tokens::{AccessClaims, bearer};

/// The simple response to API Gateway.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    is_authorized: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Caller>,
}

/// The facts about the caller that API Gateway passes to the route's integration.
#[derive(Debug, Serialize)]
struct Caller {
    sub: UserId,
    sid: SessionId,
    email_verified: bool,
}

/// Returns whether the bearer token of a request is good.
///
/// If the keys cannot be read, this returns an error, and API Gateway answers 500. A refusal would be wrong, because
/// API Gateway caches it like any other verdict.
pub async fn handle(app: &App, event: LambdaEvent<Value>) -> Result<Verdict, Error> {
    let issuer = app.config.issuer.as_deref().ok_or("ISSUER is not set")?;
    let result = match credentials(&event.payload).and_then(bearer) {
        Some(token) => verify(app, token, issuer, app.clock.now()).await,
        None => Err(ApiError::NoToken),
    };
    match result {
        Ok(claims) => {
            let AccessClaims { user: sub, session: sid, email_verified } = claims;
            Ok(Verdict { is_authorized: true, context: Some(Caller { sub, sid, email_verified }) })
        }
        Err(reason @ (ApiError::NoToken | ApiError::InvalidToken(_))) => {
            tracing::info!(event = "request_refused", %reason);
            Ok(Verdict { is_authorized: false, context: None })
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns the credentials of the request.
///
/// API Gateway caches the verdict under the identity source. So if there is one, a header beside it must not decide.
/// Without an identity source nothing is cached, and the header decides.
fn credentials(event: &Value) -> Option<&str> {
    match event.get("identitySource") {
        None | Some(Value::Null) => {
            let headers = event.get("headers")?.as_object()?;
            headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("Authorization"))?.1.as_str()
        }
        Some(sources) => sources.as_array()?.iter().filter_map(Value::as_str).find(|source| bearer(source).is_some()),
    }
}
