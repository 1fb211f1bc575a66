//! `POST /api/auth/email/verification`: sends the code that verifies the user's address again.

use http::StatusCode;
use jiff::Timestamp;
use shared::answers::Message;
use shared::app::App;
use shared::domain::{Limited, Mail, User, VerificationTicket};
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};
use shared::limits::Rule;
use shared::store::{Owed, StoreError};

/// Returns 202 once a row owes the mail; 200 if the address is verified already; 409 if it is suppressed; 429 if the
/// user asks too often.
pub async fn handle(app: &App, request: &Request) -> Result<Response, ApiError> {
    let now = app.clock.now();
    let caller = web::live_caller(app, request, now).await?;
    if caller.user.is_verified() {
        return web::json(StatusCode::OK, &Message { message: "Email already verified" });
    }
    owe(app, &caller.user, |user| Mail::verification(user, request.origin(), now), now).await?;
    web::json(StatusCode::ACCEPTED, &Message { message: "Verification email queued" })
}

/// Owes a mail that carries the user's code, if the address is not verified, and puts it into the queue.
///
/// A live ticket is sent again, with the same code. If it is used up or has less than an hour left, a new one takes its
/// place.
pub async fn owe(app: &App, user: &User, mail: impl Fn(&User) -> Mail, now: Timestamp) -> Result<(), ApiError> {
    if user.is_suppressed() {
        return Err(ApiError::EmailSuppressed);
    }
    let rule = Rule::of(Limited::WelcomeMails, &app.config);
    let renewed = renewed(app, user, now).await?;
    let mail = mail(renewed.as_ref().unwrap_or(user));
    let before = renewed.as_ref().map(|_| user);
    match app.users.owe(renewed.as_ref().unwrap_or(user), before, &mail, rule.policy.limit(), now).await? {
        Owed::Queued => app.mail_queue.announce(mail.key).await,
        Owed::AlreadyQueued => {}
        Owed::LimitReached(wait) => return Err(rule.refusal(wait)),
        Owed::Overtaken => return Err(ApiError::Unavailable("the user changed between a read and a write".to_owned())),
    }
    Ok(())
}

/// Returns the user with a new ticket, if the address is not verified and the present ticket is not worth another mail.
async fn renewed(app: &App, user: &User, now: Timestamp) -> Result<Option<User>, StoreError> {
    if user.is_verified() {
        return Ok(None);
    }
    let live = VerificationTicket::live(user, now).filter(|ticket| ticket.can_be_sent_again(now));
    if let Some(ticket) = live
        && app.tickets.has_tries(user.id, &ticket).await?
    {
        return Ok(None);
    }
    Ok(Some(User { verification: Some(VerificationTicket::new(now)), ..user.clone() }))
}
