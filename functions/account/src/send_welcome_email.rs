//! `POST /api/auth/send-welcome-email`: sends the welcome mail again.

use http::StatusCode;
use serde::Serialize;
use shared::app::App;
use shared::domain::{Limited, Mail, MailId};
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};
use shared::limits::Rule;
use shared::store::Owed;

#[derive(Serialize)]
struct Body {
    message: &'static str,
}

/// Returns 202 once a row of its own owes the mail, whether or not the queue accepts the message; 409 if the user's
/// address is suppressed; 429 if the user asks too often.
///
/// With an `Idempotency-Key`, the mail's id is computed from the user and the key. So the same request sent again finds
/// the row, and no secret is needed.
pub async fn handle(app: &App, request: &Request) -> Result<Response, ApiError> {
    let now = app.clock.now();
    let user = web::authenticated_user(app, request, now).await?;
    if user.is_suppressed() {
        return Err(ApiError::EmailSuppressed);
    }
    let mut mail = Mail::welcome(user.id, request.origin(), now);
    if let Some(key) = request.idempotency_key()? {
        mail.key.mail = MailId::asked_for(user.id, &key);
    }
    let rule = Rule::of(Limited::WelcomeMails, &app.config);
    match app.outbox.put(&mail, rule.policy.limit(), now).await? {
        Owed::Queued => app.mail_queue.announce(mail.key).await,
        Owed::AlreadyQueued => {}
        Owed::LimitReached(wait) => return Err(rule.refusal(wait)),
    }
    web::json(StatusCode::ACCEPTED, &Body { message: "Welcome email queued" })
}
