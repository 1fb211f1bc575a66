//! `@METHOD @PATH`: say here what it does.

use http::StatusCode;
use shared::app::App;
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};

/// Say here what it returns.
pub async fn handle(app: &App, request: &Request) -> Result<Response, ApiError> {
    let _user = web::authenticated_user(app, request, app.clock.now()).await?;
    web::json(StatusCode::NOT_IMPLEMENTED, &"fill in functions/@FUNCTION/src/@FILE.rs")
}
