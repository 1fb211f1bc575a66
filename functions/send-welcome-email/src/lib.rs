//! `POST /api/auth/send-welcome-email`: sends the welcome mail again.

use http::StatusCode;
use serde::Serialize;
use shared::app::App;
use shared::domain::{Mail, Status};
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};

#[derive(Serialize)]
struct Body {
    message: &'static str,
}

/// 202: the mail is owed from here on, in a row of its own, whatever becomes of the queue.
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let now = app.clock.now();
    let claims = app.authenticate(&request, now).await?;
    let user = app.users.find(claims.user).await?.ok_or(ApiError::UserNotFound)?;
    if user.status != Status::Active {
        return Err(ApiError::InvalidToken("disabled user"));
    }
    let mail = Mail::welcome(user.id, now);
    app.outbox.put(&mail).await?;
    app.mail_queue.announce(mail.key).await;
    web::json(StatusCode::ACCEPTED, &Body { message: "Welcome email queued" })
}
