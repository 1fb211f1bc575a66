//! What an answer says. A field that is absent or of another type fails the test and shows the body.

use http::HeaderMap;
use serde_json::Value;

use crate::system::{Answer, AnyError};

impl Answer {
    /// Reads what a function returned.
    pub fn read(event: &Value) -> Result<Self, AnyError> {
        let mut headers = HeaderMap::new();
        for (name, value) in event["headers"].as_object().ok_or("an answer without headers")? {
            let name: http::HeaderName = name.parse()?;
            headers.insert(name, value.as_str().ok_or("a header that is no text")?.parse()?);
        }
        Ok(Self {
            status: event["statusCode"].as_u64().and_then(|status| status.try_into().ok()).ok_or("no status")?,
            headers,
            body: event["body"].as_str().unwrap_or_default().to_owned(),
        })
    }

    /// Returns the body.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{}: {error}: {:?}", self.status, self.body))
    }

    /// Returns whether the body has a field. An empty body has none.
    #[must_use]
    pub fn has(&self, field: &str) -> bool {
        !self.body.is_empty() && self.json().get(field).is_some()
    }

    /// Returns a field of the body.
    #[must_use]
    pub fn field(&self, field: &str) -> Value {
        let found = self.json().get_mut(field).map(Value::take);
        found.unwrap_or_else(|| panic!("{}: no {field}: {}", self.status, self.body))
    }

    /// Returns a text of the body.
    #[must_use]
    pub fn text(&self, field: &str) -> String {
        match self.field(field) {
            Value::String(text) => text,
            other => panic!("{}: {field} is {other}: {}", self.status, self.body),
        }
    }

    /// Returns status and `error`, for tests to compare. The error of a success is empty.
    #[must_use]
    pub fn verdict(&self) -> (u16, String) {
        if self.status < 400 {
            assert!(!self.has("error"), "{}: {}", self.status, self.body);
            return (self.status, String::new());
        }
        (self.status, self.text("error"))
    }

    /// Returns the refresh token of an answer that must be 200.
    #[must_use]
    pub fn refresh_token(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.body);
        self.text("refreshToken")
    }

    /// Returns the answer without the request's id, which no two answers share.
    #[must_use]
    pub fn without_request_id(&self) -> Self {
        let mut headers = self.headers.clone();
        headers.remove("x-request-id");
        let mut body = self.body.clone();
        if !body.is_empty() {
            let mut json = self.json();
            json.as_object_mut().and_then(|fields| fields.remove("instance"));
            body = json.to_string();
        }
        Self { status: self.status, headers, body }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: body.to_owned() }
    }

    #[test]
    fn the_verdict_of_a_success_has_no_error() {
        assert_eq!(answer(204, "").verdict(), (204, String::new()));
        assert_eq!(answer(401, r#"{"error": "Invalid token"}"#).verdict(), (401, "Invalid token".to_owned()));
    }

    #[test]
    #[should_panic(expected = "no acessToken: {\"accessToken\": \"x\"}")]
    fn an_absent_field_fails_and_shows_the_body() {
        let _ = answer(200, r#"{"accessToken": "x"}"#).text("acessToken");
    }

    #[test]
    #[should_panic(expected = "expiresIn is 900")]
    fn a_text_of_another_type_fails() {
        let _ = answer(200, r#"{"expiresIn": 900}"#).text("expiresIn");
    }

    #[test]
    #[should_panic(expected = "no error")]
    fn a_refusal_without_an_error_fails() {
        let _ = answer(401, "{}").verdict();
    }
}
