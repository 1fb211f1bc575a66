//! The Lambda authorizer for other APIs.
//!
//! To add a test: make an event with [`World::authorizer_event`], change it, and compare what [`World::authorize`]
//! returns.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::doubles::{Fault, Service};
use tests::world::{DOMAIN, World};

use crate::support::claims;

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Makes a world with an issuer, which the authorizer needs.
async fn world() -> World {
    World::with(&[("ISSUER", "https://id.latchkey.example")]).await
}

#[tokio::test]
async fn a_good_token_is_authorized_with_its_user_and_session() {
    // TOK-01, KEY-02
    for algorithm in ["ES256", "RS256"] {
        let settings = [("ISSUER", "https://id.latchkey.example"), ("SIGNING_ALGORITHM", algorithm)];
        let world = World::with(&settings).await;
        let ada = world.registered("ada@example.com").await;
        world.pass(10 * MINUTE);
        world.aws().clear_calls();
        let context = json!({"sub": ada.id(), "sid": claims(&ada.access_token)["sid"], "email_verified": false});
        for _ in 0..2 {
            let verdict = world.authorize(world.authorizer_event(&ada.bearer())).await.unwrap();
            assert_eq!(verdict, json!({"isAuthorized": true, "context": context}));
        }
        let calls: Vec<_> = world.aws().calls().into_iter().map(|call| (call.service, call.operation)).collect();
        assert_eq!(calls, [(Service::DynamoDb, "GetItem".to_owned())], "the public keys are read once");
    }
}

#[tokio::test]
async fn anything_but_a_good_token_is_refused() {
    // TOK-05, TOK-07
    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    let stranger = World::with_its_own_keys(&[("ISSUER", "https://id.latchkey.example")]).await;
    let stranger = stranger.registered("ada@example.com").await;
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
        assert!(!world.is_authorized(&wrong).await, "{wrong}");
    }
    for scheme in ["bearer ", "BEARER ", "Bearer  ", "Bearer     "] {
        // FLT-07
        let authorization = format!("{scheme}{}", ada.access_token);
        assert!(world.is_authorized(&authorization).await, "{scheme:?}");
    }
}

#[tokio::test]
async fn a_token_is_accepted_until_five_seconds_after_it_expires() {
    // TOK-05
    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    world.pass(15 * MINUTE + 4 * SECOND);
    assert!(world.is_authorized(&ada.bearer()).await);
    world.pass(SECOND);
    assert!(!world.is_authorized(&ada.bearer()).await);
}

#[tokio::test]
async fn the_authorizer_takes_the_issuer_from_its_setting_and_never_from_the_event() {
    // TOK-05, LAM-03
    let elsewhere = World::new().await;
    let ada = elsewhere.registered("ada@example.com").await;
    assert_eq!(claims(&ada.access_token)["iss"], format!("https://{DOMAIN}"));
    let mut event = elsewhere.authorizer_event(&ada.bearer());
    event["requestContext"]["domainName"] = json!(DOMAIN);
    let error = elsewhere.authorize(event).await.unwrap_err().to_string();
    assert_eq!(error, "ISSUER is not set");
}

#[tokio::test]
async fn the_identity_source_decides_because_api_gateway_caches_the_verdict_under_it() {
    // TOK-05
    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    let good = world.authorizer_event(&ada.bearer());
    let with_sources = |sources: Value| {
        let mut event = good.clone();
        event["identitySource"] = sources;
        event
    };
    for (sources, expected) in [
        (json!([ada.bearer()]), true),
        (json!(["web", ada.bearer()]), true),
        (Value::Null, true), // API Gateway caches nothing then, so the header decides
        (json!(["web"]), false),
        (json!([]), false),
        (json!([null]), false),
        (json!(ada.bearer()), false),
        (json!({"0": ada.bearer()}), false),
    ] {
        let verdict = world.authorize(with_sources(sources.clone())).await.unwrap();
        assert_eq!(verdict["isAuthorized"], expected, "{sources}");
    }

    let mut without = good.clone();
    without.as_object_mut().unwrap().remove("identitySource");
    assert_eq!(world.authorize(without.clone()).await.unwrap()["isAuthorized"], true);
    without["headers"] = json!({"AUTHORIZATION": ada.bearer()});
    assert_eq!(world.authorize(without.clone()).await.unwrap()["isAuthorized"], true);
    without["headers"] = json!({"x-authorization": ada.bearer()});
    assert_eq!(world.authorize(without).await.unwrap()["isAuthorized"], false);
}

#[tokio::test]
async fn the_authorizer_fails_when_the_keys_are_missing_or_unreadable() {
    // KEY-04
    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    world.unpublish_keys();
    assert!(world.authorize(world.authorizer_event(&ada.bearer())).await.is_err());
    world.rotate_keys().await;
    world.spoil_keys();
    assert!(world.authorize(world.authorizer_event(&ada.bearer())).await.is_err());
}

#[tokio::test]
async fn cached_keys_are_used_for_65_minutes_while_the_store_fails() {
    // KEY-04
    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    world.aws().fail(Service::DynamoDb, "GetItem", Fault::down(), usize::MAX);
    assert!(world.authorize(world.authorizer_event(&ada.bearer())).await.is_err(), "no keys are cached yet");
    world.aws().clear_faults();
    let mut ada = ada;
    for passes in [14 * MINUTE, 14 * MINUTE, 14 * MINUTE, 14 * MINUTE, 9 * MINUTE - SECOND] {
        let next = world.refresh(&ada.refresh_token).await;
        (ada.access_token, ada.refresh_token) = (next.text("accessToken"), next.refresh_token());
        assert!(world.is_authorized(&ada.bearer()).await);
        world.aws().fail(Service::DynamoDb, "GetItem", Fault::down(), usize::MAX);
        world.pass(passes);
        assert!(world.is_authorized(&ada.bearer()).await);
        world.aws().clear_faults();
    }
    world.aws().fail(Service::DynamoDb, "GetItem", Fault::down(), usize::MAX);
    world.pass(31 * SECOND);
    assert!(world.authorize(world.authorizer_event(&ada.bearer())).await.is_err(), "the cached keys are too old");
    world.aws().clear_faults();
    assert!(world.is_authorized(&ada.bearer()).await);
}

#[tokio::test]
async fn a_malformed_event_is_refused_without_an_error() {
    // HTP-01, TOK-06
    let world = world().await;
    let odd = [Value::Null, json!(true), json!(7), json!("text"), json!([]), json!([[]]), json!({}), json!({"": {}})];
    for value in &odd {
        assert_eq!(world.authorize(value.clone()).await.unwrap(), json!({"isAuthorized": false}), "{value}");
        for field in ["identitySource", "headers", "requestContext", "version"] {
            let event = json!({field: value, "routeKey": "$default"});
            assert_eq!(world.authorize(event.clone()).await.unwrap(), json!({"isAuthorized": false}), "{event}");
        }
        let event = json!({"headers": {"authorization": value}});
        assert_eq!(world.authorize(event.clone()).await.unwrap(), json!({"isAuthorized": false}), "{event}");
    }
}
