//! Serves the routes of a signed-in user's own account. It needs no secret.
//!
//! To add a route: add a file with its `handle`, and an arm here.

mod me;
mod send_welcome_email;
mod sessions;
mod verification;

use shared::app::App;
use shared::error::ApiError;
use shared::http::{Request, Response};

/// Calls the handler of the route that API Gateway chose.
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    match request.route_key().as_ref() {
        "GET /api/auth/me" => me::show(app, &request).await,
        "PATCH /api/auth/me" => me::change(app, &request).await,
        "GET /api/auth/sessions" => sessions::list(app, &request).await,
        "DELETE /api/auth/sessions/{id}" => sessions::end(app, &request).await,
        "POST /api/auth/email/verification" => verification::handle(app, &request).await,
        "POST /api/auth/send-welcome-email" => send_welcome_email::handle(app, &request).await,
        _ => Err(ApiError::RouteNotFound),
    }
}
