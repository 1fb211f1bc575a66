//! Keeping users out: disable, enable, sign out, erase.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::world::{PASSWORD, World};

use super::{by_id, verdict, world};

#[tokio::test]
async fn a_disabled_user_is_out_at_once_and_disabling_again_raises_nothing() {
    // ADM-01
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    assert_eq!(verdict(&world.operate("disable", by_id(&ada)).await), true);
    assert_eq!((world.user(&ada).status.as_str(), world.user(&ada).epoch), ("disabled", 1));
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 401);
    assert_eq!(world.login(&ada.email, PASSWORD).await.status, 401);

    assert_eq!(verdict(&world.operate("disable", by_id(&ada)).await), false);
    assert_eq!(world.user(&ada).epoch, 1);
    assert_eq!(verdict(&world.operate("enable", by_id(&ada)).await), true);
    assert_eq!(verdict(&world.operate("enable", by_id(&ada)).await), false);
    assert_eq!((world.user(&ada).status.as_str(), world.user(&ada).epoch), ("active", 2));
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 401, "earlier sessions stay dead");
    assert_eq!(world.login(&ada.email, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn of_operators_who_disable_at_once_one_changes_something() {
    // ADM-01: the condition in the store decides, whatever each of them read before
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let all = futures_util::future::join_all((0..8).map(|_| world.operate("disable", by_id(&ada)))).await;
    assert_eq!(all.iter().filter(|answer| answer["changed"] == true).count(), 1, "{all:?}");
    assert!(all.iter().all(|answer| answer["user"]["status"] == "disabled"), "{all:?}");
    assert_eq!(world.user(&ada).epoch, 1);
}

#[tokio::test]
async fn signing_out_ends_all_sessions_and_without_a_session_changes_nothing() {
    // ADM-01
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let elsewhere = world.login(&ada.email, PASSWORD).await.text("refreshToken");
    assert_eq!(verdict(&world.operate("sign-out", by_id(&ada)).await), true);
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 401);
    assert_eq!(world.refresh(&elsewhere).await.status, 401);
    assert_eq!(verdict(&world.operate("sign-out", by_id(&ada)).await), false);
    assert_eq!(world.user(&ada).epoch, 1);
    assert_eq!(world.login(&ada.email, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn an_erasure_frees_the_address_at_once_and_ends_with_nothing_left() {
    // ADM-01, ACC-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let erased = world.operate("erase", json!({"user": {"email": "ada@example.com"}})).await;
    assert_eq!((verdict(&erased), &erased["user"]["status"]), (json!(true), &json!("erasing")));
    assert_eq!(world.me(&ada).await.status, 404);
    assert_eq!(verdict(&world.operate("erase", by_id(&ada)).await), false);
    assert_eq!(verdict(&world.operate("erase", json!({"user": {"email": "ada@example.com"}})).await), 404);
    for operation in ["disable", "enable", "sign-out", "reset", "verify", "unsuppress"] {
        assert_eq!(verdict(&world.operate(operation, by_id(&ada)).await), 409, "{operation}");
    }
    for _ in 0..3 {
        world.live_through(SignedDuration::from_mins(20)).await;
    }
    assert_eq!(verdict(&world.operate("erase", by_id(&ada)).await), 404);
    assert_eq!((world.users().len(), world.sessions().len(), world.credentials().len()), (0, 0, 0));
    let subjects: Vec<_> = world.mails().into_iter().map(|mail| mail.subject).collect();
    assert_eq!(subjects.len(), 2, "the welcome and the goodbye: {subjects:?}");
}

#[tokio::test]
async fn a_user_is_shown_with_live_sessions_and_mails_and_listed_page_by_page() {
    // ADM-01
    let world = World::new().await;
    let ada = world.registered("Ada@Example.com").await;
    world.login(&ada.email, PASSWORD).await;
    let shown = world.admin(json!({"operation": "show", "user": {"email": "ada@example.com"}})).await;
    assert_eq!(
        (&shown["id"], &shown["email"], &shown["hasPassword"]),
        (&json!(ada.id()), &json!("Ada@Example.com"), &json!(true))
    );
    assert_eq!(shown["sessions"].as_array().map(Vec::len), Some(2), "{shown}");
    assert_eq!((&shown["mails"][0]["kind"], &shown["mails"][0]["state"]), (&json!("welcome"), &json!("sent")));
    world.operate("sign-out", by_id(&ada)).await;
    let shown = world.admin(json!({"operation": "show", "user": {"id": ada.id()}})).await;
    assert_eq!(shown["sessions"], json!([]));

    for number in 0..59 {
        let email = format!("user{number}@example.com");
        world.tamper(
            "Credentials",
            json!({"pk": {"S": format!("EMAIL#{email}")}, "sk": {"S": "PASSWORD"}}),
            &json!({"userId": {"S": ada.id()}}),
        );
    }
    let (mut listed, mut after) = (0, Value::Null);
    loop {
        let page = world.admin(json!({"operation": "list", "after": after})).await;
        let users = page["users"].as_array().expect("users");
        assert!(users.len() <= 50, "a page is bounded");
        listed += users.len();
        after = page["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(listed, 60);
}

#[tokio::test]
async fn an_export_by_an_operator_is_the_users_own() {
    // ADM-01, ACC-09
    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    let own = world.ask(&ada, "account/export", &json!({"password": PASSWORD})).await.json();
    assert_eq!(world.operate("export", by_id(&ada)).await, own);
}
