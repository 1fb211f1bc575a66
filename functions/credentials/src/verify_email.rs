//! `POST /api/auth/email/verify`: proves the user's address by the code that was mailed to it.

use http::StatusCode;
use shared::answers::UserOnly;
use shared::app::App;
use shared::domain::{MailCode, VerificationTicket};
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};
use shared::keys::KeyError;
use shared::store::Try;

/// Returns 200 with the account, for any code once the address is verified; 400 for a code that is wrong, expired or
/// used up.
///
/// Only a session of the account itself may enter the code. A click in a mail would prove that somebody reads the
/// mailbox, not that they opened the account.
pub async fn handle(app: &App, request: &Request) -> Result<Response, ApiError> {
    let mut fields = web::fields(request)?;
    let code = fields.required("code", |text| Ok(MailCode::parse(text)));
    let code = fields.finish(|| code)?;

    let now = app.clock.now();
    let user = web::live_caller(app, request, now).await?.user;
    if user.is_verified() {
        return web::json(StatusCode::OK, &UserOnly::from(&user));
    }
    let ticket = VerificationTicket::live(&user, now).ok_or(ApiError::InvalidCode("no live ticket"))?;
    let code = code.ok_or(ApiError::InvalidCode("not a code"))?;
    let keys = app.account_keys.current(now).await?;
    if !app.tickets.count(&Try::of_verification(user.id, &ticket)).await? {
        // The same request may have been quicker, because the client sent it often.
        let user = web::live_caller(app, request, now).await?.user;
        if user.is_verified() {
            return web::json(StatusCode::OK, &UserOnly::from(&user));
        }
        return Err(ApiError::InvalidCode("no tries left"));
    }
    let key = keys.mail_code_key(ticket.made_at).ok_or(KeyError)?;
    if !ticket.of(&user).is_proved_by_code(&code, key) {
        return Err(ApiError::InvalidCode("wrong"));
    }
    let verified = app.users.verify(&user, &ticket, now).await?;
    let user = verified.ok_or(ApiError::InvalidCode("another ticket took its place"))?;
    tracing::info!(event = "user_updated", user = %user.id, field = "verified", metric.VerifiedAddresses = 1);
    web::json(StatusCode::OK, &UserOnly::from(&user))
}
