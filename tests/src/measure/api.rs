//! A client of the API, as plain as can be.

use std::net::IpAddr;

use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::AnyError;

/// The password of every account that is made here.
pub const PASSWORD: &str = "a rather long password of 4 or more words";

/// The API at an address, as one client calls it. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Api {
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
}

impl Api {
    /// Called from `address`, or from wherever.
    pub fn new(url: &str, address: Option<IpAddr>) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_local_address(address);
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, url: url.trim_end_matches('/').to_owned() }
    }

    /// Status and body of a POST.
    pub async fn post(&self, path: &str, body: &Value) -> Result<(u16, Value), AnyError> {
        let request = Request::post(format!("{}/api/auth/{path}", self.url)).header("content-type", "application/json");
        let answer = self.client.request(request.body(Full::new(body.to_string().into()))?).await?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await?.to_bytes();
        Ok((status, serde_json::from_slice(&body).unwrap_or_default()))
    }

    /// The address of a new account, and what it was answered.
    pub async fn register(&self) -> Result<(String, Value), AnyError> {
        let email = nobody();
        match self.post("register", &json!({"email": email, "password": PASSWORD})).await? {
            (201, body) => Ok((email, body)),
            (status, body) => Err(format!("register answers {status}: {body}").into()),
        }
    }

    /// The status of a login.
    pub async fn login(&self, email: &str, password: &str) -> Result<u16, AnyError> {
        Ok(self.post("login", &json!({"email": email, "password": password})).await?.0)
    }
}

/// An address without an account.
pub fn nobody() -> String {
    format!("{}@example.com", Uuid::new_v4())
}
