//! `POST /api/auth/account/export`: returns the user's own data as a document.

use http::StatusCode;
use shared::app::App;
use shared::domain::{Limited, Password};
use shared::error::ApiError;
use shared::export::Export;
use shared::http::{self as web, Request, Response};
use shared::limits::Rule;
use shared::sign_in::{self, Call, Identified};
use shared::store::Changed;

/// Returns 200 with the document as an attachment; 403 for a wrong password; 429 after five exports in a day.
pub async fn handle(app: &App, request: &Request) -> Result<Response, ApiError> {
    let mut fields = web::fields(request)?;
    let password = fields.required("password", Password::parse);
    let password = fields.finish(|| password)?;

    let call = Call::begin(app, request).await?.with_legacy_hashes();
    let caller = web::live_caller(app, request, call.now).await?;
    let identified = sign_in::confirm(&call, &caller, &password).await?;
    let answer = export(&call, &identified).await;
    identified.take_back(&call).await; // the password was right
    answer
}

async fn export(call: &Call<'_>, identified: &Identified) -> Result<Response, ApiError> {
    let (app, now, user) = (call.app, call.now, &identified.user);
    let (mails, mails_omitted) = app.outbox.of_user(user.id, Export::MOST_MAILS).await?;
    let document = Export::new(user, identified.sessions(), &mails, mails_omitted, now);
    let rule = Rule::of(Limited::Exports, &app.config);
    match app.users.count_export(user, rule.policy.limit(), now).await? {
        Changed::Applied => {}
        Changed::Overtaken => return Err(ApiError::InvalidToken("the user changed meanwhile")),
        Changed::LimitReached(wait) => return Err(rule.refusal(wait)),
    }
    tracing::warn!(event = "user_exported", user = %user.id);
    let name = format!("latchkey-{}.json", now.strftime("%Y-%m-%d"));
    Ok(web::json(StatusCode::OK, &document)?.attachment(&name))
}
