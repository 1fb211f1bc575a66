//! `POST /api/auth/register`: opens an account and promises it a welcome mail.

use http::StatusCode;
use shared::answers::{SignedIn, UserBody, tokens};
use shared::app::App;
use shared::domain::{Email, Mail, Name, NewPassword, Session, User};
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};

/// 201 with the account and its first tokens; 409 when the address has an account.
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let mut fields = web::fields(&request)?;
    let email = fields.required("email", Email::parse);
    let password = fields.required("password", |text| NewPassword::parse(text, app.config.min_password_length));
    let name = fields.optional("name", Name::parse);
    let (email, password, name) = fields.finish(|| Some((email?, password?, name?)))?;

    let now = app.clock.now();
    let keys = app.signing_keys.current(now).await?;

    let user = User::new(email, name, now);
    let hash = app.passwords.hash(password.password()).await?;
    let session = Session::new(&user, request.user_agent(), request.network(), now);
    let mail = Mail::welcome(user.id, now);
    let tokens = tokens(app, &keys, &request, &session, now)?;

    // All that can fail is behind: an account without an answer would be taken for a failure.
    app.users.create(&user, &hash, &session, &mail).await?;
    app.mail_queue.announce(mail.key).await;
    web::json(StatusCode::CREATED, &SignedIn { user: UserBody::from(&user), tokens })
}
