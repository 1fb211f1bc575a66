//! `POST /api/auth/refresh`: rotation of tokens, and lost answers.
//!
//! `reuse` tests two holders of one token, and `ends` what ends a session. To add a test: `world.refreshed(&token)`
//! returns the next token and fails the test if there is none, `world.refresh(&token)` returns any answer.

mod ends;
mod reuse;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::doubles::{Fault, Service};
use tests::world::{Actor, World};

const GRACE: SignedDuration = SignedDuration::from_secs(10);
const MOMENT: SignedDuration = SignedDuration::from_millis(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Returns the verdict of every refused refresh.
fn invalid() -> (u16, String) {
    (401, "Invalid token".to_owned())
}

/// Returns how often the only session was rotated.
fn counter(world: &World) -> u64 {
    world.only_session().counter
}

/// Returns whether the only session was ended.
fn is_ended(world: &World) -> bool {
    world.only_session().revoked_at.is_some()
}

#[tokio::test]
async fn a_refresh_returns_the_next_refresh_token() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let answer = world.refresh(&ada.refresh_token).await;
    let next = answer.refresh_token();
    assert_ne!(next, ada.refresh_token);
    assert_eq!((answer.field("tokenType"), answer.field("expiresIn")), (json!("Bearer"), json!(900)));
    assert_eq!(counter(&world), 1);

    let ada = Actor { access_token: answer.text("accessToken"), ..ada };
    assert_eq!(world.me(&ada).await.field("user"), ada.user);
    assert_ne!(world.refreshed(&next).await, next);
    assert_eq!(counter(&world), 2);
}

#[tokio::test]
async fn a_refresh_makes_one_write_and_one_read() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.aws().clear_calls();
    let next = world.refreshed(&ada.refresh_token).await;
    assert_eq!(world.store_calls(), ["GetItem", "UpdateItem"]);
    assert_eq!(world.aws().calls().len(), 2, "the keys are cached");

    // A retry makes the same calls.
    world.aws().clear_calls();
    assert_eq!(world.refreshed(&ada.refresh_token).await, next);
    assert_eq!(world.store_calls(), ["GetItem", "UpdateItem"]);
}

#[tokio::test]
async fn nothing_in_a_stolen_table_can_be_used_to_refresh() {
    // REF-01
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.refreshed(&ada.refresh_token).await;

    let mut texts = Vec::new();
    for table in ["Accounts", "Credentials"] {
        world.items(table).iter().for_each(|item| collect(item, &mut texts));
    }
    assert!(texts.iter().any(|text| text.contains(ada.id())), "the ids of the session are among them");
    for text in &texts {
        assert_eq!(world.refresh(text).await.verdict(), invalid(), "{text}");
        assert_eq!(world.refresh(&format!("lk1.{text}")).await.verdict(), invalid(), "{text}");
        assert_eq!(
            world.refresh(&format!("lk1.{}", URL_SAFE_NO_PAD.encode(text))).await.verdict(),
            invalid(),
            "{text}"
        );
    }
    assert_eq!(counter(&world), 1);
}

/// Collects every text and number of a value. Of a text that is JSON, also those in it; of a key, its parts.
fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            texts.extend(text.split('#').map(str::to_owned));
            if let Ok(inner @ Value::Object(_)) = serde_json::from_str(text) {
                collect(&inner, texts);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
        Value::Object(values) => values.values().for_each(|value| collect(value, texts)),
        other => texts.push(other.to_string()),
    }
}

#[tokio::test]
async fn a_token_with_a_flipped_bit_is_refused_without_a_store_call() {
    // REF-01
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let bytes = URL_SAFE_NO_PAD.decode(ada.refresh_token.strip_prefix("lk1.").unwrap()).unwrap();
    world.aws().clear_calls();
    for place in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        let token = format!("lk1.{}", URL_SAFE_NO_PAD.encode(flipped));
        assert_eq!(world.refresh(&token).await.verdict(), invalid(), "byte {place}");
    }
    for other in
        ["", "lk1.", &ada.refresh_token[4..], &format!("{}=", ada.refresh_token), &ada.refresh_token.to_uppercase()]
    {
        assert_eq!(world.refresh(other).await.verdict(), invalid(), "{other}");
    }
    assert_eq!(world.aws().calls(), []);
    world.refreshed(&ada.refresh_token).await;
}

#[tokio::test]
async fn a_refresh_succeeds_when_the_stores_answer_is_lost() {
    // REF-04, DDB-03
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::AppliedButLost, 1);
    let next = world.refreshed(&ada.refresh_token).await;
    assert_eq!(counter(&world), 1);
    world.refreshed(&next).await;
    assert_eq!(counter(&world), 2);
}

