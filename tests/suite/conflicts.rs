//! Writes of one item that meet a transaction on the same item.

use serde_json::json;
use tests::doubles::{Fault, Service};
use tests::world::{PASSWORD, World};

#[tokio::test]
async fn a_write_that_conflicts_with_a_transaction_is_retried() {
    // LOG-04, REF-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.aws().clear_calls();
    for operation in ["PutItem", "DeleteItem"] {
        world.aws().fail(Service::DynamoDb, operation, Fault::conflict(), 2);
    }
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
    let counts = world.calls("UpdateItem");
    world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::conflict(), 2);
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 200);
    world.erase(&ada).await;
    let made = ["PutItem", "UpdateItem", "DeleteItem"].map(|operation| world.calls(operation));
    assert_eq!(made, [3, counts + 6, 3]);
}

#[tokio::test]
async fn a_conflict_that_outlasts_the_retries_is_503() {
    // LOG-04, HTP-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.aws().fail(Service::DynamoDb, "PutItem", Fault::conflict(), 3);
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 503);
    world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::conflict(), 3);
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 503);
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 200);
}

#[tokio::test]
async fn other_errors_are_not_retried_as_conflicts() {
    // HTP-01
    let world = World::new().await;
    world.registered("ada@example.com").await;
    world.aws().clear_calls();
    let refusal = json!({"__type": "com.amazonaws.dynamodb.v20120810#ValidationException", "message": "no"});
    world.aws().fail(Service::DynamoDb, "PutItem", Fault::Answer { status: 400, body: refusal.to_string() }, 1);
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 503);
    assert_eq!(world.calls("PutItem"), 1);
}
