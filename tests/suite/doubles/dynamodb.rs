//! The way to DynamoDB.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::error::SdkError;
use tests::doubles::{Fault, Service};

use super::World;

#[tokio::test]
async fn dynamodb_is_behind_the_same_endpoint_when_there_is_one() {
    let alone = World::new().await;
    let put = |world: &World| {
        world.dynamodb.put_item().table_name("Accounts").item("pk", AttributeValue::S("a".to_owned())).send()
    };
    assert_eq!(put(&alone).await.unwrap_err().code(), Some("UnknownOperationException"));

    // A second set of doubles stands in for the emulator: what it is asked for comes back unchanged.
    let world = World::with(None, Some(alone.aws.endpoint.clone())).await;
    let failed = Fault::Error {
        status: 400,
        code: "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException".to_owned(),
        message: "The conditional request failed".to_owned(),
    };
    alone.aws.clear_calls();
    alone.aws.fail(Service::DynamoDb, "PutItem", failed, 1);
    let error = put(&world).await.unwrap_err().into_service_error();
    assert!(error.is_conditional_check_failed_exception(), "{error:?}");

    world.aws.fail(Service::DynamoDb, "PutItem", Fault::AppliedButLost, 1);
    assert!(matches!(put(&world).await, Err(SdkError::DispatchFailure(_))));
    world.aws.fail(Service::DynamoDb, "PutItem", Fault::Reset, 1);
    assert!(matches!(put(&world).await, Err(SdkError::DispatchFailure(_))));
    assert_eq!(world.aws.calls().len(), 3);
    assert_eq!(alone.aws.calls().len(), 2);
}
