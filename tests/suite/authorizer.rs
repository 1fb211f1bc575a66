//! The Lambda authorizer for other APIs.

use jiff::SignedDuration;
use lambda_runtime::Error;
use serde_json::{Value, json};
use tests::doubles::Service;
use tests::world::{DOMAIN, World, request};
use tests::{event, functions};

use crate::health::{spoil_keys, unpublish_keys};
use crate::register::down;
use crate::tokens::claims;

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

async fn world() -> World {
    World::with(&[("ISSUER", "https://id.latchkey.example")]).await
}

/// What the authorizer says of any event.
async fn answer(world: &World, event: Value) -> Result<Value, Error> {
    functions::invoke(&world.system().app, "authorizer", event::invocation(event, 10)).await
}

/// The event of a request to another API, with this header `Authorization`.
fn event_with(world: &World, authorization: &str) -> Value {
    let mut request = request("GET", "/orders");
    request.domain_name = "orders.example.com";
    request.headers.insert("authorization", authorization.parse().unwrap());
    event::authorizer(&request, world.now())
}

async fn asked(world: &World, authorization: &str) -> Result<Value, Error> {
    answer(world, event_with(world, authorization)).await
}

/// Whether a request with this header is let through.
pub async fn is_authorized(world: &World, authorization: &str) -> bool {
    let verdict = asked(world, authorization).await.unwrap();
    let context = verdict.get("context").is_some();
    assert_eq!(verdict["isAuthorized"], context, "{verdict}");
    context
}

#[tokio::test]
async fn a_good_token_is_let_through_and_tells_its_user_and_session() {
    // TOK-01, KEY-02
    for algorithm in ["ES256", "RS256"] {
        let settings = [("ISSUER", "https://id.latchkey.example"), ("SIGNING_ALGORITHM", algorithm)];
        let world = World::with(&settings).await;
        let ada = world.registered("ada@example.com").await;
        world.pass(10 * MINUTE);
        world.aws().clear_calls();
        let context = json!({"sub": ada.id(), "sid": claims(&ada.access_token)["sid"]});
        for _ in 0..2 {
            let verdict = asked(&world, &ada.bearer()).await.unwrap();
            assert_eq!(verdict, json!({"isAuthorized": true, "context": context}));
        }
        let calls: Vec<_> = world.aws().calls().into_iter().map(|call| (call.service, call.operation)).collect();
        assert_eq!(calls, [(Service::DynamoDb, "GetItem".to_owned())], "the public keys, once");
    }
}

#[tokio::test]
async fn whatever_is_no_good_token_is_not_let_through() {
    // TOK-05, TOK-07
    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    let stranger = self::world().await.registered("ada@example.com").await;
    let (head, tail) = ada.access_token.rsplit_once('.').unwrap();
    for wrong in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        ada.access_token.clone(),
        format!("Basic {}", ada.access_token),
        format!("Bearer\t{}", ada.access_token),
        format!("Bearer \t{}", ada.access_token),
        format!("{0},{0}", ada.bearer()),
        format!("Bearer {head}."),
        format!("Bearer {head}.{}", tail.chars().rev().collect::<String>()),
        format!("Bearer {}", ada.refresh_token),
        stranger.bearer(),
    ] {
        assert!(!is_authorized(&world, &wrong).await, "{wrong}");
    }
    for scheme in ["bearer ", "BEARER ", "Bearer  ", "Bearer     "] {
        // FLT-07
        let authorization = format!("{scheme}{}", ada.access_token);
        assert!(is_authorized(&world, &authorization).await, "{scheme:?}");
    }
}

#[tokio::test]
async fn a_token_is_let_through_to_its_end_and_no_further() {
    // TOK-05
    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    world.pass(15 * MINUTE + 4 * SECOND);
    assert!(is_authorized(&world, &ada.bearer()).await);
    world.pass(SECOND);
    assert!(!is_authorized(&world, &ada.bearer()).await);
}

