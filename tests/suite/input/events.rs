//! Events that API Gateway does not send, and odd ones that it may.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::system::Answer;
use tests::world::{PASSWORD, World, request};
use tests::{event, functions};

use super::{LOGIN, REGISTER, answered, posted};

pub(super) async fn invoke(world: &World, function: &str, event: Value) -> Answer {
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
        changed(&world, "/headers", (0..30_000).map(|n| (format!("canary-{n}"), json!(""))).collect()),
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
async fn an_event_whose_host_path_or_query_makes_no_uri_is_answered_as_any_other() {
    // INP-05, HTP-01
    let world = World::new().await;
    world.registered("ada@example.com").await;
    let long = "x".repeat(70_000);
    for query in ["a=<b>", "a=\"b\"", "a=b c", "a=\u{7}", "a=%zz", "ä", &long] {
        let answer = invoke(&world, "login", changed(&world, "/rawQueryString", json!(query))).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
    }
    for path in ["", ":99999", "api", "//", "/a b", "/\u{7}", "/ä", "/%zz", &long] {
        let answer = invoke(&world, "login", changed(&world, "/rawPath", json!(path))).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
    for host in ["", "a b", "a:99999", "a<b", "[::1", "1.2.3.256", "xn--a", "ä", &long] {
        let mut event = login(&world);
        event["headers"]["host"] = json!(host);
        event["requestContext"]["domainName"] = json!(if host.is_empty() { "a b" } else { host });
        let answer = invoke(&world, "login", event).await;
        assert_eq!(answer.status, 200, "{host}: {}", answer.body);
    }
    for scheme in ["", "https, http", ":", "a b"] {
        let mut event = login(&world);
        event["headers"]["x-forwarded-proto"] = json!(scheme);
        let answer = invoke(&world, "login", event).await;
        assert_eq!(answer.status, 200, "{scheme}: {}", answer.body);
    }
}

/// Returns an event for a route, under `key` as the route's key.
fn routed(world: &World, method: &str, path: &str, key: &Value) -> Value {
    let mut event = event::http(&request(method, path), world.now());
    event["routeKey"] = key.clone();
    event["requestContext"]["routeKey"] = key.clone();
    event
}

#[tokio::test]
async fn a_function_that_is_called_for_a_route_it_does_not_have_answers_404() {
    // HTP-01, HTP-03
    let world = World::new().await;
    for function in ["account", "public"] {
        for (method, path) in [
            ("GET", "/nowhere"),
            ("GET", "/"),
            ("GET", ""),
            ("PUT", "/api/auth/me"),
            ("DELETE", "/api/auth/sessions"),
            ("POST", "/health"),
            ("GET", "/health/"),
            ("POST", LOGIN),
        ] {
            for key in [json!(format!("{method} {path}")), json!("$default"), json!(null), json!(""), json!("canary")] {
                let answer = invoke(&world, function, routed(&world, method, path, &key)).await;
                assert_eq!(answer.verdict(), (404, "Not found".to_owned()), "{function} {method} {path} {key}");
                assert_eq!(answer.headers["content-type"], "application/problem+json");
                assert!(!answer.body.contains("canary"), "{}", answer.body);
            }
        }
    }
}

#[tokio::test]
async fn the_default_route_leads_to_the_same_handlers() {
    // HTP-01
    let world = World::with(&[("WELCOME_EMAILS_PER_DAY", "100")]).await;
    let ada = world.registered("ada@example.com").await;
    world.leave_mail();
    let several = functions::ROUTES.iter().filter(|(_, _, function)| ["account", "public"].contains(function));
    for (method, pattern, function) in several {
        for value in ["7", "sessions", "api", "{id}"] {
            let path = pattern.replace("{id}", value);
            for authorization in [None, Some(ada.bearer())] {
                let sent = |key: Option<Value>| {
                    let mut event = event::http(&request(method, &path), world.now());
                    if let Some(authorization) = &authorization {
                        event["headers"]["authorization"] = json!(authorization);
                    }
                    if let Some(key) = key {
                        event["routeKey"] = key.clone();
                        event["requestContext"]["routeKey"] = key;
                    }
                    event
                };
                let expected = invoke(&world, function, sent(None)).await.without_request_id();
                assert!(!expected.body.contains("Not found"), "{method} {path}");
                for key in [json!("$default"), json!(null)] {
                    let answer = invoke(&world, function, sent(Some(key))).await.without_request_id();
                    assert_eq!(answer, expected, "{method} {path}");
                }
            }
        }
    }
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
