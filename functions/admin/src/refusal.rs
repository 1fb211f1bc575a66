//! Why an operation is refused, by a status as HTTP has it.

use serde::{Deserialize, Serialize};
use shared::store::StoreError;

/// Every way in which a request can fail.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// 400: the request is not as it should be.
    #[error("{message}")]
    Invalid {
        /// The field, such as `user.id`. `None` for the request as a whole.
        field: Option<String>,
        message: String,
    },
    /// 404: there is no such user.
    #[error("no such user")]
    NoSuchUser,
    /// 409: the state of the user or of the stack does not allow it.
    #[error("{0}")]
    Conflict(&'static str),
    /// 503: a service that Latchkey depends on failed. The same request may be sent again.
    #[error("{0}")]
    Unavailable(String),
    /// 500: stored data cannot be read.
    #[error("{0}")]
    Internal(String),
}

/// The answer to a refused request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalBody {
    pub error: ErrorBody,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The status that HTTP has for it: 400, 404, 409, 500 or 503.
    pub status: u16,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Refusal {
    #[must_use]
    pub fn invalid(field: Option<&str>, message: impl Into<String>) -> Self {
        Self::Invalid { field: field.map(str::to_owned), message: message.into() }
    }

    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Invalid { .. } => 400,
            Self::NoSuchUser => 404,
            Self::Conflict(_) => 409,
            Self::Internal(_) => 500,
            Self::Unavailable(_) => 503,
        }
    }

    /// Returns the answer.
    #[must_use]
    pub fn body(self) -> RefusalBody {
        let (status, message) = (self.status(), self.to_string());
        let field = if let Self::Invalid { field, .. } = self { field } else { None };
        RefusalBody { error: ErrorBody { status, message, field } }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(reason) => Self::Unavailable(reason),
            StoreError::Corrupt { .. } => Self::Internal(error.to_string()),
        }
    }
}
