//! `GET /.well-known/openid-configuration`: tells verifiers the issuer and the address of its keys.

use http::StatusCode;
use serde::Serialize;
use shared::app::App;
use shared::config::Algorithm;
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};

/// The members that `OpenID` Connect Discovery 1.0, 3 and RFC 8414, 2 require and Latchkey can fill.
///
/// All verifiers read the first two members, and some read the third. Latchkey has no authorization endpoint and no
/// token endpoint, so it names none.
#[derive(Serialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
    id_token_signing_alg_values_supported: Vec<Algorithm>,
    response_types_supported: [&'static str; 1],
    subject_types_supported: [&'static str; 1],
}

/// Returns 200 with the document, cacheable for five minutes; 304 if the client has it; 503 until keys are published.
pub async fn handle(app: &App, request: &Request) -> Result<Response, ApiError> {
    let now = app.clock.now();
    let keys = app.public_keys.current(now).await?;
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
    Ok(web::json(StatusCode::OK, &discovery)?.cacheable(request))
}
