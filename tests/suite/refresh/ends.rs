//! What ends a session at its refresh, and that all ends look the same.

use serde_json::{Value, json};
use shared::domain::{RefreshClaim, RefreshToken};
use shared::keys::{Keys, SigningKeys};
use tests::doubles::Service;
use tests::system::{Answer, SIGNING_KEYS};
use tests::world::World;

use super::{DAY, GRACE, HOUR, MOMENT, break_store, counter, invalid, is_ended, only_session, renewed};

/// The token with this counter of the one session, made with the real key.
fn minted(world: &World, counter: u64) -> String {
    let keys = SigningKeys::from_json(&world.aws().secrets.value(SIGNING_KEYS, "AWSCURRENT").unwrap()).unwrap();
    let session = only_session(world);
    let id = |name: &str| session[name]["S"].as_str().unwrap().to_owned();
    let claim =
        RefreshClaim { user: id("userId").parse().unwrap(), session: id("sessionId").parse().unwrap(), counter };
    RefreshToken::mint(keys.refresh_key(world.now()).unwrap(), &claim).expose().to_owned()
}

fn profile(world: &World) -> Value {
    world.rows("PROFILE").remove(0)
}

fn delete(world: &World, item: &Value) {
    let request = json!({"TableName": "Accounts", "Key": {"pk": item["pk"], "sk": item["sk"]}});
    world.system().database.delete_item(serde_json::from_value(request).unwrap()).unwrap();
}

/// An answer to the byte, but for the request's id.
fn bytes(answer: &Answer) -> Answer {
    let id = answer.headers["x-request-id"].to_str().unwrap().to_owned();
    let mut headers = answer.headers.clone();
    headers.remove("x-request-id");
    Answer { status: answer.status, headers, body: answer.body.replace(&id, "") }
}

#[tokio::test]
async fn a_session_ends_after_seven_days_of_idleness() {
    // REF-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.pass(DAY * 7 - MOMENT);
    let next = renewed(&world.refresh(&ada.refresh_token).await);
    world.pass(DAY * 7 - MOMENT);
    let next = renewed(&world.refresh(&next).await);
    world.pass(DAY * 7);
    assert_eq!(world.refresh(&next).await.verdict(), invalid());
    assert_eq!(
        only_session(&world).get("revokedAt"),
        None,
        "it is expired while it is still in the table, and is not ended"
    );
}

#[tokio::test]
async fn a_session_ends_after_thirty_days_however_busy_it_is() {
    // REF-05
    let world = World::new().await;
    let mut token = world.registered("ada@example.com").await.refresh_token;
    for _ in 0..5 {
        world.pass(DAY * 6 - MOMENT);
        token = renewed(&world.refresh(&token).await);
    }
    world.pass(MOMENT * 4);
    token = renewed(&world.refresh(&token).await);
    world.pass(MOMENT);
    assert_eq!(world.refresh(&token).await.verdict(), invalid(), "thirty days to the millisecond");
    assert_eq!(counter(&world), "6");
}

#[tokio::test]
async fn a_reissue_does_not_keep_a_session_alive() {
    // REF-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let next = renewed(&world.refresh(&ada.refresh_token).await);
    world.pass(DAY * 7 - MOMENT);
    assert_eq!(renewed(&world.refresh(&ada.refresh_token).await), next);
    world.pass(MOMENT);
    assert_eq!(world.refresh(&next).await.verdict(), invalid());
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
}

#[tokio::test]
async fn a_disabled_users_session_ends_and_stays_ended() {
    // REF-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.tamper("Accounts", profile(&world), &json!({"status": {"S": "disabled"}}));
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
    assert!(is_ended(&world));

    world.tamper("Accounts", profile(&world), &json!({"status": {"S": "active"}}));
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
}

#[tokio::test]
async fn a_deleted_users_session_ends() {
    // REF-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    delete(&world, &profile(&world));
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
    assert!(is_ended(&world));
    delete(&world, &only_session(&world));
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
    assert!(world.rows("SESSION#").is_empty(), "and nothing brings it back");
}

