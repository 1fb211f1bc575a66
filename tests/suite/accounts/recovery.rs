//! A forgotten password: `forgot` and `reset`.

use jiff::SignedDuration;
use serde_json::json;
use tests::system::Answer;
use tests::world::{Actor, NEW_PASSWORD, PASSWORD, World, posted};

const FORGOT: &str = "/api/auth/password/forgot";
const RESET: &str = "/api/auth/password/reset";

fn invalid_code() -> (u16, String) {
    (400, "Invalid code".to_owned())
}

/// Returns a world, its user, and the flow and the code of a reset.
async fn reset_in_hand(settings: &[(&str, &str)]) -> (World, Actor, String, String) {
    let world = World::with(settings).await;
    let ada = world.registered("ada@example.com").await;
    let flow = world.forgot(&ada.email).await;
    world.deliver_mail().await;
    let code = world.code_mailed_to(&ada.email);
    (world, ada, flow, code)
}

#[tokio::test]
async fn a_reset_by_code_replaces_the_password_ends_all_sessions_and_opens_none() {
    // ACC-02
    let (world, ada, flow, code) = reset_in_hand(&[]).await;
    let other = world.logged_in(&ada.email).await;
    let sessions = world.sessions().len();
    let answer = world.reset(&flow, &code, NEW_PASSWORD).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json().as_object().map(serde_json::Map::len), Some(1), "a device token and nothing else");
    assert_eq!(world.sessions().len(), sessions);
    for actor in [&ada, &other] {
        assert_eq!(world.refresh(&actor.refresh_token).await.verdict(), (401, "Invalid token".to_owned()));
    }
    assert_eq!(world.login(&ada.email, PASSWORD).await.status, 401);
    assert_eq!(world.login(&ada.email, NEW_PASSWORD).await.status, 200);
    world.deliver_mail().await;
    assert!(world.texts_mailed_to(&ada.email).pop().unwrap().contains("password"), "the owner is told");
}

#[tokio::test]
async fn a_reset_by_link_needs_no_flow_and_spends_no_try() {
    // TKT-04
    let (world, ada, flow, _) = reset_in_hand(&[("RESET_URL", "https://app.example.com/reset")]).await;
    let token = world.link_token_mailed_to(&ada.email);
    for _ in 0..6 {
        assert_eq!(world.reset(&flow, "0000-0000", NEW_PASSWORD).await.verdict(), invalid_code());
    }
    let body = json!({"token": token, "flow": 7, "newPassword": NEW_PASSWORD});
    assert_eq!(world.post(RESET, &body).await.status, 200, "a stranger's tries do not shut the owner out");
    world.deliver_mail().await;
}

#[tokio::test]
async fn every_address_gets_the_same_answer_calls_and_capacity() {
    // ACC-01
    let world = World::new().await;
    world.leave_mail();
    let asked = async |email: &str| {
        let before = world.aws().calls().len();
        world.aws().count_capacity();
        let answer = world.post(FORGOT, &json!({"email": email})).await;
        let calls: Vec<_> = world.aws().calls()[before..].iter().map(|call| call.operation.clone()).collect();
        let units = world.aws().capacity();
        let Answer { status, headers, body } = answer.without_request_id();
        let mut calls = calls;
        calls.sort();
        let body = body.replace(&answer.text("flow"), "lkf1.*");
        assert_eq!(answer.text("flow").len(), 27);
        (status, headers, body, calls, (units.read, units.write))
    };
    for email in ["known@example.com", "disabled@example.com", "suppressed@example.com", "erased@example.com"] {
        world.registered(email).await;
    }
    world.verified("verified@example.com").await;
    let actor = async |email: &str| world.logged_in(email).await;
    world.disable(&actor("disabled@example.com").await).await;
    world.tamper_with_profile(&actor("suppressed@example.com").await, &json!({"emailHistory": {"SS": ["bounced"]}}));
    world.erase(&actor("erased@example.com").await).await;
    let expected = asked("unknown@example.com").await;
    assert_eq!(expected.0, 202);
    for email in ["known", "verified", "disabled", "suppressed", "erased"] {
        assert_eq!(asked(&format!("{email}@example.com")).await, expected, "{email}");
    }
}

#[tokio::test]
async fn nobody_gets_mail_about_an_unknown_disabled_suppressed_or_erased_address() {
    // ACC-01, OUT-08
    let world = World::new().await;
    let disabled = world.registered("disabled@example.com").await;
    let suppressed = world.registered("suppressed@example.com").await;
    let erased = world.registered("erased@example.com").await;
    world.disable(&disabled).await;
    world.tamper_with_profile(&suppressed, &json!({"emailHistory": {"SS": ["complained"]}}));
    world.erase(&erased).await;
    let mails = world.mails().len();
    for email in ["unknown@example.com", "disabled@example.com", "suppressed@example.com", "erased@example.com"] {
        let flow = world.forgot(email).await;
        assert_eq!(world.reset(&flow, "0000-0000", NEW_PASSWORD).await.verdict(), invalid_code(), "{email}");
    }
    world.live_through(SignedDuration::from_hours(1)).await;
    assert_eq!((world.mails().len(), world.dead_letters().len(), world.mails_owed().len()), (mails, 0, 0));
    assert_eq!(world.logged("mail_obsolete"), 0, "and no line tells of them");
    let ages = world.log().iter().filter_map(|line| line["OldestMailSeconds"].as_i64()).max();
    assert!(ages.unwrap_or_default() < 120, "{ages:?}");
}

