//! Reasons to refuse a refresh. All refusals have the same answer.

use serde_json::json;
use shared::domain::{RefreshClaim, RefreshToken};
use tests::doubles::Service;
use tests::system::Answer;
use tests::world::World;

use super::{DAY, GRACE, HOUR, MOMENT, counter, invalid, is_ended};
use crate::support::key_set;

/// Returns the token of the one session that has this counter, made with the real key.
fn minted(world: &World, counter: u64) -> String {
    let session = world.only_session();
    let (user, session) = (session.user_id.parse().unwrap(), session.session_id.parse().unwrap());
    let claim = RefreshClaim { user, session, counter };
    RefreshToken::mint(key_set(world).refresh_key(world.now()).unwrap(), &claim).expose().to_owned()
}

/// Returns an answer without the request's id.
fn bytes(answer: &Answer) -> Answer {
    let id = answer.headers["x-request-id"].to_str().unwrap().to_owned();
    let mut headers = answer.headers.clone();
    headers.remove("x-request-id");
    Answer { status: answer.status, headers, body: answer.body.replace(&id, "") }
}

#[tokio::test]
async fn a_session_expires_after_seven_idle_days() {
    // REF-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.pass(DAY * 7 - MOMENT);
    let next = world.refreshed(&ada.refresh_token).await;
    world.pass(DAY * 7 - MOMENT);
    let next = world.refreshed(&next).await;
    world.pass(DAY * 7);
    assert_eq!(world.refresh(&next).await.verdict(), invalid());
    assert!(!is_ended(&world), "it has expired, and no write has ended it");
}

#[tokio::test]
async fn a_session_expires_after_thirty_days_however_often_it_refreshes() {
    // REF-05
    let world = World::new().await;
    let mut token = world.registered("ada@example.com").await.refresh_token;
    for _ in 0..5 {
        world.pass(DAY * 6 - MOMENT);
        token = world.refreshed(&token).await;
    }
    world.pass(MOMENT * 4);
    token = world.refreshed(&token).await;
    world.pass(MOMENT);
    assert_eq!(world.refresh(&token).await.verdict(), invalid(), "thirty days to the millisecond");
    assert_eq!(counter(&world), 6);
}

#[tokio::test]
async fn a_reissue_does_not_extend_a_session() {
    // REF-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let next = world.refreshed(&ada.refresh_token).await;
    world.pass(DAY * 7 - MOMENT);
    assert_eq!(world.refreshed(&ada.refresh_token).await, next);
    world.pass(MOMENT);
    assert_eq!(world.refresh(&next).await.verdict(), invalid());
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
}

#[tokio::test]
async fn a_refresh_by_a_disabled_user_ends_the_session_for_good() {
    // REF-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.tamper_with_profile(&ada, &json!({"status": {"S": "disabled"}}));
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
    assert!(is_ended(&world));

    world.tamper_with_profile(&ada, &json!({"status": {"S": "active"}}));
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
}

#[tokio::test]
async fn a_refresh_by_a_deleted_user_ends_the_session() {
    // REF-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.delete_profile(&ada);
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
    assert!(is_ended(&world));
    world.delete_user_items("SESSION#");
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
    assert!(world.rows("SESSION#").is_empty(), "the refresh does not create it again");
}

#[tokio::test]
async fn a_refresh_below_the_users_epoch_ends_the_session() {
    // REF-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.tamper_with_profile(&ada, &json!({"epoch": {"N": "1"}}));
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
    assert!(is_ended(&world));
}

#[tokio::test]
async fn a_token_newer_than_the_table_is_refused_and_is_not_reuse() {
    // REF-03: a table restored from a backup looks like this, and is not a theft
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let backup = world.rows("SESSION#").remove(0);
    let second = world.refreshed(&ada.refresh_token).await;
    let third = world.refreshed(&second).await;
    world.tamper("Accounts", backup, &json!({}));
    world.pass(HOUR);

    for ahead in [&third, &second, &minted(&world, u64::MAX)] {
        assert_eq!(world.refresh(ahead).await.verdict(), invalid());
    }
    assert!(!is_ended(&world));
    assert_eq!(world.mail_rows().len(), 1, "only the welcome mail");
    assert_eq!(world.refreshed(&ada.refresh_token).await, second);
}

#[tokio::test]
async fn every_refused_refresh_has_the_same_answer() {
    // REF-07
    let mut answers = Vec::new();

    let garbage = World::new().await;
    let ada = garbage.registered("ada@example.com").await;
    answers.push(("garbage", garbage.refresh("garbage").await));
    answers.push(("empty", garbage.refresh("").await));
    answers.push(("an access token", garbage.refresh(&ada.access_token).await));
    answers.push(("newer than the table", garbage.refresh(&minted(&garbage, 7)).await));
    let elsewhere = World::with_its_own_keys(&[]).await.registered("ada@example.com").await;
    answers.push(("of another key", garbage.refresh(&elsewhere.refresh_token).await));
    garbage.logout(&ada.refresh_token).await;
    answers.push(("logged out", garbage.refresh(&ada.refresh_token).await));
    garbage.delete_user_items("SESSION#");
    answers.push(("without a session", garbage.refresh(&ada.refresh_token).await));

    let reused = World::new().await;
    let ada = reused.registered("ada@example.com").await;
    reused.leave_mail();
    let next = reused.refreshed(&ada.refresh_token).await;
    let next = reused.refreshed(&next).await;
    reused.pass(GRACE + MOMENT);
    answers.push(("reused", reused.refresh(&ada.refresh_token).await));
    answers.push(("revoked for reuse", reused.refresh(&next).await));

    let expired = World::new().await;
    let ada = expired.registered("ada@example.com").await;
    expired.pass(DAY * 7);
    answers.push(("expired", expired.refresh(&ada.refresh_token).await));

    let gone = World::new().await;
    let ada = gone.registered("ada@example.com").await;
    gone.delete_profile(&ada);
    answers.push(("without a user", gone.refresh(&ada.refresh_token).await));

    let first = bytes(&answers[0].1);
    assert_eq!(first.status, 401);
    assert_eq!(first.headers["www-authenticate"], "Bearer");
    for (why, answer) in &answers {
        assert_eq!(bytes(answer), first, "{why}");
    }
}

#[tokio::test]
async fn a_store_failure_is_503_and_the_token_stays_good() {
    // LOG-04, REF-04
    for operation in ["UpdateItem", "GetItem"] {
        for pause in [MOMENT, HOUR] {
            let world = World::new().await;
            let ada = world.registered("ada@example.com").await;
            world.break_store(operation);
            let answer = world.refresh(&ada.refresh_token).await;
            assert_eq!(answer.status, 503, "{operation}");
            assert_eq!(answer.headers["retry-after"], "1");
            assert!(world.aws().calls().iter().any(|call| call.service == Service::DynamoDb));
            world.aws().clear_faults();

            world.pass(pause);
            let next = world.refreshed(&ada.refresh_token).await;
            world.refreshed(&next).await;
        }
    }
}
