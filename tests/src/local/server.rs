//! The socket in front of the functions: what API Gateway is in AWS.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use serde_json::{Value, json};
use tests::contract::CONTRACT;
use tests::event::HttpRequest;
use tests::system::System;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_http::cors::CorsLayer;
use utoipa_swagger_ui::Config;

use crate::{keys, mailbox};

/// That of API Gateway.
const MAX_BODY: usize = 10 * 1024 * 1024;

/// Answers until it is stopped.
pub async fn serve(
    listener: TcpListener,
    system: Arc<System>,
    allowed_origins: Vec<HeaderValue>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut app = Router::new()
        .route("/openapi.json", get(contract))
        .route("/_local/mail", get(mailbox::show))
        .route("/_local/rotate", post(keys::rotate))
        .fallback(call)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(system);
    if !allowed_origins.is_empty() {
        app = app.layer(cors(allowed_origins));
    }
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let stop = async move { drop(stopped.wait_for(|stopped| *stopped).await) };
    drop(axum::serve(listener, app).with_graceful_shutdown(stop).await);
}

/// As the template has it.
fn cors(allowed_origins: Vec<HeaderValue>) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(allowed_origins)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, HeaderName::from_static("idempotency-key")])
        .expose_headers([RETRY_AFTER])
}

/// A route goes to its function; a file of the API reference is served; all else gets what API Gateway says.
async fn call(
    State(system): State<Arc<System>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
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
            crate::complain("a function failed", &error);
            message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
    }
}

fn not_found() -> Response {
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
