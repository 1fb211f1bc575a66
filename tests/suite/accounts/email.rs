//! Changing the address: `email/change` and `email/confirm`.

use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::doubles::{Fault, Service, ses_event};
use tests::rows::text;
use tests::system::Answer;
use tests::world::{Actor, OUTDATED_HASH, PASSWORD, World};

const NEW: &str = "ada@example.org";

fn invalid_code() -> (u16, String) {
    (400, "Invalid code".to_owned())
}

/// Returns a world, a verified user who asked for a change to [`NEW`], and the code.
async fn change_in_hand() -> (World, Actor, String) {
    let world = World::new().await;
    let ada = world.verified("ada@example.com").await;
    let answer = world.change_email(&ada, NEW).await;
    assert_eq!((answer.status, answer.json()), (202, json!({"message": "Confirmation email queued"})));
    world.deliver_mail().await;
    let code = world.code_mailed_to(NEW);
    (world, ada, code)
}

#[tokio::test]
async fn nothing_changes_before_the_new_address_is_proved() {
    // ACC-06
    let (world, ada, code) = change_in_hand().await;
    let user = world.me(&ada).await.field("user");
    assert_eq!((&user["email"], &user["emailVerified"]), (&json!("ada@example.com"), &json!(true)));
    assert_eq!(world.login(NEW, PASSWORD).await.status, 401);

    let other = world.logged_in(&ada.email).await;
    let now = Actor::signed_in(NEW, &world.confirm_email(&ada, &code).await, 200);
    assert_eq!((&now.user["email"], &now.user["emailVerified"]), (&json!(NEW), &json!(true)));
    assert_eq!(now.id(), ada.id());
    for old in [&ada, &other] {
        assert_eq!(world.refresh(&old.refresh_token).await.status, 401);
    }
    assert_eq!(world.refresh(&now.refresh_token).await.status, 200);
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 401);
    assert_eq!(world.login(NEW, PASSWORD).await.status, 200);
    world.registered("ada@example.com").await;
    world.deliver_mail().await;
}

#[tokio::test]
async fn the_old_address_is_told_at_once_and_afterwards_and_sees_the_new_one_masked() {
    // ACC-06
    let (world, ada, code) = change_in_hand().await;
    let told = world.texts_mailed_to(&ada.email).pop().unwrap();
    assert!(told.contains("a…@example.org") && !told.contains(NEW), "{told}");
    assert_eq!(world.confirm_email(&ada, &code).await.status, 200);
    world.deliver_mail().await;
    let mails = world.texts_mailed_to("ada@example.com");
    assert_eq!(mails.len(), 3, "the welcome mail and two notices");
    assert!(mails[2].contains("a…@example.org") && !mails[2].contains(NEW), "{}", mails[2]);
    assert!(world.rows("MAIL#").iter().all(|row| row.get("to").is_none()), "sent mails forget their recipients");
}

#[tokio::test]
async fn a_taken_address_is_not_told_apart() {
    // ACC-06: neither by the answer, nor by calls and capacity, nor by the export
    let world = World::new().await;
    let ada = world.verified("ada@example.com").await;
    world.verified("taken@example.com").await;
    let asked = async |email: &str| {
        world.aws().clear_calls();
        world.aws().count_capacity();
        let answer = world.change_email(&ada, email).await.without_request_id();
        let units = world.aws().capacity();
        let mut calls = world.operations();
        calls.sort();
        (answer, calls, (units.read, units.write))
    };
    let free = asked("free1@example.com").await;
    assert_eq!(free.0.status, 202);
    world.deliver_mail().await;
    assert_eq!(asked("taken@example.com").await, free);
    let export = world.ask(&ada, "account/export", &json!({"password": PASSWORD})).await.body;
    assert!(!export.contains("taken@example.com") && !export.contains("free1@example.com"), "{export}");
    world.deliver_mail().await;
    assert_eq!(world.texts_mailed_to("free1@example.com").len(), 1);
    let [_, notice] = world.texts_mailed_to("taken@example.com").try_into().expect("the welcome mail and a notice");
    assert!(tests::world::code_in(&notice).is_none() && !notice.contains("ada"), "{notice}");
    assert_eq!(world.confirm_email(&ada, "0000-0000").await.verdict(), invalid_code());
}

