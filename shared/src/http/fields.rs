use std::fmt;

use serde_json::{Map, Value};

use super::Request;
use super::request::BodyError;
use crate::domain::{Code, Rejected};
use crate::error::{ApiError, Violation};
use crate::json::{self, JsonError, Strict};

/// The fields of a JSON body.
///
/// A handler takes them one by one and gets all violations in one error. A derived `Deserialize` would stop at the
/// first. Fields that the handler does not take are ignored.
pub struct Fields {
    object: Map<String, Value>,
    violations: Vec<Violation>,
}

/// Shows the violations alone, because the values may be passwords and tokens.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fields").field("violations", &self.violations).finish_non_exhaustive()
    }
}

/// Reads the body of `request`.
///
/// The errors are 415 if it is not announced as JSON, 413 if it is larger than 8 KiB, and 400 if it is not a JSON
/// object or has the same key twice.
pub fn fields(request: &Request) -> Result<Fields, ApiError> {
    let body = request.json_body().map_err(|error| match error {
        BodyError::NotJson => ApiError::NotJson,
        BodyError::TooLarge => ApiError::BodyTooLarge,
        BodyError::NotBase64 => invalid_body(Code::InvalidJson, "The body is not valid base64"),
    })?;
    match json::from_slice(body) {
        Ok(Strict(Value::Object(object))) => Ok(Fields { object, violations: Vec::new() }),
        Ok(Strict(other)) => Err(invalid_body(Code::InvalidType, expected("object", &other))),
        Err(JsonError::Invalid) => Err(invalid_body(Code::InvalidJson, "The body is not valid JSON")),
        Err(JsonError::DuplicateKey) => Err(invalid_body(Code::DuplicateKey, "The body has the same key twice")),
    }
}

impl Fields {
    /// Takes a string that must be present and parses it. Returns `None` if it is refused.
    pub fn required<T>(&mut self, field: &'static str, parse: impl FnOnce(&str) -> Result<T, Rejected>) -> Option<T> {
        self.required_or(field, "Required", parse)
    }

    /// Does the same, and refuses an absent field with these words.
    pub fn required_or<T>(
        &mut self,
        field: &'static str,
        absent: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Rejected>,
    ) -> Option<T> {
        match self.object.remove(field) {
            Some(value) => self.text(field, value, parse),
            None => self.refuse(field, Rejected::new(Code::InvalidType, absent)),
        }
    }

    /// Takes a string that may be absent or `null` and parses it. Returns `None` if it is refused.
    pub fn optional<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Rejected>,
    ) -> Option<Option<T>> {
        match self.take(field) {
            Some(value) => self.text(field, value, parse).map(Some),
            None => Some(None),
        }
    }

    /// Takes a string that must be present but may be `null`, and parses it. Returns `None` if it is refused.
    pub fn nullable<T>(
        &mut self,
        field: &'static str,
        parse: impl FnOnce(&str) -> Result<T, Rejected>,
    ) -> Option<Option<T>> {
        match self.object.remove(field) {
            Some(Value::Null) => Some(None),
            Some(value) => self.text(field, value, parse).map(Some),
            None => self.refuse(field, Rejected::new(Code::InvalidType, "Required")),
        }
    }

    /// Takes a boolean, which is false if it is absent or `null`. Returns `None` if it is refused.
    pub fn flag(&mut self, field: &'static str) -> Option<bool> {
        match self.take(field) {
            None => Some(false),
            Some(Value::Bool(flag)) => Some(flag),
            Some(other) => self.refuse(field, Rejected::new(Code::InvalidType, expected("boolean", &other))),
        }
    }

    /// Takes a header's value, so that its violation is reported with those of the body. Returns `None` if it is
    /// refused.
    pub fn header<T>(&mut self, value: Result<T, Violation>) -> Option<T> {
        value.map_err(|violation| self.violations.push(violation)).ok()
    }

    /// Returns the values, or all violations as [`ApiError::Invalid`].
    ///
    /// Call it as in `fields.finish(|| Some((email?, password?)))?`.
    pub fn finish<T>(self, values: impl FnOnce() -> Option<T>) -> Result<T, ApiError> {
        match values() {
            Some(values) if self.violations.is_empty() => Ok(values),
            _ => Err(ApiError::Invalid(self.violations)),
        }
    }

    /// Takes an optional field. `null` is the same as absent.
    fn take(&mut self, field: &str) -> Option<Value> {
        self.object.remove(field).filter(|value| !value.is_null())
    }

    fn text<T>(
        &mut self,
        field: &'static str,
        value: Value,
        parse: impl FnOnce(&str) -> Result<T, Rejected>,
    ) -> Option<T> {
        let parsed = match value {
            Value::String(text) => parse(&text),
            other => Err(Rejected::new(Code::InvalidType, expected("string", &other))),
        };
        parsed.map_or_else(|rejected| self.refuse(field, rejected), Some)
    }

    fn refuse<T>(&mut self, field: &'static str, rejected: Rejected) -> Option<T> {
        self.violations.push(Violation { field: Some(field), rejected });
        None
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