#[tokio::test]
async fn a_refresh_that_got_503_can_be_retried_up_to_six_days_later() {
    // REF-04
    for pause in [SignedDuration::ZERO, GRACE, HOUR, DAY * 6] {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::AppliedButLost, 3);
        assert_eq!(world.refresh(&ada.refresh_token).await.status, 503);
        assert_eq!(counter(&world), 1, "the write was applied");

        world.pass(pause);
        let next = world.refreshed(&ada.refresh_token).await;
        assert_eq!(counter(&world), 1);
        world.refreshed(&next).await;
    }
}

#[tokio::test]
async fn a_reissue_succeeds_when_the_stores_answers_were_lost() {
    // REF-04, DDB-03
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let next = world.refreshed(&ada.refresh_token).await;
    world.pass(HOUR);
    world.aws().fail(Service::DynamoDb, "UpdateItem", Fault::AppliedButLost, 3);
    // The first write is the rotation, whose condition fails. Its answer is lost three times.
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 503);
    assert_eq!(world.refreshed(&ada.refresh_token).await, next);
    world.refreshed(&next).await;
}

#[tokio::test]
async fn a_lost_answer_is_reissued_any_number_of_times_until_the_session_expires() {
    // REF-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let next = world.refreshed(&ada.refresh_token).await;
    for pause in [SignedDuration::ZERO, GRACE, MOMENT, HOUR, DAY, DAY * 4, MOMENT] {
        world.pass(pause);
        assert_eq!(world.refreshed(&ada.refresh_token).await, next);
    }
    assert_eq!(counter(&world), 1);
    world.refreshed(&next).await;
    assert!(!is_ended(&world));
}

#[tokio::test]
async fn a_burst_of_retries_gets_one_token() {
    // REF-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let first = ada.refresh_token;
    let second = world.refreshed(&first).await;
    for _ in 0..5 {
        world.pass(SignedDuration::from_millis(400));
        assert_eq!(world.refreshed(&first).await, second);
    }
    let third = world.refreshed(&second).await;
    for stale in [&first, &second, &second, &first] {
        world.pass(SignedDuration::from_millis(400));
        assert_eq!(world.refreshed(stale).await, third);
    }
    assert_eq!(counter(&world), 2);
    world.refreshed(&third).await;
}

#[tokio::test]
async fn a_token_two_generations_old_is_accepted_within_its_grace_and_is_reuse_afterwards() {
    // REF-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.leave_mail();
    let second = world.refreshed(&ada.refresh_token).await;
    world.pass(SignedDuration::from_secs(5));
    let third = world.refreshed(&second).await;
    world.pass(SignedDuration::from_secs(5));
    assert_eq!(world.refreshed(&ada.refresh_token).await, third, "ten seconds after it was replaced");
    world.pass(MOMENT);
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
    assert!(is_ended(&world));
}

#[tokio::test]
async fn a_token_three_generations_old_is_reuse_at_once() {
    // REF-03
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.leave_mail();
    let mut token = ada.refresh_token.clone();
    for _ in 0..3 {
        token = world.refreshed(&token).await;
    }
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid());
    assert!(is_ended(&world));
}

#[tokio::test]
async fn the_grace_is_a_setting() {
    // REF-04
    for (setting, grace) in [("0", 0), ("3", 3), ("60", 60)] {
        let world = World::with(&[("REFRESH_GRACE_SECONDS", setting)]).await;
        let ada = world.registered("ada@example.com").await;
        world.leave_mail();
        let second = world.refreshed(&ada.refresh_token).await;
        let third = world.refreshed(&second).await;
        world.pass(SignedDuration::from_secs(grace));
        assert_eq!(world.refreshed(&ada.refresh_token).await, third, "{setting}");
        world.pass(MOMENT);
        assert_eq!(world.refreshed(&second).await, third, "a lost answer needs no grace");
        assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), invalid(), "{setting}");
    }
}

#[tokio::test]
async fn a_reissue_of_two_consecutive_tokens_is_reuse_after_the_grace() {
    // REF-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.leave_mail();
    let second = world.refreshed(&ada.refresh_token).await;
    world.pass(HOUR);
    assert_eq!(world.refreshed(&ada.refresh_token).await, second);
    let third = world.refreshed(&second).await;
    world.pass(GRACE);
    assert_eq!(world.refreshed(&second).await, third, "within the grace it is a retry");
    world.pass(MOMENT);
    assert_eq!(world.refresh(&second).await.verdict(), invalid());
    assert!(is_ended(&world));
}

#[tokio::test]
async fn reissues_of_tokens_further_apart_are_lost_answers_and_not_reuse() {
    // REF-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let mut lost = ada.refresh_token;
    for _ in 0..3 {
        let next = world.refreshed(&lost).await;
        world.pass(HOUR);
        assert_eq!(world.refreshed(&lost).await, next);
        lost = world.refreshed(&next).await; // the client receives this answer
        world.pass(HOUR);
    }
    assert!(!is_ended(&world));
}
