//! Whole lives of accounts, across routes.
//!
//! A test here tells a story that no single topic covers. `statuses` provokes every documented status.

mod statuses;

use jiff::SignedDuration;
use serde_json::json;
use tests::world::{Actor, World};

const ME: &str = "/api/auth/me";

/// Registers, refreshes, asks for a mail, logs out and logs in again, under one algorithm.
async fn ada_comes_and_goes(algorithm: &str) {
    let world = World::with(&[("SIGNING_ALGORITHM", algorithm)]).await;
    let ada = world.registered_as("Ada@Example.com", "Ada Lovelace").await;
    let [greeting] = world.mails().try_into().unwrap();
    assert_eq!((greeting.to, greeting.subject.as_str()), (vec!["Ada@Example.com".to_owned()], "Welcome!"));
    let text = greeting.text.unwrap_or_default();
    assert!(text.starts_with("Hello Ada Lovelace, welcome to our platform!\n"), "{text}");
    assert_eq!(world.me(&ada).await.json(), json!({"user": ada.user}));

    world.pass(SignedDuration::from_mins(16));
    assert_eq!(world.me(&ada).await.verdict(), (401, "Invalid token".to_owned()));
    let refreshed = world.refresh(&ada.refresh_token).await;
    assert_eq!((refreshed.status, refreshed.field("expiresIn")), (200, json!(900)));
    let (access_token, refresh_token) = (refreshed.text("accessToken"), refreshed.refresh_token());
    assert_ne!(refresh_token, ada.refresh_token);
    let ada = Actor { access_token, refresh_token, ..ada };
    assert_eq!(world.me(&ada).await.json(), json!({"user": ada.user}));

    let queued = world.send_welcome_email(&ada).await;
    assert_eq!((queued.status, queued.json()), (202, json!({"message": "Welcome email queued"})));
    world.deliver_mail().await;
    assert_eq!(world.mails().len(), 2);

    assert_eq!(world.logout(&ada.refresh_token).await.status, 204);
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), (401, "Invalid token".to_owned()));
    let ada = world.logged_in("ada@example.com").await;
    assert_eq!(world.me(&ada).await.json(), json!({"user": ada.user}));

    world.live_through(SignedDuration::from_mins(20)).await;
    assert_eq!(world.mails().len(), 2, "no mail is sent twice");
    assert_eq!(world.dead_letters().len(), 0);
}

#[tokio::test]
async fn a_whole_account_life_works_with_es256() {
    // LOG-04, REF-08, OUT-01
    ada_comes_and_goes("ES256").await;
}

#[tokio::test]
async fn a_whole_account_life_works_with_rs256() {
    // KEY-03
    ada_comes_and_goes("RS256").await;
}

#[tokio::test]
async fn two_users_never_see_or_end_each_others_sessions() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let bob = world.registered("bob@example.com").await;
    for actor in [&ada, &bob] {
        assert_eq!(world.me(actor).await.field("user"), actor.user);
    }
    assert_eq!(world.logout_everywhere(&ada.refresh_token).await.status, 204);
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 401);
    assert_eq!(world.refresh(&bob.refresh_token).await.status, 200);
    let recipients: Vec<_> = world.mails().into_iter().flat_map(|mail| mail.to).collect();
    assert_eq!(recipients, ["ada@example.com", "bob@example.com"]);
}

#[tokio::test]
async fn an_account_outlives_a_year_of_key_rotations() {
    // KEY-05: keys are rotated every 30 days
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for _ in 0..12 {
        world.pass(SignedDuration::from_hours(30 * 24));
        world.rotate_keys().await;
        let now = world.logged_in("ada@example.com").await;
        assert_eq!(world.me(&now).await.json(), json!({"user": ada.user}));
        world.pass(SignedDuration::from_hours(3));
        let refreshed = world.refresh(&now.refresh_token).await;
        assert_eq!(refreshed.status, 200);
        let bearer = format!("Bearer {}", refreshed.text("accessToken"));
        assert_eq!(world.get(ME, Some(&bearer)).await.json(), json!({"user": ada.user}));
    }
}
