//! `GET /api/auth/sessions` lists a user's live sessions, and `DELETE /api/auth/sessions/{id}` ends one.

use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use shared::answers::rfc3339;
use shared::app::App;
use shared::domain::{Session, SessionId};
use shared::error::ApiError;
use shared::http::{self as web, Request, Response};
use shared::tokens::AccessClaims;

#[derive(Serialize)]
struct Body<'a> {
    sessions: Vec<SessionBody<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionBody<'a> {
    id: SessionId,
    created_at: String,
    /// The time of the last refresh, or of the login.
    last_used_at: String,
    user_agent: Option<&'a str>,
    network: Option<&'a str>,
    /// Whether the request comes from this session.
    current: bool,
}

/// `GET`: returns 200 with the live sessions, the newest first.
pub async fn list(app: &App, request: &Request) -> Result<Response, ApiError> {
    let now = app.clock.now();
    let (claims, mut live) = live_sessions(app, request, now).await?;
    live.sort_by_key(|session| std::cmp::Reverse(session.created_at));
    let sessions = live.iter().map(|session| SessionBody::new(session, &claims)).collect();
    web::json(StatusCode::OK, &Body { sessions })
}

/// `DELETE`: ends the session that the path names and returns 204; 401 if the caller's own session has ended; 404 if the
/// user has no such live session.
///
/// The session can no longer be refreshed. Its access tokens stay valid until they expire.
pub async fn end(app: &App, request: &Request) -> Result<Response, ApiError> {
    let now = app.clock.now();
    let (claims, live) = live_sessions(app, request, now).await?;
    if !live.iter().any(|session| session.id == claims.session) {
        return Err(ApiError::InvalidToken("session ended"));
    }
    let id = request.path_parameter("id").and_then(|id| id.parse::<SessionId>().ok());
    let session = live.iter().find(|session| Some(session.id) == id).ok_or(ApiError::SessionNotFound)?;
    app.sessions.end(claims.user, session.id, now).await?;
    tracing::info!(event = "authn_token_revoked", user = %claims.user, session = %session.id);
    Ok(web::no_content())
}

/// Returns the token's claims and its user's live sessions; 401 for a disabled user, 404 for an erased one.
async fn live_sessions(app: &App, request: &Request, now: Timestamp) -> Result<(AccessClaims, Vec<Session>), ApiError> {
    let claims = web::authenticate(app, request, now).await?;
    let account = app.users.account(claims.user).await?;
    let user = web::active(account.user)?;
    let live = account.sessions.into_iter().filter(|session| session.is_of(&user) && session.is_live(now));
    Ok((claims, live.collect()))
}

impl<'a> SessionBody<'a> {
    fn new(session: &'a Session, claims: &AccessClaims) -> Self {
        Self {
            id: session.id,
            created_at: rfc3339(session.created_at),
            last_used_at: rfc3339(session.rotated_at),
            user_agent: session.origin.user_agent.as_deref(),
            network: session.origin.network.as_deref(),
            current: session.id == claims.session,
        }
    }
}