#[tokio::test]
async fn only_the_session_that_asked_may_confirm() {
    // ACC-06
    let (world, ada, code) = change_in_hand().await;
    let other = world.logged_in(&ada.email).await;
    assert_eq!(world.confirm_email(&other, &code).await.verdict(), invalid_code());
    assert_eq!(world.confirm_email(&ada, &code).await.status, 200);
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_pending_change_dies_with_the_sessions_the_password_and_time() {
    // TKT-05, TKT-07, ACC-06
    let (world, ada, code) = change_in_hand().await;
    world.pass(SignedDuration::from_mins(30));
    let refreshed = world.refresh(&ada.refresh_token).await;
    let ada = Actor { access_token: refreshed.text("accessToken"), ..ada };
    assert_eq!(world.confirm_email(&ada, &code).await.verdict(), invalid_code(), "it has expired");

    let (world, ada, code) = change_in_hand().await;
    let now = Actor::signed_in(&ada.email, &world.change_password(&ada, tests::world::NEW_PASSWORD).await, 200);
    assert_eq!(world.confirm_email(&now, &code).await.verdict(), invalid_code(), "another session, another epoch");
    assert_eq!(world.confirm_email(&ada, &code).await.status, 401);
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_lost_answer_is_given_again_for_ten_minutes_to_the_same_session() {
    // TKT-06, ACC-13
    let (world, ada, code) = change_in_hand().await;
    let other = world.logged_in(&ada.email).await;
    assert_eq!(world.confirm_email(&ada, &code).await.status, 200);
    let again = Actor::signed_in(NEW, &world.confirm_email(&ada, &code).await, 200);
    assert_eq!(world.refresh(&again.refresh_token).await.status, 200);
    assert_eq!(world.user(&ada).epoch, 1, "nothing was changed again");
    assert_eq!(world.confirm_email(&ada, "0000-0000").await.verdict(), invalid_code());
    assert_eq!(world.confirm_email(&other, &code).await.status, 401);
    world.pass(SignedDuration::from_mins(10));
    assert_eq!(world.confirm_email(&ada, &code).await.status, 401);
    world.deliver_mail().await;
    assert_eq!(world.texts_mailed_to("ada@example.com").len(), 3, "one notice after the change");
}

#[tokio::test]
async fn an_address_that_got_an_account_meanwhile_is_409() {
    // ACC-06
    let (world, ada, code) = change_in_hand().await;
    world.registered(NEW).await;
    assert_eq!(world.confirm_email(&ada, &code).await.verdict(), (409, "User already exists".to_owned()));
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_race_for_an_address_has_one_winner() {
    // ACC-06
    let world = World::new().await;
    let mut actors = Vec::new();
    for n in 0..3 {
        let actor = world.verified(&format!("{n}@example.com")).await;
        assert_eq!(world.change_email(&actor, NEW).await.status, 202);
        world.deliver_mail().await;
        let code = world.code_mailed_to(NEW);
        actors.push((actor, code));
    }
    let answers = join_all(actors.iter().map(|(actor, code)| world.confirm_email(actor, code))).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409]);
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_hash_that_a_login_renews_meanwhile_moves_with_the_address() {
    let (world, ada, code) = change_in_hand().await;
    let renew = || world.tamper_with_credential("ada@example.com", &json!({"hash": {"S": OUTDATED_HASH}}));
    let answer = world.meanwhile("TransactWriteItems", || {}, async {
        let confirm = world.confirm_email(&ada, &code);
        world.meanwhile("UpdateItem", renew, confirm).await
    });
    assert_eq!(answer.await.status, 200);
    assert_eq!(world.login(NEW, PASSWORD).await.status, 200);
    world.deliver_mail().await;
}

#[tokio::test]
async fn another_spelling_of_the_address_needs_no_code() {
    let world = World::new().await;
    let ada = world.verified("ada@example.com").await;
    for spelling in ["Ada@Example.com", "Ada@Example.com"] {
        let answer = world.change_email(&ada, spelling).await;
        assert_eq!((answer.status, &answer.field("user")["email"]), (200, &json!(spelling)));
    }
    assert_eq!(world.me(&ada).await.field("user")["emailVerified"], true);
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_user_asks_three_times_a_day_and_an_address_is_asked_three_times() {
    let world = World::new().await;
    world.leave_mail();
    let ada = world.registered("ada@example.com").await;
    for n in 0..3 {
        assert_eq!(world.change_email(&ada, &format!("{n}@example.org")).await.status, 202);
    }
    assert_eq!(world.change_email(&ada, "4@example.org").await.status, 429);
    for n in 0..3 {
        let user = world.registered(&format!("user{n}@example.com")).await;
        assert_eq!(world.change_email(&user, "victim@example.org").await.status, 202);
    }
    let fourth = world.registered("user4@example.com").await;
    assert_eq!(world.change_email(&fourth, "victim@example.org").await.status, 429);
}

#[tokio::test]
async fn a_request_beyond_the_users_own_limit_does_not_count_for_the_address() {
    let world = World::new().await;
    world.leave_mail();
    let ada = world.registered("ada@example.com").await;
    for n in 0..3 {
        assert_eq!(world.change_email(&ada, &format!("{n}@example.org")).await.status, 202);
    }
    for _ in 0..3 {
        assert_eq!(world.change_email(&ada, "wanted@example.org").await.status, 429);
    }
    let bob = world.registered("bob@example.com").await;
    assert_eq!(world.change_email(&bob, "wanted@example.org").await.status, 202);
}

#[tokio::test]
async fn a_mailbox_that_was_never_verified_sees_no_address_of_a_strangers_choice() {
    // FLT-02
    let world = World::new().await;
    let stranger = world.registered("victim@example.com").await;
    assert_eq!(world.change_email(&stranger, "x@claim-your-prize.example").await.status, 202);
    world.deliver_mail().await;
    for mail in world.mails().iter().filter(|mail| mail.to == ["victim@example.com"]) {
        assert!(!format!("{mail:?}").contains("claim-your-prize"), "{mail:?}");
    }
}

#[tokio::test]
async fn a_wrong_password_changes_no_address() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let wrong = json!({"newEmail": NEW, "password": "a guess"});
    assert_eq!(world.ask(&ada, "email/change", &wrong).await.verdict(), (403, "Wrong password".to_owned()));
    assert_eq!(world.rows("CODE#EMAIL").len(), 0);
}

#[tokio::test]
async fn an_event_about_the_old_address_does_not_touch_the_new_one() {
    // ACC-11
    let (world, ada, code) = change_in_hand().await;
    let sent_to_old = world.mails().into_iter().find(|mail| mail.to == ["ada@example.com"]).unwrap();
    assert_eq!(world.confirm_email(&ada, &code).await.status, 200);
    world.deliver_mail().await;
    let notice = world.mails().pop().unwrap();
    for mail in [&sent_to_old, &notice] {
        for kind in ["Bounce", "Complaint"] {
            let event = ses_event(kind, mail, world.now());
            world.aws().sqs.put(tests::system::MAIL_EVENTS_QUEUE, event.to_string());
        }
    }
    world.deliver_mail_events().await;
    let now = world.logged_in(NEW).await;
    assert!(["unknown", "delivered"].contains(&now.user["emailStatus"].as_str().unwrap()), "{}", now.user);
}

#[tokio::test]
async fn a_suppressed_user_may_change_to_an_address_that_works() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.tamper_with_profile(&ada, &json!({"emailHistory": {"SS": ["bounced"]}}));
    assert_eq!(world.change_email(&ada, NEW).await.status, 202);
    world.deliver_mail().await;
    let now = Actor::signed_in(NEW, &world.confirm_email(&ada, &world.code_mailed_to(NEW)).await, 200);
    assert_eq!(now.user["emailStatus"], "unknown");
    world.deliver_mail().await;
    assert_eq!(world.texts_mailed_to("ada@example.com").len(), 1, "the suppressed address got no notice");
    assert_eq!(world.dead_letters().len(), 0);
}

#[tokio::test]
async fn a_store_failure_changes_nothing_and_the_code_stays_good() {
    let (world, ada, code) = change_in_hand().await;
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::down(), usize::MAX);
    let answer: Answer = world.confirm_email(&ada, &code).await;
    assert_eq!(answer.status, 503);
    world.aws().clear_faults();
    let credentials: Vec<Value> = world.items("Credentials");
    assert_eq!(credentials.iter().map(|row| text(row, "pk")).collect::<Vec<_>>(), ["EMAIL#ada@example.com"]);
    assert_eq!(world.confirm_email(&ada, &code).await.status, 200);
    world.deliver_mail().await;
}
