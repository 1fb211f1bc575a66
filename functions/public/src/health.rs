//! `GET /health`: tells whether users can sign in.

use http::StatusCode;
use serde::Serialize;
use shared::app::App;
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};
use shared::store::{NoPublicKeys, StoreError};

#[derive(Serialize)]
struct Body {
    status: &'static str,
    checks: Checks,
}

#[derive(Serialize)]
struct Checks {
    store: &'static str,
    keys: &'static str,
}

/// Returns 200 if the store answers and keys are published, and 503 otherwise. Each request makes one read.
///
/// Keys that cannot be parsed are 500, because waiting does not repair them.
pub async fn handle(app: &App, _: &Request) -> Result<Response, ApiError> {
    let checks = match app.public_keys.read().await {
        Ok(_) => Checks { store: "ok", keys: "ok" },
        Err(NoPublicKeys::Unpublished) => Checks { store: "ok", keys: "missing" },
        Err(NoPublicKeys::Store(error @ StoreError::Corrupt { .. })) => return Err(error.into()),
        Err(NoPublicKeys::Store(error @ StoreError::Unavailable(_))) => {
            tracing::error!(event = "health_check_failed", reason = %error);
            Checks { store: "unavailable", keys: "unavailable" }
        }
    };
    if checks.keys == "ok" {
        return web::json(StatusCode::OK, &Body { status: "ok", checks });
    }
    Ok(web::json(StatusCode::SERVICE_UNAVAILABLE, &Body { status: "unavailable", checks })?.retry_soon())
}
