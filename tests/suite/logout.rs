//! `POST /api/auth/logout`: ends one session, or all with `everywhere`.
//!
//! To add a test: `world.logout` or `world.logout_everywhere`, then `lives` for each token that matters.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde_json::json;
use tests::doubles::{Fault, Service};
use tests::system::Answer;
use tests::world::World;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Returns whether the session of its current token still refreshes.
async fn lives(world: &World, refresh_token: &str) -> bool {
    match world.refresh(refresh_token).await.verdict() {
        (200, _) => true,
        verdict => {
            assert_eq!(verdict, (401, "Invalid token".to_owned()));
            false
        }
    }
}

/// Asserts that an answer is 204 without a body.
fn assert_empty_204(answer: &Answer) {
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
}

#[tokio::test]
async fn a_logout_ends_the_session_at_once() {
    // REF-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.aws().clear_calls();
    assert_empty_204(&world.logout(&ada.refresh_token).await);
    assert_eq!(world.store_calls(), ["UpdateItem"], "one write");
    assert!(!lives(&world, &ada.refresh_token).await);
    assert_eq!(world.mail_rows().len(), 1, "no mail about a theft");
}

#[tokio::test]
async fn a_logout_can_be_repeated() {
    // REF-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    assert_empty_204(&world.logout(&ada.refresh_token).await);
    let ended = world.rows("SESSION#");
    for pause in [SignedDuration::ZERO, HOUR, DAY * 40] {
        world.pass(pause);
        assert_empty_204(&world.logout(&ada.refresh_token).await);
        assert_empty_204(&world.logout_everywhere(&ada.refresh_token).await);
    }
    assert_eq!(world.rows("SESSION#"), ended, "the first logout ended it");
    assert_eq!(world.user(&ada).epoch, 0);
}

#[tokio::test]
async fn any_authentic_token_of_a_session_ends_it_however_old() {
    // REF-08
    for everywhere in [false, true] {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        let mut token = ada.refresh_token.clone();
        for _ in 0..5 {
            world.pass(HOUR);
            token = world.refreshed(&token).await;
        }
        let body = json!({"refreshToken": ada.refresh_token, "everywhere": everywhere});
        assert_empty_204(&world.post("/api/auth/logout", &body).await);
        assert!(!lives(&world, &token).await);
        assert_eq!(world.mail_rows().len(), 1, "no mail about a reuse");
    }
}

#[tokio::test]
async fn an_access_token_stays_valid_after_a_logout_until_it_expires() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.logout(&ada.refresh_token).await;
    assert_eq!(world.me(&ada).await.status, 200);
    world.pass(SignedDuration::from_mins(16));
    assert_eq!(world.me(&ada).await.status, 401);
}

#[tokio::test]
async fn a_forged_token_gets_204_without_a_store_call() {
    // REF-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let bytes = URL_SAFE_NO_PAD.decode(ada.refresh_token.strip_prefix("lk1.").unwrap()).unwrap();
    let mut forged: Vec<String> = (0..bytes.len())
        .map(|place| {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1;
            format!("lk1.{}", URL_SAFE_NO_PAD.encode(bytes))
        })
        .collect();
    forged.extend([String::new(), "garbage".to_owned(), ada.access_token.clone()]);
    world.aws().clear_calls();
    for token in &forged {
        assert_empty_204(&world.logout(token).await);
        assert_empty_204(&world.logout_everywhere(token).await);
    }
    assert_eq!(world.aws().calls(), []);
    assert!(lives(&world, &ada.refresh_token).await);
}

#[tokio::test]
async fn other_sessions_and_other_users_stay_signed_in() {
    // REF-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let phone = world.logged_in(&ada.email).await;
    let bob = world.registered("bob@example.com").await;
    world.logout(&ada.refresh_token).await;
    assert!(!lives(&world, &ada.refresh_token).await);
    assert!(lives(&world, &phone.refresh_token).await);
    assert!(lives(&world, &bob.refresh_token).await);
}

#[tokio::test]
async fn logout_everywhere_ends_all_sessions_of_the_user_and_no_others() {
    // REF-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let phone = world.logged_in(&ada.email).await;
    let bob = world.registered("bob@example.com").await;
    assert_empty_204(&world.logout_everywhere(&ada.refresh_token).await);
    assert_eq!(world.user(&ada).epoch, 1);
    for ended in [&ada, &phone] {
        assert!(!lives(&world, &ended.refresh_token).await);
    }
    assert!(lives(&world, &bob.refresh_token).await);
    assert!(lives(&world, &world.logged_in(&ada.email).await.refresh_token).await, "a login afterwards works");
}

#[tokio::test]
async fn logout_everywhere_accepts_the_current_token_and_the_one_before_it() {
    // REF-08
    for (behind, ends_all) in [(0, true), (1, true), (2, false), (3, false)] {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        let phone = world.logged_in(&ada.email).await;
        let mut tokens = vec![ada.refresh_token.clone()];
        for turn in 0..3 {
            world.pass(HOUR);
            tokens.push(world.refreshed(&tokens[turn]).await);
        }
        world.pass(HOUR);
        assert_empty_204(&world.logout_everywhere(&tokens[3 - behind]).await);
        assert!(!lives(&world, &tokens[3]).await, "{behind} behind: its own session ends");
        assert_eq!(!lives(&world, &phone.refresh_token).await, ends_all, "{behind} behind");
    }
}

