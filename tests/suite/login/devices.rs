//! Known devices: a device that has logged in before is not kept out by failures of others.

use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::json;
use tests::system::Answer;
use tests::world::{PASSWORD, World, posted};

use super::LOGIN;
use super::limits::{WRONG, elsewhere};

/// Logs in from this address with a device token.
async fn with_token(world: &World, source_ip: &str, (email, password): (&str, &str), token: &str) -> Answer {
    let login = posted(LOGIN, &json!({"email": email, "password": password, "deviceToken": token}));
    world.send(login.from_address(source_ip)).await
}

/// Makes logins to an account fail from many networks, until logins from unknown devices are delayed.
async fn attacked(world: &World, email: &str) {
    for number in 0..10 {
        assert_eq!(world.login_from(&elsewhere(number), email, WRONG).await.status, 401);
    }
    assert_eq!(world.login_from("192.0.2.1", email, PASSWORD).await.status, 429, "logins to the account are delayed");
}

#[tokio::test]
async fn a_known_device_logs_in_during_an_hour_of_attacks() {
    // LIM-05
    let world = World::new().await;
    let token = world.register("ada@example.com").await.text("deviceToken");
    world.deliver_mail().await;
    let ada = ("ada@example.com", PASSWORD);
    for second in (0..3600).step_by(10) {
        world.login_from(&elsewhere(second), "ada@example.com", WRONG).await;
        if second % 600 == 590 {
            assert_eq!(world.login_from("192.0.2.1", ada.0, ada.1).await.status, 429, "an unknown device is delayed");
            let answer = with_token(&world, "192.0.2.1", ada, &token).await;
            assert_eq!((answer.status, answer.text("deviceToken")), (200, token.clone()));
        }
        world.pass(SignedDuration::from_secs(10));
    }
}

#[tokio::test]
async fn a_device_token_of_any_login_is_as_good_as_that_of_the_registration() {
    // LIM-05
    let world = World::new().await;
    world.registered("ada@example.com").await;
    let answers = [world.login("ada@example.com", PASSWORD).await, world.login("ada@example.com", PASSWORD).await];
    let tokens = answers.map(|answer| answer.text("deviceToken"));
    assert_ne!(tokens[0], tokens[1], "each login is its own device");
    attacked(&world, "ada@example.com").await;
    for token in tokens {
        assert_eq!(with_token(&world, "192.0.2.1", ("ada@example.com", PASSWORD), &token).await.status, 200);
    }
}

#[tokio::test]
async fn a_forged_or_foreign_device_token_is_ignored() {
    // LIM-05
    let world = World::new().await;
    world.registered("ada@example.com").await;
    world.registered("bob@example.com").await;
    let own = world.login("ada@example.com", PASSWORD).await.text("deviceToken");
    let bobs = world.login("bob@example.com", PASSWORD).await.text("deviceToken");
    let forged = format!("lkd1.{}{}", &bobs[5..26], &own[26..]);
    attacked(&world, "ada@example.com").await;
    let without = world.login_from("192.0.2.1", "ada@example.com", PASSWORD).await.without_request_id();
    for token in ["", "x", "lkd1.", &own[..own.len() - 4], &own.to_uppercase(), &forged, &bobs] {
        let answer = with_token(&world, "192.0.2.1", ("ada@example.com", PASSWORD), token).await.without_request_id();
        assert_eq!((answer.status, answer.headers, answer.body), (429, without.headers.clone(), without.body.clone()));
    }
    let unknown = with_token(&world, "192.0.2.1", ("unknown@example.com", PASSWORD), &own).await;
    assert_eq!(unknown.verdict(), (401, "Invalid credentials".to_owned()));
    let answer = world.post(LOGIN, &json!({"email": "ada@example.com", "password": PASSWORD, "deviceToken": 1})).await;
    assert_eq!(answer.json()["details"][0]["path"], json!(["deviceToken"]));
}

#[tokio::test]
async fn a_device_token_that_is_not_good_spares_no_limit() {
    // LIM-01, LIM-02: only the credential tells whether a token is good, so account and network are counted after it
    let world = World::new().await;
    world.registered("ada@example.com").await;
    world.registered("bob@example.com").await;
    let bobs = world.login("bob@example.com", PASSWORD).await.text("deviceToken");
    for (token, network) in [("x", "192.0.2.1"), (&bobs, "192.0.2.2")] {
        let before = world.hashes();
        let guesses = (0..50).map(|_| with_token(&world, network, ("ada@example.com", WRONG), token));
        let refused = join_all(guesses).await.into_iter().filter(|answer| answer.status == 429).count();
        assert!(world.hashes() - before <= 10 && refused >= 40, "{} hashes", world.hashes() - before);
    }
    let limits: Vec<_> = world.log_lines("authn_login_fail_max").iter().map(|line| line["limit"].clone()).collect();
    assert!(limits.contains(&json!("account and network")), "{limits:?}");
}

#[tokio::test]
async fn failures_on_its_own_network_do_not_keep_a_known_device_out() {
    // LIM-05
    let world = World::new().await;
    world.registered("ada@example.com").await;
    let ada = ("ada@example.com", PASSWORD);
    let token = world.login_from("198.51.100.1", ada.0, ada.1).await.text("deviceToken");
    for _ in 0..10 {
        world.login_from("192.0.2.1", "ada@example.com", WRONG).await;
    }
    for _ in 0..3 {
        assert_eq!(world.login_from("192.0.2.1", ada.0, ada.1).await.status, 429);
        assert_eq!(with_token(&world, "192.0.2.1", ada, &token).await.status, 200);
    }
}

#[tokio::test]
async fn a_known_device_is_limited_by_its_own_failures() {
    // LIM-05: a stolen token is no way around the limits
    let world = World::new().await;
    world.registered("ada@example.com").await;
    let token = world.login("ada@example.com", PASSWORD).await.text("deviceToken");
    for number in 0..10 {
        let answer = with_token(&world, &elsewhere(number), ("ada@example.com", WRONG), &token).await;
        assert_eq!(answer.status, 401);
    }
    assert_eq!(with_token(&world, "192.0.2.1", ("ada@example.com", WRONG), &token).await.status, 429);
    world.pass(SignedDuration::from_secs(1));
    assert_eq!(with_token(&world, "192.0.2.1", ("ada@example.com", PASSWORD), &token).await.status, 200);
}
