//! The socket in front of the functions: what API Gateway is in AWS.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use utoipa_swagger_ui::Config;

use super::cors::Origins;
use super::{AnyError, app, keys, mailbox};
use crate::contract::CONTRACT;
use crate::event::HttpRequest;
use crate::hosts;
use crate::lambda;
use crate::system::System;

/// That of API Gateway.
const MAX_BODY: usize = 10 * 1024 * 1024;

/// Serves the API, its reference, and what only `cargo local` has. Pages of other origins may call the API alone.
pub(super) fn router(system: Arc<System>, origins: &Origins) -> Result<Router, AnyError> {
    let mut api = Router::new().fallback(call).with_state(Arc::clone(&system));
    if let Some(cors) = origins.layer()? {
        api = api.layer(cors);
    }
    let router = Router::new()
        .route("/openapi.json", get(contract))
        .route("/_local/app", get(app::page))
        .route("/_local/client/{*path}", get(app::file))
        .route("/_local/mail", get(mailbox::show))
        .route("/_local/rotate", post(keys::rotate))
        .route(&format!("{}{{function}}/invocations", lambda::PATH), post(invoke))
        .fallback_service(api)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(refuse_other_sites))
        .with_state(system);
    Ok(router)
}

/// Makes the service for a connection from `peer`.
pub(super) fn service(router: &Router, peer: SocketAddr) -> TowerToHyperService<Router> {
    TowerToHyperService::new(router.clone().layer(Extension(ConnectInfo(peer))))
}

/// Refuses what a page of another site could have a browser send here: requests under that site's own name, and requests to
/// what only `cargo local` has.
async fn refuse_other_sites(request: Request, next: Next) -> Response {
    if !hosts::is_known(request.uri(), request.headers(), &[]) {
        let reason = "cargo local answers only to localhost, 127.0.0.1 and [::1]";
        return message(StatusCode::MISDIRECTED_REQUEST, reason);
    }
    let path = request.uri().path();
    if (path.starts_with("/_local/") || path.starts_with(lambda::PATH)) && is_from_another_origin(request.headers()) {
        return message(StatusCode::FORBIDDEN, "pages of other origins may not use this");
    }
    next.run(request).await
}

fn is_from_another_origin(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    text(ORIGIN).is_some_and(|origin| Some(origin) != text(HOST).map(|host| format!("http://{host}")).as_deref())
}

/// Calls the function of a route, or serves a file of the API reference. All else gets what API Gateway says. HEAD is GET
/// without the body.
async fn call(
    State(system): State<Arc<System>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Ok(body) = body else { return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large") };
    let method = if method == Method::HEAD { Method::GET } else { method }; // axum leaves the body out
    let source_ip = peer.ip().to_string();
    let domain_name = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost").to_owned();
    let request = HttpRequest {
        method: method.as_str(),
        path: uri.path(),
        headers,
        body: (!body.is_empty()).then(|| body.to_vec()),
        source_ip: &source_ip,
        domain_name: &domain_name,
    };
    match system.call(&request).await {
        Ok(Some(answer)) => {
            let mut response = (StatusCode::from_u16(answer.status).unwrap_or_default(), answer.body).into_response();
            *response.headers_mut() = answer.headers;
            response
        }
        Ok(None) if method == Method::GET => reference(uri.path()).unwrap_or_else(not_found),
        Ok(None) => not_found(),
        Err(error) => {
            super::complain("a function failed", &error);
            message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
    }
}

/// Invokes a function that operators call, as Lambda does.
async fn invoke(State(system): State<Arc<System>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    lambda::invoke(&system, uri.path(), uri.query(), &headers, &body).await.into_response()
}

pub fn not_found() -> Response {
    message(StatusCode::NOT_FOUND, "Not Found")
}

pub fn message(status: StatusCode, message: &str) -> Response {
    json_response(status, &json!({"message": message}))
}

pub fn json_response(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// The contract, its servers replaced by this one.
async fn contract() -> Response {
    let mut contract = CONTRACT.clone();
    if let Some(servers) = contract.get_mut("servers") {
        *servers = json!([{"url": "/"}]);
    }
    json_response(StatusCode::OK, &contract)
}

/// A file of the rendered contract.
fn reference(path: &str) -> Option<Response> {
    static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| Arc::new(Config::from("/openapi.json")));
    let file = utoipa_swagger_ui::serve(path.trim_start_matches('/'), Arc::clone(&CONFIG)).ok()??;
    let mut response = Response::new(Body::from(file.bytes.into_owned()));
    response.headers_mut().insert(CONTENT_TYPE, file.content_type.parse().ok()?);
    if file.gzpipped {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Some(response)
}
