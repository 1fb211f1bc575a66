//! `POST /api/auth/password/change`.

use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::json;
use tests::doubles::{Fault, Service};
use tests::world::{Actor, NEW_PASSWORD, OUTDATED_HASH, PASSWORD, World};

const OTHER: &str = "another harbour 48 teapot";

#[tokio::test]
async fn a_changed_password_leaves_one_session_and_it_is_the_answers() {
    // ACC-05, ACC-03
    let world = World::new().await;
    let ada = world.verified("ada@example.com").await;
    let other = world.logged_in(&ada.email).await;
    let now = Actor::signed_in(&ada.email, &world.change_password(&ada, NEW_PASSWORD).await, 200);
    for old in [&ada, &other] {
        assert_eq!(world.refresh(&old.refresh_token).await.verdict(), (401, "Invalid token".to_owned()));
    }
    assert_eq!(world.refresh(&now.refresh_token).await.status, 200);
    assert_eq!(world.login(&ada.email, PASSWORD).await.status, 401);
    assert_eq!(world.login(&ada.email, NEW_PASSWORD).await.status, 200);
    world.deliver_mail().await;
    let text = world.texts_mailed_to(&ada.email).pop().unwrap();
    assert!(text.contains("password") && text.contains("192.0.2.1") && text.contains("15 January 2027"), "{text}");
}

#[tokio::test]
async fn a_wrong_current_password_is_403_and_counts_as_a_login() {
    // ACC-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let wrong = json!({"currentPassword": "a guess", "newPassword": NEW_PASSWORD});
    for _ in 0..10 {
        assert_eq!(world.ask(&ada, "password/change", &wrong).await.verdict(), (403, "Wrong password".to_owned()));
    }
    let refused = world.change_password(&ada, NEW_PASSWORD).await;
    assert!(refused.status == 429 && refused.headers.contains_key("retry-after"));
    assert_eq!(world.login_from("198.51.100.7", &ada.email, PASSWORD).await.status, 200, "a device of its own");
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 200, "the session lives");
}

#[tokio::test]
async fn a_password_that_breaks_the_policy_is_refused_before_anything_is_counted() {
    // TKT-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let hashes = world.hashes();
    for (new, code) in
        [("short", "too_small"), ("password1234", "custom"), ("ada@example.com", "custom"), (PASSWORD, "custom")]
    {
        let answer = world.change_password(&ada, new).await;
        assert_eq!(answer.verdict(), (400, "Validation failed".to_owned()), "{new}");
        let detail = answer.field("details")[0].clone();
        assert_eq!((&detail["path"], &detail["code"]), (&json!(["newPassword"]), &json!(code)), "{new}");
    }
    assert_eq!(world.hashes(), hashes);
}

#[tokio::test]
async fn the_session_that_changed_the_password_may_repeat_the_request_and_no_other() {
    // ACC-05, ACC-13, TKT-06: the answer was lost
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let other = world.logged_in(&ada.email).await;
    assert_eq!(world.change_password(&ada, NEW_PASSWORD).await.status, 200);
    let again = Actor::signed_in(&ada.email, &world.change_password(&ada, NEW_PASSWORD).await, 200);
    assert_eq!(world.refresh(&again.refresh_token).await.status, 200);
    assert_eq!(world.user(&ada).epoch, 1, "nothing was changed again");
    let ended = (401, "Invalid token".to_owned());
    assert_eq!(world.change_password(&other, NEW_PASSWORD).await.verdict(), ended);
    assert_eq!(world.change_password(&ada, OTHER).await.verdict(), ended, "another password is no repeat");

    let everywhere = world.logged_in_with(&ada.email, NEW_PASSWORD).await;
    assert_eq!(world.logout_everywhere(&everywhere.refresh_token).await.status, 204);
    assert_eq!(world.change_password(&ada, NEW_PASSWORD).await.verdict(), ended, "the epoch has moved since");
    world.deliver_mail().await;
    assert_eq!(world.texts_mailed_to(&ada.email).len(), 2, "one notice");
}

