//! The signing keys and their rotation.
//!
//! `alarms` tests what an operator is told, `outages` tests rotations that are interrupted, `withdrawals` keys that have leaked, and `year` a year of both. To
//! add a test: `world.rotate_keys()` for a whole rotation or `step` for one step, `world.pass`, then `assert_good`
//! for each actor.

mod alarms;
mod outages;
mod withdrawals;
mod year;

use std::collections::HashSet;

use aws_sdk_secretsmanager::primitives::Blob;
use jiff::SignedDuration;
use lambda_runtime::Error;
use serde_json::{Value, json};
use shared::app::App;
use shared::aws::{self, Clients};
use tests::system::{SECRETS, SIGNING_KEYS};
use tests::world::{Actor, PASSWORD, World, posted, request};
use tests::{event, functions};

use crate::support::{header, independently_verified};

const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];
const SECOND: SignedDuration = SignedDuration::from_secs(1);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// The time from the publication of a key to its first signature.
const HEAD_START: SignedDuration = SignedDuration::from_mins(130);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Runs one step of a rotation in a process, for any secret.
async fn step_of(app: &App, step: &str, secret: &str, token: &str) -> Result<(), Error> {
    let event = event::invocation(event::rotation(step, secret, token), 60);
    functions::invoke(app, "rotate-keys", event).await.map(drop)
}

/// Runs one step of a rotation of this world's keys.
async fn step(world: &World, step: &str, token: &str) -> Result<(), Error> {
    let app = &world.system().app;
    step_of(app, step, &app.config.signing_keys_secret, token).await
}

/// Returns the current version of the secret.
fn current(world: &World) -> String {
    world.aws().secrets.value(SIGNING_KEYS, "AWSCURRENT").unwrap()
}

/// Opens another session of the only user.
async fn logged_in(world: &World) -> Actor {
    world.logged_in("ada@example.com").await
}

/// Refreshes the tokens of an actor.
async fn refreshed(world: &World, actor: &Actor) -> Actor {
    let answer = world.refresh(&actor.refresh_token).await;
    Actor { refresh_token: answer.refresh_token(), access_token: answer.text("accessToken"), ..actor.clone() }
}

/// Returns the id of the key that signed a token.
fn kid(access_token: &str) -> String {
    header(access_token)["kid"].as_str().unwrap().to_owned()
}

