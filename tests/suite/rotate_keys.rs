//! The signing keys and their rotation, by the moved clock.

mod outages;
mod withdrawals;
mod year;

use std::collections::HashSet;

use aws_sdk_secretsmanager::primitives::Blob;
use aws_smithy_http_client::Builder;
use jiff::SignedDuration;
use lambda_runtime::Error;
use serde_json::{Value, json};
use shared::app::App;
use shared::aws::Clients;
use shared::config::Config;
use tests::system::SIGNING_KEYS;
use tests::world::{Actor, PASSWORD, World};
use tests::{event, functions};

use crate::refresh::renewed;
use crate::tokens::{header, independently_verified};

const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];
const SECOND: SignedDuration = SignedDuration::from_secs(1);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// From the publication of a key to its first signature.
const HEAD_START: SignedDuration = SignedDuration::from_mins(130);
const DAY: SignedDuration = SignedDuration::from_hours(24);

async fn step_of(app: &App, step: &str, secret: &str, token: &str) -> Result<(), Error> {
    let event = event::invocation(event::rotation(step, secret, token), 60);
    functions::invoke(app, "rotate-keys", event).await.map(drop)
}

/// One step of a rotation of this world's keys.
async fn step(world: &World, step: &str, token: &str) -> Result<(), Error> {
    let app = &world.system().app;
    step_of(app, step, &app.config.signing_keys_secret, token).await
}

/// Another process of the same system: other settings, and nothing read yet.
fn another_process(world: &World, settings: &[(&str, &str)]) -> App {
    let lookup = |variable: &str| {
        let own = settings.iter().find(|(name, _)| *name == variable).map(|(_, value)| (*value).to_owned());
        own.or_else(|| world.system().environment.get(variable).cloned())
    };
    App::new(Config::read(lookup).unwrap(), world.system().app.clock.clone(), &Builder::new().build_http())
}

async fn call(app: &App, world: &World, function: &str, path: &str, body: Option<Value>) -> Value {
    let mut request = tests::world::request(if body.is_some() { "POST" } else { "GET" }, path);
    request.headers.insert("content-type", http::HeaderValue::from_static("application/json"));
    request.body = body.map(|body| body.to_string().into_bytes());
    functions::invoke(app, function, event::invocation(event::http(&request, world.now()), 10)).await.unwrap()
}

fn current(world: &World) -> String {
    world.aws().secrets.value(SIGNING_KEYS, "AWSCURRENT").unwrap()
}

async fn rotate(world: &World) {
    world.system().rotate_keys().await.unwrap();
}

async fn logged_in(world: &World) -> Actor {
    Actor::signed_in("ada@example.com", &world.login("ada@example.com", PASSWORD).await, 200)
}

async fn refreshed(world: &World, actor: &Actor) -> Actor {
    let answer = world.refresh(&actor.refresh_token).await;
    Actor { refresh_token: renewed(&answer), access_token: answer.text("accessToken"), ..actor.clone() }
}

fn kid(access_token: &str) -> String {
    header(access_token)["kid"].as_str().unwrap().to_owned()
}

