//! `ALLOWED_ORIGINS`: the origins whose pages may call the API from a browser, as the template's `AllowedOrigins` has them.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
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

/// Reads an origin (RFC 6454, 6.2). A browser sends it in lower case, without a default port, a path or a slash at the end.
fn origin(text: &str) -> Option<HeaderValue> {
    let (scheme, authority) = text.split_once("://")?;
    let default_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    if let Some(port) = port {
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
        if !is_number || port.parse::<u16>().ok()? == default_port {
            return None;
        }
    }
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.' || byte == b'-';
    if host.is_empty() || !host.bytes().all(fits) { None } else { text.parse().ok() }
}

fn listed<T: std::str::FromStr>(values: &Value) -> Result<Vec<T>, AnyError>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let values = values.as_array().ok_or("a list of the template's CorsConfiguration is missing")?;
    values.iter().map(|value| Ok(value.as_str().unwrap_or_default().parse()?)).collect()
}
