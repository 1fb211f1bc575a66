use std::fmt;

use serde_json::{Map, Value};

use super::Request;
use super::request::BodyError;
use crate::domain::{Code, Rejected};
use crate::error::{ApiError, Violation};
use crate::json::{self, JsonError, Strict};

/// The fields of a JSON body, taken one by one; what is wrong with them is collected and reported at once.
///
/// A derived `Deserialize` would stop at the first. Fields that nobody asks for are never looked at.
pub struct Fields {
    object: Map<String, Value>,
    violations: Vec<Violation>,
}

/// The values may be passwords and tokens: they stay out.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fields").field("violations", &self.violations).finish_non_exhaustive()
    }
}

/// The fields of `request`'s body.
///
/// # Errors
/// 413 over 8 KiB, 415 when it is not announced as JSON, 400 when it is no JSON object or has a key twice.
pub fn fields(request: &Request) -> Result<Fields, ApiError> {
    let body = request.json_body().map_err(|error| match error {
        BodyError::NotJson => ApiError::NotJson,
        BodyError::TooLarge => ApiError::BodyTooLarge,
        BodyError::NotBase64 => invalid_body(Code::InvalidJson, "The body is not valid base64"),
    })?;
    match json::from_slice(&body) {
        Ok(Strict(Value::Object(object))) => Ok(Fields { object, violations: Vec::new() }),
        Ok(Strict(other)) => Err(invalid_body(Code::InvalidType, expected("object", &other))),
        Err(JsonError::Invalid) => Err(invalid_body(Code::InvalidJson, "The body is not valid JSON")),
        Err(JsonError::DuplicateKey) => Err(invalid_body(Code::DuplicateKey, "The body has the same key twice")),
    }
}

impl Fields {
    /// A string that must be there, and what `parse` makes of it; nothing if it is refused.
    pub fn required<T>(&mut self, field: &'static str, parse: impl FnOnce(&str) -> Result<T, Rejected>) -> Option<T> {
        let value = self.text(field, parse)?;
        if value.is_none() {
            self.refuse(field, Rejected::new(Code::InvalidType, "Required"));
        }
        value
    }

    /// A string that may be absent, and what `parse` makes of it; nothing if it is refused.
    pub fn optional<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Rejected>,
    ) -> Option<Option<T>> {
        self.text(field, parse)
    }

    /// A flag, false when it is absent; nothing if it is no boolean.
    pub fn flag(&mut self, field: &'static str) -> Option<bool> {
        match self.object.remove(field) {
            None => Some(false),
            Some(Value::Bool(flag)) => Some(flag),
            Some(other) => {
                self.refuse(field, Rejected::new(Code::InvalidType, expected("boolean", &other)));
                None
            }
        }
    }

    /// What stands beside the body; nothing if it is refused.
    pub fn header<T>(&mut self, value: Result<T, Violation>) -> Option<T> {
        value.map_err(|violation| self.violations.push(violation)).ok()
    }

    /// The values, if none was refused: `fields.finish(|| Some((email?, password?)))?`.
    ///
    /// # Errors
    /// 400 with every violation.
    pub fn finish<T>(self, values: impl FnOnce() -> Option<T>) -> Result<T, ApiError> {
        match values() {
            Some(values) if self.violations.is_empty() => Ok(values),
            _ => Err(ApiError::Invalid(self.violations)),
        }
    }

    /// Outer nothing: refused. Inner nothing: absent.
    #[expect(clippy::option_option, reason = "refused and absent are two things, and `?` takes care of the first")]
    fn text<T>(&mut self, field: &'static str, parse: impl FnOnce(&str) -> Result<T, Rejected>) -> Option<Option<T>> {
        let rejected = match self.object.remove(field) {
            None => return Some(None),
            Some(Value::String(text)) => match parse(&text) {
                Ok(value) => return Some(Some(value)),
                Err(rejected) => rejected,
            },
            Some(other) => Rejected::new(Code::InvalidType, expected("string", &other)),
        };
        self.refuse(field, rejected);
        None
    }

    fn refuse(&mut self, field: &'static str, rejected: Rejected) {
        self.violations.push(Violation { field: Some(field), rejected });
    }
}

fn invalid_body(code: Code, message: impl Into<std::borrow::Cow<'static, str>>) -> ApiError {
    ApiError::Invalid(vec![Violation { field: None, rejected: Rejected::new(code, message) }])
}

fn expected(wanted: &str, got: &Value) -> String {
    let got = match got {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!("Expected {wanted}, received {got}")
}
