//! Disabling and erasing a user in the store, as an operator does. No route does it yet.

use jiff::SignedDuration;
use shared::domain::Status;
use shared::store::Changed;
use tests::world::{PASSWORD, World};

/// Counts the rows of users in all tables.
fn remains(world: &World) -> usize {
    world.credentials().len()
        + world.users().len()
        + world.sessions().len()
        + world.mail_rows().len()
        + world.user_limits().len()
}

#[tokio::test]
async fn a_disabled_user_is_refused_until_enabled_and_must_then_log_in_again() {
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
async fn disabling_an_erased_user_creates_nothing() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let users = &world.system().app.users;
    world.erase(&ada).await;
    assert!(!users.set_status(ada.user_id(), Status::Disabled).await.unwrap());
    assert_eq!(remains(&world), 0);
}

#[tokio::test]
async fn a_user_who_is_being_erased_cannot_be_enabled() {
    // REF-06, ACC-08: found by the model
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let users = &world.system().app.users;
    let user = users.find(ada.user_id()).await.unwrap().unwrap();
    assert_eq!(users.begin_erasure(&user, None, None, world.now()).await.unwrap(), Changed::Applied);
    for status in [Status::Active, Status::Disabled] {
        assert!(!users.set_status(user.id, status).await.unwrap(), "{status:?}");
    }
    let user = users.find(user.id).await.unwrap().unwrap();
    assert!(!user.is_active());
}

#[tokio::test]
async fn erasing_a_user_deletes_every_row_of_theirs_and_no_other() {
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
async fn a_queued_mail_of_an_erased_user_is_not_sent() {
    // OUT-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.send_welcome_email(&ada).await;
    world.erase(&ada).await;
    world.live_through(SignedDuration::from_hours(1)).await;
    assert_eq!(world.mails().len(), 1, "the first welcome mail");
    assert_eq!(remains(&world), 0);
}
