//! Serves users who cannot sign in. It has no key that signs a token.
//!
//! To add a route: add a file with its `handle`, and an arm here.

mod forgot;
mod reset;

use shared::app::App;
use shared::error::ApiError;
use shared::http::{Request, Response};

/// Calls the handler of the route that API Gateway chose.
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    match request.route_key().as_ref() {
        "POST /api/auth/password/forgot" => Box::pin(forgot::handle(app, &request)).await,
        "POST /api/auth/password/reset" => Box::pin(reset::handle(app, &request)).await,
        _ => Err(ApiError::RouteNotFound),
    }
}
