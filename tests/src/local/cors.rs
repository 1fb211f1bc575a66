//! `ALLOWED_ORIGINS`: the origins whose pages may call the API from a browser, as the template's `AllowedOrigins` has them.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Uri};
use serde_json::Value;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::AnyError;
use crate::template;

/// Who may call from a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// No other origin.
    None,
    /// All of them: `*`.
    Any,
    /// These.
    Listed(Vec<HeaderValue>),
}

impl Origins {
    /// Reads what the template's parameter allows: nothing, `*`, or origins as browsers send them, separated by commas.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" => Some(Self::None),
            "*" => Some(Self::Any),
            _ => text.split(',').map(origin).collect::<Option<_>>().map(Self::Listed),
        }
    }

    /// Answers browsers as API Gateway does with the template's `CorsConfiguration`.
    ///
    /// # Errors
    /// When the template has no such configuration.
    pub fn layer(&self) -> Result<Option<CorsLayer>, AnyError> {
        let origins = match self {
            Self::None => return Ok(None),
            Self::Any => AllowOrigin::any(),
            Self::Listed(origins) => AllowOrigin::list(origins.iter().cloned()),
        };
        let cors = template::cors();
        let max_age = cors["MaxAge"].as_u64().ok_or("the template's CorsConfiguration has no MaxAge")?;
        Ok(Some(
            CorsLayer::new()
                .allow_origin(origins)
                .allow_methods(listed::<Method>(&cors["AllowMethods"])?)
                .allow_headers(listed::<HeaderName>(&cors["AllowHeaders"])?)
                .expose_headers(listed::<HeaderName>(&cors["ExposeHeaders"])?)
                .max_age(Duration::from_secs(max_age)),
        ))
    }
}

/// An origin (RFC 6454, 6.2): a browser sends it in lower case, without a default port, a path or a slash at the end.
fn origin(text: &str) -> Option<HeaderValue> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.' || byte == b'-';
    let port = match authority.port() {
        Some(port) => Some(port.as_str().parse::<u16>().ok()?),
        None => None,
    };
    let is_origin = match scheme {
        "http" => port != Some(80),
        "https" => port != Some(443),
        _ => false,
    } && authority.host().bytes().all(fits)
        && text == format!("{scheme}://{authority}");
    if is_origin { text.parse().ok() } else { None }
}

fn listed<T: std::str::FromStr>(values: &Value) -> Result<Vec<T>, AnyError>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let values = values.as_array().ok_or("a list of the template's CorsConfiguration is missing")?;
    values.iter().map(|value| Ok(value.as_str().unwrap_or_default().parse()?)).collect()
}