#[tokio::test]
async fn a_raised_epoch_ends_a_session() {
    // REF-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.tamper("Accounts", profile(&world), &json!({"epoch": {"N": "1"}}));
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
    assert!(is_ended(&world));
}

#[tokio::test]
async fn a_counter_ahead_of_the_table_is_refused_and_accuses_nobody() {
    // REF-03: a table restored from a backup is not a theft
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let backup = only_session(&world);
    let second = renewed(&world.refresh(&ada.refresh_token).await);
    let third = renewed(&world.refresh(&second).await);
    world.tamper("Accounts", backup, &json!({}));
    world.pass(HOUR);

    for ahead in [&third, &second, &minted(&world, u64::MAX)] {
        assert_eq!(world.refresh(ahead).await.verdict(), invalid());
    }
    assert!(!is_ended(&world));
    assert_eq!(world.rows("MAIL#").len(), 1, "the welcome alone");
    assert_eq!(renewed(&world.refresh(&ada.refresh_token).await), second);
}

#[tokio::test]
async fn every_refusal_is_the_same_to_the_byte() {
    // REF-07
    let mut answers = Vec::new();

    let garbage = World::new().await;
    let ada = garbage.registered("ada@example.com").await;
    answers.push(("garbage", garbage.refresh("garbage").await));
    answers.push(("nothing", garbage.refresh("").await));
    answers.push(("an access token", garbage.refresh(&ada.access_token).await));
    answers.push(("ahead of the table", garbage.refresh(&minted(&garbage, 7)).await));
    let elsewhere = World::with_its_own_keys(&[]).await.registered("ada@example.com").await;
    answers.push(("another key's", garbage.refresh(&elsewhere.refresh_token).await));
    garbage.logout(&ada.refresh_token).await;
    answers.push(("logged out", garbage.refresh(&ada.refresh_token).await));
    delete(&garbage, &only_session(&garbage));
    answers.push(("of no session", garbage.refresh(&ada.refresh_token).await));

    let reused = World::new().await;
    let ada = reused.registered("ada@example.com").await;
    reused.leave_mail();
    let next = renewed(&reused.refresh(&ada.refresh_token).await);
    let next = renewed(&reused.refresh(&next).await);
    reused.pass(GRACE + MOMENT);
    answers.push(("reused", reused.refresh(&ada.refresh_token).await));
    answers.push(("revoked for reuse", reused.refresh(&next).await));

    let expired = World::new().await;
    let ada = expired.registered("ada@example.com").await;
    expired.pass(DAY * 7);
    answers.push(("expired", expired.refresh(&ada.refresh_token).await));

    let gone = World::new().await;
    let ada = gone.registered("ada@example.com").await;
    delete(&gone, &profile(&gone));
    answers.push(("of nobody", gone.refresh(&ada.refresh_token).await));

    let first = bytes(&answers[0].1);
    assert_eq!(first.status, 401);
    assert_eq!(first.headers["www-authenticate"], "Bearer");
    for (why, answer) in &answers {
        assert_eq!(bytes(answer), first, "{why}");
    }
}

#[tokio::test]
async fn a_store_out_of_order_is_503_and_the_token_is_good_afterwards() {
    // LOG-04, REF-04
    for operation in ["UpdateItem", "GetItem"] {
        for pause in [MOMENT, HOUR] {
            let world = World::new().await;
            let ada = world.registered("ada@example.com").await;
            break_store(&world, operation);
            let answer = world.refresh(&ada.refresh_token).await;
            assert_eq!(answer.status, 503, "{operation}");
            assert_eq!(answer.headers["retry-after"], "1");
            assert!(world.aws().calls().iter().any(|call| call.service == Service::DynamoDb));
            world.aws().clear_faults();

            world.pass(pause);
            let next = renewed(&world.refresh(&ada.refresh_token).await);
            renewed(&world.refresh(&next).await);
        }
    }
}
