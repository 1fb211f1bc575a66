//! `POST /api/auth/account/export`.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::rows::text;
use tests::system::Answer;
use tests::world::{Actor, PASSWORD, World, posted};

async fn export(world: &World, actor: &Actor) -> Answer {
    world.ask(actor, "account/export", &json!({"password": PASSWORD})).await
}

#[tokio::test]
async fn an_export_has_the_users_own_data_as_an_attachment() {
    // ACC-09
    let world = World::new().await;
    let ada = world.verified("ada@example.com").await;
    let other = world.logged_in(&ada.email).await;
    assert_eq!(world.logout(&other.refresh_token).await.status, 204);
    assert_eq!(world.change_email(&ada, "ada@example.org").await.status, 202);
    world.deliver_mail().await;
    let answer = export(&world, &ada).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-disposition"], "attachment; filename=\"latchkey-2027-01-15.json\"");
    assert_eq!(answer.headers["cache-control"], "no-store");
    let document = answer.json();
    assert_eq!(document["user"]["email"], "ada@example.com");
    assert_ne!(document["user"]["verifiedAt"], Value::Null);
    let sessions = document["sessions"].as_array().unwrap();
    let live = |session: &&Value| session["endedAt"].is_null() && session["live"] == true;
    assert_eq!((sessions.len(), sessions.iter().filter(live).count()), (2, 1));
    let mut kinds: Vec<_> = document["mails"].as_array().unwrap().iter().map(|mail| text_of(mail, "kind")).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["email-change-requested", "welcome"], "and no mail to another address");
}

fn text_of<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_default()
}

#[tokio::test]
async fn an_export_has_no_hash_no_digest_no_counter_and_no_key() {
    // ACC-09: every value of every row that no field of the document is named after
    let world = World::new().await;
    let ada = world.verified("ada@example.com").await;
    world.forgot(&ada.email).await;
    assert_eq!(world.change_email(&ada, "ada@example.org").await.status, 202);
    world.deliver_mail().await;
    let body = export(&world, &ada).await.body;
    for secret in ["argon2", "hash", "epoch", "counter", "ttl", "holder", "digest", "passwordVersion", "USER#", "pk\""]
    {
        assert!(!body.contains(secret), "{secret}: {body}");
    }
    let hash = text(&world.credential_item("ada@example.com"), "hash").to_owned();
    assert!(!body.contains(&hash));
    let allowed = ["userId", "email", "sessionId", "network", "userAgent", "kind", "state", "status", "session"];
    for item in world.items("Accounts") {
        for (name, value) in item.as_object().unwrap() {
            if let Some(value) = value["S"].as_str()
                && !allowed.contains(&name.as_str())
            {
                assert!(!body.contains(value), "{name}: {value}");
            }
        }
    }
}

#[tokio::test]
async fn a_session_that_ended_with_all_others_is_not_live() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    assert_eq!(world.logout_everywhere(&world.logged_in(&ada.email).await.refresh_token).await.status, 204);
    let ada = world.logged_in(&ada.email).await;
    let sessions = export(&world, &ada).await.field("sessions");
    let live = sessions.as_array().unwrap().iter().filter(|session| session["live"] == true).count();
    assert_eq!((sessions.as_array().unwrap().len(), live), (3, 1));
}

#[tokio::test]
async fn a_wrong_password_exports_nothing() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let answer = world.ask(&ada, "account/export", &json!({"password": "a guess"})).await;
    assert_eq!(answer.verdict(), (403, "Wrong password".to_owned()));
}

#[tokio::test]
async fn five_exports_a_day_are_allowed() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for _ in 0..5 {
        assert_eq!(export(&world, &ada).await.status, 200);
    }
    assert_eq!(export(&world, &ada).await.status, 429);
    world.pass(SignedDuration::from_hours(24));
    let ada = world.logged_in(&ada.email).await;
    assert_eq!(export(&world, &ada).await.status, 200);
}

#[tokio::test]
async fn an_export_does_not_tell_where_a_reset_was_asked_for() {
    // The account may be a stranger's, who opened it with another person's address.
    let world = World::new().await;
    let stranger = world.registered("victim@example.com").await;
    let forgot = posted("/api/auth/password/forgot", &json!({"email": "victim@example.com"}));
    assert_eq!(world.send(forgot.from_address("203.0.113.77")).await.status, 202);
    let body = export(&world, &stranger).await.body;
    assert!(!body.contains("203.0.113.77"), "{body}");
    world.deliver_mail().await;
}

#[tokio::test]
async fn an_export_shows_no_other_user() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let bob = world.registered("bob@example.com").await;
    let body = export(&world, &ada).await.body;
    assert!(!body.contains(bob.id()) && !body.contains("bob"), "{body}");
}
