//! `POST /api/auth/register`: opens an account and promises it a welcome mail.

use http::StatusCode;
use jiff::Timestamp;
use shared::answers::{SignedIn, UserBody, tokens};
use shared::app::App;
use shared::domain::{
    Device, DeviceToken, Email, IdempotencyKey, Mail, Name, NewPassword, Password, PersonalWords, Session, User, UserId,
};
use shared::error::{ApiError, Violation};
use shared::http::{self as web, Request, Response};
use shared::sign_in;
use shared::signing_keys::{Digests, KeySet, Purpose};
use shared::store::{Created, Idempotency, Limit};

/// 201 with the account and its first tokens; 409 when the address has an account; 429 when its network asks too often, before the
/// password costs anything.
///
/// Under an `Idempotency-Key`, the same request again is 201 again. It costs a second hash, to see that the password is the same.
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let mut fields = web::fields(&request)?;
    let email = fields.required("email", Email::parse);
    let password = fields.required("password", |text| NewPassword::parse(text, app.config.min_password_length));
    let name = fields.optional("name", Name::parse);
    let key = fields.header(request.idempotency_key());
    let (email, password, name, key) = fields.finish(|| Some((email?, password?, name?, key?)))?;

    let now = app.clock.now();
    let keys = app.signing_keys.current(now).await?;

    count(app, &keys, &request, now).await?;
    let context = PersonalWords::new(&email, name.as_ref(), &app.config.service_name);
    let guessable = |rejected| Violation { field: Some("password"), rejected };
    password.refuse_if_guessable(&context).map_err(guessable)?;

    let user = User::new(email, name, now);
    let idempotency = key.map(|key| idempotency(keys.digests(), &key, &user));
    let hash = app.passwords.hash(password.password()).await?;
    let session = Session::new(&user, request.user_agent(), request.network(), now);
    let mail = Mail::welcome(user.id, now);
    let tokens = tokens(app, &keys, &request, &session, now)?;

    // All that can fail is behind: an account without an answer would be taken for a failure.
    match app.users.create(&user, &hash, &session, &mail, idempotency.as_ref()).await? {
        Created::New => {
            tracing::info!(event = "user_created", user = %user.id, session = %session.id, metric.Registrations = 1);
            app.mail_queue.announce(mail.key).await;
            let device_token = DeviceToken::mint(keys.device_key(), &Device::new(user.id));
            web::json(StatusCode::CREATED, &SignedIn { user: UserBody::from(&user), tokens, device_token })
        }
        Created::Replayed(id) => replay(app, &keys, &request, (id, &user.email, password.password()), now).await,
    }
}

/// One more registration of the request's network; 429 when it is one too many.
async fn count(app: &App, keys: &KeySet, request: &Request, now: Timestamp) -> Result<(), ApiError> {
    let network = request.counted_network(keys);
    let counter = keys.digests().digest(Purpose::RegistrationsOfNetwork, &[network.as_bytes()]);
    let limit = Limit::hourly(app.config.registrations_per_network);
    match app.limits.take(&counter, limit, now).await? {
        Some(wait) => Err(ApiError::TooManyRequests { limit: "registrations", wait }),
        None => Ok(()),
    }
}

fn idempotency(digests: &Digests, key: &IdempotencyKey, user: &User) -> Idempotency {
    let mut asked_for = vec![user.email.canonical().as_bytes()];
    asked_for.extend(user.name.as_ref().map(|name| name.as_str().as_bytes()));
    Idempotency {
        key: digests.digest(Purpose::IdempotencyKey, &[key.as_bytes()]),
        fingerprint: digests.digest(Purpose::Registration, &asked_for),
    }
}

/// 201 with the account that this request opened before, and a session as a login opens it; 422 when it is not the request that it
/// was, which the password decides.
async fn replay(
    app: &App,
    keys: &KeySet,
    request: &Request,
    (id, email, password): (UserId, &Email, &Password),
    now: Timestamp,
) -> Result<Response, ApiError> {
    let identified = match sign_in::identify(app, keys, request, (email, password, None), now).await {
        Ok(identified) if identified.user.id == id => identified,
        Ok(_) => return Err(ApiError::IdempotencyKeyReused("another account")),
        Err(ApiError::InvalidCredentials(reason)) => return Err(ApiError::IdempotencyKeyReused(reason)),
        Err(error) => return Err(error),
    };
    web::json(StatusCode::CREATED, &identified.sign_in(app, keys, request, now).await?)
}
