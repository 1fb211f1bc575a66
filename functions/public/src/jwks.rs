//! `GET /.well-known/jwks.json`: the public keys that verify access tokens (RFC 7517).

use http::StatusCode;
use serde::Serialize;
use shared::app::App;
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};
use shared::keys::Jwk;

/// A JWK set (RFC 7517, 5).
#[derive(Serialize)]
struct JwkSet<'a> {
    keys: Vec<&'a Jwk>,
}

/// Returns 200 with the keys, cacheable for five minutes; 304 if the client has them; 503 until keys are published.
pub async fn handle(app: &App, request: &Request) -> Result<Response, ApiError> {
    let now = app.clock.now();
    let keys = app.public_keys.current(now).await?;
    Ok(web::json(StatusCode::OK, &JwkSet { keys: keys.live(now).collect() })?.cacheable(request))
}
