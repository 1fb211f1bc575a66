//! `POST /api/auth/password/change`: replaces the password, and every session by a new one.

use http::StatusCode;
use shared::app::App;
use shared::domain::{Code, Limited, Mail, NewPassword, Password, Rejected, Session};
use shared::error::{ApiError, Violation};
use shared::http::{self as web, Caller, Request, Response};
use shared::limits::Rule;
use shared::sign_in::{self, Call, Identified, KnownBy, Login};
use shared::store::{Changed, NewPasswordWrite};

use crate::refuse_if_guessable;

/// Returns 200 as login, with a new session; 403 for a wrong current password.
///
/// All other sessions end. The session that asked ends too, because a thief may share it. If the answer is lost, that
/// session may repeat the request.
pub async fn handle(app: &App, request: &Request) -> Result<Response, ApiError> {
    let mut fields = web::fields(request)?;
    let current = fields.required("currentPassword", Password::parse);
    let new = fields.required("newPassword", |text| NewPassword::parse(text, app.config.min_password_length));
    let (current, new) = fields.finish(|| Some((current?, new?)))?;

    let call = Call::begin(app, request).await?.with_legacy_hashes();
    let caller = web::caller(app, request, call.now).await?;
    if !caller.is_live(call.now) {
        return repeat(&call, &caller, &new).await;
    }
    refuse_if_guessable(app, &caller.user, &new)?;
    if current.expose() == new.password().expose() {
        let rejected = Rejected::new(Code::Custom, "Password must differ from the current one");
        return Err(Violation { field: Some("newPassword"), rejected }.into());
    }
    // The same request may be quicker at either step, because the client sent it twice.
    let identified = match sign_in::confirm(&call, &caller, &current).await {
        Err(refusal @ (ApiError::WrongPassword | ApiError::InvalidToken(_))) => {
            let caller = web::caller(app, request, call.now).await?;
            let is_changed = caller.user.has_password_of(caller.session.id);
            return if is_changed { repeat(&call, &caller, &new).await } else { Err(refusal) };
        }
        identified => identified?,
    };
    let answer = change(&call, &caller, &identified, &new).await;
    identified.take_back(&call).await; // the password was right
    match answer? {
        Some(response) => Ok(response),
        None => repeat(&call, &web::caller(app, request, call.now).await?, &new).await,
    }
}

/// Writes the new password. Returns `None` if the account changed meanwhile.
async fn change(
    call: &Call<'_>,
    caller: &Caller,
    identified: &Identified,
    new: &NewPassword,
) -> Result<Option<Response>, ApiError> {
    let (app, now, before) = (call.app, call.now, &identified.user);
    let hash = app.passwords.hash(new.password()).await?;
    let after = before.with_new_password(Some(caller.session.id), now);
    let session = Session::new(&after, call.request.origin(), now);
    let mail = Mail::password_changed(before, call.request.origin(), now);
    let response = web::json(StatusCode::OK, &call.signed_in(&after, &session, None)?)?;

    let rule = Rule::of(Limited::PasswordChanges, &app.config);
    let write = NewPasswordWrite { before, after: &after, hash: &hash, mail: &mail };
    match app.users.change_password(&write, &session, rule.policy.limit(), now).await? {
        Changed::Applied => {}
        Changed::Overtaken => return Ok(None),
        Changed::LimitReached(wait) => return Err(rule.refusal(wait)),
    }
    tracing::warn!(event = "authn_password_change", user = %after.id, by = "user", metric.PasswordChanges = 1);
    app.mail_queue.announce(mail.key).await;
    Ok(Some(response))
}

/// Answers a request again whose answer was lost: the session that made the change presents the new password, which is
/// counted as a login.
async fn repeat(call: &Call<'_>, caller: &Caller, new: &NewPassword) -> Result<Response, ApiError> {
    const ENDED: ApiError = ApiError::InvalidToken("session ended");
    let session = caller.session.id;
    if !caller.user.has_password_of(session) {
        return Err(ENDED);
    }
    let login =
        Login { email: caller.user.email.clone(), password: new.password().clone(), device: KnownBy::Session(session) };
    match sign_in::identify(call, &login).await {
        Ok(identified) if identified.user.has_password_of(session) => {
            web::json(StatusCode::OK, &identified.sign_in(call).await?)
        }
        Ok(identified) => {
            identified.take_back(call).await;
            Err(ENDED)
        }
        Err(ApiError::InvalidCredentials(_)) => Err(ENDED),
        Err(error) => Err(error),
    }
}
