//! Disabling and erasing a user, in the store: for an operator, whom no route serves yet.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use shared::domain::{Status, UserId};
use tests::doubles::Fault;
use tests::world::{Actor, PASSWORD, World};

fn id(actor: &Actor) -> UserId {
    actor.id().parse().unwrap()
}

/// What the tables still have of anyone.
fn remains(world: &World) -> usize {
    world.items("Credentials").len()
        + world.rows("PROFILE").len()
        + world.rows("SESSION#").len()
        + world.rows("MAIL#").len()
        + world.rows("LIMIT#").len()
}

#[tokio::test]
async fn a_disabled_user_is_out_until_enabled_and_then_signs_in_anew() {
    // REF-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let users = &world.system().app.users;

    assert!(users.set_status(id(&ada), Status::Disabled).await.unwrap());
    assert_eq!(world.login(&ada.email, PASSWORD).await.verdict(), (401, "Invalid credentials".to_owned()));
    assert_eq!(world.get("/api/auth/me", Some(&ada.bearer())).await.verdict(), (401, "Invalid token".to_owned()));
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), (401, "Invalid token".to_owned()));

    assert!(users.set_status(id(&ada), Status::Active).await.unwrap());
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), (401, "Invalid token".to_owned()));
    assert_eq!(world.login(&ada.email, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn nobody_is_made_by_being_disabled() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let users = &world.system().app.users;
    users.erase(id(&ada)).await.unwrap();
    assert!(!users.set_status(id(&ada), Status::Disabled).await.unwrap());
    assert_eq!(remains(&world), 0);
}

#[tokio::test]
async fn of_an_erased_user_nothing_is_left_however_much_there_was() {
    let world = World::with(&[("WELCOME_EMAILS_PER_DAY", "40")]).await;
    let ada = world.registered("ada@example.com").await;
    let bob = world.registered("bob@example.com").await;
    for _ in 0..40 {
        world.post_as("/api/auth/send-welcome-email", Some(&ada.bearer())).await;
    }
    world.deliver_mail().await;
    for _ in 0..12 {
        assert_eq!(world.login(&ada.email, PASSWORD).await.status, 200);
    }
    let bobs = 4;
    assert!(remains(&world) > 50 + bobs);

    world.system().app.users.erase(id(&ada)).await.unwrap();
    assert_eq!(remains(&world), bobs);
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), (401, "Invalid token".to_owned()));
    assert_eq!(world.login(&ada.email, PASSWORD).await.verdict(), (401, "Invalid credentials".to_owned()));
    assert_eq!(world.refresh(&bob.refresh_token).await.status, 200);
    world.registered("ADA@example.com").await;
}

#[tokio::test]
async fn erasing_goes_on_where_it_broke_off() {
    let registered = World::new().await;
    let ada = registered.registered("ada@example.com").await;
    let whole = registered.copy().await;
    whole.system().app.users.erase(id(&ada)).await.unwrap();
    assert_eq!(remains(&whole), 0);
    let calls = whole.aws().calls();
    let operations: BTreeSet<_> = calls.iter().map(|call| call.operation.as_str()).collect();
    assert_eq!(operations, ["BatchWriteItem", "DeleteItem", "GetItem", "Query", "UpdateItem"].into());

    for (position, call) in calls.iter().enumerate() {
        let world = registered.copy().await;
        let users = &world.system().app.users;
        let refusal = Fault::Error { status: 400, code: "ValidationException".to_owned(), message: String::new() };
        world.aws().fail_at(position, refusal, 1);
        assert!(users.erase(id(&ada)).await.is_err(), "the refusal of call {position}, {call:?}, is met");
        users.erase(id(&ada)).await.unwrap();
        assert_eq!(remains(&world), 0, "broken off at call {position}, {call:?}");
    }
}

#[tokio::test]
async fn a_mail_on_its_way_does_not_bring_an_erased_user_back() {
    // OUT-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.post_as("/api/auth/send-welcome-email", Some(&ada.bearer())).await;
    world.system().app.users.erase(id(&ada)).await.unwrap();
    world.live_through(SignedDuration::from_hours(1)).await;
    assert_eq!(world.mails().len(), 1, "the first welcome");
    assert_eq!(remains(&world), 0);
}
