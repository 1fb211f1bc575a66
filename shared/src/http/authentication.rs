//! Finds out who sends a request: verifies its access token and reads the account behind it.

use jiff::Timestamp;
use tracing::Span;

use super::Request;
use crate::app::App;
use crate::domain::{Status, User};
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

/// Returns the user of a good token, if the user may still use it.
///
/// # Errors
/// 401 for a disabled user; 404 for an erased one.
pub fn active(user: Option<User>) -> Result<User, ApiError> {
    let user = user.ok_or(ApiError::UserNotFound)?;
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
