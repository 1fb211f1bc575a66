//! Lambda's `Invoke` on the wire, for the functions that operators call. `cargo local` serves it, and so does a test.

use std::convert::Infallible;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::system::System;

/// Where Lambda takes invocations. The function's name and `/invocations` follow.
pub const PATH: &str = "/2015-03-31/functions/";
/// The name of the stack that answers.
const STACK: &str = "local";
/// The functions that operators call, each with its timeout in seconds.
const FUNCTIONS: [(&str, i64); 2] = [("admin", 60), ("rotate-keys", 30)];
/// The alias of every function, as a parameter of its own.
const ALIAS: &str = "Qualifier=live";
/// The same behind the function's name. The AWS CLI writes the colon in percents.
const ALIAS_OF_NAME: [&str; 2] = [":live", "%3Alive"];

/// Invokes the function that `path` names, and answers as Lambda does.
pub async fn invoke(
    system: &System,
    path: &str,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
) -> Response<Full<Bytes>> {
    if !headers.contains_key(AUTHORIZATION) {
        return refusal(StatusCode::FORBIDDEN, "MissingAuthenticationTokenException", "Missing Authentication Token");
    }
    let name = path.trim_start_matches(PATH).trim_end_matches("/invocations");
    let with_alias = ALIAS_OF_NAME.iter().find_map(|alias| name.strip_suffix(alias));
    let is_live = if with_alias.is_some() { query.is_none() } else { query == Some(ALIAS) };
    let wanted = with_alias.unwrap_or(name);
    let function = FUNCTIONS.iter().find(|(function, _)| format!("{STACK}-{function}") == wanted);
    let Some((function, seconds)) = function.filter(|_| is_live) else {
        let message = format!("Function not found: arn:aws:lambda:us-east-1:000000000000:function:{name}");
        return refusal(StatusCode::NOT_FOUND, "ResourceNotFoundException", &message);
    };
    let Ok(event) = serde_json::from_slice(body) else {
        let message = "Could not parse request body into json";
        return refusal(StatusCode::BAD_REQUEST, "InvalidRequestContentException", message);
    };
    match system.invoke(function, event, *seconds).await {
        Ok(answer) => reply(StatusCode::OK, None, &answer),
        Err(error) => {
            let answer = json!({"errorType": "&alloc::boxed::Box", "errorMessage": error.to_string()});
            reply(StatusCode::OK, Some(("x-amz-function-error", "Unhandled")), &answer)
        }
    }
}

/// Serves invocations until it is dropped.
pub async fn serve(system: &System, listener: TcpListener) {
    let mut connections = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                    let answer = invoke(system, head.uri.path(), head.uri.query(), &head.headers, &body).await;
                    Ok::<_, Infallible>(answer)
                });
                connections.push(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
            // An error is a client that went away.
            Some(_) = connections.next() => {}
        }
    }
}

fn refusal(status: StatusCode, kind: &'static str, message: &str) -> Response<Full<Bytes>> {
    reply(status, Some(("x-amzn-errortype", kind)), &json!({"Type": "User", "Message": message}))
}

fn reply(status: StatusCode, header: Option<(&'static str, &'static str)>, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    headers.extend(header.map(|(name, value)| (HeaderName::from_static(name), http::HeaderValue::from_static(value))));
    response
}
