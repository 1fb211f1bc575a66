//! Response bodies that more than one function sends.

use std::fmt;

use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::domain::{ACCESS_TOKEN_LIFETIME, DeviceToken, Name, RefreshClaim, RefreshToken, Session, User, UserId};
use crate::error::ApiError;
use crate::keys::{KeyError, SigningKeys};
use crate::tokens::{self, AccessClaims, Parties};

/// An account, as its user sees it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserBody<'a> {
    id: UserId,
    email: &'a str,
    email_verified: bool,
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
            email_verified: user.is_verified(),
            name: user.name.as_ref().map(Name::as_str),
            created_at: rfc3339(user.created_at),
            updated_at: rfc3339(user.updated_at),
            email_status: user.email_status().as_str(),
        }
    }
}

/// `{user}`.
#[derive(Debug, Serialize)]
pub struct UserOnly<'a> {
    pub user: UserBody<'a>,
}

impl<'a> From<&'a User> for UserOnly<'a> {
    fn from(user: &'a User) -> Self {
        Self { user: UserBody::from(user) }
    }
}

/// `{message}`.
#[derive(Debug, Serialize)]
pub struct Message {
    pub message: &'static str,
}

/// `{user, accessToken, refreshToken, tokenType, expiresIn, deviceToken}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedIn<'a> {
    pub user: UserBody<'a>,
    #[serde(flatten)]
    pub tokens: TokensBody,
    /// The token that makes the next login recognise this device.
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

/// Hides the tokens, because `{:?}` may end up in a log.
impl fmt::Debug for TokensBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokensBody(redacted)")
    }
}

/// Issues an access token for `session`, and makes the session's current refresh token.
///
/// The refresh token is made with the key that was in force when the session last rotated. So its text stays the same
/// however often it is given out.
///
/// # Errors
/// [`ApiError::Internal`] if the keys cannot be used.
pub fn tokens(
    keys: &SigningKeys,
    parties: Parties<'_>,
    user: &User,
    session: &Session,
    now: Timestamp,
) -> Result<TokensBody, ApiError> {
    let access_key = keys.access_key(now).ok_or(KeyError)?;
    let claims = AccessClaims { user: user.id, session: session.id, email_verified: user.is_verified() };
    let access_token = tokens::issue(access_key, parties, &claims, now)?;
    let refresh_key = keys.refresh_key(session.rotated_at).ok_or(KeyError)?;
    let claim = RefreshClaim { user: session.user, session: session.id, counter: session.counter };
    Ok(TokensBody {
        access_token: access_token.expose_secret().to_owned(),
        refresh_token: RefreshToken::mint(refresh_key, &claim).expose().to_owned(),
        token_type: "Bearer",
        expires_in: ACCESS_TOKEN_LIFETIME.as_secs(),
    })
}

/// Formats a time by RFC 3339, in UTC with three digits of a second, as JavaScript's `toISOString` writes it.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    let at = at.round(jiff::Unit::Millisecond).unwrap_or(at);
    format!("{at:.3}")
}
