//! HTP-04: every status that `openapi.yaml` documents can happen.
//!
//! To add a status: an arm in `provoke` that brings a route to it.

use http::header::AUTHORIZATION;
use serde_json::{Value, json};
use tests::contract;
use tests::doubles::{Fault, Service};
use tests::event::HttpRequest;
use tests::system::Answer;
use tests::world::{Actor, NEW_PASSWORD, PASSWORD, World, authorized, posted, request};

const WELCOME: &str = "/api/auth/send-welcome-email";
const VERIFICATION: &str = "/api/auth/email/verification";
const VERIFY: &str = "/api/auth/email/verify";
const FORGOT: &str = "/api/auth/password/forgot";
const RESET: &str = "/api/auth/password/reset";
const CHANGE_PASSWORD: &str = "/api/auth/password/change";
const CHANGE_EMAIL: &str = "/api/auth/email/change";
const CONFIRM: &str = "/api/auth/email/confirm";
const EXPORT: &str = "/api/auth/account/export";
const DELETE: &str = "/api/auth/account/delete";

/// Returns the request that succeeds for Ada.
async fn usual<'a>(world: &World, method: &'a str, path: &'a str, ada: &Actor) -> HttpRequest<'a> {
    let body = match path {
        "/api/auth/me" if method == "PATCH" => json!({"name": "Ada"}),
        VERIFY => json!({"code": world.code_mailed_to("ada@example.com")}),
        FORGOT => json!({"email": "ada@example.com"}),
        RESET => {
            let flow = world.forgot("ada@example.com").await;
            world.deliver_mail().await;
            json!({"flow": flow, "code": world.code_mailed_to("ada@example.com"), "newPassword": NEW_PASSWORD})
        }
        CHANGE_PASSWORD => json!({"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD}),
        CHANGE_EMAIL => json!({"newEmail": "ada@example.org", "password": PASSWORD}),
        CONFIRM => {
            assert_eq!(world.change_email(ada, "ada@example.org").await.status, 202);
            world.deliver_mail().await;
            json!({"code": world.code_mailed_to("ada@example.org")})
        }
        EXPORT | DELETE => json!({"password": PASSWORD}),
        "/api/auth/register" => json!({"email": "bob@example.com", "password": PASSWORD}),
        "/api/auth/login" => json!({"email": "ada@example.com", "password": PASSWORD}),
        "/api/auth/refresh" => json!({"refreshToken": ada.refresh_token}),
        "/api/auth/logout" => json!({"refreshToken": ada.refresh_token, "everywhere": true}),
        _ => Value::Null,
    };
    let request = if body.is_null() { request(method, path) } else { HttpRequest { method, ..posted(path, &body) } };
    authorized(request, Some(&ada.bearer()))
}

/// Makes a route answer with a status, in its own world.
async fn provoke(method: &str, path: &str, status: u16) -> Answer {
    let world = World::new().await;
    world.leave_mail();
    let ada = world.registered("ada@example.com").await;
    let path = &path.replace("{id}", &world.only_session().session_id);
    let mut request = usual(&world, method, path, &ada).await;
    match status {
        200 if path == VERIFICATION => {
            assert_eq!(world.verify(&ada, &world.code_mailed_to("ada@example.com")).await.status, 200);
        }
        200 if path == CHANGE_EMAIL => {
            request.body = Some(json!({"newEmail": "Ada@Example.com", "password": PASSWORD}).to_string().into());
        }
        403 if path == "/api/auth/register" => {
            return world.send_to(&world.another_process(&[("REGISTRATION_MODE", "closed")]), request).await;
        }
        403 => {
            let wrong = json!({
                "password": "another password", "currentPassword": "another password",
                "newPassword": NEW_PASSWORD, "newEmail": "ada@example.org",
            });
            request.body = Some(wrong.to_string().into());
        }
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
            let body = json!({
                "email": "ada@example.com", "password": "another password", "refreshToken": "x", "name": "Ada",
                "code": "7K3M-9XQ2", "currentPassword": PASSWORD, "newPassword": NEW_PASSWORD,
                "newEmail": "ada@example.org",
            });
            request.body = request.body.map(|_| body.to_string().into_bytes());
        }
        404 => world.delete_profile(&ada),
        409 if path == CONFIRM => {
            world.registered("ada@example.org").await;
        }
        409 if path == WELCOME || path == VERIFICATION => {
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
        429 if path == FORGOT => {
            for _ in 0..5 {
                assert_eq!(world.send(request.clone()).await.status, 202);
            }
        }
        429 if path == RESET => {
            let wrong = json!({"token": "lkr1.x", "newPassword": NEW_PASSWORD});
            for _ in 0..100 {
                assert_eq!(world.post(RESET, &wrong).await.status, 400);
            }
        }
        429 if [CHANGE_PASSWORD, CHANGE_EMAIL, EXPORT, DELETE].contains(&path.as_str()) => {
            for _ in 0..world.system().app.config.failed_logins_before_delay {
                let wrong = world.ask(&ada, "account/export", &json!({"password": "another password"})).await;
                assert_eq!(wrong.status, 403);
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
        500 if path == FORGOT || path == RESET => {
            world.tamper_with_profile(&ada, &json!({"createdAt": {"S": "spoilt"}}));
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
