//! What comes in, through the HTTP surface.

use serde_json::Value;
use tests::event::HttpRequest;
use tests::system::Answer;
use tests::world::request;

/// A request with a JSON body, to be changed before it is sent.
pub(crate) fn posted<'a>(path: &'a str, body: &Value) -> HttpRequest<'a> {
    let mut request = request("POST", path);
    request.headers.insert("content-type", "application/json".parse().unwrap());
    request.body = Some(body.to_string().into_bytes());
    request
}

/// The answer of a function that was invoked with an event of the test's own.
pub(crate) fn answered(value: &Value) -> Answer {
    let headers = value["headers"].as_object().into_iter().flatten();
    Answer {
        status: value["statusCode"].as_u64().unwrap().try_into().unwrap(),
        headers: headers
            .map(|(name, value)| (name.parse().unwrap(), value.as_str().unwrap().parse().unwrap()))
            .collect(),
        body: value["body"].as_str().unwrap_or_default().to_owned(),
    }
}
