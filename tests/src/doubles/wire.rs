//! The wire: which call a request is, and how an answer or a refusal looks in the protocol of its service.

use std::borrow::Cow;
use std::fmt::Write as _;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

use super::connector::HANGS;
use super::faults::{Call, Service};
use super::ses::operation as ses_v2_operation;

/// What the server sends back.
pub(super) type Reply = Response<Full<Bytes>>;

/// An error as AWS answers it.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    pub(super) code: Cow<'static, str>,
    pub(super) message: String,
}

impl Refusal {
    /// The caller's mistake: a 400.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code: code.into(), message: message.into() }
    }

    /// A refusal that a test asked for.
    pub(super) fn asked_for(status: u16, code: String, message: String) -> Self {
        Self { status, code: code.into(), message }
    }

    /// This server's own trouble: a 500.
    pub(super) fn internal(message: String) -> Self {
        Self { status: 500, code: "InternalFailure".into(), message }
    }

    /// The operation is none of the service's, or none that the double knows.
    pub(super) fn unknown_operation(operation: &str) -> Self {
        Self::new("UnknownOperationException", format!("The double does not know the operation {operation}."))
    }
}

/// The call that a request makes; none when it is no request of a known service.
pub(super) fn recognise(head: &Parts, body: &[u8]) -> Option<Call> {
    if let Some(operation) = ses_v2_operation(&head.method, head.uri.path()) {
        return Some(Call { service: Service::SesV2, operation: operation.to_owned() });
    }
    let Some(target) = head.headers.get("x-amz-target") else {
        let (_, operation) = form_urlencoded::parse(body).find(|(name, _)| name == "Action")?;
        return Some(Call { service: Service::Ses, operation: operation.into_owned() });
    };
    let (prefix, operation) = target.to_str().ok()?.split_once('.')?;
    let service = match prefix {
        "AmazonSQS" => Service::Sqs,
        "secretsmanager" => Service::Secrets,
        "DynamoDB_20120810" => Service::DynamoDb,
        _ => return None,
    };
    Some(Call { service, operation: operation.to_owned() })
}

/// The input of a JSON operation.
///
/// # Errors
/// `SerializationException` when it is no JSON, lacks a field or has one that the double does not know.
pub(super) fn input<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::new("SerializationException", error.to_string()))
}

/// The answer to `call` in the protocol of its service.
pub(super) fn reply(call: &Call, outcome: Result<String, Refusal>) -> Reply {
    let request_id = Uuid::new_v4().to_string();
    match (outcome, call.service) {
        (Ok(result), Service::Ses) => xml(200, &request_id, result_document(&call.operation, &result, &request_id)),
        (Ok(result), service) => json(200, &request_id, service, result),
        (Err(refusal), Service::Ses) => xml(refusal.status, &request_id, error_document(&refusal, &request_id)),
        (Err(refusal), service) => json_refusal(&refusal, service, &request_id),
    }
}

/// An answer to `call` whose status and body are given.
pub(super) fn reply_as_it_stands(call: &Call, status: u16, body: String) -> Reply {
    let request_id = Uuid::new_v4().to_string();
    match call.service {
        Service::Ses => xml(status, &request_id, body),
        service => json(status, &request_id, service, body),
    }
}

/// The answer to a request of no known service.
pub(super) fn no_such_service() -> Reply {
    let mut reply = Response::new(Full::from("no AWS call that the doubles know\n"));
    *reply.status_mut() = StatusCode::NOT_FOUND;
    reply
}

/// The answer to a request that calls this machine by a name that is not its own.
pub(super) fn unknown_host() -> Reply {
    let mut reply =
        Response::new(Full::from("the doubles answer only to this machine's own names, such as localhost\n"));
    *reply.status_mut() = StatusCode::MISDIRECTED_REQUEST;
    reply
}

/// The answer to a sender that hangs by itself.
pub(super) fn hanging() -> Reply {
    let mut reply = Response::new(Full::default());
    set_header(&mut reply, HANGS, "");
    reply
}

/// `text` with what XML reserves escaped.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn json_refusal(refusal: &Refusal, service: Service, request_id: &str) -> Reply {
    let message = &refusal.message;
    if service != Service::Sqs {
        let body = json!({ "__type": refusal.code, "Message": message, "message": message });
        return json(refusal.status, request_id, service, body.to_string());
    }
    let (name, code) = sqs_names(&refusal.code);
    let body = json!({ "__type": format!("com.amazonaws.sqs#{name}"), "message": message });
    let mut reply = json(refusal.status, request_id, service, body.to_string());
    let fault = if refusal.status < 500 { "Sender" } else { "Receiver" };
    set_header(&mut reply, "x-amzn-query-error", &format!("{code};{fault}"));
    reply
}

/// An SQS error's name in the model, and its code from the time of the query protocol, which the SDKs still match.
fn sqs_names(code: &str) -> (&str, Cow<'_, str>) {
    const PREFIX: &str = "AWS.SimpleQueueService.";
    const PREFIXED: [&str; 9] = [
        "BatchEntryIdsNotDistinct",
        "BatchRequestTooLong",
        "EmptyBatchRequest",
        "InvalidBatchEntryId",
        "MessageNotInflight",
        "PurgeQueueInProgress",
        "QueueDeletedRecently",
        "TooManyEntriesInBatchRequest",
        "UnsupportedOperation",
    ];
    let bare = code.strip_prefix(PREFIX).unwrap_or(code);
    if matches!(bare, "QueueDoesNotExist" | "NonExistentQueue") {
        return ("QueueDoesNotExist", format!("{PREFIX}NonExistentQueue").into());
    }
    if PREFIXED.contains(&bare) {
        return (bare, format!("{PREFIX}{bare}").into());
    }
    (bare, bare.into())
}

fn result_document(operation: &str, result: &str, request_id: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\">\
         <{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    )
}

fn error_document(refusal: &Refusal, request_id: &str) -> String {
    let kind = if refusal.status < 500 { "Sender" } else { "Receiver" };
    // The one modelled error of SendEmail whose code is not its name.
    let code = match &*refusal.code {
        "ConfigurationSetDoesNotExistException" => "ConfigurationSetDoesNotExist",
        code => code,
    };
    let mut document = String::from("<ErrorResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\"><Error>");
    let _ = write!(document, "<Type>{kind}</Type><Code>{}</Code>", escape(code));
    let _ = write!(document, "<Message>{}</Message></Error>", escape(&refusal.message));
    let _ = write!(document, "<RequestId>{request_id}</RequestId></ErrorResponse>");
    document
}

fn json(status: u16, request_id: &str, service: Service, body: String) -> Reply {
    let version = if service == Service::Secrets { "1.1" } else { "1.0" };
    assemble(status, request_id, &format!("application/x-amz-json-{version}"), body)
}

fn xml(status: u16, request_id: &str, body: String) -> Reply {
    assemble(status, request_id, "text/xml", body)
}

fn assemble(status: u16, request_id: &str, content_type: &str, body: String) -> Reply {
    let mut reply = Response::new(Full::from(body));
    *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    set_header(&mut reply, CONTENT_TYPE.as_str(), content_type);
    set_header(&mut reply, "x-amzn-requestid", request_id);
    reply
}

fn set_header(reply: &mut Reply, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(HeaderName::from_static(name), value);
    }
}
