//! HTP-04: what the contract documents is what happens.

use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use tests::contract;
use tests::doubles::Service;
use tests::event::HttpRequest;
use tests::system::Answer;
use tests::world::{Actor, PASSWORD, World, request};

use crate::health::spoil_keys;
use crate::input::{delete, posted};
use crate::register::down;

const WELCOME: &str = "/api/auth/send-welcome-email";

/// What Ada sends when all goes well.
fn usual<'a>(method: &'a str, path: &'a str, ada: &Actor) -> HttpRequest<'a> {
    let body = match path {
        "/api/auth/register" => json!({"email": "bob@example.com", "password": PASSWORD}),
        "/api/auth/login" => json!({"email": "ada@example.com", "password": PASSWORD}),
        "/api/auth/refresh" => json!({"refreshToken": ada.refresh_token}),
        "/api/auth/logout" => json!({"refreshToken": ada.refresh_token, "everywhere": true}),
        _ => Value::Null,
    };
    let mut request = if body.is_null() { request(method, path) } else { posted(path, &body) };
    request.headers.insert(AUTHORIZATION, ada.bearer().parse().unwrap());
    request
}

/// Brings a route to a status, in a world of its own.
async fn provoke(method: &str, path: &str, status: u16) -> Answer {
    let world = World::new().await;
    world.leave_mail();
    let ada = world.registered("ada@example.com").await;
    let session = world.rows("SESSION#")[0]["sessionId"]["S"].as_str().unwrap_or_default().to_owned();
    let path = &path.replace("{id}", &session);
    let mut request = usual(method, path, &ada);
    match status {
        304 => drop(request.headers.insert("if-none-match", "*".parse().unwrap())),
        400 if path == WELCOME => drop(request.headers.insert("idempotency-key", "a b".parse().unwrap())),
        400 => request.body = Some(b"{}".to_vec()),
        422 => {
            request.headers.insert("idempotency-key", "a".parse().unwrap());
            assert_eq!(world.send(request.clone()).await.status, 201);
            let body = json!({"email": "bob@example.com", "password": "another password"});
            request.body = Some(body.to_string().into());
        }
        401 => {
            request.headers.remove(AUTHORIZATION);
            let body = json!({"email": "ada@example.com", "password": "another password", "refreshToken": "x"});
            request.body = request.body.map(|_| body.to_string().into_bytes());
        }
        404 => delete(&world, "Accounts", &format!("USER#{}", ada.id()), "PROFILE"),
        409 if path == WELCOME => {
            let profile = world.rows("PROFILE").remove(0);
            world.tamper("Accounts", profile, &json!({"emailHistory": {"SS": ["delivered", "complained"]}}));
        }
        409 => request.body = Some(json!({"email": "ada@example.com", "password": PASSWORD}).to_string().into()),
        413 => request.body = Some(vec![b' '; 8193]),
        415 => drop(request.headers.insert("content-type", "text/plain".parse().unwrap())),
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
                assert_eq!(world.post_as(WELCOME, Some(&ada.bearer())).await.status, 202);
            }
        }
        500 if path == "/api/auth/logout" => {
            world.tamper("Accounts", world.rows("SESSION#").remove(0), &json!({"counter": {"S": "spoilt"}}));
        }
        500 if path == "/health" || path == "/.well-known/jwks.json" => spoil_keys(&world),
        500 => request.domain_name = "", // and so there is no name for the issuer
        503 => {
            for operation in ["GetItem", "Query", "PutItem", "UpdateItem", "TransactWriteItems"] {
                world.aws().fail(Service::DynamoDb, operation, down(), usize::MAX);
            }
        }
        _ => {}
    }
    world.send(request).await
}

#[tokio::test]
async fn every_status_that_is_documented_can_be_had() {
    // HTP-04: and none but these, since `World::send` refuses what is not documented.
    for (method, path, documented) in contract::operations() {
        assert!(!documented.is_empty());
        for status in documented {
            let answer = provoke(&method, &path, status).await;
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn what_is_documented_is_what_is_routed() {
    // HTP-04
    let mut documented: Vec<_> = contract::operations().map(|(method, path, _)| (method, path)).collect();
    let served = tests::functions::ROUTES.iter();
    let mut served: Vec<_> = served.map(|(method, path, _)| ((*method).to_owned(), (*path).to_owned())).collect();
    documented.sort();
    served.sort();
    assert_eq!(documented, served);
}
