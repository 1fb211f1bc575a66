//! `POST /api/auth/login`: opens a session for whoever knows the password.

use http::StatusCode;
use shared::app::App;
use shared::domain::{Email, Password};
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};
use shared::sign_in;

/// 200 with the account and its tokens; 401 and 429 as [`sign_in::identify`] gives them.
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let mut fields = web::fields(&request)?;
    let email = fields.required("email", Email::parse);
    let password = fields.required("password", Password::parse);
    let device = fields.optional("deviceToken", |text| Ok(text.to_owned()));
    let (email, password, device) = fields.finish(|| Some((email?, password?, device?)))?;

    let now = app.clock.now();
    let keys = app.signing_keys.current(now).await?;
    let identified = sign_in::identify(app, &keys, &request, (&email, &password, device.as_deref()), now).await?;
    web::json(StatusCode::OK, &identified.sign_in(app, &keys, &request, now).await?)
}
