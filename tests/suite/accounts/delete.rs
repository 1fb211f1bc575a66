//! `POST /api/auth/account/delete`, and the erasure that the sweeper drives.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::doubles::Fault;
use tests::rows::text;
use tests::world::{Actor, PASSWORD, World};

const STARTED: &str = "Account deletion started";

/// Returns what is left of a user in all tables.
fn remains(world: &World, actor: &Actor) -> Vec<Value> {
    let mut items = [world.items("Accounts"), world.items("Credentials")].concat();
    items.retain(|item| {
        text(item, "pk").contains(actor.id())
            || item["userId"]["S"] == actor.id()
            || item.to_string().contains(&actor.email)
    });
    items
}

#[tokio::test]
async fn a_deleted_account_is_gone_at_once_and_its_data_soon() {
    // ACC-08
    let world = World::new().await;
    let ada = world.verified("ada@example.com").await;
    world.logged_in(&ada.email).await;
    let answer = world.delete_account(&ada).await;
    assert_eq!((answer.status, answer.json()), (202, json!({"message": STARTED})));

    assert_eq!(world.me(&ada).await.verdict(), (404, "User not found".to_owned()));
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), (401, "Invalid token".to_owned()));
    assert_eq!(world.logout(&ada.refresh_token).await.status, 204);
    assert_eq!(world.login(&ada.email, PASSWORD).await.status, 401);
    let again = world.delete_account(&ada).await;
    assert_eq!((again.status, again.json()), (202, json!({"message": STARTED})), "also when repeated");

    world.live_through(SignedDuration::from_mins(20)).await;
    assert_eq!(remains(&world, &ada), Vec::<Value>::new());
    let mails = world.texts_mailed_to(&ada.email);
    assert!(mails.len() == 2 && mails[1].contains("deleted"), "{mails:?}");
    let new = world.registered("ada@example.com").await;
    assert_ne!(new.id(), ada.id());
}

#[tokio::test]
async fn the_address_is_free_at_once() {
    // ACC-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    assert_eq!(world.delete_account(&ada).await.status, 202);
    let new = world.registered("ada@example.com").await;
    world.live_through(SignedDuration::from_mins(20)).await;
    assert_eq!(world.me(&Actor { ..world.logged_in(&new.email).await }).await.field("user")["id"], new.id());
    assert_eq!(world.users().len(), 1, "the erasure takes the old account alone");
}

#[tokio::test]
async fn a_wrong_password_deletes_nothing() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let answer = world.ask(&ada, "account/delete", &json!({"password": "a guess"})).await;
    assert_eq!(answer.verdict(), (403, "Wrong password".to_owned()));
    assert_eq!(world.me(&ada).await.status, 200);
}

#[tokio::test]
async fn accounts_of_one_address_are_deleted_three_times_a_day() {
    // Otherwise the counts of a user's mails would begin anew without end.
    let world = World::new().await;
    for _ in 0..3 {
        let ada = world.registered("ada@example.com").await;
        assert_eq!(world.delete_account(&ada).await.status, 202);
    }
    let ada = world.registered("ADA@example.com").await;
    let refused = world.delete_account(&ada).await;
    assert!(refused.status == 429 && refused.headers.contains_key("retry-after"));
    assert_eq!(world.me(&ada).await.status, 200, "nothing was deleted");
    world.live_through(SignedDuration::from_hours(24)).await;
    let ada = world.logged_in("ada@example.com").await;
    assert_eq!(world.delete_account(&ada).await.status, 202);
    world.live_through(SignedDuration::from_mins(20)).await;
}

#[tokio::test]
async fn the_row_of_a_sent_goodbye_holds_nothing_of_a_person() {
    // ACC-08
    let world = World::new().await;
    let ada = world.verified("ada@example.com").await;
    assert_eq!(world.delete_account(&ada).await.status, 202);
    world.live_through(SignedDuration::from_mins(20)).await;
    let row = world.rows("MAIL#").into_iter().find(|row| text(row, "kind") == "goodbye").unwrap();
    for name in ["to", "network", "userAgent", "about"] {
        assert!(row.get(name).is_none(), "{name}: {row}");
    }
}

