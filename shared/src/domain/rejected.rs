use std::borrow::Cow;

use serde::Serialize;

/// Why a field was refused, in the vocabulary of the replaced backend's validator (Zod 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// Absent, or of another JSON type.
    InvalidType,
    /// A string of the wrong form.
    InvalidString,
    /// Shorter than allowed.
    TooSmall,
    /// Longer than allowed.
    TooBig,
    /// The same key twice in one object.
    DuplicateKey,
    /// Not JSON at all.
    InvalidJson,
    /// Any other rule.
    Custom,
}

/// Why a value was refused: a code for programs and a sentence for people. It never contains the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Rejected {
    pub code: Code,
    pub message: Cow<'static, str>,
}

impl Rejected {
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }
}
