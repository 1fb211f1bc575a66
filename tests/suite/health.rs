//! `GET /health`: whether the store answers and keys are published.

use http::header::{CACHE_CONTROL, RETRY_AFTER};
use serde_json::{Value, json};
use tests::doubles::{Fault, Service};
use tests::system::Answer;
use tests::world::World;

/// Asks for the health.
async fn health(world: &World) -> Answer {
    world.get("/health", None).await
}

/// Returns the body of an answer.
fn body(status: &str, store: &str, keys: &str) -> Value {
    json!({"status": status, "checks": {"store": store, "keys": keys}})
}

#[tokio::test]
async fn health_is_ok_when_the_store_answers_and_keys_are_published() {
    let world = World::new().await;
    world.aws().clear_calls();
    let answer = health(&world).await;
    assert_eq!((answer.status, answer.json()), (200, body("ok", "ok", "ok")));
    assert_eq!(answer.headers[CACHE_CONTROL], "no-store");
    assert_eq!(world.operations(), ["GetItem"], "one read");
}

#[tokio::test]
async fn missing_keys_make_health_503_until_the_first_rotation() {
    // KEY-04, HTP-05
    let world = World::new().await;
    world.unpublish_keys();
    let answer = health(&world).await;
    assert_eq!((answer.status, answer.json()), (503, body("unavailable", "ok", "missing")));
    assert_eq!(answer.headers[RETRY_AFTER], "1");

    world.rotate_keys().await;
    assert_eq!(health(&world).await.status, 200);
}

#[tokio::test]
async fn an_unavailable_store_makes_health_503() {
    // HTP-05
    let world = World::new().await;
    assert_eq!(health(&world).await.status, 200);
    for fault in [Fault::down(), Fault::Reset] {
        world.aws().fail(Service::DynamoDb, "GetItem", fault, 3);
        let answer = health(&world).await;
        assert_eq!((answer.status, answer.json()), (503, body("unavailable", "unavailable", "unavailable")));
        assert_eq!(answer.headers[RETRY_AFTER], "1");
        assert_eq!(health(&world).await.status, 200, "the store is asked each time");
    }
}

#[tokio::test]
async fn unreadable_published_keys_are_500_and_not_an_unavailable_store() {
    // HTP-04
    let world = World::new().await;
    world.spoil_keys();
    assert_eq!(health(&world).await.verdict(), (500, "Internal server error".to_owned()));
}
