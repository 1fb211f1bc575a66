//! Repeated registrations after a failure.

use jiff::SignedDuration;
use tests::doubles::{Fault, Service};
use tests::world::World;

use super::super::assert_one_account_is_stored;
use super::super::faults::assert_nothing_is_stored;
use super::{ada, register_under};
use crate::support::SDK_TRIES;

#[tokio::test]
async fn a_retry_under_the_key_returns_the_lost_answer() {
    // REG-03, REG-06: the failure is before the commit, or after it
    for fault in [Fault::Reset, Fault::AppliedButLost] {
        let world = World::new().await;
        world.aws().fail(Service::DynamoDb, "TransactWriteItems", fault.clone(), SDK_TRIES);
        assert_eq!(register_under(&world, "a", &ada()).await.status, 503);
        assert_eq!(register_under(&world, "a", &ada()).await.status, 201, "{fault:?}");
        world.live_through(SignedDuration::from_mins(3)).await;
        assert_eq!((world.credentials().len(), world.users().len()), (1, 1));
        assert_eq!(world.mails().len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_commit_that_the_sdk_repeats_is_not_a_replay() {
    // REG-03, DDB-03
    let world = World::new().await;
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::AppliedButLost, 2);
    assert_eq!(register_under(&world, "a", &ada()).await.status, 201);
    assert_eq!((world.calls("TransactWriteItems"), world.calls("Query")), (3, 0));
    assert_one_account_is_stored(&world);
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_process_that_dies_after_the_commit_leaves_an_account_that_the_key_returns() {
    // REG-06, OUT-01
    let world = World::new().await;
    world.dies_at("SendMessage", register_under(&world, "a", &ada())).await;
    assert_eq!(register_under(&world, "a", &ada()).await.status, 201);
    world.live_through(SignedDuration::from_mins(3)).await;
    assert_eq!((world.users().len(), world.mails().len()), (1, 1));
}

#[tokio::test]
async fn a_repeat_during_the_first_request_waits_and_is_never_409() {
    // REG-02, REG-06: the condition of the key's item is not known during the conflict. That of the credential is
    // known, and must not decide.
    let world = World::new().await;
    assert_eq!(register_under(&world, "a", &ada()).await.status, 201);
    let under_way = Fault::cancelled(&["TransactionConflict", "ConditionalCheckFailed", "None", "None", "None"]);
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", under_way.clone(), 2);
    assert_eq!(register_under(&world, "a", &ada()).await.status, 201);
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", under_way, usize::MAX);
    assert_eq!(register_under(&world, "a", &ada()).await.status, 503);
    world.deliver_mail().await;
}

#[tokio::test]
async fn only_the_conditions_of_key_and_credential_decide() {
    // REG-02
    const FAILED: &str = "ConditionalCheckFailed";
    let world = World::new().await;
    for (codes, status) in [
        (["None", FAILED, "None", "None", "None"], 409),
        (["None", FAILED, "TransactionConflict", "None", "None"], 409),
        (["None", "None", FAILED, "None", "None"], 503),
        (["None", "None", "None", "None", FAILED], 503),
        (["ValidationError", FAILED, "None", "None", "None"], 503),
    ] {
        world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::cancelled(&codes), 1);
        assert_eq!(register_under(&world, "a", &ada()).await.status, status, "{codes:?}");
    }
    assert_nothing_is_stored(&world);
}

#[tokio::test]
async fn a_store_failure_during_a_repeat_is_503() {
    // REG-06, LOG-04, HTP-05
    let world = World::new().await;
    assert_eq!(register_under(&world, "a", &ada()).await.status, 201);
    world.deliver_mail().await;
    for operation in ["GetItem", "Query", "PutItem"] {
        world.aws().fail(Service::DynamoDb, operation, Fault::down(), SDK_TRIES);
        assert_eq!(register_under(&world, "a", &ada()).await.status, 503, "{operation}");
    }
    assert_eq!(world.sessions().len(), 1);
}
