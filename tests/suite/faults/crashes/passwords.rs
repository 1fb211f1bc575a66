//! Changes of password and address.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::doubles::{Fault, Service};
use tests::event::HttpRequest;
use tests::world::{Actor, PASSWORD, World};

use super::{
    NEW_PASSWORD, dies, dies_after_its_transaction, last_with_code, mails_of, post_as, refused, the_code, verdict,
};

const NEW_EMAIL: &str = "countess@example.com";

fn change(actor: &Actor) -> HttpRequest<'static> {
    let body = json!({"currentPassword": PASSWORD, "newPassword": NEW_PASSWORD});
    post_as("/api/auth/password/change", actor, &body)
}

fn confirm(actor: &Actor, code: &str) -> HttpRequest<'static> {
    post_as("/api/auth/email/confirm", actor, &json!({"code": code}))
}

/// Asks for a change of the address and returns the code for the new one.
async fn asked_to_move(world: &World, actor: &Actor) -> String {
    let body = json!({"newEmail": NEW_EMAIL, "password": PASSWORD});
    assert_eq!(world.send(post_as("/api/auth/email/change", actor, &body)).await.status, 202);
    world.deliver_mail().await;
    the_code(&last_with_code(world))
}

/// Returns the versions of the password in the only credential and in the only profile.
fn versions(world: &World) -> [Value; 2] {
    let version = |mut items: Vec<Value>| items.remove(0)["passwordVersion"]["N"].take();
    [version(world.items("Credentials")), version(world.rows("PROFILE"))]
}

#[tokio::test]
async fn a_change_of_password_that_dies_before_its_transaction_has_changed_nothing_and_is_repeated() {
    // ACC-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    dies(&world, Fault::DiesBefore, (Service::DynamoDb, "TransactWriteItems"), change(&ada)).await;
    assert_eq!(world.login(&ada.email, PASSWORD).await.status, 200);
    assert_eq!(world.me(&ada).await.status, 200);

    assert_eq!(world.send(change(&ada)).await.status, 200);
    assert_eq!(versions(&world), [json!("1"), json!("1")]);
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_change_of_password_whose_answer_was_lost_is_repeated_by_its_session_and_gets_another_session() {
    // ACC-05, ACC-13, TKT-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let other = world.logged_in(&ada.email).await;
    dies_after_its_transaction(&world, change(&ada)).await;
    assert_eq!(versions(&world), [json!("1"), json!("1")]);
    assert_eq!(world.login(&ada.email, PASSWORD).await.status, 401);
    for ended in [&ada, &other] {
        assert_eq!(world.refresh(&ended.refresh_token).await.status, 401);
    }
    assert_eq!(world.send(change(&other)).await.verdict(), (401, "Invalid token".to_owned()), "another session");

    let repeated = Actor::signed_in(&ada.email, &world.send(change(&ada)).await, 200);
    assert_eq!(world.me(&repeated).await.status, 200);
    world.refreshed(&repeated.refresh_token).await;
    assert_eq!((versions(&world), mails_of(&world, "password-changed")), ([json!("1"), json!("1")], 1));
    let unknown = world.live_sessions().into_iter().filter(|session| session.epoch == 1 && session.counter == 0);
    assert_eq!(unknown.count(), 1, "the session of the lost answer stays unused until its TTL");
    world.live_through(SignedDuration::from_mins(3)).await;
}

#[tokio::test]
async fn a_change_of_password_is_not_repeated_after_the_sessions_ended_again() {
    // ACC-13
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    dies_after_its_transaction(&world, change(&ada)).await;
    let session = Actor::signed_in(&ada.email, &world.login(&ada.email, NEW_PASSWORD).await, 200);
    world.logout_everywhere(&session.refresh_token).await;
    assert_eq!(world.send(change(&ada)).await.verdict(), (401, "Invalid token".to_owned()));
    world.live_through(SignedDuration::from_mins(3)).await;
}

#[tokio::test]
async fn a_confirmation_that_dies_before_its_transaction_has_changed_nothing_and_is_repeated() {
    // ACC-06, TKT-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let code = asked_to_move(&world, &ada).await;
    dies(&world, Fault::DiesBefore, (Service::DynamoDb, "TransactWriteItems"), confirm(&ada, &code)).await;
    assert_eq!(world.login(&ada.email, PASSWORD).await.status, 200);
    assert_eq!(world.login(NEW_EMAIL, PASSWORD).await.status, 401);

    assert_eq!(world.send(confirm(&ada, &code)).await.status, 200);
    assert_eq!(world.login(&ada.email, PASSWORD).await.status, 401);
    assert_eq!(world.login(NEW_EMAIL, PASSWORD).await.status, 200);
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_confirmation_whose_answer_was_lost_is_answered_again_for_ten_minutes_to_the_session_that_asked() {
    // ACC-06, ACC-13, TKT-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let other = world.logged_in(&ada.email).await;
    let code = asked_to_move(&world, &ada).await;
    dies_after_its_transaction(&world, confirm(&ada, &code)).await;
    assert_eq!(world.login(&ada.email, PASSWORD).await.status, 401);
    assert_eq!(world.login(NEW_EMAIL, PASSWORD).await.status, 200);
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 401);

    world.pass(SignedDuration::from_mins(9));
    let repeated = Actor::signed_in(NEW_EMAIL, &world.send(confirm(&ada, &code)).await, 200);
    assert_eq!(repeated.user["email"], NEW_EMAIL);
    world.refreshed(&repeated.refresh_token).await;
    assert_eq!(verdict(&world.send(confirm(&ada, "0000-0000")).await), refused());
    assert_eq!(world.send(confirm(&other, &code)).await.status, 401);
    assert_eq!(mails_of(&world, "email-changed"), 1);

    world.pass(SignedDuration::from_mins(1));
    assert_eq!(world.send(confirm(&ada, &code)).await.status, 401);
    world.live_through(SignedDuration::from_mins(3)).await;
}
