//! HTP: what every answer has, whatever it answers.

use serde_json::{Value, json};
use shared::app::App;
use shared::error::ApiError;
use shared::http::{Request, Response, respond};
use tests::doubles::{Fault, Service};
use tests::system::Answer;
use tests::world::{PASSWORD, World};
use tests::{event, functions};

use super::{LOGIN, LOGOUT, REGISTER, answered, posted};

/// Twice with different addresses, it is 422.
async fn register_under_key(world: &World, email: &str) -> Answer {
    let mut request = posted(REGISTER, &json!({"email": email, "password": PASSWORD}));
    request.headers.insert("idempotency-key", "a".parse().unwrap());
    world.send(request).await
}

fn assert_always_there(answer: &Answer, cache_control: &str) {
    let what = format!("{} {}", answer.status, answer.body);
    for (name, value) in [
        ("cache-control", cache_control),
        ("x-content-type-options", "nosniff"),
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ] {
        assert_eq!(answer.headers.get(name).and_then(|value| value.to_str().ok()), Some(value), "{name} of {what}");
    }
    let id = answer.headers.get("x-request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    assert!(!id.is_empty(), "{what}");
    if answer.status >= 400 {
        assert_eq!(answer.headers["content-type"], "application/problem+json", "{what}");
        assert_eq!(answer.text("instance"), format!("urn:request:{id}"));
        assert_eq!((&answer.json()["status"], answer.text("title")), (&json!(answer.status), answer.text("error")));
    }
    let there = |name| answer.headers.contains_key(name);
    assert_eq!(there("www-authenticate"), answer.status == 401, "{what}");
    assert_eq!(there("retry-after"), [429, 503].contains(&answer.status), "{what}");
    assert!(!there("access-control-allow-origin") && !there("set-cookie") && !there("server"), "{what}");
}

#[tokio::test]
async fn every_answer_has_the_headers_of_a_safe_one() {
    // HTP-02, HTP-03, HTP-05
    let world = World::with(&[("WELCOME_EMAILS_PER_DAY", "1")]).await;
    let ada = world.registered("ada@example.com").await;
    let bearer = ada.bearer();
    let account = json!({"email": "eve@example.com", "password": PASSWORD});
    let mut nowhere = posted(LOGIN, &json!({"email": "ada@example.com", "password": PASSWORD}));
    nowhere.domain_name = "";

    let mut answers = vec![
        world.get("/health", None).await,
        world.get("/api/auth/me", Some(&bearer)).await,
        world.post(REGISTER, &account).await,
        world.post_as("/api/auth/send-welcome-email", Some(&bearer)).await,
        world.post_as("/api/auth/send-welcome-email", Some(&bearer)).await,
        world.logout(&ada.refresh_token).await,
        world.post(REGISTER, &json!({})).await,
        world.get("/api/auth/me", None).await,
        world.get("/api/auth/me", Some("Bearer x")).await,
        world.login("ada@example.com", "another password").await,
        world.refresh("x").await,
        world.post(REGISTER, &account).await,
        register_under_key(&world, "eve@example.net").await,
        register_under_key(&world, "eve@example.org").await,
        world.post_bytes(REGISTER, "application/json", vec![b'x'; 8193]).await,
        world.post_bytes(REGISTER, "text/plain", vec![]).await,
        world.send(nowhere).await,
    ];
    let unreadable = functions::invoke(&world.system().app, "account", event::invocation(json!([]), 10)).await;
    answers.push(answered(&unreadable.unwrap()));
    world.aws().fail(Service::DynamoDb, "GetItem", Fault::down(), 3);
    answers.push(world.login("ada@example.com", PASSWORD).await);
    world.delete_profile(&ada);
    answers.push(world.get("/api/auth/me", Some(&bearer)).await);

    for answer in &answers {
        assert_always_there(answer, "no-store");
    }
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    statuses.dedup();
    assert_eq!(statuses, [200, 201, 202, 204, 400, 401, 404, 409, 413, 415, 422, 429, 500, 503]);
    for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration"] {
        assert_always_there(&world.get(path, None).await, "public, max-age=300");
    }
    world.leave_mail();
}

#[tokio::test]
async fn no_two_requests_have_one_id() {
    // HTP-02
    let world = World::new().await;
    let (first, second) = (world.get("/health", None).await, world.get("/health", None).await);
    assert_ne!(first.headers["x-request-id"], second.headers["x-request-id"]);
    assert_eq!(first.without_request_id(), second.without_request_id());
}

#[tokio::test]
async fn an_answer_without_content_has_no_type_and_no_body() {
    // HTP-02
    let world = World::new().await;
    let ended = world.logout("x").await;
    assert_eq!((ended.status, ended.body.as_str(), ended.headers.get("content-type")), (204, "", None));
}

#[tokio::test]
async fn a_handler_that_panics_is_our_fault_and_answers_all_the_same() {
    // HTP-01
    let world = World::new().await;
    let app = &world.system().app;
    let panicking = async |_: &App, _: Request| -> Result<Response, ApiError> { panic!("canary") };
    let event = || event::invocation(event::http(&posted(LOGOUT, &json!({})), world.now()), 10);
    let answer = respond(app, event(), panicking).await;
    let answer = answered(&serde_json::to_value(answer).unwrap());
    assert_eq!(answer.verdict(), (500, "Internal server error".to_owned()));
    assert_eq!(tests::contract::complaint("POST", LOGOUT, &answer), None);
    assert_always_there(&answer, "no-store");
    assert!(!answer.body.contains("canary"), "{}", answer.body);

    let later = answered(&functions::invoke(app, "logout", event()).await.unwrap());
    assert_eq!(later.status, 400, "the next request is as good as ever");
}

#[tokio::test]
async fn what_is_wrong_inside_stays_inside() {
    // HTP-01
    let world = World::new().await;
    world.spoil_keys();
    let answer = world.get("/.well-known/jwks.json", None).await;
    let body = answer.json();
    let mut members: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(
        (answer.status, members),
        (500, ["error", "instance", "status", "title", "type"].map(Into::into).to_vec())
    );

    world.aws().fail(Service::DynamoDb, "GetItem", Fault::down(), 3);
    let answer = world.login("ada@example.com", PASSWORD).await;
    assert_eq!((answer.status, &answer.json()["detail"]), (503, &json!("Try again in a moment")));
    assert_eq!(answer.json()["details"], Value::Null);
}