#[tokio::test]
async fn the_request_can_be_repeated_although_logins_delete_dead_sessions() {
    // ACC-13, LOG-05: the repeat needs the row of the session that the change ended
    let world = World::new().await;
    world.leave_mail();
    let ada = world.registered("ada@example.com").await;
    for _ in 0..11 {
        let other = world.logged_in("ada@example.com").await;
        world.logout(&other.refresh_token).await;
    }
    let others = [(); 3].map(|()| world.logged_in("ada@example.com"));
    join_all(others).await;
    assert_eq!(world.change_password(&ada, NEW_PASSWORD).await.status, 200);
    for _ in 0..3 {
        assert_eq!(world.change_password(&ada, NEW_PASSWORD).await.status, 200);
        assert_eq!(world.login("ada@example.com", NEW_PASSWORD).await.status, 200);
    }
    assert!(world.sessions().len() < 15, "the sessions that were logged out are gone");
}

#[tokio::test]
async fn a_rehash_by_a_login_in_between_is_no_wrong_password() {
    // ACC-05: only the password's version is part of the condition
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let renew = || world.tamper_with_credential("ada@example.com", &json!({"hash": {"S": OUTDATED_HASH}}));
    let answer = world.meanwhile("Query", renew, world.change_password(&ada, NEW_PASSWORD)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(world.login(&ada.email, NEW_PASSWORD).await.status, 200);
    world.deliver_mail().await;
}

#[tokio::test]
async fn of_parallel_changes_one_wins() {
    // ACC-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let bob = world.logged_in(&ada.email).await;
    let answers = join_all([(&ada, NEW_PASSWORD), (&bob, OTHER)].map(|(by, new)| world.change_password(by, new))).await;
    let won: Vec<_> = answers.iter().map(|answer| answer.status == 200).collect();
    assert_eq!(won.iter().filter(|won| **won).count(), 1, "{answers:?}");
    for (password, won) in [NEW_PASSWORD, OTHER].into_iter().zip(won) {
        assert_eq!(world.login(&ada.email, password).await.status == 200, won, "{password}");
    }
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_password_is_changed_five_times_a_day() {
    let world = World::new().await;
    world.leave_mail();
    let mut ada = world.registered("ada@example.com").await;
    let mut current = PASSWORD.to_owned();
    for n in 0..5 {
        let new = format!("violet harbour {n} teapot");
        let body = json!({"currentPassword": current, "newPassword": new});
        ada = Actor::signed_in(&ada.email, &world.ask(&ada, "password/change", &body).await, 200);
        current = new;
    }
    let body = json!({"currentPassword": current, "newPassword": NEW_PASSWORD});
    assert_eq!(world.ask(&ada, "password/change", &body).await.status, 429);
    world.pass(SignedDuration::from_hours(24));
    ada = Actor::signed_in(&ada.email, &world.login(&ada.email, &current).await, 200);
    assert_eq!(world.ask(&ada, "password/change", &body).await.status, 200);
}

#[tokio::test]
async fn a_device_token_dies_with_the_password() {
    // ACC-10
    let world = World::new().await;
    let answer = world.register("ada@example.com").await;
    let old = answer.text("deviceToken");
    let ada = Actor::signed_in("ada@example.com", &answer, 201);
    let changed = world.change_password(&ada, NEW_PASSWORD).await;
    let new = changed.text("deviceToken");
    for n in 0..12 {
        world.login_from(&format!("198.51.100.{n}"), &ada.email, "a guess").await;
    }
    let login = async |device: &str| {
        let body = json!({"email": ada.email, "password": NEW_PASSWORD, "deviceToken": device});
        world.post("/api/auth/login", &body).await.status
    };
    assert_eq!((login(&old).await, login(&new).await), (429, 200));
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_store_failure_is_503_and_counts_no_failure() {
    // FLT-01
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for operation in ["Query", "TransactWriteItems"] {
        for _ in 0..11 {
            world.aws().fail(Service::DynamoDb, operation, Fault::down(), usize::MAX);
            assert_eq!(world.change_password(&ada, NEW_PASSWORD).await.status, 503, "{operation}");
            world.aws().clear_faults();
        }
    }
    assert_eq!(world.change_password(&ada, NEW_PASSWORD).await.status, 200);
    world.deliver_mail().await;
}
