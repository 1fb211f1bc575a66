//! `POST /api/auth/logout`: one session, or `everywhere`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::doubles::{Fault, Service};
use tests::system::Answer;
use tests::world::{Actor, PASSWORD, World};

use crate::refresh::{break_store, only_session, renewed, store_calls};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// One more session of somebody who has an account.
async fn another(world: &World, actor: &Actor) -> Actor {
    Actor::signed_in(&actor.email, &world.login(&actor.email, PASSWORD).await, 200)
}

async fn everywhere(world: &World, refresh_token: &str) -> Answer {
    world.post("/api/auth/logout", &json!({"refreshToken": refresh_token, "everywhere": true})).await
}

/// Whether the session of this token, its current one, goes on.
async fn lives(world: &World, refresh_token: &str) -> bool {
    match world.refresh(refresh_token).await.verdict() {
        (200, _) => true,
        verdict => {
            assert_eq!(verdict, (401, "Invalid token".to_owned()));
            false
        }
    }
}

fn epoch(world: &World, actor: &Actor) -> Value {
    let profiles = world.rows("PROFILE");
    let own = profiles.into_iter().find(|profile| profile["userId"]["S"] == actor.user["id"]);
    own.map_or(Value::Null, |mut profile| profile["epoch"]["N"].take())
}

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
    assert_eq!(store_calls(&world), ["UpdateItem"], "one write");
    assert!(!lives(&world, &ada.refresh_token).await);
    assert_eq!(world.rows("MAIL#").len(), 1, "and nobody is told of a theft");
}

#[tokio::test]
async fn a_logout_may_be_said_any_number_of_times() {
    // REF-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    assert_empty_204(&world.logout(&ada.refresh_token).await);
    let ended = only_session(&world);
    for pause in [SignedDuration::ZERO, HOUR, DAY * 40] {
        world.pass(pause);
        assert_empty_204(&world.logout(&ada.refresh_token).await);
        assert_empty_204(&everywhere(&world, &ada.refresh_token).await);
    }
    assert_eq!(only_session(&world), ended, "it ended when it ended first");
    assert_eq!(epoch(&world, &ada), "0");
}

#[tokio::test]
async fn any_authentic_token_ends_its_session_however_old_it_is() {
    // REF-08
    for everywhere in [false, true] {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        let mut token = ada.refresh_token.clone();
        for _ in 0..5 {
            world.pass(HOUR);
            token = renewed(&world.refresh(&token).await);
        }
        let body = json!({"refreshToken": ada.refresh_token, "everywhere": everywhere});
        assert_empty_204(&world.post("/api/auth/logout", &body).await);
        assert!(!lives(&world, &token).await);
        assert_eq!(world.rows("MAIL#").len(), 1, "which is no reuse");
    }
}

#[tokio::test]
async fn an_access_token_outlives_a_logout_by_its_quarter_of_an_hour() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.logout(&ada.refresh_token).await;
    assert_eq!(world.get("/api/auth/me", Some(&ada.bearer())).await.status, 200);
    world.pass(SignedDuration::from_mins(16));
    assert_eq!(world.get("/api/auth/me", Some(&ada.bearer())).await.status, 401);
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
        assert_empty_204(&everywhere(&world, token).await);
    }
    assert_eq!(world.aws().calls(), []);
    assert!(lives(&world, &ada.refresh_token).await);
}

#[tokio::test]
async fn other_sessions_and_other_users_stay_signed_in() {
    // REF-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let phone = another(&world, &ada).await;
    let bob = world.registered("bob@example.com").await;
    world.logout(&ada.refresh_token).await;
    assert!(!lives(&world, &ada.refresh_token).await);
    assert!(lives(&world, &phone.refresh_token).await);
    assert!(lives(&world, &bob.refresh_token).await);
}

#[tokio::test]
async fn everywhere_ends_all_sessions_of_the_user_and_nobody_elses() {
    // REF-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let phone = another(&world, &ada).await;
    let bob = world.registered("bob@example.com").await;
    assert_empty_204(&everywhere(&world, &ada.refresh_token).await);
    assert_eq!(epoch(&world, &ada), "1");
    for ended in [&ada, &phone] {
        assert!(!lives(&world, &ended.refresh_token).await);
    }
    assert!(lives(&world, &bob.refresh_token).await);
    assert!(lives(&world, &another(&world, &ada).await.refresh_token).await, "a login afterwards works");
}

#[tokio::test]
async fn everywhere_takes_the_current_token_and_the_one_behind_it_and_no_older_one() {
    // REF-08
    for (behind, ends_all) in [(0, true), (1, true), (2, false), (3, false)] {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        let phone = another(&world, &ada).await;
        let mut tokens = vec![ada.refresh_token.clone()];
        for turn in 0..3 {
            world.pass(HOUR);
            tokens.push(renewed(&world.refresh(&tokens[turn]).await));
        }
        world.pass(HOUR);
        assert_empty_204(&everywhere(&world, &tokens[3 - behind]).await);
        assert!(!lives(&world, &tokens[3]).await, "{behind} behind: its own ends");
        assert_eq!(!lives(&world, &phone.refresh_token).await, ends_all, "{behind} behind");
    }
}

