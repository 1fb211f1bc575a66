//! `POST /api/auth/refresh`: trades a refresh token for the next one and an access token.

use http::StatusCode;
use jiff::Timestamp;
use shared::answers::tokens;
use shared::app::App;
use shared::domain::{Limited, Mail, Origin, RefreshToken, Session, Status, User};
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};
use shared::limits::Rule;
use shared::store::Refreshed;
use shared::tokens::Parties;

/// Returns 200 with the session's current tokens, or the same 401 for every token that is not good.
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let mut fields = web::fields(&request)?;
    let token = fields.required("refreshToken", |text| Ok(text.to_owned()));
    let token = fields.finish(|| token)?;

    let now = app.clock.now();
    let keys = app.signing_keys.current(now).await?;
    let claim = RefreshToken::open(&token, |id| keys.refresh_key_by_id(id, now))
        .ok_or(ApiError::InvalidToken("not authentic"))?;

    let (refreshed, user) =
        tokio::join!(app.sessions.refresh(&claim, app.config.refresh_grace, now), app.users.find(claim.user));
    let session = match refreshed? {
        Refreshed::Current(session) => session,
        Refreshed::Reused(session) => return Err(end_for_reuse(app, &session, request.origin(), now).await),
        Refreshed::Refused(reason) => return Err(ApiError::InvalidToken(reason)),
    };
    let user = match may_continue(&session, user?) {
        Ok(user) => user,
        Err(reason) => {
            app.sessions.end(session.user, session.id, now).await?;
            return Err(ApiError::InvalidToken(reason));
        }
    };
    let issuer = request.issuer(&app.config)?;
    let parties = Parties { issuer: &issuer, audience: &app.config.audience };
    let tokens = tokens(&keys, parties, &user, &session, now)?;
    tracing::info!(event = "authn_token_created", user = %session.user, session = %session.id, metric.Refreshes = 1);
    web::json(StatusCode::OK, &tokens)
}

/// Returns the session's user, or why the session must end: its user was erased, was disabled or ended all sessions.
fn may_continue(session: &Session, user: Option<User>) -> Result<User, &'static str> {
    match user {
        None => Err("no such user"),
        Some(user) if user.status != Status::Active => Err("disabled user"),
        Some(user) if !session.is_of(&user) => Err("all sessions were ended"),
        Some(user) => Ok(user),
    }
}

/// Ends a session whose token was used twice, and owes its user a mail. Both are written before the response leaves.
///
/// Returns the refusal that every bad token gets.
async fn end_for_reuse(app: &App, session: &Session, origin: Origin, now: Timestamp) -> ApiError {
    let mail = Mail::session_reuse(session.user, session.id, origin, now);
    let limit = Rule::of(Limited::ReuseMails, &app.config).policy.limit();
    if let Err(error) = app.sessions.end_for_reuse(session, &mail, limit, now).await {
        return error.into();
    }
    tracing::warn!(event = "authn_token_reuse", user = %session.user, session = %session.id, metric.ReusedTokens = 1);
    app.mail_queue.announce(mail.key).await;
    ApiError::InvalidToken("reused")
}
