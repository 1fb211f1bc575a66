//! Events that API Gateway does not send, and odd ones that it may.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::system::Answer;
use tests::world::{PASSWORD, World};
use tests::{event, functions};

use super::{LOGIN, REGISTER, answered, posted};

async fn invoke(world: &World, function: &str, event: Value) -> Answer {
    let answer = functions::invoke(&world.system().app, function, event::invocation(event, 10)).await;
    answered(&answer.expect("the invocation does not fail"))
}

fn login(world: &World) -> Value {
    event::http(&posted(LOGIN, &json!({"email": "ada@example.com", "password": PASSWORD})), world.now())
}

/// The login event with one thing in it changed.
fn changed(world: &World, pointer: &str, value: Value) -> Value {
    let mut event = login(world);
    *event.pointer_mut(pointer).unwrap() = value;
    event
}

#[tokio::test]
async fn what_is_no_event_of_api_gateway_s_is_refused_like_any_bad_request() {
    // HTP-01, INP-05
    let world = World::new().await;
    let mut headless = login(&world);
    headless.as_object_mut().unwrap().remove("requestContext");
    let events = [
        json!(null),
        json!(true),
        json!(4711),
        json!("canary"),
        json!([]),
        json!({}),
        json!({"canary": "canary"}),
        json!({"Records": [{"body": "canary", "eventSource": "aws:sqs"}]}),
        json!({"version": "1.0", "httpMethod": "POST", "path": LOGIN, "headers": {}, "requestContext": {"stage": "x"}}),
        json!({"requestContext": {"elb": {"targetGroupArn": "canary"}}, "httpMethod": "POST", "path": "/"}),
        headless,
        changed(&world, "/requestContext", json!(null)),
        changed(&world, "/requestContext", json!([])),
        changed(&world, "/requestContext/http", json!("canary")),
        changed(&world, "/requestContext/http/method", json!("CAN ARY")),
        changed(&world, "/requestContext/http/method", json!(5)),
        changed(&world, "/requestContext/timeEpoch", json!("canary")),
        changed(&world, "/headers", json!("canary")),
        changed(&world, "/headers", json!({"x-canary": 5})),
        changed(&world, "/headers", json!({"not a name": "canary"})),
        changed(&world, "/headers", json!({"x-canary": "line\nbreak"})),
        changed(&world, "/body", json!({"canary": 1})),
        changed(&world, "/isBase64Encoded", json!("canary")),
        changed(&world, "/rawPath", json!(["canary"])),
    ];
    let functions: BTreeSet<_> = functions::ROUTES.iter().map(|(_, _, function)| *function).collect();
    for function in functions {
        for event in &events {
            let answer = invoke(&world, function, event.clone()).await;
            assert_eq!(answer.verdict(), (400, "Validation failed".to_owned()), "{function} {event}");
            assert_eq!(answer.headers["content-type"], "application/problem+json");
            let message = "The request is not one that API Gateway makes";
            assert_eq!(answer.json()["details"], json!([{"path": [], "code": "custom", "message": message}]));
            assert!(!answer.body.contains("canary"), "{}", answer.body);
        }
    }
}

#[tokio::test]
async fn what_is_odd_and_yet_a_request_is_answered_as_any_other() {
    // INP-05
    let world = World::new().await;
    world.registered("ada@example.com").await;
    for event in [
        changed(&world, "/requestContext/http/method", json!("BREW")),
        changed(&world, "/requestContext/http/userAgent", json!(null)),
        changed(&world, "/requestContext/http/userAgent", json!("Café/1.0 \u{7}\n\u{1f511}")),
        changed(&world, "/requestContext/http/sourceIp", json!("not an address")),
        changed(&world, "/requestContext/http/sourceIp", json!(null)),
        changed(&world, "/requestContext/requestId", json!(null)),
        changed(&world, "/headers/user-agent", json!("Café/1.0 \u{1f511}")),
        changed(&world, "/rawPath", json!("/stage/api/auth/login")),
        changed(&world, "/rawQueryString", json!("a=b&%ff=%")),
    ] {
        let answer = invoke(&world, "login", event.clone()).await;
        assert_eq!(answer.status, 200, "{event}: {}", answer.body);
        assert!(!answer.headers["x-request-id"].is_empty());
    }
    let answer = invoke(&world, "login", changed(&world, "/headers", json!(null))).await;
    assert_eq!(answer.status, 415);
}

#[tokio::test]
async fn the_request_s_id_is_api_gateway_s_or_else_lambda_s() {
    // HTP-02
    let world = World::new().await;
    let id = |answer: &Answer| answer.headers["x-request-id"].to_str().unwrap().to_owned();
    let mut event = event::http(&posted(REGISTER, &json!({})), world.now());
    event["requestContext"]["requestId"] = json!("XkT901hFFiAEMfQ=");
    let answer = invoke(&world, "register", event).await;
    assert_eq!(id(&answer), "XkT901hFFiAEMfQ=");
    assert_eq!(answer.text("instance"), "urn:request:XkT901hFFiAEMfQ=");

    let invocation = event::invocation(json!(null), 10);
    let lambda_s = invocation.context.request_id.clone();
    let answer = answered(&functions::invoke(&world.system().app, "register", invocation).await.unwrap());
    assert_eq!((id(&answer), answer.text("instance")), (lambda_s.clone(), format!("urn:request:{lambda_s}")));
}
