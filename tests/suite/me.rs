//! `GET /api/auth/me`: whose token it is.

use jiff::SignedDuration;
use serde_json::json;
use tests::doubles::{Fault, Service};
use tests::system::Answer;
use tests::world::{PASSWORD, World};

use crate::refresh::{break_store, store_calls};

const PATH: &str = "/api/auth/me";

fn assert_unauthorized(answer: &Answer, error: &str, why: &str) {
    assert_eq!(answer.verdict(), (401, error.to_owned()), "{why}");
    assert_eq!(answer.headers["www-authenticate"], "Bearer", "{why}"); // HTP-05
}

/// The next read fails, the SDK's three attempts at it.
fn break_one_read(world: &World) {
    let (status, code, message) = (500, "InternalServerError".to_owned(), "broken".to_owned());
    world.aws().fail(Service::DynamoDb, "GetItem", Fault::Error { status, code, message }, 3);
}

#[tokio::test]
async fn the_bearer_of_a_token_is_shown_the_account_and_no_hash() {
    let world = World::new().await;
    let body = json!({"email": "Ada@Example.com", "password": PASSWORD, "name": "Ada Lovelace"});
    let registered = world.post("/api/auth/register", &body).await;
    world.deliver_mail().await;
    let bearer = format!("Bearer {}", registered.text("accessToken"));
    world.aws().clear_calls();
    let answer = world.get(PATH, Some(&bearer)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json(), json!({"user": registered.json()["user"]}));
    assert_eq!(answer.json()["user"]["email"], "Ada@Example.com");
    assert_eq!(store_calls(&world), ["GetItem", "GetItem"], "the keys, and the account");
    world.aws().clear_calls();
    assert_eq!(world.get(PATH, Some(&bearer)).await.status, 200);
    assert_eq!(store_calls(&world), ["GetItem"], "the keys are known now");
}

#[tokio::test]
async fn whoever_sends_no_bearer_token_is_asked_for_one() {
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
async fn a_token_that_is_not_good_is_invalid() {
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
    let stranger = World::new().await.registered("ada@example.com").await;
    assert_unauthorized(&world.get(PATH, Some(&stranger.bearer())).await, "Invalid token", "another Latchkey's");
}

#[tokio::test]
async fn the_scheme_is_taken_in_any_case() {
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
async fn a_user_who_is_gone_is_not_found() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let profile = world.rows("PROFILE").remove(0);
    let request = json!({"TableName": "Accounts", "Key": {"pk": profile["pk"], "sk": profile["sk"]}});
    world.system().database.delete_item(serde_json::from_value(request).unwrap()).unwrap();
    let answer = world.get(PATH, Some(&ada.bearer())).await;
    assert_eq!(answer.verdict(), (404, "User not found".to_owned()));
}

#[tokio::test]
async fn a_disabled_users_token_is_invalid_until_the_user_is_back() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.tamper("Accounts", world.rows("PROFILE").remove(0), &json!({"status": {"S": "disabled"}}));
    assert_unauthorized(&world.get(PATH, Some(&ada.bearer())).await, "Invalid token", "disabled");
    world.tamper("Accounts", world.rows("PROFILE").remove(0), &json!({"status": {"S": "active"}}));
    assert_eq!(world.get(PATH, Some(&ada.bearer())).await.status, 200);
}

#[tokio::test]
async fn a_token_is_good_for_fifteen_minutes_and_five_seconds_of_a_lagging_clock() {
    // TOK-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.pass(SignedDuration::from_secs(904));
    assert_eq!(world.get(PATH, Some(&ada.bearer())).await.status, 200);
    world.pass(SignedDuration::from_secs(1));
    assert_unauthorized(&world.get(PATH, Some(&ada.bearer())).await, "Invalid token", "expired");
}

#[tokio::test]
async fn a_token_from_a_clock_that_runs_ahead_is_good_by_five_seconds_at_the_most() {
    // TOK-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.pass(SignedDuration::from_secs(-5));
    assert_eq!(world.get(PATH, Some(&ada.bearer())).await.status, 200);
    world.pass(SignedDuration::from_secs(-1));
    assert_unauthorized(&world.get(PATH, Some(&ada.bearer())).await, "Invalid token", "from the future");
}

#[tokio::test]
async fn keys_once_read_serve_an_hour_while_they_cannot_be_read_again() {
    // KEY-04
    let world = World::new().await;
    let mut ada = world.registered("ada@example.com").await;
    assert_eq!(world.get(PATH, Some(&ada.bearer())).await.status, 200);
    world.pass(SignedDuration::from_mins(5));
    break_one_read(&world); // that of the keys; the account's, after it, goes well
    world.aws().clear_calls();
    assert_eq!(world.get(PATH, Some(&ada.bearer())).await.status, 200);
    assert_eq!(store_calls(&world).len(), 4, "three attempts at the keys and one at the account");

    world.pass(SignedDuration::from_mins(60) - SignedDuration::from_secs(1));
    ada.access_token = world.login("ada@example.com", PASSWORD).await.text("accessToken");
    break_one_read(&world);
    assert_eq!(world.get(PATH, Some(&ada.bearer())).await.status, 200);
    world.pass(SignedDuration::from_secs(31));
    break_one_read(&world);
    assert_eq!(world.get(PATH, Some(&ada.bearer())).await.status, 503, "an hour and five minutes are over");
    assert_eq!(world.get(PATH, Some(&ada.bearer())).await.status, 200, "and the store is back");
}

#[tokio::test]
async fn a_store_out_of_order_is_503_and_never_401() {
    // LOG-04, HTP-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    break_store(&world, "GetItem");
    for _ in 0..2 {
        let answer = world.get(PATH, Some(&ada.bearer())).await;
        assert_eq!(answer.verdict(), (503, "Service unavailable".to_owned()));
        assert_eq!(answer.headers["retry-after"], "1");
    }
    world.aws().clear_faults();
    assert_eq!(world.get(PATH, Some(&ada.bearer())).await.status, 200);
}
