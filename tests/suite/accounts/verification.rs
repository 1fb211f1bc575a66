//! Proving the address, and the name that goes with it.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::world::{Actor, World, authorized, code_in, request};

use crate::support::claims;

fn invalid_code() -> (u16, String) {
    (400, "Invalid code".to_owned())
}

#[tokio::test]
async fn the_welcome_mail_carries_the_code_that_verifies_the_address() {
    // TKT-02, ACC-07
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    assert_eq!(ada.user["emailVerified"], false);
    assert_eq!(claims(&ada.access_token)["email_verified"], false);

    let code = world.code_mailed_to(&ada.email);
    let answer = world.verify(&ada, &code.to_lowercase().replace('-', " ")).await;
    assert_eq!((answer.status, &answer.field("user")["emailVerified"]), (200, &json!(true)));
    assert_eq!(world.me(&ada).await.field("user")["emailVerified"], true);
    let refreshed = world.refresh(&ada.refresh_token).await;
    assert_eq!(claims(&refreshed.text("accessToken"))["email_verified"], true);
}

#[tokio::test]
async fn any_code_is_answered_with_200_once_the_address_is_verified() {
    // ACC-07, TKT-06
    let world = World::new().await;
    let ada = world.verified("ada@example.com").await;
    for code in ["7K3M-9XQ2", "x"] {
        assert_eq!(world.verify(&ada, code).await.status, 200, "{code}");
    }
    assert_eq!(world.ask_for_code(&ada).await.json(), json!({"message": "Email already verified"}));
}

#[tokio::test]
async fn a_code_works_for_its_own_user_and_address_alone() {
    // ACC-07, TKT-01
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let bob = world.registered("bob@example.com").await;
    let code = world.code_mailed_to(&ada.email);
    assert_eq!(world.verify(&bob, &code).await.verdict(), invalid_code());

    // A writer of the tables lets the code go to another address. That code is made for the other address.
    world.tamper_with_profile(&bob, &json!({"email": {"S": "eve@example.com"}}));
    assert_eq!(world.ask_for_code(&bob).await.status, 202);
    world.deliver_mail().await;
    let stolen = world.code_mailed_to("eve@example.com");
    world.tamper_with_profile(&bob, &json!({"email": {"S": "bob@example.com"}}));
    assert_eq!(world.verify(&bob, &stolen).await.verdict(), invalid_code());
    assert_eq!(world.verify(&bob, &world.code_mailed_to(&bob.email)).await.status, 200);
}

#[tokio::test]
async fn wrong_expired_used_up_and_unknown_codes_get_the_same_answer() {
    // TKT-08, TKT-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let code = world.code_mailed_to(&ada.email);
    let wrong = world.verify(&ada, "0000-0000").await.without_request_id();
    assert_eq!(wrong.verdict(), invalid_code());
    assert_eq!(world.verify(&ada, "not a code").await.without_request_id(), wrong);
    for _ in 1..10 {
        assert_eq!(world.verify(&ada, "0000-0000").await.without_request_id(), wrong);
    }
    assert_eq!(world.verify(&ada, &code).await.without_request_id(), wrong, "all ten tries are used up");

    let bob = world.registered("bob@example.com").await;
    let code = world.code_mailed_to(&bob.email);
    world.pass(SignedDuration::from_hours(24));
    let bob = Actor { user: bob.user, ..world.logged_in(&bob.email).await };
    assert_eq!(world.verify(&bob, &code).await.without_request_id(), wrong, "it has expired");
}

#[tokio::test]
async fn the_right_code_sent_many_times_at_once_is_200_each_time() {
    // TKT-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let code = world.code_mailed_to(&ada.email);
    let answers = futures_util::future::join_all((0..20).map(|_| world.verify(&ada, &code))).await;
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

#[tokio::test]
async fn ten_parallel_tries_are_all_that_a_code_allows() {
    // TKT-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let code = world.code_mailed_to(&ada.email);
    let wrong: Vec<_> = (0..20).map(|n| format!("0000-00{n:02}")).collect();
    futures_util::future::join_all(wrong.iter().map(|code| world.verify(&ada, code))).await;
    let tries = world.rows("CODE#VERIFY").remove(0);
    assert_eq!(tries["tries"]["SS"].as_array().map(Vec::len), Some(10));
    assert_eq!(world.verify(&ada, &code).await.verdict(), invalid_code());
}

#[tokio::test]
async fn a_re_sent_mail_carries_the_same_code_until_its_ticket_is_used_up_or_nearly_over() {
    // TKT-05, TKT-07
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let first = world.code_mailed_to(&ada.email);
    let mailed = async |ada: &Actor| {
        assert_eq!(world.ask_for_code(ada).await.status, 202);
        world.deliver_mail().await;
        world.code_mailed_to("ada@example.com")
    };
    assert_eq!(mailed(&ada).await, first);
    assert_eq!(world.send_welcome_email(&ada).await.status, 202);
    world.deliver_mail().await;
    assert_eq!(world.code_mailed_to(&ada.email), first);

    for _ in 0..10 {
        assert_eq!(world.verify(&ada, "0000-0000").await.verdict(), invalid_code());
    }
    let second = mailed(&ada).await;
    assert_ne!(second, first, "the first one is used up");
    assert_eq!(world.verify(&ada, &first).await.verdict(), invalid_code());

    world.pass(SignedDuration::from_mins(23 * 60 + 1));
    let ada = world.logged_in(&ada.email).await;
    let third = mailed(&ada).await;
    assert_ne!(third, second, "the second one has less than an hour left");
    assert_eq!(world.verify(&ada, &third).await.status, 200);
}

#[tokio::test]
async fn welcome_and_verification_mails_are_on_one_count() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for _ in 0..3 {
        assert_eq!(world.ask_for_code(&ada).await.status, 202);
    }
    for _ in 0..2 {
        assert_eq!(world.send_welcome_email(&ada).await.status, 202);
    }
    let refused = world.ask_for_code(&ada).await;
    assert_eq!(refused.status, 429);
    assert!(refused.headers.contains_key("retry-after"));
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_suppressed_address_gets_no_code() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.tamper_with_profile(&ada, &json!({"emailHistory": {"SS": ["bounced"]}}));
    assert_eq!(world.ask_for_code(&ada).await.verdict(), (409, "Email address suppressed".to_owned()));
}

