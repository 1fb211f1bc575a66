//! Rotations that break off, and secrets that cannot be read.

use std::collections::HashSet;

use serde_json::json;
use tests::doubles::{Fault, Service};
use tests::system::SIGNING_KEYS;
use tests::world::{PASSWORD, World};

use super::{HEAD_START, HOUR, MINUTE, SECOND, STEPS};
use super::{another_process, assert_good, call, current, kid, logged_in, published, refreshed, rotate, step};
use crate::refresh::renewed;

#[tokio::test]
async fn a_rotation_that_broke_off_after_any_step_is_made_good_by_the_whole_rotation_again() {
    // KEY-05
    for done in 0..=4 {
        let world = World::new().await;
        let mut ada = world.registered("ada@example.com").await;
        let old = kid(&ada.access_token);
        let token = world.aws().secrets.begin_rotation(SIGNING_KEYS).unwrap();
        for name in &STEPS[..done] {
            step(&world, name, &token).await.unwrap();
        }
        world.pass(5 * MINUTE);
        assert_good(&world, &ada, "broken off").await;
        if done < 4 {
            rotate(&world).await;
        }
        ada = logged_in(&world).await;
        assert_eq!(kid(&ada.access_token), old, "the new key does not sign yet");
        assert_good(&world, &ada, "whole").await;
        world.pass(HEAD_START);
        ada = logged_in(&world).await;
        assert_ne!(kid(&ada.access_token), old);
        assert_good(&world, &ada, "by the new key").await;
    }
}

#[tokio::test]
async fn a_rotation_that_broke_off_after_any_step_harms_nobody_however_long_it_lies() {
    // KEY-05
    for done in 1..=3 {
        let world = World::new().await;
        let mut ada = world.registered("ada@example.com").await;
        let token = world.aws().secrets.begin_rotation(SIGNING_KEYS).unwrap();
        for name in &STEPS[..done] {
            step(&world, name, &token).await.unwrap();
        }
        for _ in 0..4 {
            world.pass(HOUR);
            ada = refreshed(&world, &ada).await;
            assert_good(&world, &ada, &format!("broken off after step {done}")).await;
        }

        // Taken up again it is given up, and the next begins anew. No token is refused for either, of before or of after.
        assert!(world.system().rotate_keys().await.is_err());
        rotate(&world).await;
        let mut signed_by = HashSet::new();
        for _ in 0..12 {
            world.pass(14 * MINUTE);
            assert_good(&world, &ada, &format!("taken up after step {done}")).await;
            ada = refreshed(&world, &ada).await;
            assert_good(&world, &ada, &format!("taken up after step {done}")).await;
            signed_by.insert(kid(&ada.access_token));
        }
        assert_eq!(signed_by.len(), 2, "and the new key signs in the end");
    }
}

#[tokio::test]
async fn keys_that_are_not_published_never_come_to_sign() {
    // KEY-05
    let world = World::new().await;
    let before = current(&world);
    let token = world.aws().secrets.begin_rotation(SIGNING_KEYS).unwrap();
    step(&world, "createSecret", &token).await.unwrap();
    let keys = world.items("PublicKeys").remove(0);
    world.tamper("Accounts", keys, &json!({"document": {"S": r#"{"keys":[]}"#}}));
    assert!(step(&world, "testSecret", &token).await.is_err());
    assert_eq!(current(&world), before);
    rotate(&world).await;
    assert_ne!(current(&world), before);
}

#[tokio::test]
async fn a_step_that_meets_an_outage_fails_for_lambda_to_try_it_again() {
    // KEY-05, DDB-03
    let outages = [
        (0, Service::Secrets, "GetSecretValue"),
        (0, Service::DynamoDb, "PutItem"),
        (0, Service::Secrets, "PutSecretValue"),
        (1, Service::Secrets, "GetSecretValue"),
        (1, Service::DynamoDb, "PutItem"),
        (2, Service::Secrets, "GetSecretValue"),
        (2, Service::DynamoDb, "GetItem"),
        (3, Service::Secrets, "GetSecretValue"),
        (3, Service::Secrets, "UpdateSecretVersionStage"),
        (3, Service::DynamoDb, "PutItem"),
    ];
    for (place, service, operation) in outages {
        for fault in [Fault::Reset, Fault::AppliedButLost] {
            let world = World::new().await;
            let ada = world.registered("ada@example.com").await;
            let token = world.aws().secrets.begin_rotation(SIGNING_KEYS).unwrap();
            for name in &STEPS[..place] {
                step(&world, name, &token).await.unwrap();
            }
            world.aws().fail(service, operation, fault.clone(), 3);
            assert!(step(&world, STEPS[place], &token).await.is_err(), "{operation} in {}", STEPS[place]);
            for name in &STEPS[place..] {
                step(&world, name, &token).await.unwrap();
            }
            assert_eq!(published(&world).await.len(), 2);
            assert_good(&world, &ada, operation).await;
            world.pass(HEAD_START);
            assert_good(&world, &logged_in(&world).await, operation).await;
        }
    }
}

#[tokio::test]
async fn issuers_serve_from_memory_for_an_hour_and_five_minutes_while_the_secret_cannot_be_read() {
    // KEY-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.aws().fail(Service::Secrets, "GetSecretValue", Fault::Reset, 1000);
    let mut token = ada.refresh_token;
    for minutes in [4_i32, 1, 30, 29] {
        world.pass(MINUTE * minutes);
        assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
        token = renewed(&world.refresh(&token).await);
    }
    world.pass(MINUTE - SECOND);
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
    world.pass(31 * SECOND);
    for _ in 0..2 {
        let login = world.login("ada@example.com", PASSWORD).await;
        assert_eq!(login.status, 503);
        assert_eq!(login.headers["retry-after"], "1"); // HTP-05
        assert_eq!(world.refresh(&token).await.status, 503);
        assert_eq!(world.logout(&token).await.status, 503);
        let body = json!({"email": "bob@example.com", "password": PASSWORD});
        assert_eq!(world.post("/api/auth/register", &body).await.status, 503);
    }
    assert_eq!(world.items("Credentials").len(), 1, "nobody was half registered");

    world.aws().clear_faults();
    renewed(&world.refresh(&token).await);
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_process_that_never_read_the_keys_answers_503_and_accuses_nobody() {
    // KEY-04, LOG-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let cold = another_process(&world, &[]);
    world.aws().fail(Service::Secrets, "GetSecretValue", Fault::Reset, 1000);
    for (function, body) in [
        ("refresh", json!({"refreshToken": ada.refresh_token})),
        ("logout", json!({"refreshToken": ada.refresh_token})),
        ("login", json!({"email": "ada@example.com", "password": "wrong password"})),
    ] {
        let answer = call(&cold, &world, function, &format!("/api/auth/{function}"), Some(body)).await;
        assert_eq!(answer["statusCode"], 503, "{function}");
    }
}

#[tokio::test]
async fn a_step_that_comes_hours_late_is_refused_and_changes_nothing() {
    // KEY-05
    for done in 1..=3 {
        let world = World::new().await;
        let before = current(&world);
        let token = world.aws().secrets.begin_rotation(SIGNING_KEYS).unwrap();
        for name in &STEPS[..done] {
            step(&world, name, &token).await.unwrap();
        }
        world.pass(HOUR + SECOND);
        assert!(step(&world, STEPS[done], &token).await.is_err(), "{}", STEPS[done]);
        assert_eq!(current(&world), before);
    }
}
