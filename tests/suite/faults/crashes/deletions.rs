//! Deletions and the erasures that follow.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::doubles::{Fault, Service};
use tests::event::HttpRequest;
use tests::rows::text;
use tests::world::{Actor, PASSWORD, World};
use uuid::Uuid;

use super::{dies, dies_after_its_transaction, mails_of, post_as};

/// Enough rows for three pages of an erasure.
const ROWS: u128 = 60;
const PAGES: usize = 3;

fn delete(actor: &Actor) -> HttpRequest<'static> {
    post_as("/api/auth/account/delete", actor, &json!({"password": PASSWORD}))
}

/// Returns the items in the user's partition.
fn partition(world: &World, actor: &Actor) -> Vec<Value> {
    let mut items = world.items("Accounts");
    items.retain(|item| text(item, "pk") == format!("USER#{}", actor.id()));
    items
}

/// Registers a user with many rows.
async fn registered_with_rows(world: &World) -> Actor {
    let ada = world.registered("ada@example.com").await;
    let mail = world.rows("MAIL#").remove(0);
    for number in 0..ROWS {
        world.tamper("Accounts", mail.clone(), &json!({"sk": {"S": format!("MAIL#{}", Uuid::from_u128(number))}}));
    }
    ada
}

#[tokio::test]
async fn a_deletion_that_dies_before_its_transaction_has_changed_nothing_and_is_repeated() {
    // ACC-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    dies(&world, Fault::DiesBefore, (Service::DynamoDb, "TransactWriteItems"), delete(&ada)).await;
    assert_eq!(world.me(&ada).await.status, 200);
    world.refreshed(&ada.refresh_token).await;

    assert_eq!(world.send(delete(&ada)).await.status, 202);
    world.live_through(SignedDuration::from_mins(20)).await;
    assert_eq!(partition(&world, &ada), [] as [Value; 0]);
}

#[tokio::test]
async fn a_deletion_whose_answer_was_lost_is_in_force_at_once_and_the_sweeper_erases() {
    // ACC-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    dies_after_its_transaction(&world, delete(&ada)).await;
    let profile = world.profile_item(&ada);
    assert_eq!((text(&profile, "status"), profile.get("due").is_some()), ("disabled", true));
    assert_eq!(world.credentials().len(), 0);
    assert_eq!((world.me(&ada).await.status, world.refresh(&ada.refresh_token).await.status), (404, 401));
    assert_eq!(world.logout(&ada.refresh_token).await.status, 204);
    assert_eq!(world.send(delete(&ada)).await.status, 202, "the repeat");

    let again = world.registered(&ada.email).await;
    assert_ne!(again.id(), ada.id());
    world.live_through(SignedDuration::from_mins(20)).await;
    assert_eq!(partition(&world, &ada), [] as [Value; 0]);
    world.refreshed(&again.refresh_token).await;
    assert_eq!(mails_of(&world, "goodbye"), 1);
    let goodbyes = world.mails().into_iter().filter(|mail| mail.subject.contains("deleted"));
    assert_eq!(goodbyes.count(), 1);
}

#[tokio::test]
async fn an_erasure_that_dies_at_any_page_goes_on_with_the_next_sweep_and_the_profile_goes_last() {
    // ACC-08
    for (page, fault) in (0..PAGES).flat_map(|page| [(page, Fault::DiesBefore), (page, Fault::DiesAfter)]) {
        let world = World::new().await;
        let ada = registered_with_rows(&world).await;
        assert_eq!(world.send(delete(&ada)).await.status, 202);
        let before = partition(&world, &ada).len();
        world.aws().fail_after(page, Service::DynamoDb, "BatchWriteItem", fault.clone());
        world.system().sweep().await.expect_err("the process is gone");
        world.aws().clear_faults();

        let left = partition(&world, &ada);
        let has_profile = left.iter().any(|item| text(item, "sk") == "PROFILE" && item.get("due").is_some());
        assert!(has_profile && left.len() <= before, "{page} {fault:?}: the profile owes the rest");
        world.live_through(SignedDuration::from_mins(30)).await;
        assert_eq!(partition(&world, &ada), [] as [Value; 0], "{page} {fault:?}");
    }
}

#[tokio::test]
async fn an_erasure_that_dies_at_the_end_of_a_pass_is_ended_by_a_later_sweep() {
    // ACC-08
    for (pass, operation) in [(0, "UpdateItem"), (1, "DeleteItem")] {
        for fault in [Fault::DiesBefore, Fault::DiesAfter] {
            let world = World::new().await;
            let ada = world.registered("ada@example.com").await;
            assert_eq!(world.send(delete(&ada)).await.status, 202);
            world.deliver_mail().await;
            if pass == 1 {
                world.sweep().await;
                world.pass(SignedDuration::from_mins(15));
            }
            // The first update of a sweep takes the erasure, and the second one ends the first pass.
            world.aws().fail_after(1 - pass, Service::DynamoDb, operation, fault.clone());
            world.system().sweep().await.expect_err("the process is gone");
            world.aws().clear_faults();
            world.live_through(SignedDuration::from_mins(30)).await;
            assert_eq!(partition(&world, &ada), [] as [Value; 0], "{operation} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_row_that_is_written_during_the_first_pass_is_gone_after_the_second() {
    // ACC-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let session = world.rows("SESSION#").remove(0);
    assert_eq!(world.send(delete(&ada)).await.status, 202);
    world.deliver_mail().await;
    world.sweep().await;
    world.tamper("Accounts", session, &json!({}));
    assert_eq!(partition(&world, &ada).len(), 2, "the profile and the session");
    world.live_through(SignedDuration::from_mins(20)).await;
    assert_eq!(partition(&world, &ada), [] as [Value; 0]);
}
