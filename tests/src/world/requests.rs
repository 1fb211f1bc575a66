//! Requests, as clients send them, and the routes that tests use most.

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::{Actor, DOMAIN, PASSWORD, World};
use crate::contract;
use crate::event::HttpRequest;
use crate::system::Answer;

/// The address that requests come from, unless a test chooses another.
const HOME: &str = "192.0.2.1";

/// Returns a request without a body, from home.
#[must_use]
pub fn request<'a>(method: &'a str, path: &'a str) -> HttpRequest<'a> {
    let headers = HeaderMap::from_iter([(http::header::USER_AGENT, HeaderValue::from_static("world/1"))]);
    HttpRequest { method, path, headers, body: None, source_ip: HOME, domain_name: DOMAIN }
}

/// Returns a request that posts a JSON body, from home.
#[must_use]
pub fn posted<'a>(path: &'a str, body: &Value) -> HttpRequest<'a> {
    let mut request = request("POST", path).with_header("content-type", "application/json");
    request.body = Some(body.to_string().into_bytes());
    request
}

/// Returns the request with an `Authorization` header, if one is given and can be sent.
pub fn authorized<'a>(mut request: HttpRequest<'a>, authorization: Option<&str>) -> HttpRequest<'a> {
    if let Some(Ok(value)) = authorization.map(HeaderValue::from_str) {
        request.headers.insert(http::header::AUTHORIZATION, value);
    }
    request
}

/// Returns the answer that a function returned as an event.
#[must_use]
pub fn answered(event: &Value) -> Answer {
    Answer::read(event).unwrap_or_else(|error| panic!("{error}: {event}"))
}

impl World {
    /// Sends a request and checks the answer against the contract.
    pub async fn send(&self, request: HttpRequest<'_>) -> Answer {
        let answer = self.system.call(&request).await.expect("the function answers").expect("there is such a route");
        let complaint = contract::complaint(request.method, request.path, &answer);
        assert_eq!(complaint, None, "not as openapi.yaml has it");
        answer
    }

    /// Posts a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(posted(path, body)).await
    }

    /// Posts any body under any content type.
    pub async fn post_bytes(&self, path: &str, content_type: &str, body: Vec<u8>) -> Answer {
        let mut request = request("POST", path);
        if let Ok(content_type) = content_type.parse() {
            request.headers.insert("content-type", content_type);
        }
        request.body = Some(body);
        self.send(request).await
    }

    /// Gets a path, with an `Authorization` header if one is given.
    pub async fn get(&self, path: &str, authorization: Option<&str>) -> Answer {
        self.send(authorized(request("GET", path), authorization)).await
    }

    /// Posts without a body, with an `Authorization` header if one is given.
    pub async fn post_as(&self, path: &str, authorization: Option<&str>) -> Answer {
        self.send(authorized(request("POST", path), authorization)).await
    }

    /// Registers an address with [`PASSWORD`].
    pub async fn register(&self, email: &str) -> Answer {
        self.post("/api/auth/register", &json!({"email": email, "password": PASSWORD})).await
    }

    /// Registers a user and delivers the welcome mail.
    pub async fn registered(&self, email: &str) -> Actor {
        let actor = self.registered_with_queued_mail(email).await;
        self.deliver_mail().await;
        actor
    }

    /// Registers a user with a name and delivers the welcome mail.
    pub async fn registered_as(&self, email: &str, name: &str) -> Actor {
        let body = json!({"email": email, "password": PASSWORD, "name": name});
        let actor = Actor::signed_in(email, &self.post("/api/auth/register", &body).await, 201);
        self.deliver_mail().await;
        actor
    }

    /// Logs in.
    pub async fn login(&self, email: &str, password: &str) -> Answer {
        self.post("/api/auth/login", &json!({"email": email, "password": password})).await
    }

    /// Logs in from this address.
    pub async fn login_from(&self, source_ip: &str, email: &str, password: &str) -> Answer {
        let login = posted("/api/auth/login", &json!({"email": email, "password": password}));
        self.send(login.from_address(source_ip)).await
    }

    /// Opens one more session of a user whose password is [`PASSWORD`].
    pub async fn logged_in(&self, email: &str) -> Actor {
        Actor::signed_in(email, &self.login(email, PASSWORD).await, 200)
    }

    /// Opens one more session of a user with this password.
    pub async fn logged_in_with(&self, email: &str, password: &str) -> Actor {
        Actor::signed_in(email, &self.login(email, password).await, 200)
    }

    /// Presents a refresh token.
    pub async fn refresh(&self, refresh_token: &str) -> Answer {
        self.post("/api/auth/refresh", &json!({"refreshToken": refresh_token})).await
    }

    /// Presents a refresh token that must be good, and returns the next one.
    pub async fn refreshed(&self, refresh_token: &str) -> String {
        self.refresh(refresh_token).await.refresh_token()
    }

    /// Ends the session of a refresh token.
    pub async fn logout(&self, refresh_token: &str) -> Answer {
        self.post("/api/auth/logout", &json!({"refreshToken": refresh_token})).await
    }

    /// Ends all sessions of a refresh token's user.
    pub async fn logout_everywhere(&self, refresh_token: &str) -> Answer {
        self.post("/api/auth/logout", &json!({"refreshToken": refresh_token, "everywhere": true})).await
    }

    /// Asks for the account of an actor.
    pub async fn me(&self, actor: &Actor) -> Answer {
        self.get("/api/auth/me", Some(&actor.bearer())).await
    }

    /// Asks for one more welcome mail to an actor.
    pub async fn send_welcome_email(&self, actor: &Actor) -> Answer {
        self.post_as("/api/auth/send-welcome-email", Some(&actor.bearer())).await
    }

    /// Returns the key set that verifiers see.
    pub async fn jwks(&self) -> Answer {
        self.get("/.well-known/jwks.json", None).await
    }
}
