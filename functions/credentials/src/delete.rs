//! `POST /api/auth/account/delete`: disables the account, frees its address, and owes the erasure of its data.

use http::StatusCode;
use shared::answers::Message;
use shared::app::App;
use shared::domain::{Limited, Mail, Password, User};
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};
use shared::limits::Rule;
use shared::sign_in::{self, Call};
use shared::store::Changed;

/// Returns 202, also when the request comes again; 403 for a wrong password; 429 if accounts of the address are deleted
/// too often.
pub async fn handle(app: &App, request: &Request) -> Result<Response, ApiError> {
    let mut fields = web::fields(request)?;
    let password = fields.required("password", Password::parse);
    let password = fields.finish(|| password)?;

    let call = Call::begin(app, request).await?.with_legacy_hashes();
    let caller = match web::live_caller(app, request, call.now).await {
        Err(ApiError::UserNotFound) if is_erasing(app, request).await? => return started(),
        caller => caller?,
    };
    // The same request may be quicker at either step, because the client sent it twice.
    let identified = match sign_in::confirm(&call, &caller, &password).await {
        Err(ApiError::WrongPassword | ApiError::InvalidToken(_)) if is_erasing(app, request).await? => {
            return started();
        }
        identified => identified?,
    };
    let answer = begin(&call, &identified.user).await;
    identified.take_back(&call).await; // the password was right
    match answer {
        Err(ApiError::InvalidToken(_)) if is_erasing(app, request).await? => started(),
        answer => answer,
    }
}

async fn begin(call: &Call<'_>, user: &User) -> Result<Response, ApiError> {
    let (app, now) = (call.app, call.now);
    // A suppressed address gets no mail.
    let mail = (!user.is_suppressed()).then(|| Mail::goodbye(user, call.request.origin(), now));
    let rule = Rule::of(Limited::DeletionsOfAddress, &app.config);
    let digest = rule.digest(&call.account_keys, &[user.email.canonical().as_bytes()]);
    match app.users.begin_erasure(user, mail.as_ref(), Some((&digest, rule.policy.limit())), now).await? {
        Changed::Applied => {}
        Changed::Overtaken => return Err(ApiError::InvalidToken("the user changed meanwhile")),
        Changed::LimitReached(wait) => return Err(rule.refusal(wait)),
    }
    tracing::warn!(event = "user_deleted", user = %user.id, by = "user", metric.Deletions = 1);
    if let Some(mail) = &mail {
        app.mail_queue.announce(mail.key).await;
    }
    started()
}

fn started() -> Result<Response, ApiError> {
    web::json(StatusCode::ACCEPTED, &Message { message: "Account deletion started" })
}

/// Returns whether the token's user has asked for the erasure.
async fn is_erasing(app: &App, request: &Request) -> Result<bool, ApiError> {
    let claims = web::authenticate(app, request, app.clock.now()).await?;
    Ok(app.users.find(claims.user).await?.is_some_and(|user| user.erasing_since.is_some()))
}
