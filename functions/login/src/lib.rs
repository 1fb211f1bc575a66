//! `POST /api/auth/login`: opens a session for whoever knows the password.

mod attempt;

use http::StatusCode;
use shared::answers::{SignedIn, UserBody, tokens};
use shared::app::App;
use shared::domain::{Device, DeviceToken, Email, Password, Session, Status, UserId, surplus};
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};

use attempt::Attempt;

/// 200 with the account and its tokens; 401 for an unknown address, a wrong password and a disabled user alike; 429 when there were
/// too many attempts, before the password is looked at.
///
/// Each attempt that is let through costs the same counts, one read of the credential, one hash and one query, whatever it finds:
/// neither the answer nor its time tells whether an address has an account.
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let mut fields = web::fields(&request)?;
    let email = fields.required("email", Email::parse);
    let password = fields.required("password", Password::parse);
    let device = fields.optional("deviceToken", |text| Ok(text.to_owned()));
    let (email, password, device) = fields.finish(|| Some((email?, password?, device?)))?;

    let now = app.clock.now();
    let keys = app.signing_keys.current(now).await?;
    let device = device.and_then(|text| DeviceToken::open(keys.device_key(), &text));

    let (attempt, credential) = tokio::join!(
        Attempt::count(app, &keys, &request, (&email, device.as_ref()), now),
        app.users.credential(&email),
    );
    let (attempt, credential) = (attempt?, credential?);
    let device = device.filter(|device| credential.as_ref().is_some_and(|credential| credential.user == device.user));
    if let Some(wait) = attempt.wait(device.is_some()) {
        tracing::warn!(event = "authn_login_fail_max", pseudonym = keys.pseudonym(email.canonical()));
        return Err(ApiError::TooManyRequests(wait));
    }

    let id = credential.as_ref().map_or_else(|| UserId::new(now), |credential| credential.user); // a partition of nobody's
    let (matches, account) = tokio::join!(
        app.passwords.verify(&password, credential.as_ref().map(|credential| &credential.hash)),
        app.users.account(id),
    );
    let (matches, account) = (matches?, account?);
    let refused = |reason| {
        tracing::warn!(event = "authn_login_fail", reason, pseudonym = keys.pseudonym(email.canonical()));
        Err(ApiError::InvalidCredentials(reason))
    };
    let user = match account.user {
        Some(user) if matches && user.status == Status::Active => user,
        Some(_) if matches => return refused("disabled user"),
        Some(_) => return refused("wrong password"),
        None => return refused("no such user"),
    };

    let session = Session::new(&user, request.user_agent(), request.network(), now);
    let surplus = surplus(&account.sessions, &user, now);
    let (opened, ()) = tokio::join!(app.sessions.open(&session, &surplus, now), attempt.release(app));
    opened?;
    tracing::info!(event = "authn_login_success", user = %user.id, session = %session.id);

    let tokens = tokens(app, &keys, &request, &session, now)?;
    let device_token = DeviceToken::mint(keys.device_key(), &device.unwrap_or_else(|| Device::new(user.id)));
    web::json(StatusCode::OK, &SignedIn { user: UserBody::from(&user), tokens, device_token })
}
