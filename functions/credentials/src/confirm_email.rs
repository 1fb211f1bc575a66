//! `POST /api/auth/email/confirm`: changes the address, by the code that was mailed to the new one.

use http::StatusCode;
use shared::app::App;
use shared::domain::{Mail, MailCode, REPEAT_WINDOW, Session, User};
use shared::error::ApiError;
use shared::http::{self as web, Caller, Request, Response};
use shared::keys::KeyError;
use shared::sign_in::Call;
use shared::store::{EmailChanged, NewEmailWrite, PendingEmail, Try};

/// How often a login that renews the hash may overtake the change.
const TRIES: usize = 3;

/// Returns 200 as login, with a new session; 400 for a code that is wrong, expired or used up; 409 if the address got an
/// account meanwhile.
///
/// All other sessions end. The session that asked ends too. If the answer is lost, that session may repeat the request
/// for ten minutes.
pub async fn handle(app: &App, request: &Request) -> Result<Response, ApiError> {
    let mut fields = web::fields(request)?;
    let code = fields.required("code", |text| Ok(MailCode::parse(text)));
    let code = fields.finish(|| code)?;

    let call = Call::begin(app, request).await?;
    let mut caller = web::caller(app, request, call.now).await?;
    let pending = pending_of(&call, &caller).await?;
    if pending.as_ref().is_some_and(|pending| pending.used_at.is_some()) && caller.is_live(call.now) {
        caller = web::caller(app, request, call.now).await?; // the change came between the two reads
    }
    let is_repeat = pending.as_ref().is_some_and(|pending| is_repeat(&call, &caller.user, pending));
    if !caller.is_live(call.now) && !is_repeat {
        return Err(ApiError::InvalidToken("session ended"));
    }
    let (Some(pending), Some(code)) = (pending, code) else { return Err(ApiError::InvalidCode("no such change")) };
    if !is_repeat && !is_live(&call, &caller.user, &pending) {
        return Err(ApiError::InvalidCode("expired"));
    }
    if !app.tickets.count(&Try::of_pending_email(caller.user.id, &pending)).await? {
        return Err(ApiError::InvalidCode("no tries left"));
    }
    let key = call.account_keys.mail_code_key(pending.made_at).ok_or(KeyError)?;
    if !pending.ticket(caller.user.id, &pending.address).is_proved_by_code(&code, key) {
        return Err(ApiError::InvalidCode("wrong"));
    }
    if is_repeat {
        return sign_in_again(&call, &caller.user).await;
    }
    if let Some(response) = change(&call, &caller, &pending).await? {
        return Ok(response);
    }
    // The same request may have been quicker, because the client sent it twice.
    let caller = web::caller(app, request, call.now).await?;
    match pending_of(&call, &caller).await? {
        Some(used) if used.ticket == pending.ticket && self::is_repeat(&call, &caller.user, &used) => {
            sign_in_again(&call, &caller.user).await
        }
        _ => Err(ApiError::InvalidCode("the account changed meanwhile")),
    }
}

/// Returns the pending change that the caller's session asked for.
async fn pending_of(call: &Call<'_>, caller: &Caller) -> Result<Option<PendingEmail>, ApiError> {
    let pending = call.app.tickets.pending_email(caller.user.id).await?;
    Ok(pending.filter(|pending| pending.session == caller.session.id))
}

fn is_live(call: &Call<'_>, user: &User, pending: &PendingEmail) -> bool {
    pending.used_at.is_none()
        && call.now < pending.expires_at
        && pending.ticket(user.id, &pending.address).is_bound_to(user)
}

/// Returns whether the change was made a short time ago, and nothing has changed the account since.
fn is_repeat(call: &Call<'_>, user: &User, pending: &PendingEmail) -> bool {
    pending.used_at.is_some_and(|used_at| call.now < used_at + REPEAT_WINDOW)
        && user.email.canonical() == pending.address.canonical()
        && user.password_version == pending.versions.password_version
        && user.epoch == pending.versions.epoch + 1
}

async fn sign_in_again(call: &Call<'_>, user: &User) -> Result<Response, ApiError> {
    let session = Session::new(user, call.request.origin(), call.now);
    call.app.sessions.open(&session, &[]).await?;
    web::json(StatusCode::OK, &call.signed_in(user, &session, None)?)
}

/// Changes the address. Returns `None` if the account changed meanwhile.
async fn change(call: &Call<'_>, caller: &Caller, pending: &PendingEmail) -> Result<Option<Response>, ApiError> {
    let (app, now, before) = (call.app, call.now, &caller.user);
    let after = before.with_new_email(pending.address.clone(), now);
    let session = Session::new(&after, call.request.origin(), now);
    // A suppressed address gets no mail.
    let mail =
        (!before.is_suppressed()).then(|| Mail::email_changed(before, &pending.address, call.request.origin(), now));
    let response = web::json(StatusCode::OK, &call.signed_in(&after, &session, None)?)?;
    for _ in 0..TRIES {
        let credential = app.users.credential(&before.email).await?.filter(|credential| credential.user == before.id);
        let Some(credential) = credential else { break };
        let write = NewEmailWrite {
            before,
            after: &after,
            pending,
            credential: &credential,
            session: &session,
            mail: mail.as_ref(),
        };
        match app.users.change_email(&write, now).await? {
            EmailChanged::Applied => {
                tracing::warn!(event = "user_updated", user = %after.id, field = "email", metric.EmailChanges = 1);
                if let Some(mail) = &mail {
                    app.mail_queue.announce(mail.key).await;
                }
                return Ok(Some(response));
            }
            EmailChanged::Taken => return Err(ApiError::EmailTaken),
            EmailChanged::Overtaken => {} // a login may have renewed the hash
        }
    }
    Ok(None)
}
