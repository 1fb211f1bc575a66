//! Serves the routes that anyone may call. It reads the public keys and nothing else.
//!
//! To add a route: add a file with its `handle`, and an arm here.

mod discovery;
mod health;
mod jwks;

use shared::app::App;
use shared::error::ApiError;
use shared::http::{Request, Response};

/// Calls the handler of the route that API Gateway chose.
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    match request.route_key().as_ref() {
        "GET /.well-known/jwks.json" => jwks::handle(app, &request).await,
        "GET /.well-known/openid-configuration" => discovery::handle(app, &request).await,
        "GET /health" => health::handle(app, &request).await,
        _ => Err(ApiError::RouteNotFound),
    }
}
