//! `POST /_local/rotate`: rotates the keys, as Secrets Manager does every month. With a body it withdraws some (`docs/keys.md`).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use super::AnyError;
use super::server::{json_response, message};
use crate::system::System;
use crate::{event, functions};

/// Answers with the names of the keys that are left. The functions keep what they know of keys for five minutes, here as in AWS.
pub async fn rotate(State(system): State<Arc<System>>, body: Bytes) -> Response {
    match rotated(&system, &body).await {
        Ok(keys) => json_response(StatusCode::OK, &keys),
        Err(error) => message(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

async fn rotated(system: &System, body: &[u8]) -> Result<Value, AnyError> {
    let wish = if body.is_empty() {
        system.rotate_keys().await?;
        json!({"withdraw": []})
    } else {
        serde_json::from_slice(body)?
    };
    functions::invoke(&system.app, "rotate-keys", event::invocation(wish, 30)).await
}
