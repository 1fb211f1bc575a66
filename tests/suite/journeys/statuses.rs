//! HTP-04: every status that `openapi.yaml` documents can happen.
//!
//! To add a status: an arm in `provoke` that brings a route to it.

use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use tests::contract;
use tests::doubles::{Fault, Service};
use tests::event::HttpRequest;
use tests::system::Answer;
use tests::world::{Actor, PASSWORD, World, authorized, posted, request};

const WELCOME: &str = "/api/auth/send-welcome-email";

/// Returns the request that succeeds for Ada.
fn usual<'a>(method: &'a str, path: &'a str, ada: &Actor) -> HttpRequest<'a> {
    let body = match path {
        "/api/auth/register" => json!({"email": "bob@example.com", "password": PASSWORD}),
        "/api/auth/login" => json!({"email": "ada@example.com", "password": PASSWORD}),
        "/api/auth/refresh" => json!({"refreshToken": ada.refresh_token}),
        "/api/auth/logout" => json!({"refreshToken": ada.refresh_token, "everywhere": true}),
        _ => Value::Null,
    };
    let request = if body.is_null() { request(method, path) } else { posted(path, &body) };
    authorized(request, Some(&ada.bearer()))
}

/// Makes a route answer with a status, in its own world.
async fn provoke(method: &str, path: &str, status: u16) -> Answer {
    let world = World::new().await;
    world.leave_mail();
    let ada = world.registered("ada@example.com").await;
    let path = &path.replace("{id}", &world.only_session().session_id);
    let mut request = usual(method, path, &ada);
    match status {
        304 => request = request.with_header("if-none-match", "*"),
        400 if path == WELCOME => request = request.under_key("a b"),
        400 => request.body = Some(b"{}".to_vec()),
        422 => {
            request = request.under_key("a");
            assert_eq!(world.send(request.clone()).await.status, 201);
            let body = json!({"email": "bob@example.com", "password": "another password"});
            request.body = Some(body.to_string().into());
        }
        401 => {
            request.headers.remove(AUTHORIZATION);
            let body = json!({"email": "ada@example.com", "password": "another password", "refreshToken": "x"});
            request.body = request.body.map(|_| body.to_string().into_bytes());
        }
        404 => world.delete_profile(&ada),
        409 if path == WELCOME => {
            world.tamper_with_profile(&ada, &json!({"emailHistory": {"SS": ["delivered", "complained"]}}));
        }
        409 => request.body = Some(json!({"email": "ada@example.com", "password": PASSWORD}).to_string().into()),
        413 => request.body = Some(vec![b' '; 8193]),
        415 => request = request.with_header("content-type", "text/plain"),
        429 if path == "/api/auth/login" => {
            for _ in 0..world.system().app.config.logins_per_account_and_network {
                assert_eq!(world.login("ada@example.com", "another password").await.status, 401);
            }
        }
        429 if path == "/api/auth/register" => {
            for _ in 1..world.system().app.config.registrations_per_network {
                assert_ne!(world.send(request.clone()).await.status, 429);
            }
        }
        429 => {
            for _ in 0..world.system().app.config.welcome_emails_per_day {
                assert_eq!(world.send_welcome_email(&ada).await.status, 202);
            }
        }
        500 if path == "/api/auth/logout" => {
            world.tamper("Accounts", world.rows("SESSION#").remove(0), &json!({"counter": {"S": "spoilt"}}));
        }
        500 if path == "/health" || path == "/.well-known/jwks.json" => world.spoil_keys(),
        500 => request.domain_name = "", // leaves the issuer without a name
        503 => {
            for operation in ["GetItem", "Query", "PutItem", "UpdateItem", "TransactWriteItems"] {
                world.aws().fail(Service::DynamoDb, operation, Fault::down(), usize::MAX);
            }
        }
        _ => {}
    }
    world.send(request).await
}

#[tokio::test]
async fn every_documented_status_can_be_provoked() {
    // HTP-04: `World::send` fails the test on any status that is not documented
    for (method, path, documented) in contract::operations() {
        assert!(!documented.is_empty());
        for status in documented {
            let answer = provoke(&method, &path, status).await;
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        }
    }
}
