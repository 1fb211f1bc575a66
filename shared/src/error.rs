//! The ways in which a request can fail, named by meaning. [`crate::http`] turns them into responses.
//!
//! To add one: add a variant, and its status and title in `http/response.rs`.

use jiff::SignedDuration;

use crate::domain::Rejected;
use crate::keys::{KeyError, SecretError};
use crate::passwords::HashError;
use crate::store::{CreateError, NoPublicKeys, StoreError};

/// Every way in which a request can fail. The display text is for the log. The client gets only the status and the
/// title.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// 400: the body is not a JSON object, or its fields or a header break rules. Contains all violations.
    #[error("validation failed")]
    Invalid(Vec<Violation>),
    /// 413: the body is larger than the limit.
    #[error("the body is too large")]
    BodyTooLarge,
    /// 415: the request does not declare its body as JSON.
    #[error("the content type is not JSON")]
    NotJson,
    /// 403: users come by invitation and import alone.
    #[error("registration is closed")]
    RegistrationClosed,
    /// 409: the address has an account.
    #[error("the address is taken")]
    EmailTaken,
    /// 409: mail to the user's address bounced or was reported as spam, so no more mail is sent to it.
    #[error("the address is suppressed")]
    EmailSuppressed,
    /// 422: the idempotency key belongs to another request. The log tells the difference, and the client is not told.
    #[error("the idempotency key belongs to another request: {0}")]
    IdempotencyKeyReused(&'static str),
    /// 401: the login failed. The client is not told the reason.
    #[error("the credentials are wrong: {0}")]
    InvalidCredentials(&'static str),
    /// 403: the current password, which the request repeats, is wrong.
    #[error("the current password is wrong")]
    WrongPassword,
    /// 400: the mailed code or link is wrong, expired, used or unknown. The client is not told which.
    #[error("the code is refused: {0}")]
    InvalidCode(&'static str),
    /// 401: no bearer token was sent.
    #[error("no bearer token")]
    NoToken,
    /// 401: the access token or refresh token is not good. The client is not told the reason.
    #[error("the token is refused: {0}")]
    InvalidToken(&'static str),
    /// 403: the request did not come through the deployment's own proxy. The client is not told what is missing.
    #[error("the request did not come through the proxy: {0}")]
    AroundProxy(&'static str),
    /// 404: API Gateway called the function for a route that the function does not have.
    #[error("no such route")]
    RouteNotFound,
    /// 404: the token's user was erased.
    #[error("the user is gone")]
    UserNotFound,
    /// 404: the user has no such live session.
    #[error("no such session")]
    SessionNotFound,
    /// 429: a limit is reached.
    #[error("too many requests: {limit}")]
    TooManyRequests {
        /// The limit's name in the log.
        limit: &'static str,
        /// How long the client must wait.
        wait: SignedDuration,
    },
    /// 503: a service that Latchkey depends on failed. A retry may help.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// 500: Latchkey or its stored data is at fault.
    #[error("internal: {0}")]
    Internal(String),
}

impl From<Violation> for ApiError {
    fn from(violation: Violation) -> Self {
        Self::Invalid(vec![violation])
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field of the body, or the header. `None` for the body as a whole.
    pub field: Option<&'static str>,
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