#[tokio::test]
async fn the_issuer_is_the_setting_and_never_the_address_that_was_called() {
    // TOK-05, LAM-03
    let elsewhere = World::new().await;
    let ada = elsewhere.registered("ada@example.com").await;
    assert_eq!(claims(&ada.access_token)["iss"], format!("https://{DOMAIN}"));
    let mut event = event_with(&elsewhere, &ada.bearer());
    event["requestContext"]["domainName"] = json!(DOMAIN);
    let error = answer(&elsewhere, event).await.unwrap_err().to_string();
    assert_eq!(error, "ISSUER is not set");
}

#[tokio::test]
async fn the_identity_source_decides_since_the_verdict_is_kept_under_it() {
    // TOK-05
    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    let good = event_with(&world, &ada.bearer());
    let with_sources = |sources: Value| {
        let mut event = good.clone();
        event["identitySource"] = sources;
        event
    };
    for (sources, expected) in [
        (json!([ada.bearer()]), true),
        (json!(["web", ada.bearer()]), true),
        (Value::Null, true), // nothing is kept: the header decides
        (json!(["web"]), false),
        (json!([]), false),
        (json!([null]), false),
        (json!(ada.bearer()), false),
        (json!({"0": ada.bearer()}), false),
    ] {
        let verdict = answer(&world, with_sources(sources.clone())).await.unwrap();
        assert_eq!(verdict["isAuthorized"], expected, "{sources}");
    }

    let mut without = good.clone();
    without.as_object_mut().unwrap().remove("identitySource");
    assert_eq!(answer(&world, without.clone()).await.unwrap()["isAuthorized"], true);
    without["headers"] = json!({"AUTHORIZATION": ada.bearer()});
    assert_eq!(answer(&world, without.clone()).await.unwrap()["isAuthorized"], true);
    without["headers"] = json!({"x-authorization": ada.bearer()});
    assert_eq!(answer(&world, without).await.unwrap()["isAuthorized"], false);
}

#[tokio::test]
async fn without_keys_there_is_no_verdict() {
    // KEY-04
    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    unpublish_keys(&world);
    assert!(asked(&world, &ada.bearer()).await.is_err());
    world.system().rotate_keys().await.unwrap();
    spoil_keys(&world);
    assert!(asked(&world, &ada.bearer()).await.is_err());
}

#[tokio::test]
async fn the_last_keys_serve_for_an_hour_and_five_minutes_while_the_store_fails() {
    // KEY-04
    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    world.aws().fail(Service::DynamoDb, "GetItem", down(), usize::MAX);
    assert!(asked(&world, &ada.bearer()).await.is_err(), "there are none yet");
    world.aws().clear_faults();
    let mut ada = ada;
    for passes in [14 * MINUTE, 14 * MINUTE, 14 * MINUTE, 14 * MINUTE, 9 * MINUTE - SECOND] {
        let next = world.refresh(&ada.refresh_token).await;
        (ada.access_token, ada.refresh_token) = (next.text("accessToken"), next.text("refreshToken"));
        assert!(is_authorized(&world, &ada.bearer()).await);
        world.aws().fail(Service::DynamoDb, "GetItem", down(), usize::MAX);
        world.pass(passes);
        assert!(is_authorized(&world, &ada.bearer()).await);
        world.aws().clear_faults();
    }
    world.aws().fail(Service::DynamoDb, "GetItem", down(), usize::MAX);
    world.pass(31 * SECOND);
    assert!(asked(&world, &ada.bearer()).await.is_err(), "too long ago");
    world.aws().clear_faults();
    assert!(is_authorized(&world, &ada.bearer()).await);
}

#[tokio::test]
async fn no_event_makes_it_fail_or_say_yes() {
    // HTP-01, TOK-06
    let world = world().await;
    let odd = [Value::Null, json!(true), json!(7), json!("text"), json!([]), json!([[]]), json!({}), json!({"": {}})];
    for value in &odd {
        assert_eq!(answer(&world, value.clone()).await.unwrap(), json!({"isAuthorized": false}), "{value}");
        for field in ["identitySource", "headers", "requestContext", "version"] {
            let event = json!({field: value, "routeKey": "$default"});
            assert_eq!(answer(&world, event.clone()).await.unwrap(), json!({"isAuthorized": false}), "{event}");
        }
        let event = json!({"headers": {"authorization": value}});
        assert_eq!(answer(&world, event.clone()).await.unwrap(), json!({"isAuthorized": false}), "{event}");
    }
}
