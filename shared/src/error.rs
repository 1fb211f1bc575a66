//! What a request can come to, named by meaning; [`crate::http`] makes the answers.

use jiff::SignedDuration;

use crate::domain::Rejected;
use crate::keys::{KeyError, SecretError};
use crate::passwords::HashError;
use crate::store::{CreateError, NoPublicKeys, StoreError};

/// Every way in which a request fails. Displayed, it is for the log; the client gets its status and title alone.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// 400: the body is no JSON object, or its fields, or a header, break rules. All of them at once.
    #[error("validation failed")]
    Invalid(Vec<Violation>),
    /// 413: the body is larger than is read.
    #[error("the body is too large")]
    BodyTooLarge,
    /// 415: the body is not announced as JSON.
    #[error("the content type is not JSON")]
    NotJson,
    /// 409: the address has an account.
    #[error("the address is taken")]
    EmailTaken,
    /// 409: mail to the user's address bounced, or was reported as spam: no more is sent.
    #[error("the address is suppressed")]
    EmailSuppressed,
    /// 422: the idempotency key was another request's; in what, the client is not told.
    #[error("the idempotency key was another request's: {0}")]
    IdempotencyKeyReused(&'static str),
    /// 401: address and password do not go together; for whatever reason.
    #[error("the credentials are wrong: {0}")]
    InvalidCredentials(&'static str),
    /// 401: no bearer token was sent.
    #[error("no bearer token")]
    NoToken,
    /// 401: the token, access or refresh, is not good; for whatever reason.
    #[error("the token is refused: {0}")]
    InvalidToken(&'static str),
    /// 404: API Gateway called the function for a route that the function does not have.
    #[error("no such route")]
    RouteNotFound,
    /// 404: the token's user is gone.
    #[error("the user is gone")]
    UserNotFound,
    /// 404: the user has no such session, or has it no more.
    #[error("no such session")]
    SessionNotFound,
    /// 429: it was asked for too often, by whom `limit` counts; how long until it may be again.
    #[error("too many requests: {limit}")]
    TooManyRequests {
        /// What is counted, for the log.
        limit: &'static str,
        /// How long.
        wait: SignedDuration,
    },
    /// 503: something that Latchkey depends on did not answer as it should. Asking again may help.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// 500: Latchkey itself is at fault, or what it stored.
    #[error("internal: {0}")]
    Internal(String),
}

impl From<Violation> for ApiError {
    fn from(violation: Violation) -> Self {
        Self::Invalid(vec![violation])
    }
}

/// A field that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where it is, a field of the body or a header; nothing for the body as a whole.
    pub field: Option<&'static str>,
    /// Why.
    pub rejected: Rejected,
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(reason) => Self::Unavailable(reason),
            StoreError::Corrupt { .. } => Self::Internal(error.to_string()),
        }
    }
}

impl From<CreateError> for ApiError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::EmailTaken => Self::EmailTaken,
            CreateError::KeyReused => Self::IdempotencyKeyReused("another request"),
            CreateError::Store(error) => error.into(),
        }
    }
}

impl From<NoPublicKeys> for ApiError {
    fn from(error: NoPublicKeys) -> Self {
        match error {
            NoPublicKeys::Unpublished => Self::Unavailable(error.to_string()),
            NoPublicKeys::Store(error) => error.into(),
        }
    }
}

impl From<HashError> for ApiError {
    fn from(error: HashError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<SecretError> for ApiError {
    fn from(error: SecretError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        Self::Internal(error.to_string())
    }
}
