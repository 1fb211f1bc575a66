//! `GET /api/auth/me`: the account of a bearer token, and how every route with a bearer token judges it.

use jiff::SignedDuration;
use serde_json::json;
use tests::doubles::{Fault, Service};
use tests::system::Answer;
use tests::world::World;

use crate::support::SDK_TRIES;

const PATH: &str = "/api/auth/me";

/// Asserts that an answer is 401 with this error.
fn assert_unauthorized(answer: &Answer, error: &str, why: &str) {
    assert_eq!(answer.verdict(), (401, error.to_owned()), "{why}");
    assert_eq!(answer.headers["www-authenticate"], "Bearer", "{why}"); // HTP-05
}

/// Makes the next read of DynamoDB fail, with all attempts of the SDK.
fn break_one_read(world: &World) {
    world.aws().fail(Service::DynamoDb, "GetItem", Fault::down(), SDK_TRIES);
}

#[tokio::test]
async fn me_returns_the_account_and_no_hash() {
    let world = World::new().await;
    let ada = world.registered_as("Ada@Example.com", "Ada Lovelace").await;
    world.aws().clear_calls();
    let answer = world.me(&ada).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json(), json!({"user": ada.user}));
    assert_eq!(answer.json()["user"]["email"], "Ada@Example.com");
    assert_eq!(world.store_calls(), ["GetItem", "GetItem"], "one read of the keys and one of the account");
    world.aws().clear_calls();
    assert_eq!(world.me(&ada).await.status, 200);
    assert_eq!(world.store_calls(), ["GetItem"], "the keys are cached now");
}

#[tokio::test]
async fn a_request_without_a_bearer_token_is_401_no_token_provided() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let token = &ada.access_token;
    let others = [
        "",
        "Bearer",
        "Bearer ",
        "Basic YWRhOnBhc3N3b3Jk",
        &format!("Token {token}"),
        &format!("Bearer,{token}"),
        &format!("Bearer\t{token}"),
        "Bearer   ",
        token,
    ];
    assert_unauthorized(&world.get(PATH, None).await, "No token provided", "no header");
    for header in others {
        assert_unauthorized(&world.get(PATH, Some(header)).await, "No token provided", header);
    }
}

#[tokio::test]
async fn a_bad_bearer_token_is_401_invalid_token() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let token = &ada.access_token;
    let others = [
        "Bearer garbage",
        "Bearer a.b.c",
        &format!("Bearer \t{token}"),
        &format!("Bearer {token} {token}"),
        &format!("Bearer {token}, Bearer {token}"),
    ];
    for header in others {
        assert_unauthorized(&world.get(PATH, Some(header)).await, "Invalid token", header);
    }
    let stranger = World::with_its_own_keys(&[]).await.registered("ada@example.com").await;
    assert_unauthorized(&world.me(&stranger).await, "Invalid token", "a token of another Latchkey");
}

#[tokio::test]
async fn the_bearer_scheme_is_case_insensitive() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for scheme in ["bearer", "Bearer", "BEARER"] {
        let header = format!("{scheme} {}", ada.access_token);
        assert_eq!(world.get(PATH, Some(&header)).await.status, 200, "{scheme}");
    }
}

#[tokio::test]
async fn the_token_may_follow_more_than_one_space() {
    // FLT-07
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for spaces in [" ", "  ", "     "] {
        let header = format!("Bearer{spaces}{}", ada.access_token);
        assert_eq!(world.get(PATH, Some(&header)).await.status, 200, "{} spaces", spaces.len());
    }
}

#[tokio::test]
async fn the_token_of_a_deleted_user_is_404() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.delete_profile(&ada);
    let answer = world.me(&ada).await;
    assert_eq!(answer.verdict(), (404, "User not found".to_owned()));
}

#[tokio::test]
async fn the_token_of_a_disabled_user_is_invalid_until_the_user_is_enabled() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.tamper_with_profile(&ada, &json!({"status": {"S": "disabled"}}));
    assert_unauthorized(&world.me(&ada).await, "Invalid token", "disabled");
    world.tamper_with_profile(&ada, &json!({"status": {"S": "active"}}));
    assert_eq!(world.me(&ada).await.status, 200);
}

#[tokio::test]
async fn a_token_is_valid_for_15_minutes_and_5_seconds_of_leeway() {
    // TOK-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.pass(SignedDuration::from_secs(904));
    assert_eq!(world.me(&ada).await.status, 200);
    world.pass(SignedDuration::from_secs(1));
    assert_unauthorized(&world.me(&ada).await, "Invalid token", "expired");
}

#[tokio::test]
async fn a_token_issued_in_the_future_is_valid_within_5_seconds_of_leeway() {
    // TOK-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.pass(SignedDuration::from_secs(-5));
    assert_eq!(world.me(&ada).await.status, 200);
    world.pass(SignedDuration::from_secs(-1));
    assert_unauthorized(&world.me(&ada).await, "Invalid token", "from the future");
}

#[tokio::test]
async fn cached_keys_verify_tokens_for_65_minutes_while_the_store_fails() {
    // KEY-04
    let world = World::new().await;
    let mut ada = world.registered("ada@example.com").await;
    assert_eq!(world.me(&ada).await.status, 200);
    world.pass(SignedDuration::from_mins(5));
    break_one_read(&world); // the read of the keys fails; the read of the account afterwards succeeds
    world.aws().clear_calls();
    assert_eq!(world.me(&ada).await.status, 200);
    assert_eq!(world.store_calls().len(), 4, "three attempts at the keys and one at the account");

    world.pass(SignedDuration::from_mins(60) - SignedDuration::from_secs(1));
    ada = world.logged_in("ada@example.com").await;
    break_one_read(&world);
    assert_eq!(world.me(&ada).await.status, 200);
    world.pass(SignedDuration::from_secs(31));
    break_one_read(&world);
    assert_eq!(world.me(&ada).await.status, 503, "the cached keys are too old");
    assert_eq!(world.me(&ada).await.status, 200, "the store answers again");
}

#[tokio::test]
async fn a_store_failure_is_503_and_never_401() {
    // LOG-04, HTP-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.break_store("GetItem");
    for _ in 0..2 {
        let answer = world.me(&ada).await;
        assert_eq!(answer.verdict(), (503, "Service unavailable".to_owned()));
        assert_eq!(answer.headers["retry-after"], "1");
    }
    world.aws().clear_faults();
    assert_eq!(world.me(&ada).await.status, 200);
}
