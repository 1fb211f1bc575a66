//! `GET /api/auth/me`: returns the account of the access token.

use http::StatusCode;
use serde::Serialize;
use shared::answers::UserBody;
use shared::app::App;
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};

#[derive(Serialize)]
struct Body<'a> {
    user: UserBody<'a>,
}

/// Returns 200 with the account; 401 for a disabled user; 404 for an erased one.
pub async fn handle(app: &App, request: &Request) -> Result<Response, ApiError> {
    let user = web::authenticated_user(app, request, app.clock.now()).await?;
    web::json(StatusCode::OK, &Body { user: UserBody::from(&user) })
}