#[tokio::test]
async fn an_account_that_is_opened_again_is_unverified_and_another_one() {
    // ACC-07
    let world = World::new().await;
    let first = world.verified("ada@example.com").await;
    let old_code = world.code_mailed_to(&first.email);
    assert_eq!(world.delete_account(&first).await.status, 202);
    world.live_through(SignedDuration::from_mins(20)).await;
    let second = world.registered("ada@example.com").await;
    assert_ne!(second.id(), first.id());
    assert_eq!(second.user["emailVerified"], false);
    assert_eq!(world.verify(&second, &old_code).await.verdict(), invalid_code());
}

#[tokio::test]
async fn only_a_live_session_of_the_present_epoch_changes_anything() {
    // ACC-13
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let code = world.code_mailed_to(&ada.email);
    let other = world.logged_in(&ada.email).await;
    let ended = world.logged_in(&ada.email).await;
    assert_eq!(world.logout(&ended.refresh_token).await.status, 204);
    assert_eq!(world.me(&ended).await.status, 200, "the access token outlives its session");
    let refused = async |actor: &Actor| {
        let routes = [
            ("email/verify", json!({"code": code})),
            (
                "password/change",
                json!({"currentPassword": tests::world::PASSWORD, "newPassword": tests::world::NEW_PASSWORD}),
            ),
            ("email/change", json!({"newEmail": "ada@example.org", "password": tests::world::PASSWORD})),
            ("email/confirm", json!({"code": code})),
            ("account/export", json!({"password": tests::world::PASSWORD})),
            ("account/delete", json!({"password": tests::world::PASSWORD})),
        ];
        for (route, body) in &routes {
            assert_eq!(world.ask(actor, route, body).await.verdict(), (401, "Invalid token".to_owned()), "{route}");
        }
        let other = world.live_sessions().remove(0).session_id;
        let path = format!("/api/auth/sessions/{other}");
        for answer in [
            world.send(authorized(request("DELETE", &path), Some(&actor.bearer()))).await,
            world.rename(actor, &json!("Eve")).await,
            world.ask_for_code(actor).await,
            world.send_welcome_email(actor).await,
        ] {
            assert_eq!(answer.verdict(), (401, "Invalid token".to_owned()));
        }
    };
    refused(&ended).await;
    assert_eq!(world.logout_everywhere(&other.refresh_token).await.status, 204);
    refused(&ada).await;
    assert_eq!((world.mail_rows().len(), world.user(&ada).status.as_str()), (1, "active"));
}

#[tokio::test]
async fn a_name_is_changed_and_removed() {
    let world = World::new().await;
    let ada = world.registered_as("ada@example.com", "Ada").await;
    world.pass(SignedDuration::from_mins(1));
    let renamed = world.rename(&ada, &json!(" Ada King ")).await;
    assert_eq!((renamed.status, &renamed.field("user")["name"]), (200, &json!("Ada King")));
    assert_ne!(renamed.field("user")["updatedAt"], ada.user["updatedAt"]);
    assert_eq!(world.rename(&ada, &Value::Null).await.field("user")["name"], Value::Null);
    assert_eq!(world.me(&ada).await.field("user")["name"], Value::Null);
    for wrong in [json!(""), json!("<b>"), json!(5), json!("www.evil.example")] {
        assert_eq!(world.rename(&ada, &wrong).await.verdict(), (400, "Validation failed".to_owned()), "{wrong}");
    }
}

#[tokio::test]
async fn a_welcome_mail_that_is_late_goes_out_without_its_code() {
    // TKT-07, OUT-01
    let world = World::new().await;
    let ada = world.registered_with_unqueued_mail("ada@example.com").await;
    world.pass(SignedDuration::from_hours(20));
    world.live_through(SignedDuration::from_mins(2)).await;
    let [text] = world.texts_mailed_to(&ada.email).try_into().expect("one mail");
    assert_eq!((code_in(&text), text.trim()), (None, "Hello, welcome to our platform!"));
}
