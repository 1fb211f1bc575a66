//! `POST /api/auth/send-welcome-email`: sends the welcome mail again.

use http::StatusCode;
use serde::Serialize;
use shared::app::App;
use shared::domain::{Mail, MailId};
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};
use shared::store::{Limit, Owed};

#[derive(Serialize)]
struct Body {
    message: &'static str,
}

/// 202: the mail is owed from here on, in a row of its own, whatever becomes of the queue; 409 when mail does not
/// arrive at the user's address; 429 when the user asks too often.
///
/// Under an `Idempotency-Key` the mail's id is made of user and key, so that who asks again finds the row, and no secret is needed
/// for it.
pub async fn handle(app: &App, request: &Request) -> Result<Response, ApiError> {
    let now = app.clock.now();
    let user = web::authenticated_user(app, request, now).await?;
    if user.is_suppressed() {
        return Err(ApiError::EmailSuppressed);
    }
    let mut mail = Mail::welcome(user.id, now);
    if let Some(key) = request.idempotency_key()? {
        mail.key.mail = MailId::asked_for(user.id, &key);
    }
    match app.outbox.put(&mail, Limit::daily(app.config.welcome_emails_per_day), now).await? {
        Owed::Queued => app.mail_queue.announce(mail.key).await,
        Owed::AlreadyQueued => {}
        Owed::LimitReached(wait) => return Err(ApiError::TooManyRequests { limit: "welcome mails", wait }),
    }
    web::json(StatusCode::ACCEPTED, &Body { message: "Welcome email queued" })
}
