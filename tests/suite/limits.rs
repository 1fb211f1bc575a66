//! Counting in the store, below the routes. The limits of a route are tested with that route.

use futures_util::future::join_all;
use jiff::SignedDuration;
use shared::domain::{Limit, Policy};
use shared::store::{Attempt, Counted};
use tests::doubles::{Fault, Service};
use tests::world::World;

const THREE: Limit = Limit { most: 3, every: SignedDuration::from_mins(15) };

/// Counts one more. Returns how many seconds to wait if the limit is reached.
async fn take(world: &World, digest: &str) -> Option<i64> {
    let wait = world.system().app.limits.count(digest, THREE, world.now()).await.expect("the store counts");
    wait.map(|wait| wait.as_secs())
}

/// Returns the count of the first counter.
fn count(world: &World) -> u64 {
    world.limits()[0].count.expect("a count")
}

#[tokio::test]
async fn a_window_allows_its_limit_and_the_next_window_allows_it_again() {
    // LIM-06
    let world = World::new().await;
    for _ in 0..2 {
        for wait in [None, None, None, Some(840), Some(825)] {
            world.pass(SignedDuration::from_secs(15));
            assert_eq!(take(&world, "ada").await, wait);
        }
        assert_eq!((count(&world), take(&world, "bob").await), (3, None));
        world.pass(SignedDuration::from_secs(825));
    }
    assert_eq!(world.limits().len(), 4);
}

#[tokio::test]
async fn concurrent_counts_allow_exactly_the_limit_with_one_write_each() {
    // LIM-01, LIM-06
    let world = World::new().await;
    world.aws().clear_calls();
    let taken = join_all((0..20).map(|_| take(&world, "ada"))).await;
    assert_eq!(taken.iter().filter(|wait| wait.is_none()).count(), 3);
    assert_eq!((world.calls("UpdateItem"), count(&world)), (20, 3));
}

#[tokio::test]
async fn a_count_whose_answer_is_lost_counts_once() {
    // DDB-03
    let world = World::new().await;
    for counted in 1..=3 {
        world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::AppliedButLost, 2);
        assert_eq!((take(&world, "ada").await, count(&world)), (None, counted));
    }
    assert_eq!(take(&world, "ada").await, Some(900));
}

#[tokio::test]
async fn a_store_failure_is_an_error_and_not_a_reached_limit() {
    // HTP-05
    let world = World::new().await;
    world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::down(), 3);
    assert!(world.system().app.limits.count("ada", THREE, world.now()).await.is_err());
}

#[tokio::test]
async fn a_refusal_that_only_waits_for_attempts_in_flight_is_short() {
    // FLT-09
    let world = World::new().await;
    let limits = &world.system().app.limits;
    let begin = async || {
        let attempt = Attempt::new("ada", Policy::FixedWindow(THREE), world.now());
        (limits.begin(&attempt, world.now()).await.expect("the store counts"), attempt)
    };
    let refused_for = |seconds| Counted::Refused { retry_after: SignedDuration::from_secs(seconds) };
    let (_, first) = begin().await;
    for _ in 0..2 {
        assert_eq!(begin().await.0, Counted::Allowed);
    }
    assert_eq!(begin().await.0, refused_for(11), "all three may be in flight");
    world.pass(SignedDuration::from_secs(11));
    assert_eq!(begin().await.0, refused_for(889), "they have failed");
    limits.release(&first).await.expect("the store counts");
    assert_eq!(begin().await.0, Counted::Allowed);
    assert_eq!(begin().await.0, refused_for(11), "one of the three may be in flight");
}
