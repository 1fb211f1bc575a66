//! Rotations that are interrupted, and secrets that cannot be read.

use std::collections::HashSet;

use serde_json::json;
use tests::doubles::{Fault, Service};
use tests::system::SIGNING_KEYS;
use tests::world::{PASSWORD, World, posted};

use super::{HEAD_START, HOUR, MINUTE, SECOND, STEPS};
use super::{assert_good, current, kid, logged_in, published, refreshed, step};

#[tokio::test]
async fn a_rotation_interrupted_after_any_step_succeeds_when_started_again() {
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
        assert_good(&world, &ada, "interrupted").await;
        if done < 4 {
            world.rotate_keys().await;
        }
        ada = logged_in(&world).await;
        assert_eq!(kid(&ada.access_token), old, "the new key does not sign yet");
        assert_good(&world, &ada, "after the second rotation").await;
        world.pass(HEAD_START);
        ada = logged_in(&world).await;
        assert_ne!(kid(&ada.access_token), old);
        assert_good(&world, &ada, "signed by the new key").await;
    }
}

#[tokio::test]
async fn a_rotation_interrupted_for_hours_refuses_no_valid_token() {
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
            assert_good(&world, &ada, &format!("interrupted after step {done}")).await;
        }

        // The interrupted rotation is given up when it continues, and the next one starts anew. Neither refuses a
        // valid token.
        assert!(world.system().rotate_keys().await.is_err());
        world.rotate_keys().await;
        let mut signed_by = HashSet::new();
        for _ in 0..12 {
            world.pass(14 * MINUTE);
            assert_good(&world, &ada, &format!("continued after step {done}")).await;
            ada = refreshed(&world, &ada).await;
            assert_good(&world, &ada, &format!("continued after step {done}")).await;
            signed_by.insert(kid(&ada.access_token));
        }
        assert_eq!(signed_by.len(), 2, "the new key signs in the end");
    }
}

#[tokio::test]
async fn unpublished_keys_never_sign() {
    // KEY-05
    let world = World::new().await;
    let before = current(&world);
    let token = world.aws().secrets.begin_rotation(SIGNING_KEYS).unwrap();
    step(&world, "createSecret", &token).await.unwrap();
    world.publish_instead(r#"{"keys":[]}"#);
    assert!(step(&world, "testSecret", &token).await.is_err());
    assert_eq!(current(&world), before);
    world.rotate_keys().await;
    assert_ne!(current(&world), before);
}

#[tokio::test]
async fn a_step_that_fails_in_an_outage_succeeds_when_repeated() {
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
async fn cached_signing_keys_are_used_for_65_minutes_while_the_secret_cannot_be_read() {
    // KEY-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.aws().fail(Service::Secrets, "GetSecretValue", Fault::Reset, 1000);
    let mut token = ada.refresh_token;
    for minutes in [4_i32, 1, 30, 29] {
        world.pass(MINUTE * minutes);
        assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
        token = world.refreshed(&token).await;
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
        assert_eq!(world.register("bob@example.com").await.status, 503);
    }
    assert_eq!(world.credentials().len(), 1, "no account was created");

    world.aws().clear_faults();
    world.refreshed(&token).await;
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_process_that_never_read_the_keys_is_503() {
    // KEY-04, LOG-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let cold = world.another_process(&[]);
    world.aws().fail(Service::Secrets, "GetSecretValue", Fault::Reset, 1000);
    for (function, body) in [
        ("refresh", json!({"refreshToken": ada.refresh_token})),
        ("logout", json!({"refreshToken": ada.refresh_token})),
        ("login", json!({"email": "ada@example.com", "password": "wrong password"})),
    ] {
        let path = format!("/api/auth/{function}");
        assert_eq!(world.send_to(&cold, posted(&path, &body)).await.status, 503, "{function}");
    }
}

#[tokio::test]
async fn a_step_more_than_an_hour_late_is_refused_and_changes_nothing() {
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
