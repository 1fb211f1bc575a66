//! `GET /.well-known/jwks.json` and `GET /.well-known/openid-configuration`: all that a verifier needs.

use http::StatusCode;
use serde::Serialize;
use shared::app::App;
use shared::config::Algorithm;
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};
use shared::signing_keys::Jwk;

/// RFC 7517, 5.
#[derive(Serialize)]
struct JwkSet<'a> {
    keys: Vec<&'a Jwk>,
}

/// What `OpenID` Connect Discovery 1.0, 3 and RFC 8414, 2 demand and Latchkey has: verifiers read the first two, and some the
/// third. Endpoints for authorization and tokens it has none, and names none.
#[derive(Serialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
    id_token_signing_alg_values_supported: Vec<Algorithm>,
    response_types_supported: [&'static str; 1],
    subject_types_supported: [&'static str; 1],
}

/// 200 with the document that the path names, for anyone to keep five minutes; 304 for whoever has it; 503 until keys are
/// published.
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let now = app.clock.now();
    let keys = app.public_keys.current(now).await?;
    if request.path().ends_with("/jwks.json") {
        let keys = keys.live(now).collect();
        return Ok(web::json(StatusCode::OK, &JwkSet { keys })?.cacheable(&request));
    }
    let issuer = request.issuer(&app.config)?;
    let mut algorithms = Vec::new();
    for jwk in keys.live(now) {
        if !algorithms.contains(&jwk.alg) {
            algorithms.push(jwk.alg);
        }
    }
    let discovery = Discovery {
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        issuer,
        id_token_signing_alg_values_supported: algorithms,
        response_types_supported: ["id_token"],
        subject_types_supported: ["public"],
    };
    Ok(web::json(StatusCode::OK, &discovery)?.cacheable(&request))
}
