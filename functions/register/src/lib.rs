//! `POST /api/auth/register`: opens an account and owes its user a welcome mail.

use http::StatusCode;
use shared::app::App;
use shared::config::RegistrationMode;
use shared::domain::{Email, IdempotencyKey, Limited, Mail, Name, NewPassword, PersonalWords, Session, User, UserId};
use shared::error::{ApiError, Violation};
use shared::http::{self as web, Request, Response};
use shared::keys::{Digests, Subject};
use shared::limits::Rule;
use shared::sign_in::{self, Call, KnownBy, Login};
use shared::store::{Created, Idempotency};

/// The fields of a registration.
struct Registration {
    email: Email,
    password: NewPassword,
    name: Option<Name>,
    key: Option<IdempotencyKey>,
}

/// Returns 201 with the account and its first tokens; 409 if the address has an account; 429 if the client's network
/// registers too often, before any work on the password; 403 if registration is closed.
///
/// With an `Idempotency-Key`, the same request sent again gets 201 again. That costs a second hash, which checks that
/// the password is the same.
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    if app.config.registration_mode == RegistrationMode::Closed {
        return Err(ApiError::RegistrationClosed);
    }
    let registration = read(app, &request)?;
    let call = Call::begin(app, &request).await?;
    let rule = Rule::of(Limited::Registrations, &app.config);
    rule.count(app, &call.account_keys, &[call.counted_network().as_bytes()], call.now).await?;
    refuse_if_guessable(app, &registration)?;
    open(&call, registration).await
}

/// Reads the fields and the header, and reports all violations at once.
fn read(app: &App, request: &Request) -> Result<Registration, ApiError> {
    let mut fields = web::fields(request)?;
    let email = fields.required("email", Email::parse);
    let password = fields.required("password", |text| NewPassword::parse(text, app.config.min_password_length));
    let name = fields.optional("name", Name::parse);
    let key = fields.header(request.idempotency_key());
    fields.finish(|| Some(Registration { email: email?, password: password?, name: name?, key: key? }))
}

fn refuse_if_guessable(app: &App, registration: &Registration) -> Result<(), ApiError> {
    let words = PersonalWords::new(&registration.email, registration.name.as_ref(), &app.config.service_name);
    let guessable = |rejected| Violation { field: Some("password"), rejected };
    Ok(registration.password.refuse_if_guessable(&words).map_err(guessable)?)
}

/// Opens the account, or finds that an identical request opened it earlier.
async fn open(call: &Call<'_>, registration: Registration) -> Result<Response, ApiError> {
    let Registration { email, password, name, key } = registration;
    let user = User::new(email, name, call.now);
    let idempotency = key.map(|key| idempotency(call.account_keys.digests(), &key, &user));
    let hash = call.app.passwords.hash(password.password()).await?;
    let session = Session::new(&user, call.request.origin(), call.now);
    let mail = Mail::welcome(&user, call.request.origin(), call.now);
    let signed_in = call.signed_in(&user, &session, None)?;

    // Every step that can fail comes before this one. If a later step failed, the client would see a failure although
    // the account exists.
    match call.app.users.create(&user, &hash, &session, &mail, idempotency.as_ref()).await? {
        Created::New => {
            tracing::info!(event = "user_created", user = %user.id, session = %session.id, metric.Registrations = 1);
            call.app.mail_queue.announce(mail.key).await;
            web::json(StatusCode::CREATED, &signed_in)
        }
        Created::Replayed(id) => {
            let password = password.password().clone();
            let login = Login { email: user.email, password, device: KnownBy::Nothing };
            Box::pin(replay(call, id, &login)).await // rare, and its future is large
        }
    }
}

fn idempotency(digests: &Digests, key: &IdempotencyKey, user: &User) -> Idempotency {
    let mut asked_for = vec![user.email.canonical().as_bytes()];
    asked_for.extend(user.name.as_ref().map(|name| name.as_str().as_bytes()));
    Idempotency {
        key: digests.digest(Subject::IdempotencyKey, &[key.as_bytes()]),
        fingerprint: digests.digest(Subject::Registration, &asked_for),
    }
}

/// Returns 201 with the account that this request opened earlier, and with a session that is opened as by a login; 422
/// if the password differs from the first request.
async fn replay(call: &Call<'_>, id: UserId, login: &Login) -> Result<Response, ApiError> {
    let identified = match sign_in::identify(call, login).await {
        Ok(identified) if identified.user.id == id => identified,
        Ok(identified) => {
            identified.take_back(call).await;
            return Err(ApiError::IdempotencyKeyReused("another account"));
        }
        Err(ApiError::InvalidCredentials(reason)) => return Err(ApiError::IdempotencyKeyReused(reason)),
        Err(error) => return Err(error),
    };
    web::json(StatusCode::CREATED, &identified.sign_in(call).await?)
}