#[tokio::test]
async fn tries_of_a_reset_are_counted_for_unknown_addresses_too() {
    // TKT-04, TKT-08
    let (world, _, flow, code) = reset_in_hand(&[]).await;
    let nobodys = world.forgot("unknown@example.com").await;
    let wrong = world.reset("lkf1.x", &code, NEW_PASSWORD).await.without_request_id();
    assert_eq!(wrong.verdict(), invalid_code());
    for flow in [&flow, &nobodys] {
        for _ in 0..7 {
            assert_eq!(world.reset(flow, "0000-0000", NEW_PASSWORD).await.without_request_id(), wrong);
        }
        let row = world.rows("RESET").into_iter().find(|row| row["tries"]["SS"].is_array()).unwrap();
        assert_eq!(row["tries"]["SS"].as_array().map(Vec::len), Some(5));
    }
    assert_eq!(world.reset(&flow, &code, NEW_PASSWORD).await.without_request_id(), wrong, "used up");
    assert_eq!(world.reset_by_link("lkr1.x", NEW_PASSWORD).await.without_request_id(), wrong);
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_refused_password_uses_nothing_up() {
    // TKT-06, ACC-01: personal words are judged only after the proof
    let (world, ada, flow, code) = reset_in_hand(&[]).await;
    for _ in 0..8 {
        for wrong in ["short", "password1234", "ada@example.com"] {
            assert_eq!(
                world.reset(&flow, &code, wrong).await.verdict(),
                (400, "Validation failed".to_owned()),
                "{wrong}"
            );
        }
    }
    let unproved = world.reset(&flow, "0000-0000", "ada@example.com").await;
    assert_eq!(unproved.verdict(), invalid_code(), "a stranger learns nothing of the words");
    assert_eq!(world.reset(&flow, &code, NEW_PASSWORD).await.status, 200);
    assert_eq!(world.login(&ada.email, NEW_PASSWORD).await.status, 200);
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_repeat_with_the_same_password_succeeds_for_ten_minutes_and_with_another_never() {
    // TKT-06
    let (world, ada, flow, code) = reset_in_hand(&[]).await;
    assert_eq!(world.reset(&flow, &code, NEW_PASSWORD).await.status, 200);
    let version = world.profile_item(&ada)["passwordVersion"].clone();
    assert_eq!(world.reset(&flow, &code, NEW_PASSWORD).await.status, 200);
    assert_eq!(world.reset(&flow, &code, "another harbour 48 teapot").await.verdict(), invalid_code());
    assert_eq!(world.profile_item(&ada)["passwordVersion"], version);
    world.pass(SignedDuration::from_mins(10));
    assert_eq!(world.reset(&flow, &code, NEW_PASSWORD).await.verdict(), invalid_code());
    world.deliver_mail().await;
    assert_eq!(world.texts_mailed_to(&ada.email).len(), 3, "welcome, reset and one notice");
}

#[tokio::test]
async fn a_reset_expires_by_the_clock() {
    // TKT-07
    for (minutes, status) in [(29, 200), (30, 400)] {
        let (world, _, flow, code) = reset_in_hand(&[]).await;
        world.pass(SignedDuration::from_mins(minutes));
        assert_eq!(world.reset(&flow, &code, NEW_PASSWORD).await.status, status, "{minutes}");
        world.deliver_mail().await;
    }
    let (world, _, flow, code) = reset_in_hand(&[("RESET_MINUTES", "60")]).await;
    world.pass(SignedDuration::from_mins(59));
    assert_eq!(world.reset(&flow, &code, NEW_PASSWORD).await.status, 200);
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_reset_dies_with_the_password_and_the_address_but_not_with_the_sessions() {
    // TKT-05
    let (world, ada, flow, code) = reset_in_hand(&[]).await;
    assert_eq!(world.logout_everywhere(&ada.refresh_token).await.status, 204);
    assert_eq!(world.reset(&flow, &code, NEW_PASSWORD).await.status, 200);
    world.deliver_mail().await;

    let (world, ada, flow, code) = reset_in_hand(&[]).await;
    assert_eq!(world.change_password(&ada, NEW_PASSWORD).await.status, 200);
    assert_eq!(world.reset(&flow, &code, "another harbour 48 teapot").await.verdict(), invalid_code());
    world.deliver_mail().await;

    let (world, ada, flow, code) = reset_in_hand(&[]).await;
    assert_eq!(world.change_email(&ada, "ada@example.org").await.status, 202);
    world.deliver_mail().await;
    assert_eq!(world.confirm_email(&ada, &world.code_mailed_to("ada@example.org")).await.status, 200);
    assert_eq!(world.reset(&flow, &code, NEW_PASSWORD).await.verdict(), invalid_code());
    world.deliver_mail().await;
}

#[tokio::test]
async fn several_resets_are_live_until_one_is_used() {
    let (world, ada, first, first_code) = reset_in_hand(&[]).await;
    let second = world.forgot(&ada.email).await;
    world.deliver_mail().await;
    let second_code = world.code_mailed_to(&ada.email);
    assert_ne!(first_code, second_code);
    assert_eq!(world.reset(&first, &second_code, NEW_PASSWORD).await.verdict(), invalid_code(), "of the other flow");
    assert_eq!(world.reset(&first, &first_code, NEW_PASSWORD).await.status, 200);
    assert_eq!(world.reset(&second, &second_code, "another harbour 48 teapot").await.verdict(), invalid_code());
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_reset_verifies_an_address_that_never_was_and_ends_what_a_stranger_began() {
    // ACC-04
    let world = World::new().await;
    let stranger = world.registered("ada@example.com").await;
    assert_eq!(world.change_email(&stranger, "stranger@example.org").await.status, 202);
    world.deliver_mail().await;
    let strangers_code = world.code_mailed_to("stranger@example.org");
    let flow = world.forgot("ada@example.com").await;
    world.deliver_mail().await;
    let code = world.code_mailed_to("ada@example.com");
    assert_eq!(world.reset(&flow, &code, NEW_PASSWORD).await.status, 200);
    assert_eq!(world.confirm_email(&stranger, &strangers_code).await.status, 401);
    let ada = Actor::signed_in("ada@example.com", &world.login("ada@example.com", NEW_PASSWORD).await, 200);
    assert_eq!(ada.user["emailVerified"], true);
    assert_eq!(world.confirm_email(&ada, &strangers_code).await.verdict(), invalid_code());
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_disabled_user_stays_disabled() {
    // ACC-02
    let (world, ada, flow, code) = reset_in_hand(&[]).await;
    world.disable(&ada).await;
    assert_eq!(world.reset(&flow, &code, NEW_PASSWORD).await.verdict(), invalid_code());
    assert_eq!(world.user(&ada).status, "disabled");
    assert_eq!(world.login(&ada.email, NEW_PASSWORD).await.status, 401);
}

#[tokio::test]
async fn the_owner_of_an_account_under_attack_gets_in_after_a_reset() {
    // ACC-02, ACC-10
    let (world, ada, flow, code) = reset_in_hand(&[]).await;
    for n in 0..12 {
        world.login_from(&format!("198.51.100.{n}"), &ada.email, "a guess").await;
    }
    assert_eq!(world.login(&ada.email, PASSWORD).await.status, 429);
    let device = world.reset(&flow, &code, NEW_PASSWORD).await.text("deviceToken");
    assert_eq!(world.login(&ada.email, NEW_PASSWORD).await.status, 200, "the failures are cleared");
    for n in 0..12 {
        world.login_from(&format!("198.51.100.{n}"), &ada.email, "a guess").await;
    }
    let body = json!({"email": ada.email, "password": NEW_PASSWORD, "deviceToken": device});
    assert_eq!(world.post("/api/auth/login", &body).await.status, 200, "strangers keep failing");
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_known_device_has_a_count_of_its_own() {
    // ACC-10
    let world = World::new().await;
    world.leave_mail();
    let answer = world.register("ada@example.com").await;
    let device = answer.text("deviceToken");
    for n in 0..20 {
        let forgot = posted(FORGOT, &json!({"email": "ada@example.com"}));
        let address = format!("198.51.100.{n}");
        assert_eq!(world.send(forgot.from_address(&address)).await.status, 202);
    }
    let forgot = json!({"email": "ada@example.com"});
    let refused = world.post(FORGOT, &forgot).await;
    assert!(refused.status == 429 && refused.headers.contains_key("retry-after"));
    let forgot = json!({"email": "ada@example.com", "deviceToken": device});
    for _ in 0..5 {
        assert_eq!(world.post(FORGOT, &forgot).await.status, 202);
    }
    assert_eq!(world.post(FORGOT, &forgot).await.status, 429);
}

#[tokio::test]
async fn a_network_may_ask_twenty_times_an_hour_whatever_the_addresses() {
    let world = World::new().await;
    world.leave_mail();
    for n in 0..20 {
        assert_eq!(world.post(FORGOT, &json!({"email": format!("{n}@example.com")})).await.status, 202);
    }
    assert_eq!(world.post(FORGOT, &json!({"email": "a@example.com"})).await.status, 429);
    world.pass(SignedDuration::from_hours(1));
    assert_eq!(world.post(FORGOT, &json!({"email": "a@example.com"})).await.status, 202);
}
