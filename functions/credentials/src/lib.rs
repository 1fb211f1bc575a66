//! Serves what a signed-in user does with the password or with a mailed code.
//!
//! To add a route: add a file with its `handle`, and an arm here.

mod change_email;
mod change_password;
mod confirm_email;
mod delete;
mod export;
mod verify_email;

use shared::app::App;
use shared::domain::{NewPassword, PersonalWords, User};
use shared::error::{ApiError, Violation};
use shared::http::{Request, Response};

/// Calls the handler of the route that API Gateway chose.
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    // Boxed, because the future of the largest route would be the size of all.
    match request.route_key().as_ref() {
        "POST /api/auth/email/verify" => Box::pin(verify_email::handle(app, &request)).await,
        "POST /api/auth/email/change" => Box::pin(change_email::handle(app, &request)).await,
        "POST /api/auth/email/confirm" => Box::pin(confirm_email::handle(app, &request)).await,
        "POST /api/auth/password/change" => Box::pin(change_password::handle(app, &request)).await,
        "POST /api/auth/account/export" => Box::pin(export::handle(app, &request)).await,
        "POST /api/auth/account/delete" => Box::pin(delete::handle(app, &request)).await,
        _ => Err(ApiError::RouteNotFound),
    }
}

/// Refuses a new password that an attacker who knows the user guesses.
fn refuse_if_guessable(app: &App, user: &User, password: &NewPassword) -> Result<(), ApiError> {
    let words = PersonalWords::new(&user.email, user.name.as_ref(), &app.config.service_name);
    let guessable = |rejected| Violation { field: Some("newPassword"), rejected };
    Ok(password.refuse_if_guessable(&words).map_err(guessable)?)
}
