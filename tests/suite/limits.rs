//! Counting in the store, for limits that no route has yet.

use futures_util::future::join_all;
use jiff::SignedDuration;
use shared::domain::Limit;
use tests::doubles::{Fault, Service};
use tests::world::World;

use crate::mailer::calls;
use crate::register::down;

const THREE: Limit = Limit { most: 3, every: SignedDuration::from_mins(15) };

/// How many seconds until there is room; nothing if there was.
async fn take(world: &World, digest: &str) -> Option<i64> {
    let wait = world.system().app.limits.count(digest, THREE, world.now()).await.expect("the store counts");
    wait.map(|wait| wait.as_secs())
}

fn count(world: &World) -> String {
    world.rows("WINDOW#")[0]["count"]["N"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn as_many_as_may_get_through_in_a_window_and_as_many_in_the_next() {
    // LIM-06
    let world = World::new().await;
    for _ in 0..2 {
        for wait in [None, None, None, Some(840), Some(825)] {
            world.pass(SignedDuration::from_secs(15));
            assert_eq!(take(&world, "ada").await, wait);
        }
        assert_eq!((count(&world), take(&world, "bob").await), ("3".to_owned(), None));
        world.pass(SignedDuration::from_secs(825));
    }
    assert_eq!(world.rows("WINDOW#").len(), 4);
}

#[tokio::test]
async fn of_many_at_once_as_many_get_through_as_may_with_one_write_each() {
    // LIM-01, LIM-06
    let world = World::new().await;
    world.aws().clear_calls();
    let taken = join_all((0..20).map(|_| take(&world, "ada"))).await;
    assert_eq!(taken.iter().filter(|wait| wait.is_none()).count(), 3);
    assert_eq!((calls(&world, "UpdateItem"), count(&world)), (20, "3".to_owned()));
}

#[tokio::test]
async fn a_count_whose_answer_is_lost_is_one_count_and_no_refusal() {
    // DDB-03
    let world = World::new().await;
    for counted in ["1", "2", "3"] {
        world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::AppliedButLost, 2);
        assert_eq!((take(&world, "ada").await, count(&world)), (None, counted.to_owned()));
    }
    assert_eq!(take(&world, "ada").await, Some(900));
}

#[tokio::test]
async fn a_store_that_cannot_count_is_no_limit_that_was_reached() {
    // HTP-05
    let world = World::new().await;
    world.aws().fail(Service::DynamoDb, "UpdateItem", down(), 3);
    assert!(world.system().app.limits.count("ada", THREE, world.now()).await.is_err());
}
