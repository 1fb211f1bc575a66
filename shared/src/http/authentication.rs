//! Finds out who sends a request: verifies its access token and reads the account behind it.

use jiff::Timestamp;
use tracing::Span;

use super::Request;
use crate::app::App;
use crate::domain::{Session, Status, User};
use crate::error::ApiError;
use crate::tokens::{self, AccessClaims, BadToken, Parties};

/// Returns the claims of the request's bearer token.
///
/// # Errors
/// 401 without a good token; 503 if the keys cannot be had.
pub async fn authenticate(app: &App, request: &Request, now: Timestamp) -> Result<AccessClaims, ApiError> {
    let token = request.bearer_token()?;
    let claims = verify(app, token, &request.issuer(&app.config)?, now).await?;
    Span::current().record("user", claims.user.to_string());
    Ok(claims)
}

/// Returns the account of the request's bearer token, as it is now.
///
/// # Errors
/// Those of [`authenticate`]; 401 for a disabled user; 404 for an erased one.
pub async fn authenticated_user(app: &App, request: &Request, now: Timestamp) -> Result<User, ApiError> {
    let claims = authenticate(app, request, now).await?;
    active(app.users.find(claims.user).await?)
}

/// The user and the session of a request's bearer token, as they are now.
#[derive(Debug)]
pub struct Caller {
    pub user: User,
    /// The token's session. It may have ended, because the token outlives it.
    pub session: Session,
}

impl Caller {
    /// Returns whether the session is live and of the user's present epoch.
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.session.is_of(&self.user) && self.session.is_live(now)
    }
}

/// Returns the user and the session of the request's bearer token, whether or not the session has ended.
///
/// # Errors
/// Those of [`authenticated_user`]; 401 if there is no such session.
pub async fn caller(app: &App, request: &Request, now: Timestamp) -> Result<Caller, ApiError> {
    let claims = authenticate(app, request, now).await?;
    let (user, session) = tokio::join!(app.users.find(claims.user), app.sessions.find(claims.user, claims.session));
    let user = active(user?)?;
    let session = session?.ok_or(ApiError::InvalidToken("no such session"))?;
    Ok(Caller { user, session })
}

/// Returns the user and the live session of the request's bearer token. Every route that changes something asks for
/// one, because an access token outlives its session by up to 15 minutes.
///
/// # Errors
/// Those of [`caller`]; 401 if the session has ended.
pub async fn live_caller(app: &App, request: &Request, now: Timestamp) -> Result<Caller, ApiError> {
    let caller = caller(app, request, now).await?;
    if caller.is_live(now) { Ok(caller) } else { Err(ApiError::InvalidToken("session ended")) }
}

/// Returns the user of a good token, if the user may still use it.
///
/// # Errors
/// 401 for a disabled user; 404 for one who is erased, or is being erased.
pub fn active(user: Option<User>) -> Result<User, ApiError> {
    let user = user.filter(|user| user.erasing_since.is_none()).ok_or(ApiError::UserNotFound)?;
    match user.status {
        Status::Active => Ok(user),
        Status::Disabled => Err(ApiError::InvalidToken("disabled user")),
    }
}

/// Returns the claims of an access token of this issuer.
///
/// # Errors
/// 401 if the token is not good; 503 if the keys cannot be had.
pub async fn verify(app: &App, token: &str, issuer: &str, now: Timestamp) -> Result<AccessClaims, ApiError> {
    let refused = |bad: BadToken| ApiError::InvalidToken(bad.0);
    let token = tokens::parse(token).map_err(refused)?;
    let keys = app.public_keys.with(token.kid(), now).await?;
    token.verify(&keys, Parties { issuer, audience: &app.config.audience }, now).map_err(refused)
}
