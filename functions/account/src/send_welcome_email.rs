//! `POST /api/auth/send-welcome-email`: sends the welcome mail again.

use http::StatusCode;
use shared::answers::Message;
use shared::app::App;
use shared::domain::{Mail, MailId};
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};

use crate::verification::owe;

/// Returns 202 once a row of its own owes the mail, whether or not the queue accepts the message; 409 if the user's
/// address is suppressed; 429 if the user asks too often.
///
/// With an `Idempotency-Key`, the mail's id is computed from the user and the key. So the same request sent again finds
/// the row, and no secret is needed.
pub async fn handle(app: &App, request: &Request) -> Result<Response, ApiError> {
    let now = app.clock.now();
    let user = web::live_caller(app, request, now).await?.user;
    let key = request.idempotency_key()?;
    let mail = |user: &_| {
        let mut mail = Mail::welcome(user, request.origin(), now);
        if let Some(key) = &key {
            mail.key.mail = MailId::asked_for(user.id, key);
        }
        mail
    };
    owe(app, &user, mail, now).await?;
    web::json(StatusCode::ACCEPTED, &Message { message: "Welcome email queued" })
}