#[tokio::test]
async fn everywhere_from_a_session_that_has_ended_or_expired_ends_nothing_else() {
    // REF-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let ended = another(&world, &ada).await;
    world.logout(&ended.refresh_token).await;
    assert_empty_204(&everywhere(&world, &ended.refresh_token).await);
    world.pass(DAY * 4);
    let current = renewed(&world.refresh(&ada.refresh_token).await);
    let idle = another(&world, &ada).await;
    world.pass(DAY * 6);
    let current = renewed(&world.refresh(&current).await);
    world.pass(DAY);
    assert_empty_204(&everywhere(&world, &idle.refresh_token).await);
    assert!(lives(&world, &current).await);
    assert_eq!(epoch(&world, &ada), "0");
}

#[tokio::test]
async fn a_late_retry_of_everywhere_does_not_end_a_newer_login() {
    // REF-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let second = renewed(&world.refresh(&ada.refresh_token).await);
    assert_empty_204(&everywhere(&world, &second).await);
    let newer = another(&world, &ada).await;
    for pause in [SignedDuration::ZERO, HOUR] {
        world.pass(pause);
        for token in [&second, &ada.refresh_token] {
            assert_empty_204(&everywhere(&world, token).await);
        }
    }
    assert!(lives(&world, &newer.refresh_token).await);
    assert_eq!(epoch(&world, &ada), "1");
}

#[tokio::test]
async fn everywhere_from_a_session_of_an_older_epoch_ends_that_alone() {
    // REF-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let stolen = another(&world, &ada).await; // never refreshed since, so nothing in its own row says that it is over
    assert_empty_204(&everywhere(&world, &ada.refresh_token).await);
    let second = another(&world, &ada).await;
    let unused = another(&world, &ada).await;
    assert_empty_204(&everywhere(&world, &second.refresh_token).await);
    let newest = another(&world, &ada).await;

    assert_empty_204(&everywhere(&world, &stolen.refresh_token).await);
    assert_eq!(epoch(&world, &ada), "2");
    assert!(!lives(&world, &stolen.refresh_token).await);
    assert!(!lives(&world, &unused.refresh_token).await, "what was over does not come back");
    assert!(lives(&world, &newest.refresh_token).await);
}

#[tokio::test]
async fn everywhere_whose_answer_was_lost_is_done_once() {
    // REF-08, DDB-03
    for lost in [1, 3] {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        let phone = another(&world, &ada).await;
        world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::AppliedButLost, lost);
        let status = everywhere(&world, &ada.refresh_token).await.status;
        assert_eq!(status, if lost == 1 { 204 } else { 503 });
        let newer = another(&world, &ada).await;
        assert_empty_204(&everywhere(&world, &ada.refresh_token).await);
        assert!(!lives(&world, &phone.refresh_token).await);
        assert!(lives(&world, &newer.refresh_token).await);
        assert_eq!(epoch(&world, &ada), "1");
    }
}

#[tokio::test]
async fn a_store_out_of_order_is_503_and_never_a_204_that_ended_nothing() {
    // REF-08, LOG-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    break_store(&world, "UpdateItem");
    assert_eq!(world.logout(&ada.refresh_token).await.status, 503);
    break_store(&world, "GetItem");
    assert_eq!(everywhere(&world, &ada.refresh_token).await.status, 503);
    world.aws().clear_faults();
    break_store(&world, "TransactWriteItems");
    assert_eq!(everywhere(&world, &ada.refresh_token).await.status, 503);
    world.aws().clear_faults();
    assert!(lives(&world, &ada.refresh_token).await);
}

#[tokio::test]
async fn a_deleted_user_is_logged_out_without_coming_back() {
    // REF-08
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for kind in ["PROFILE", "SESSION#"] {
        for item in world.rows(kind) {
            let request = json!({"TableName": "Accounts", "Key": {"pk": item["pk"], "sk": item["sk"]}});
            world.system().database.delete_item(serde_json::from_value(request).unwrap()).unwrap();
        }
        assert_empty_204(&everywhere(&world, &ada.refresh_token).await);
        assert_empty_204(&world.logout(&ada.refresh_token).await);
        assert!(world.rows(kind).is_empty());
    }
}

#[tokio::test]
async fn fields_of_another_type_are_400_and_end_nothing() {
    // INP-05, INP-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for everywhere in [json!("true"), json!(1), json!([true]), json!({})] {
        let body = json!({"refreshToken": ada.refresh_token, "everywhere": everywhere});
        let answer = world.post("/api/auth/logout", &body).await;
        assert_eq!(answer.verdict(), (400, "Validation failed".to_owned()), "{everywhere}");
        assert_eq!(answer.json()["details"][0]["path"], json!(["everywhere"]));
    }
    let answer = world.post("/api/auth/logout", &json!({"refreshToken": 7, "everywhere": "yes"})).await;
    let paths: Vec<_> = answer.json()["details"].as_array().unwrap().iter().map(|it| it["path"][0].clone()).collect();
    assert_eq!((answer.status, paths), (400, vec![json!("refreshToken"), json!("everywhere")]));
    assert_eq!(world.post("/api/auth/logout", &json!({})).await.status, 400);
    assert!(lives(&world, &ada.refresh_token).await);
}
