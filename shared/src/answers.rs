//! Bodies that more than one function answers with.

use std::fmt;

use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::app::App;
use crate::domain::{DeviceToken, Name, RefreshClaim, RefreshToken, Session, User, UserId};
use crate::error::ApiError;
use crate::http::Request;
use crate::signing_keys::KeySet;
use crate::tokens::{self, ACCESS_TOKEN_LIFETIME, Parties};

/// `{user}`'s content: what an account shows of itself.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserBody<'a> {
    id: UserId,
    email: &'a str,
    name: Option<&'a str>,
    created_at: String,
    updated_at: String,
    email_status: &'static str,
}

impl<'a> From<&'a User> for UserBody<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: user.id,
            email: user.email.as_typed(),
            name: user.name.as_ref().map(Name::as_str),
            created_at: rfc3339(user.created_at),
            updated_at: rfc3339(user.updated_at),
            email_status: user.email_status().as_str(),
        }
    }
}

/// `{user, accessToken, refreshToken, tokenType, expiresIn, deviceToken}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedIn<'a> {
    /// The account.
    pub user: UserBody<'a>,
    /// Its tokens.
    #[serde(flatten)]
    pub tokens: TokensBody,
    /// What the device that was answered is known by.
    pub device_token: DeviceToken,
}

/// `{accessToken, refreshToken, tokenType, expiresIn}` (RFC 6749, 5.1, in camelCase).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TokensBody {
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    expires_in: i64,
}

/// Tokens do not reach a log by way of `{:?}`.
impl fmt::Debug for TokensBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokensBody(redacted)")
    }
}

/// A new access token for `session`, and the session's current refresh token.
///
/// The refresh token is made with the key that signed when the session last rotated, so that it is the same text however
/// often it is given.
///
/// # Errors
/// [`ApiError::Internal`] when the keys do not do their part.
pub fn tokens(
    app: &App,
    keys: &KeySet,
    request: &Request,
    session: &Session,
    now: Timestamp,
) -> Result<TokensBody, ApiError> {
    let unusable = || ApiError::Internal("the key set has no key for now".to_owned());
    let issuer = request.issuer(&app.config)?;
    let parties = Parties { issuer: &issuer, audience: &app.config.audience };
    let key = keys.access_key(now).ok_or_else(unusable)?;
    let access_token = tokens::issue(key, parties, session.user, session.id, now)
        .map_err(|error| ApiError::Internal(error.to_string()))?;
    let key = keys.refresh_key(session.rotated_at).ok_or_else(unusable)?;
    let claim = RefreshClaim { user: session.user, session: session.id, counter: session.counter };
    Ok(TokensBody {
        access_token: access_token.expose_secret().to_owned(),
        refresh_token: RefreshToken::mint(key, &claim).expose().to_owned(),
        token_type: "Bearer",
        expires_in: ACCESS_TOKEN_LIFETIME.as_secs(),
    })
}

/// RFC 3339 in UTC with three digits of a second, as JavaScript's `toISOString` writes it.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    let at = at.round(jiff::Unit::Millisecond).unwrap_or(at);
    format!("{at:.3}")
}
