//! `POST /api/auth/login`: opens a session for a user who knows the password.

use http::StatusCode;
use shared::app::App;
use shared::domain::{Email, Password};
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};
use shared::sign_in::{self, Call, KnownBy, Login};

/// Returns 200 with the account and its tokens; 401, 429 and 503 as [`sign_in::identify`] describes.
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let login = read(&request)?;
    let call = Call::begin(app, &request).await?.with_legacy_hashes();
    let identified = sign_in::identify(&call, &login).await?;
    web::json(StatusCode::OK, &identified.sign_in(&call).await?)
}

/// Reads address, password and device token, and reports all violations at once.
fn read(request: &Request) -> Result<Login, ApiError> {
    let mut fields = web::fields(request)?;
    let email = fields.required("email", Email::parse);
    let password = fields.required("password", Password::parse);
    let token = fields.optional("deviceToken", |text| Ok(text.to_owned()));
    let device = token.map(|token| token.map_or(KnownBy::Nothing, KnownBy::Token));
    fields.finish(|| Some(Login { email: email?, password: password?, device: device? }))
}