/// The names of the keys that verifiers are told.
async fn published(world: &World) -> Vec<String> {
    let keys = world.get("/.well-known/jwks.json", None).await.json()["keys"].take();
    keys.as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

async fn assert_good(world: &World, actor: &Actor, when: &str) {
    assert_eq!(world.get("/api/auth/me", Some(&actor.bearer())).await.status, 200, "{when}");
    assert!(published(world).await.contains(&kid(&actor.access_token)), "{when}");
}

#[tokio::test]
async fn the_first_rotation_makes_keys_in_place_of_the_placeholder_that_sign_at_once() {
    // KEY-01, KEY-04, KEY-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let secret = world.aws().secrets.create("fresh", "{}");
    let keys = world.items("PublicKeys").remove(0);
    let request = json!({"TableName": "Accounts", "Key": {"pk": keys["pk"], "sk": keys["sk"]}});
    world.system().database.delete_item(serde_json::from_value(request).unwrap()).unwrap();

    let app = another_process(&world, &[("SIGNING_KEYS_SECRET", &secret)]);
    let login = json!({"email": "ada@example.com", "password": PASSWORD});
    let refresh = json!({"refreshToken": ada.refresh_token});
    assert_eq!(call(&app, &world, "login", "/api/auth/login", Some(login.clone())).await["statusCode"], 503);
    assert_eq!(call(&app, &world, "refresh", "/api/auth/refresh", Some(refresh)).await["statusCode"], 503);
    assert_eq!(call(&app, &world, "public", "/.well-known/jwks.json", None).await["statusCode"], 503);

    let token = world.aws().secrets.begin_rotation("fresh").unwrap();
    for step in STEPS {
        step_of(&app, step, &secret, &token).await.unwrap();
    }
    let answer = call(&app, &world, "login", "/api/auth/login", Some(login)).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    let published = world.get("/.well-known/jwks.json", None).await.json();
    assert_eq!(published["keys"].as_array().unwrap().len(), 1);
    assert_eq!(published["keys"][0]["kid"], kid(body["accessToken"].as_str().unwrap()));
    let refresh = json!({"refreshToken": body["refreshToken"]});
    assert_eq!(call(&app, &world, "refresh", "/api/auth/refresh", Some(refresh)).await["statusCode"], 200);
}

#[tokio::test]
async fn what_is_published_is_no_secret() {
    // KEY-01
    let world = World::new().await;
    rotate(&world).await;
    let secret: Value = serde_json::from_str(&current(&world)).unwrap();
    let everywhere_else =
        format!("{:?} {:?}", world.items("PublicKeys"), world.get("/.well-known/jwks.json", None).await);
    let mut secrets = vec![secret["deviceKey"].clone(), secret["limitKey"].clone(), secret["pseudonymKey"].clone()];
    for keys in ["accessKeys", "refreshKeys"] {
        secrets.extend(secret[keys].as_array().unwrap().iter().map(|key| key["key"].clone()));
    }
    assert_eq!(secrets.len(), 7);
    assert_eq!(secrets.iter().collect::<HashSet<_>>().len(), 7, "KEY-06: a key for each purpose");
    for secret in &secrets {
        let secret = secret.as_str().unwrap();
        assert!(secret.len() >= 43 && !everywhere_else.contains(secret));
    }
    assert!(!everywhere_else.contains("\"d\""));
}

#[tokio::test]
async fn each_step_may_be_taken_twice() {
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
    assert_good(&world, &ada, "after it").await;

    for name in STEPS {
        step(&world, name, &token).await.unwrap();
    }
    assert_eq!(published(&world).await.len(), 2, "all four steps again, when all is done");
}

#[tokio::test]
async fn a_new_key_is_published_over_two_hours_before_it_signs_and_the_old_one_until_its_last_token_ended() {
    // KEY-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let old = kid(&ada.access_token);
    world.pass(30 * DAY);
    rotate(&world).await;
    let both = published(&world).await;
    assert_eq!((both.len(), &both[0]), (2, &old));

    world.pass(HEAD_START - SECOND);
    let last = logged_in(&world).await;
    assert_eq!(kid(&last.access_token), old);
    world.pass(SECOND);
    let first = logged_in(&world).await;
    assert_eq!(kid(&first.access_token), both[1]);
    assert_good(&world, &last, "by the old key").await;
    assert_good(&world, &first, "by the new key").await;

    world.pass(15 * MINUTE - 2 * SECOND);
    assert_good(&world, &last, "to its last second").await;
    world.pass(6 * MINUTE);
    assert_eq!(world.get("/api/auth/me", Some(&last.bearer())).await.status, 401);
    assert_eq!(published(&world).await, both[1..]);
}

#[tokio::test]
async fn refresh_tokens_live_across_rotations_and_lost_answers_are_the_same_text() {
    // KEY-05, REF-04
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let second = renewed(&world.refresh(&ada.refresh_token).await);
    rotate(&world).await;
    world.pass(3 * HOUR);
    rotate(&world).await;
    world.pass(3 * HOUR);
    assert_eq!(renewed(&world.refresh(&ada.refresh_token).await), second, "made as of its first time");
    let third = renewed(&world.refresh(&second).await);
    assert_ne!(third[..8], second[..8], "by a new key, whose id it begins with");
    world.pass(6 * DAY);
    let fourth = renewed(&world.refresh(&third).await);
    assert_eq!(world.logout(&ada.refresh_token).await.status, 204);
    assert_eq!(world.refresh(&fourth).await.status, 401, "the oldest token ends it still");
}

#[tokio::test]
async fn an_algorithm_follows_the_other_without_a_refusal() {
    // KEY-03, KEY-05
    for (before, after) in [("ES256", "RS256"), ("RS256", "ES256")] {
        let world = World::with(&[("SIGNING_ALGORITHM", before)]).await;
        let ada = world.registered("ada@example.com").await;
        let app = another_process(&world, &[("SIGNING_ALGORITHM", after)]);
        let token = world.aws().secrets.begin_rotation(SIGNING_KEYS).unwrap();
        for step in STEPS {
            step_of(&app, step, &app.config.signing_keys_secret, &token).await.unwrap();
        }
        assert_good(&world, &ada, before).await;
        let discovery = world.get("/.well-known/openid-configuration", None).await.json();
        assert_eq!(discovery["id_token_signing_alg_values_supported"], json!([before, after]));

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
        renewed(&world.refresh(&last.refresh_token).await);
    }
}

#[tokio::test]
async fn the_event_of_another_secret_is_refused() {
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
async fn a_secret_of_bytes_is_never_replaced() {
    // KEY-05
    let world = World::new().await;
    let http = Builder::new().build_http();
    let client = Clients::new(&world.system().app.config.aws, &http, &world.system().app.clock).secrets_manager;
    let bytes = client.create_secret().name("bytes").secret_binary(Blob::new(*b"{}")).send().await.unwrap();
    let (secret, before) = (bytes.arn.unwrap(), bytes.version_id);
    let app = another_process(&world, &[("SIGNING_KEYS_SECRET", &secret)]);
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
async fn a_secret_that_cannot_be_read_is_never_replaced_by_a_first_set() {
    // KEY-05: it would end every session and void every token
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
        let app = another_process(&world, &[("SIGNING_KEYS_SECRET", &secret)]);
        let token = world.aws().secrets.begin_rotation("corrupt").unwrap();
        for name in STEPS {
            assert!(step_of(&app, name, &secret, &token).await.is_err(), "{name} on {corrupt:.20}");
        }
        assert_eq!(world.aws().secrets.value("corrupt", "AWSCURRENT").as_deref(), Some(corrupt));
        assert_eq!(world.aws().secrets.value("corrupt", "AWSPENDING"), None);
        let login = json!({"email": "ada@example.com", "password": PASSWORD});
        assert_eq!(call(&app, &world, "login", "/api/auth/login", Some(login)).await["statusCode"], 503);
    }
}
