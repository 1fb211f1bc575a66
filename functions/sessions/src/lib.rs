//! `GET /api/auth/sessions` and `DELETE /api/auth/sessions/{id}`: where a user is signed in, and the end of that.

use http::{Method, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use shared::answers::rfc3339;
use shared::app::App;
use shared::domain::{Session, SessionId, Status, User};
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
    /// The last refresh, or the login.
    last_used_at: String,
    user_agent: Option<&'a str>,
    network: Option<&'a str>,
    /// Whether it is the one that asks.
    current: bool,
}

/// 200 with the live sessions, the newest first; or 204 when the one that the path names has ended, 404 when there is none.
pub async fn handle(app: &App, request: Request) -> Result<Response, ApiError> {
    let now = app.clock.now();
    let claims = app.authenticate(&request, now).await?;
    let account = app.users.account(claims.user).await?;
    let user = account.user.ok_or(ApiError::UserNotFound)?;
    if user.status != Status::Active {
        return Err(ApiError::InvalidToken("disabled user"));
    }
    let mut live: Vec<_> =
        account.sessions.into_iter().filter(|session| session.is_of(&user) && session.is_live(now)).collect();
    if request.method() == Method::DELETE {
        return end(app, &request, &user, &live, now).await;
    }
    live.sort_by_key(|session| std::cmp::Reverse(session.created_at));
    let sessions = live.iter().map(|session| SessionBody::new(session, &claims)).collect();
    web::json(StatusCode::OK, &Body { sessions })
}

/// Ends one of the user's sessions. Its access tokens live on to their end; it refreshes no more.
async fn end(
    app: &App,
    request: &Request,
    user: &User,
    live: &[Session],
    now: Timestamp,
) -> Result<Response, ApiError> {
    let id = request.path_parameter("id").and_then(|id| id.parse::<SessionId>().ok());
    let session = live.iter().find(|session| Some(session.id) == id).ok_or(ApiError::SessionNotFound)?;
    app.sessions.end(user.id, session.id, now).await?;
    tracing::info!(event = "authn_token_revoked", user = %user.id, session = %session.id);
    Ok(web::no_content())
}

impl<'a> SessionBody<'a> {
    fn new(session: &'a Session, claims: &AccessClaims) -> Self {
        Self {
            id: session.id,
            created_at: rfc3339(session.created_at),
            last_used_at: rfc3339(session.rotated_at),
            user_agent: session.user_agent.as_deref(),
            network: session.network.as_deref(),
            current: session.id == claims.session,
        }
    }
}