#[tokio::test]
async fn a_write_that_straggles_behind_the_first_pass_is_gone_after_the_second() {
    // ACC-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let session = world.rows("SESSION#").remove(0);
    assert_eq!(world.delete_account(&ada).await.status, 202);
    world.live_through(SignedDuration::from_mins(5)).await;
    assert_eq!(world.rows("SESSION#").len(), 0);
    world.tamper("Accounts", session, &json!({}));
    assert_eq!(world.users().len(), 1, "the profile waits for the second pass");
    world.live_through(SignedDuration::from_mins(15)).await;
    assert_eq!(remains(&world, &ada), Vec::<Value>::new());
}

#[tokio::test]
async fn an_erasure_of_many_pages_goes_on_and_a_mail_comes_first() {
    // ACC-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let session = world.rows("SESSION#").remove(0);
    for n in 0..600 {
        let id = format!("01a00000-0000-7000-8000-{n:012}");
        let row = json!({"sk": {"S": format!("SESSION#{id}")}, "sessionId": {"S": id}});
        world.tamper("Accounts", session.clone(), &row);
    }
    assert_eq!(world.delete_account(&ada).await.status, 202);
    world.sweep().await;
    let left = world.rows("SESSION#").len();
    assert!((100..600).contains(&left), "one sweep takes a bounded part: {left} are left");
    world.live_through(SignedDuration::from_mins(30)).await;
    assert_eq!(remains(&world, &ada), Vec::<Value>::new());
}

#[tokio::test]
async fn an_erasure_that_fails_at_any_call_is_finished_by_later_sweeps() {
    // ACC-08: every call of both passes fails once. The calls are taken from an erasure that succeeds.
    let deleted = async || {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        assert_eq!(world.delete_account(&ada).await.status, 202);
        world.deliver_mail().await;
        (world, ada)
    };
    let (whole, _) = deleted().await;
    whole.aws().clear_calls();
    whole.sweep().await;
    let first = whole.operations();
    whole.pass(SignedDuration::from_mins(16));
    whole.aws().clear_calls();
    whole.sweep().await;
    let second = whole.operations();
    for operation in ["Query", "UpdateItem", "BatchWriteItem"] {
        assert!(first.iter().any(|call| call == operation), "{operation} is not among {first:?}");
    }
    assert!(second.iter().any(|call| call == "DeleteItem"), "{second:?}");
    for (pass, calls) in [(1, first), (2, second)] {
        for (place, operation) in calls.iter().enumerate() {
            let (world, ada) = deleted().await;
            if pass == 2 {
                world.sweep().await;
                world.pass(SignedDuration::from_mins(16));
            }
            world.aws().fail_at(place, Fault::error(400, "ValidationException", ""), 1);
            world.sweep().await;
            world.aws().clear_faults();
            world.live_through(SignedDuration::from_mins(40)).await;
            assert_eq!(remains(&world, &ada), Vec::<Value>::new(), "pass {pass}, {operation}, call {place}");
        }
    }
}

#[tokio::test]
async fn a_suppressed_user_is_erased_without_a_goodbye() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.tamper_with_profile(&ada, &json!({"emailHistory": {"SS": ["complained"]}}));
    assert_eq!(world.delete_account(&ada).await.status, 202);
    world.live_through(SignedDuration::from_mins(20)).await;
    assert_eq!((remains(&world, &ada), world.mails().len()), (Vec::<Value>::new(), 1));
}

#[tokio::test]
async fn no_mail_of_a_user_who_is_being_erased_is_sent_but_the_goodbye() {
    // OUT-08, ACC-08
    let world = World::new().await;
    let ada = world.registered_with_unqueued_mail("ada@example.com").await;
    assert_eq!(world.delete_account(&ada).await.status, 202);
    world.live_through(SignedDuration::from_mins(30)).await;
    let mails = world.texts_mailed_to(&ada.email);
    assert!(mails.len() == 1 && mails[0].contains("deleted"), "{mails:?}");
    assert_eq!(world.dead_letters().len(), 0);
}

#[tokio::test]
async fn the_age_of_the_oldest_erasure_is_a_metric() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let age = |world: &World| world.log().iter().rev().find_map(|line| line["OldestErasureSeconds"].as_i64());
    world.sweep().await;
    assert_eq!(age(&world), Some(0));
    assert_eq!(world.delete_account(&ada).await.status, 202);
    world.pass(SignedDuration::from_hours(2));
    world.sweep().await;
    assert_eq!(age(&world), Some(7200));
    world.live_through(SignedDuration::from_mins(30)).await;
}
