//! Disabling and erasing a user, in the store: for an operator, whom no route serves yet.

use jiff::SignedDuration;
use shared::domain::Status;
use tests::doubles::Fault;
use tests::world::{PASSWORD, World};

/// What the tables still have of anyone.
fn remains(world: &World) -> usize {
    world.credentials().len()
        + world.users().len()
        + world.sessions().len()
        + world.mail_rows().len()
        + world.user_limits().len()
}

#[tokio::test]
async fn a_disabled_user_is_out_until_enabled_and_then_signs_in_anew() {
    // REF-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;

    world.disable(&ada).await;
    assert_eq!(world.login(&ada.email, PASSWORD).await.verdict(), (401, "Invalid credentials".to_owned()));
    assert_eq!(world.me(&ada).await.verdict(), (401, "Invalid token".to_owned()));
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), (401, "Invalid token".to_owned()));

    world.enable(&ada).await;
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), (401, "Invalid token".to_owned()));
    assert_eq!(world.login(&ada.email, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn nobody_is_made_by_being_disabled() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let users = &world.system().app.users;
    world.erase(&ada).await;
    assert!(!users.set_status(ada.user_id(), Status::Disabled).await.unwrap());
    assert_eq!(remains(&world), 0);
}

#[tokio::test]
async fn of_an_erased_user_nothing_is_left_however_much_there_was() {
    let world = World::with(&[("WELCOME_EMAILS_PER_DAY", "40")]).await;
    let ada = world.registered("ada@example.com").await;
    let bob = world.registered("bob@example.com").await;
    for _ in 0..40 {
        world.send_welcome_email(&ada).await;
    }
    world.deliver_mail().await;
    for _ in 0..12 {
        assert_eq!(world.login(&ada.email, PASSWORD).await.status, 200);
    }
    let bobs = 4;
    assert!(remains(&world) > 50 + bobs);

    world.erase(&ada).await;
    assert_eq!(remains(&world), bobs);
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), (401, "Invalid token".to_owned()));
    assert_eq!(world.login(&ada.email, PASSWORD).await.verdict(), (401, "Invalid credentials".to_owned()));
    assert_eq!(world.refresh(&bob.refresh_token).await.status, 200);
    world.registered("ADA@example.com").await;
}

#[tokio::test]
async fn erasing_goes_on_where_it_broke_off() {
    // Each call of a whole erasure fails once, so there is none that the fault misses.
    let whole = World::new().await;
    let ada = whole.registered("ada@example.com").await;
    whole.aws().clear_calls();
    whole.erase(&ada).await;
    let calls = whole.operations();
    for operation in ["GetItem", "UpdateItem", "DeleteItem", "Query", "BatchWriteItem"] {
        assert!(calls.iter().any(|call| call == operation), "{operation} is not among {calls:?}");
    }
    for (place, operation) in calls.iter().enumerate() {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        world.aws().fail_at(place, Fault::error(400, "ValidationException", ""), 1);
        assert!(world.system().app.users.erase(ada.user_id()).await.is_err(), "{operation}, call {place}");
        world.erase(&ada).await;
        assert_eq!(remains(&world), 0, "broken off at {operation}, call {place}");
    }
}

#[tokio::test]
async fn a_mail_on_its_way_does_not_bring_an_erased_user_back() {
    // OUT-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.send_welcome_email(&ada).await;
    world.erase(&ada).await;
    world.live_through(SignedDuration::from_hours(1)).await;
    assert_eq!(world.mails().len(), 1, "the first welcome");
    assert_eq!(remains(&world), 0);
}
