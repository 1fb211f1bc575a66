//! `GET /api/auth/me` returns the account of the access token, and `PATCH /api/auth/me` changes its name.

use http::StatusCode;
use shared::answers::UserOnly;
use shared::app::App;
use shared::domain::Name;
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};

/// `GET`: returns 200 with the account; 401 for a disabled user; 404 for an erased one.
pub async fn show(app: &App, request: &Request) -> Result<Response, ApiError> {
    let user = web::authenticated_user(app, request, app.clock.now()).await?;
    web::json(StatusCode::OK, &UserOnly::from(&user))
}

/// `PATCH`: changes the name, or removes it if it is `null`. Returns 200 with the account.
pub async fn change(app: &App, request: &Request) -> Result<Response, ApiError> {
    let mut fields = web::fields(request)?;
    let name = fields.nullable("name", Name::parse);
    let name = fields.finish(|| name)?;

    let now = app.clock.now();
    let caller = web::live_caller(app, request, now).await?;
    let changed = app.users.rename(&caller.user, name.as_ref(), now).await?;
    let user = changed.ok_or(ApiError::InvalidToken("the user changed meanwhile"))?;
    tracing::info!(event = "user_updated", user = %user.id, field = "name");
    web::json(StatusCode::OK, &UserOnly::from(&user))
}
