//! Registering again because something failed.

use jiff::SignedDuration;
use tests::doubles::{Fault, Service};
use tests::world::World;

use super::super::assert_one_account_is_there;
use super::super::faults::assert_nobody_is_there;
use super::{ada, register_under};
use crate::support::SDK_TRIES;

#[tokio::test]
async fn an_answer_that_was_lost_is_had_by_asking_again() {
    // REG-03, REG-06: before the commit, and after it
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
async fn a_lost_answer_that_the_sdk_asks_for_again_is_no_replay() {
    // REG-03, DDB-03
    let world = World::new().await;
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::AppliedButLost, 2);
    assert_eq!(register_under(&world, "a", &ada()).await.status, 201);
    assert_eq!((world.calls("TransactWriteItems"), world.calls("Query")), (3, 0));
    assert_one_account_is_there(&world);
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_process_that_dies_behind_the_commit_leaves_an_account_that_the_key_opens() {
    // REG-06, OUT-01
    let world = World::new().await;
    world.dies_at("SendMessage", register_under(&world, "a", &ada())).await;
    assert_eq!(register_under(&world, "a", &ada()).await.status, 201);
    world.live_through(SignedDuration::from_mins(3)).await;
    assert_eq!((world.users().len(), world.mails().len()), (1, 1));
}

#[tokio::test]
async fn while_the_first_request_is_under_way_the_second_waits_and_is_not_told_that_the_address_is_taken() {
    // REG-02, REG-06: the key's item is in the way, so its condition is not known yet; the credential's is, and does not count
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
async fn only_the_two_conditions_that_can_fail_are_verdicts() {
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
    assert_nobody_is_there(&world);
}

#[tokio::test]
async fn a_store_that_fails_is_no_verdict_about_a_request_that_comes_again() {
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