/// Returns the ids of the published keys.
async fn published(world: &World) -> Vec<String> {
    let keys = world.jwks().await.field("keys");
    keys.as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// Asserts that an access token is accepted and that its key is published.
async fn assert_good(world: &World, actor: &Actor, when: &str) {
    assert_eq!(world.me(actor).await.status, 200, "{when}");
    assert!(published(world).await.contains(&kid(&actor.access_token)), "{when}");
}

#[tokio::test]
async fn the_first_rotation_replaces_the_placeholder_by_keys_that_sign_at_once() {
    // KEY-01, KEY-04, KEY-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let secret = world.aws().secrets.create("fresh", "{}");
    world.unpublish_keys();

    let app = world.another_process(&[("SIGNING_KEYS_SECRET", &secret)]);
    let login = || posted("/api/auth/login", &json!({"email": "ada@example.com", "password": PASSWORD}));
    let refresh = |token: &str| posted("/api/auth/refresh", &json!({"refreshToken": token}));
    assert_eq!(world.send_to(&app, login()).await.status, 503);
    assert_eq!(world.send_to(&app, refresh(&ada.refresh_token)).await.status, 503);
    assert_eq!(world.send_to(&app, request("GET", "/.well-known/jwks.json")).await.status, 503);

    let token = world.aws().secrets.begin_rotation("fresh").unwrap();
    for step in STEPS {
        step_of(&app, step, &secret, &token).await.unwrap();
    }
    let ada = Actor::signed_in("ada@example.com", &world.send_to(&app, login()).await, 200);
    assert_eq!(published(&world).await, [kid(&ada.access_token)]);
    assert_eq!(world.send_to(&app, refresh(&ada.refresh_token)).await.status, 200);
}

#[tokio::test]
async fn nothing_published_is_secret_and_every_purpose_has_its_own_key() {
    // KEY-01
    let world = World::new().await;
    world.rotate_keys().await;
    let everywhere_else = format!("{:?} {:?}", world.items("PublicKeys"), world.jwks().await);
    let mut secrets = Vec::new();
    for secret in SECRETS {
        let secret: Value = serde_json::from_str(&world.aws().secrets.value(secret, "AWSCURRENT").unwrap()).unwrap();
        secrets.extend(secret["keys"].as_array().unwrap().iter().map(|key| key["key"].clone()));
    }
    assert_eq!(secrets.len(), 9, "access, refresh and mail code twice; device, limit and pseudonym once");
    assert_eq!(secrets.iter().collect::<HashSet<_>>().len(), 9, "KEY-06: each purpose has its own key");
    for secret in &secrets {
        let secret = secret.as_str().unwrap();
        assert!(secret.len() >= 43 && !everywhere_else.contains(secret));
    }
    assert!(!everywhere_else.contains("\"d\""));
}

#[tokio::test]
async fn every_step_of_a_rotation_can_be_repeated() {
    // KEY-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let token = world.aws().secrets.begin_rotation(SIGNING_KEYS).unwrap();
    let mut pending = None;
    for name in STEPS {
        for _ in 0..2 {
            step(&world, name, &token).await.unwrap();
            let now = world.aws().secrets.value(SIGNING_KEYS, "AWSPENDING");
            assert_eq!(pending.get_or_insert(now.clone()), &now, "{name}");
        }
    }
    assert_eq!(Some(current(&world)), pending.unwrap());
    assert_eq!(published(&world).await.len(), 2);
    assert_good(&world, &ada, "after the rotation").await;

    for name in STEPS {
        step(&world, name, &token).await.unwrap();
    }
    assert_eq!(published(&world).await.len(), 2, "all four steps repeated after the rotation");
}

#[tokio::test]
async fn a_new_key_signs_130_minutes_after_it_is_published_and_the_old_one_stays_until_its_last_token_expires() {
    // KEY-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let old = kid(&ada.access_token);
    world.pass(30 * DAY);
    world.rotate_keys().await;
    let both = published(&world).await;
    assert_eq!((both.len(), &both[0]), (2, &old));

    world.pass(HEAD_START - SECOND);
    let last = logged_in(&world).await;
    assert_eq!(kid(&last.access_token), old);
    world.pass(SECOND);
    let first = logged_in(&world).await;
    assert_eq!(kid(&first.access_token), both[1]);
    assert_good(&world, &last, "signed by the old key").await;
    assert_good(&world, &first, "signed by the new key").await;

    world.pass(15 * MINUTE - 2 * SECOND);
    assert_good(&world, &last, "until its last second").await;
    world.pass(6 * MINUTE);
    assert_eq!(world.me(&last).await.status, 401);
    assert_eq!(published(&world).await, both[1..]);
}

#[tokio::test]
async fn refresh_tokens_survive_rotations_and_are_reissued_unchanged() {
    // KEY-05, REF-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let second = world.refreshed(&ada.refresh_token).await;
    world.rotate_keys().await;
    world.pass(3 * HOUR);
    world.rotate_keys().await;
    world.pass(3 * HOUR);
    assert_eq!(world.refreshed(&ada.refresh_token).await, second, "the token is made with the key of its first time");
    let third = world.refreshed(&second).await;
    assert_ne!(third[..8], second[..8], "the token begins with the id of its key, which is a new one");
    world.pass(6 * DAY);
    let fourth = world.refreshed(&third).await;
    assert_eq!(world.logout(&ada.refresh_token).await.status, 204);
    assert_eq!(world.refresh(&fourth).await.status, 401, "the oldest token still ends the session");
}

#[tokio::test]
async fn changing_the_algorithm_refuses_no_valid_token() {
    // KEY-03, KEY-05
    for (before, after) in [("ES256", "RS256"), ("RS256", "ES256")] {
        let world = World::with(&[("SIGNING_ALGORITHM", before)]).await;
        let ada = world.registered("ada@example.com").await;
        let app = world.another_process(&[("SIGNING_ALGORITHM", after)]);
        let token = world.aws().secrets.begin_rotation(SIGNING_KEYS).unwrap();
        for step in STEPS {
            step_of(&app, step, &app.config.signing_keys_secret, &token).await.unwrap();
        }
        assert_good(&world, &ada, before).await;
        let discovery = world.get("/.well-known/openid-configuration", None).await;
        assert_eq!(discovery.field("id_token_signing_alg_values_supported"), json!([before, after]));

        world.pass(HEAD_START - SECOND);
        let last = logged_in(&world).await;
        world.pass(SECOND);
        let first = logged_in(&world).await;
        assert_eq!(
            (&header(&last.access_token)["alg"], &header(&first.access_token)["alg"]),
            (&json!(before), &json!(after))
        );
        assert_good(&world, &last, before).await;
        assert_good(&world, &first, after).await;
        for token in [&last.access_token, &first.access_token] {
            let claims = independently_verified(&world, token).await.unwrap();
            assert_eq!(claims["sub"], ada.user["id"]);
        }
        world.refreshed(&last.refresh_token).await;
    }
}

#[tokio::test]
async fn a_rotation_of_another_secret_is_refused() {
    let world = World::new().await;
    let other = world.aws().secrets.create("other", "{}");
    let before = current(&world);
    let token = world.aws().secrets.begin_rotation("other").unwrap();
    for name in STEPS {
        assert!(step_of(&world.system().app, name, &other, &token).await.is_err(), "{name}");
    }
    assert_eq!(world.aws().secrets.value("other", "AWSCURRENT").as_deref(), Some("{}"));
    assert_eq!(world.aws().secrets.value("other", "AWSPENDING"), None);
    assert_eq!(current(&world), before);
    assert!(step(&world, "dropSecret", &token).await.is_err());
}

#[tokio::test]
async fn a_binary_secret_is_never_replaced() {
    // KEY-05
    let world = World::new().await;
    let http = aws::https([]);
    let clients = Clients::new(&world.system().app.config.aws, &http, &world.system().app.clock);
    let client = clients.secrets_manager();
    let bytes = client.create_secret().name("bytes").secret_binary(Blob::new(*b"{}")).send().await.unwrap();
    let (secret, before) = (bytes.arn.unwrap(), bytes.version_id);
    let app = world.another_process(&[("SIGNING_KEYS_SECRET", &secret)]);
    let token = world.aws().secrets.begin_rotation("bytes").unwrap();
    for name in STEPS {
        let error = step_of(&app, name, &secret, &token).await.unwrap_err().to_string();
        assert_eq!(error, "the secret holds bytes where a text should be", "{name}");
    }
    let held = client.get_secret_value().secret_id("bytes").send().await.unwrap();
    assert_eq!((held.version_id, held.secret_string), (before, None));
    assert_eq!(world.aws().secrets.value("bytes", "AWSPENDING"), None);
}

#[tokio::test]
async fn an_unreadable_secret_is_never_replaced() {
    // KEY-05: new keys would end every session and void every token
    let good = current(&World::new().await);
    assert!(good.starts_with(r#"{"version":1,"#));
    for corrupt in [
        " ",
        "{",
        "null",
        "[]",
        r#"{"version":2}"#,
        r#"{"version":1}"#,
        &good.replacen("\"version\":1", "\"version\":9", 1),
    ] {
        let world = World::new().await;
        let secret = world.aws().secrets.create("corrupt", corrupt);
        let app = world.another_process(&[("SIGNING_KEYS_SECRET", &secret)]);
        let token = world.aws().secrets.begin_rotation("corrupt").unwrap();
        for name in STEPS {
            assert!(step_of(&app, name, &secret, &token).await.is_err(), "{name} on {corrupt:.20}");
        }
        assert_eq!(world.aws().secrets.value("corrupt", "AWSCURRENT").as_deref(), Some(corrupt));
        assert_eq!(world.aws().secrets.value("corrupt", "AWSPENDING"), None);
        let login = posted("/api/auth/login", &json!({"email": "ada@example.com", "password": PASSWORD}));
        assert_eq!(world.send_to(&app, login).await.status, 503);
    }
}
