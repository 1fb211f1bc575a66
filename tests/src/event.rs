//! The events that AWS sends, exactly as its documentation shows them.
//!
//! To add an event of another service: a function that returns it as JSON, and a caller that puts it into
//! [`invocation`].

use http::HeaderMap;
use jiff::Timestamp;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Map, Value, json};
use shared::clock::Clock;
use uuid::Uuid;

use crate::functions;

/// A request as it reaches API Gateway.
#[derive(Clone, Debug)]
pub struct HttpRequest<'a> {
    /// `GET`, `POST`, ...
    pub method: &'a str,
    /// The path, without a query.
    pub path: &'a str,
    /// The headers, as sent.
    pub headers: HeaderMap,
    /// The body, as sent.
    pub body: Option<Vec<u8>>,
    /// The address that the connection comes from.
    pub source_ip: &'a str,
    /// The host that was called.
    pub domain_name: &'a str,
}

impl<'a> HttpRequest<'a> {
    /// Returns the request with a header, in place of one of the same name.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        let value = value.parse().unwrap_or_else(|error| panic!("{name}: {error}: {value:?}"));
        self.headers.insert(name, value);
        self
    }

    /// Returns the request under an `Idempotency-Key`.
    #[must_use]
    pub fn under_key(self, key: &str) -> Self {
        self.with_header("idempotency-key", key)
    }

    /// Returns the request from this address.
    #[must_use]
    pub const fn from_address(mut self, source_ip: &'a str) -> Self {
        self.source_ip = source_ip;
        self
    }
}

/// Returns the event of an HTTP API, payload format 2.0 ("Create AWS Lambda proxy integrations for HTTP APIs in API
/// Gateway"). A body that is not UTF-8 is in base64, as API Gateway does it.
#[must_use]
pub fn http(request: &HttpRequest<'_>, now: Timestamp) -> Value {
    let route = functions::route(request.method, request.path);
    let path = route.as_ref().map_or(request.path, |route| route.path);
    let mut headers = Map::new();
    for name in request.headers.keys() {
        let values = request.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        headers.insert(name.as_str().to_owned(), json!(values.collect::<Vec<_>>().join(",")));
    }
    let user_agent = headers.get("user-agent").cloned().unwrap_or_default();
    let text = request.body.as_ref().map(|body| String::from_utf8(body.clone()));
    let (body, is_base64_encoded) = match text {
        None => (Value::Null, false),
        Some(Ok(text)) => (json!(text), false),
        Some(Err(error)) => {
            use base64::Engine;
            (json!(base64::engine::general_purpose::STANDARD.encode(error.into_bytes())), true)
        }
    };
    let mut event = json!({
        "version": "2.0",
        "routeKey": format!("{} {path}", request.method),
        "rawPath": request.path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "api",
            "domainName": request.domain_name,
            "domainPrefix": "api",
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.source_ip,
                "userAgent": user_agent,
            },
            "requestId": Uuid::new_v4().to_string(),
            "routeKey": format!("{} {path}", request.method),
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            "timeEpoch": now.as_millisecond(),
        },
        "isBase64Encoded": is_base64_encoded,
    });
    if let Some(route) = route.filter(|route| !route.parameters.is_empty()) {
        event["pathParameters"] = json!(route.parameters);
    }
    if body != Value::Null {
        event["body"] = body;
    }
    event
}

/// Returns the event of a Lambda authorizer at another API, payload format 2.0 ("Control access to HTTP APIs with AWS
/// Lambda authorizers"). The identity source is the header `Authorization`.
#[must_use]
pub fn authorizer(request: &HttpRequest<'_>, now: Timestamp) -> Value {
    let mut event = http(request, now);
    event["type"] = json!("REQUEST");
    event["routeArn"] = json!(format!("arn:aws:execute-api:us-east-1:000000000000:api/$default/{}", request.method));
    event["identitySource"] = json!([event["headers"]["authorization"]]);
    for absent in ["body", "isBase64Encoded"] {
        event.as_object_mut().map(|event| event.remove(absent));
    }
    event
}

/// Returns the event in which Lambda's poller hands over messages of a queue ("Using Lambda with Amazon SQS").
#[must_use]
pub fn sqs(messages: &[aws_sdk_sqs::types::Message], queue_name: &str) -> Value {
    let record = |message: &aws_sdk_sqs::types::Message| {
        let attributes: Map<String, Value> = message
            .attributes()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.as_str().to_owned(), json!(value)))
            .collect();
        json!({
            "messageId": message.message_id(),
            "receiptHandle": message.receipt_handle(),
            "body": message.body(),
            "attributes": attributes,
            "messageAttributes": {},
            "md5OfBody": message.md5_of_body(),
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{queue_name}"),
            "awsRegion": "us-east-1",
        })
    };
    json!({"Records": messages.iter().map(record).collect::<Vec<_>>()})
}

/// Returns a scheduled event ("Amazon `EventBridge` scheduled events").
#[must_use]
pub fn schedule(now: Timestamp) -> Value {
    json!({
        "version": "0",
        "id": Uuid::new_v4().to_string(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:000000000000:rule/sweep"],
        "detail": {},
    })
}

/// Returns the event of one step of a rotation ("Rotation by Lambda function", AWS Secrets Manager).
#[must_use]
pub fn rotation(step: &str, secret: &str, token: &str) -> Value {
    json!({"Step": step, "SecretId": secret, "ClientRequestToken": token})
}

/// Returns the event as the runtime hands it to a function that has `seconds` to answer.
#[must_use]
pub fn invocation(payload: Value, seconds: i64) -> LambdaEvent<Value> {
    let mut context = Context::default();
    context.request_id = Uuid::new_v4().to_string();
    let deadline = Clock::System.now().as_millisecond() + seconds * 1000;
    context.deadline = u64::try_from(deadline).unwrap_or_default();
    LambdaEvent::new(payload, context)
}
