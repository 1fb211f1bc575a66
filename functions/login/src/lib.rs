//! `POST /api/auth/login`: opens a session for whoever knows the password.

use http::StatusCode;
use shared::answers::{SignedIn, UserBody, tokens};
use shared::app::App;
use shared::domain::{Email, Password, Session, Status, UserId, surplus};
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};

/// 200 with the account and its tokens; 401 for an unknown address, a wrong password and a disabled user alike.
///
/// Each attempt costs one read of the credential, one hash and one query, whatever it finds: neither the answer nor its
/// time tells whether an address has an account.
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let mut fields = web::fields(&request)?;
    let email = fields.required("email", Email::parse);
    let password = fields.required("password", Password::parse);
    let (email, password) = fields.finish(|| Some((email?, password?)))?;

    let now = app.clock.now();
    let keys = app.signing_keys.current(now).await?;

    let credential = app.users.credential(&email).await?;
    let id = credential.as_ref().map_or_else(|| UserId::new(now), |credential| credential.user); // a partition of nobody's
    let (matches, account) = tokio::join!(
        app.passwords.verify(&password, credential.as_ref().map(|credential| &credential.hash)),
        app.users.account(id),
    );
    let (matches, account) = (matches?, account?);
    let user = match account.user {
        Some(user) if matches && user.status == Status::Active => user,
        Some(_) if matches => return Err(ApiError::InvalidCredentials("disabled user")),
        Some(_) => return Err(ApiError::InvalidCredentials("wrong password")),
        None => return Err(ApiError::InvalidCredentials("no such user")),
    };

    let session = Session::new(&user, request.user_agent(), request.network(), now);
    app.sessions.open(&session, &surplus(&account.sessions, &user, now), now).await?;

    let tokens = tokens(app, &keys, &request, &session, now)?;
    web::json(StatusCode::OK, &SignedIn { user: UserBody::from(&user), tokens })
}