#[tokio::test]
async fn logout_everywhere_from_an_ended_or_expired_session_ends_nothing() {
    // REF-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let ended = world.logged_in(&ada.email).await;
    world.logout(&ended.refresh_token).await;
    assert_empty_204(&world.logout_everywhere(&ended.refresh_token).await);
    world.pass(DAY * 4);
    let current = world.refreshed(&ada.refresh_token).await;
    let idle = world.logged_in(&ada.email).await;
    world.pass(DAY * 6);
    let current = world.refreshed(&current).await;
    world.pass(DAY);
    assert_empty_204(&world.logout_everywhere(&idle.refresh_token).await);
    assert!(lives(&world, &current).await);
    assert_eq!(world.user(&ada).epoch, 0);
}

#[tokio::test]
async fn a_late_retry_of_logout_everywhere_does_not_end_a_newer_login() {
    // REF-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let second = world.refreshed(&ada.refresh_token).await;
    assert_empty_204(&world.logout_everywhere(&second).await);
    let newer = world.logged_in(&ada.email).await;
    for pause in [SignedDuration::ZERO, HOUR] {
        world.pass(pause);
        for token in [&second, &ada.refresh_token] {
            assert_empty_204(&world.logout_everywhere(token).await);
        }
    }
    assert!(lives(&world, &newer.refresh_token).await);
    assert_eq!(world.user(&ada).epoch, 1);
}

#[tokio::test]
async fn logout_everywhere_from_a_session_of_an_older_epoch_ends_only_that_session() {
    // REF-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let stolen = world.logged_in(&ada.email).await; // never refreshed afterwards, so its own row does not show that it is over
    assert_empty_204(&world.logout_everywhere(&ada.refresh_token).await);
    let second = world.logged_in(&ada.email).await;
    let unused = world.logged_in(&ada.email).await;
    assert_empty_204(&world.logout_everywhere(&second.refresh_token).await);
    let newest = world.logged_in(&ada.email).await;

    assert_empty_204(&world.logout_everywhere(&stolen.refresh_token).await);
    assert_eq!(world.user(&ada).epoch, 2);
    assert!(!lives(&world, &stolen.refresh_token).await);
    assert!(!lives(&world, &unused.refresh_token).await, "an ended session does not come back");
    assert!(lives(&world, &newest.refresh_token).await);
}

#[tokio::test]
async fn logout_everywhere_raises_the_epoch_once_when_its_answer_is_lost() {
    // REF-08, DDB-03
    for lost in [1, 3] {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        let phone = world.logged_in(&ada.email).await;
        world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::AppliedButLost, lost);
        let status = world.logout_everywhere(&ada.refresh_token).await.status;
        assert_eq!(status, if lost == 1 { 204 } else { 503 });
        let newer = world.logged_in(&ada.email).await;
        assert_empty_204(&world.logout_everywhere(&ada.refresh_token).await);
        assert!(!lives(&world, &phone.refresh_token).await);
        assert!(lives(&world, &newer.refresh_token).await);
        assert_eq!(world.user(&ada).epoch, 1);
    }
}

#[tokio::test]
async fn a_store_failure_makes_logout_503_and_never_a_false_204() {
    // REF-08, LOG-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.break_store("UpdateItem");
    assert_eq!(world.logout(&ada.refresh_token).await.status, 503);
    world.break_store("GetItem");
    assert_eq!(world.logout_everywhere(&ada.refresh_token).await.status, 503);
    world.aws().clear_faults();
    world.break_store("TransactWriteItems");
    assert_eq!(world.logout_everywhere(&ada.refresh_token).await.status, 503);
    world.aws().clear_faults();
    assert!(lives(&world, &ada.refresh_token).await);
}

#[tokio::test]
async fn logging_out_a_deleted_user_creates_nothing() {
    // REF-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for kind in ["PROFILE", "SESSION#"] {
        world.delete_user_items(kind);
        assert_empty_204(&world.logout_everywhere(&ada.refresh_token).await);
        assert_empty_204(&world.logout(&ada.refresh_token).await);
        assert!(world.rows(kind).is_empty());
    }
}

#[tokio::test]
async fn fields_of_a_wrong_type_are_400_and_end_nothing() {
    // INP-05, INP-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for everywhere in [json!("true"), json!(1), json!([true]), json!({})] {
        let body = json!({"refreshToken": ada.refresh_token, "everywhere": everywhere});
        let answer = world.post("/api/auth/logout", &body).await;
        assert_eq!(answer.verdict(), (400, "Validation failed".to_owned()), "{everywhere}");
        assert_eq!(answer.field("details")[0]["path"], json!(["everywhere"]));
    }
    let answer = world.post("/api/auth/logout", &json!({"refreshToken": 7, "everywhere": "yes"})).await;
    let paths: Vec<_> = answer.field("details").as_array().unwrap().iter().map(|it| it["path"][0].clone()).collect();
    assert_eq!((answer.status, paths), (400, vec![json!("refreshToken"), json!("everywhere")]));
    assert_eq!(world.post("/api/auth/logout", &json!({})).await.status, 400);
    assert!(lives(&world, &ada.refresh_token).await);
}
