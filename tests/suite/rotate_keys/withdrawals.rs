//! Keys that have leaked, and the operator who withdraws them.

use std::pin::pin;

use jiff::SignedDuration;
use lambda_runtime::Error;
use serde_json::{Value, json};
use tests::doubles::{Fault, Service};
use tests::system::{ACCOUNT_KEYS, SIGNING_KEYS};
use tests::world::{Actor, World, posted};
use tests::{event, functions};

use super::{DAY, HOUR, MINUTE, STEPS};
use super::{assert_good, current, kid, logged_in, published, refreshed, step};

/// How long issuers and verifiers may use cached keys.
const CACHED: SignedDuration = SignedDuration::from_mins(5);

/// Invokes the rotation function as an operator does.
async fn invoked(world: &World, payload: Value) -> Result<Value, Error> {
    functions::invoke(&world.system().app, "rotate-keys", event::invocation(payload, 30)).await
}

/// Withdraws keys. Returns the ids of the keys that are left.
pub(super) async fn withdraw(world: &World, keys: &[&str]) -> Value {
    invoked(world, json!({"withdraw": keys})).await.unwrap()
}

/// Returns the ids of the keys of one purpose in the secret of signing keys, the newest last.
fn kept(world: &World, purpose: &str) -> Vec<String> {
    ids(&serde_json::from_str(&current(world)).unwrap(), purpose)
}

/// Returns the ids of the keys of one purpose in a list of keys, the newest last.
pub(super) fn ids(list: &Value, purpose: &str) -> Vec<String> {
    let keys = list["keys"].as_array().unwrap().iter().filter(|key| key["purpose"] == purpose);
    keys.map(|key| key["id"].as_str().unwrap().to_owned()).collect()
}

/// Returns the status that an actor's access token gets.
async fn me(world: &World, actor: &Actor) -> u16 {
    world.me(actor).await.status
}

#[tokio::test]
async fn tokens_of_a_withdrawn_key_are_refused_and_a_new_key_signs_at_once() {
    // KEY-05
    for algorithm in ["ES256", "RS256"] {
        let world = World::with(&[("SIGNING_ALGORITHM", algorithm)]).await;
        let ada = world.registered("ada@example.com").await;
        let leaked = kid(&ada.access_token);
        assert_eq!(me(&world, &ada).await, 200);
        let left = withdraw(&world, &[&leaked]).await;
        assert_eq!(ids(&left, "access"), kept(&world, "access"));
        assert_eq!(ids(&left, "refresh"), kept(&world, "refresh"));
        assert_eq!(ids(&left, "mailCode").len(), 1, "the other secret's keys are listed too");
        assert!(!kept(&world, "access").contains(&leaked));

        world.pass(CACHED);
        assert_eq!(me(&world, &ada).await, 401);
        assert_eq!(published(&world).await, kept(&world, "access"));
        let ada = refreshed(&world, &ada).await;
        assert_eq!([kid(&ada.access_token)], kept(&world, "access")[..]);
        assert_good(&world, &ada, "signed by the new key").await;
        assert_good(&world, &logged_in(&world).await, "signed by the new key").await;
    }
}

#[tokio::test]
async fn a_token_of_an_unknown_key_makes_the_verifier_read_the_keys_again() {
    // TOK-04, KEY-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    assert_eq!(me(&world, &ada).await, 200);
    world.pass(MINUTE);
    let issuer = world.another_process(&[]);
    withdraw(&world, &[&kid(&ada.access_token)]).await;
    let refresh = posted("/api/auth/refresh", &json!({"refreshToken": ada.refresh_token}));
    let answer = world.send_to(&issuer, refresh).await;
    let new = Actor { access_token: answer.text("accessToken"), ..ada.clone() };
    assert_eq!(me(&world, &new).await, 200);
    assert_eq!(me(&world, &ada).await, 401, "and it knows about the withdrawal now");
}

#[tokio::test]
async fn refresh_tokens_of_a_withdrawn_key_are_refused() {
    // KEY-05, KEY-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let signing = kept(&world, "access");
    let leaked = kept(&world, "refresh");
    withdraw(&world, &[&leaked[0]]).await;
    assert_eq!(kept(&world, "access"), signing, "keys of another purpose stay");
    assert_eq!(kept(&world, "refresh").len(), 1);
    world.pass(CACHED);
    world.aws().clear_calls();
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), (401, "Invalid token".to_owned()));
    assert!(world.store_calls().is_empty(), "like a forged token");
    assert_eq!(me(&world, &ada).await, 200, "the access token stays valid");
    refreshed(&world, &logged_in(&world).await).await;
}

#[tokio::test]
async fn all_keys_can_be_withdrawn_together() {
    // KEY-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.pass(30 * DAY);
    world.rotate_keys().await;
    let all = [kept(&world, "access"), kept(&world, "refresh")].concat();
    assert_eq!(all.len(), 4);
    let left = withdraw(&world, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!((ids(&left, "access").len(), ids(&left, "refresh").len()), (1, 1));
    assert!(all.iter().all(|id| !left.to_string().contains(id.as_str())));
    world.pass(CACHED);
    assert_eq!((me(&world, &ada).await, world.refresh(&ada.refresh_token).await.status), (401, 401));
    assert_good(&world, &refreshed(&world, &logged_in(&world).await).await, "signed by new keys").await;
}

#[tokio::test]
async fn a_withdrawal_creates_a_key_only_when_none_would_sign() {
    // KEY-05: verifiers do not know a new key yet
    let world = World::new().await;
    world.registered("ada@example.com").await;
    world.rotate_keys().await;
    world.pass(3 * HOUR);
    let keys = kept(&world, "access");
    withdraw(&world, &[&keys[0]]).await;
    assert_eq!(kept(&world, "access"), keys[1..], "the retiring key is withdrawn, and the other one keeps signing");

    world.rotate_keys().await;
    let announced = kept(&world, "access").pop().unwrap();
    withdraw(&world, &[&announced]).await;
    let keys = kept(&world, "access");
    assert_eq!(keys.len(), 2, "the announced key is withdrawn, and the signing key was going to retire for it");
    for _ in 0..4 {
        world.pass(HOUR);
        assert_good(&world, &logged_in(&world).await, "at every hour").await;
    }
}

#[tokio::test]
async fn a_withdrawal_can_be_repeated() {
    // KEY-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let leaked = kid(&ada.access_token);
    let left = withdraw(&world, &[&leaked]).await;
    let once = current(&world);
    for keys in [&[leaked.as_str()][..], &[], &["unknown"]] {
        assert_eq!((withdraw(&world, keys).await, current(&world)), (left.clone(), once.clone()), "{keys:?}");
    }
    world.pass(30 * DAY);
    world.rotate_keys().await;
    assert_eq!(published(&world).await.len(), 2, "rotations still work");
}

#[tokio::test]
async fn a_withdrawal_that_fails_at_any_call_completes_when_repeated() {
    // KEY-05, DDB-03
    let calls = [
        (Service::Secrets, "GetSecretValue", 6),
        (Service::DynamoDb, "PutItem", 2),
        (Service::Secrets, "PutSecretValue", 1),
        (Service::Secrets, "UpdateSecretVersionStage", 1),
    ];
    for (service, operation, times) in calls {
        for spared in 0..times {
            for fault in [Fault::Reset, Fault::AppliedButLost] {
                let world = World::new().await;
                let ada = world.registered("ada@example.com").await;
                let leaked = kid(&ada.access_token);
                world.aws().fail_after(spared, service, operation, fault.clone());
                world.aws().fail(service, operation, fault.clone(), 2);
                assert!(invoked(&world, json!({"withdraw": [leaked]})).await.is_err(), "{operation} {spared}");
                world.aws().clear_faults();
                world.pass(CACHED);
                assert_good(&world, &logged_in(&world).await, operation).await;

                withdraw(&world, &[&leaked]).await;
                world.pass(CACHED);
                assert_eq!(me(&world, &ada).await, 401, "{operation} {spared}");
                assert_eq!(published(&world).await, kept(&world, "access"), "{operation} {spared}");
                assert_good(&world, &logged_in(&world).await, operation).await;
                rotate_at_last(&world).await;
                assert!(!kept(&world, "access").contains(&leaked), "{operation} {spared}");
            }
        }
    }
}

/// Rotates the keys. If a first rotation fails because it finds an interrupted version, a second one succeeds.
async fn rotate_at_last(world: &World) {
    if world.system().rotate_keys().await.is_err() {
        world.rotate_keys().await;
    }
}

#[tokio::test]
async fn a_rotation_in_progress_does_not_restore_a_withdrawn_key() {
    // KEY-05
    for done in 0..=4 {
        for relabelled in [false, true] {
            let world = World::new().await;
            let ada = world.registered("ada@example.com").await;
            let leaked = kid(&ada.access_token);
            let token = world.aws().secrets.begin_rotation(SIGNING_KEYS).unwrap();
            for name in &STEPS[..done] {
                step(&world, name, &token).await.unwrap();
            }
            withdraw(&world, &[&leaked]).await;
            if relabelled && (1..4).contains(&done) {
                relabel(&world, &token).await; // as a step that runs at the same time does
            }
            for name in &STEPS[done..] {
                let result = step(&world, name, &token).await;
                assert!(result.is_err() || done == 0, "{name}, withdrawn after {done} steps");
            }
            world.pass(CACHED);
            assert!(!published(&world).await.contains(&leaked), "{done} steps");
            assert!(!kept(&world, "access").contains(&leaked), "{done} steps");
            assert_good(&world, &logged_in(&world).await, "signed by the new key").await;
            rotate_at_last(&world).await;
            world.pass(3 * HOUR);
            assert_good(&world, &logged_in(&world).await, "rotations still work").await;
        }
    }
}

#[tokio::test]
async fn a_withdrawal_during_any_step_of_a_rotation_holds() {
    // KEY-05
    for place in 0..4 {
        for calls in 1..8 {
            let world = World::new().await;
            let leaked = kept(&world, "access").remove(0);
            let token = world.aws().secrets.begin_rotation(SIGNING_KEYS).unwrap();
            for name in &STEPS[..place] {
                step(&world, name, &token).await.unwrap();
            }
            world.aws().clear_calls();
            let mut late = pin!(step(&world, STEPS[place], &token));
            let arrived = async {
                while world.aws().calls().len() < calls {
                    tokio::task::yield_now().await;
                }
            };
            let is_done = tokio::select! { biased; _ = &mut late => true, () = arrived => false };
            withdraw(&world, &[&leaked]).await;
            if !is_done {
                drop(late.await); // it may fail, because the next rotation starts anew
            }
            for name in &STEPS[place + 1..] {
                drop(step(&world, name, &token).await);
            }
            assert!(!kept(&world, "access").contains(&leaked), "{} {calls}", STEPS[place]);
            assert!(!published(&world).await.contains(&leaked), "{} {calls}", STEPS[place]);
            world.registered("ada@example.com").await;
            for _ in 0..3 {
                assert_good(&world, &logged_in(&world).await, STEPS[place]).await;
                world.pass(HOUR);
            }
        }
    }
}

/// Moves the label of a rotation's pending version back to this version.
async fn relabel(world: &World, version: &str) {
    let app = &world.system().app;
    let http = shared::aws::https([]);
    let clients = shared::aws::Clients::new(&app.config.aws, &http, &app.clock);
    let client = clients.secrets_manager();
    let described = client.describe_secret().secret_id(SIGNING_KEYS).send().await.unwrap();
    let stages = described.version_ids_to_stages.unwrap();
    let holder = stages.iter().find(|(_, stages)| stages.iter().any(|stage| stage == "AWSPENDING"));
    let request = client.update_secret_version_stage().secret_id(SIGNING_KEYS).version_stage("AWSPENDING");
    let request = request.set_remove_from_version_id(holder.map(|(id, _)| id.clone())).move_to_version_id(version);
    request.send().await.unwrap();
}

#[tokio::test]
async fn an_empty_withdrawal_publishes_the_keys_again_after_the_table_was_restored() {
    // KEY-05
    let world = World::new().await;
    world.registered("ada@example.com").await;
    let before = world.public_keys_item();
    world.rotate_keys().await;
    world.pass(3 * HOUR);
    world.tamper("PublicKeys", before, &json!({}));
    assert_eq!(published(&world).await, kept(&world, "access")[..1], "only the old key");
    withdraw(&world, &[]).await;
    world.pass(CACHED);
    assert_eq!(published(&world).await, kept(&world, "access")[1..]);
    assert_good(&world, &logged_in(&world).await, "after the withdrawal").await;
}

#[tokio::test]
async fn a_malformed_withdrawal_is_refused_and_changes_nothing() {
    // KEY-05
    let world = World::new().await;
    let (before, id) = (current(&world), kept(&world, "access").remove(0));
    for wrong in [
        json!({}),
        json!({"withdraw": id}),
        json!({"withdraw": null}),
        json!({"withdraw": [1]}),
        json!({"withdraw": [id], "force": true}),
        json!([]),
        Value::Null,
    ] {
        assert!(invoked(&world, wrong.clone()).await.is_err(), "{wrong}");
        assert_eq!(current(&world), before, "{wrong}");
    }
}

#[tokio::test]
async fn a_key_of_one_secret_is_withdrawn_while_the_other_cannot_be_read() {
    // KEY-05
    let world = World::with_its_own_keys(&[]).await;
    let account: Value = serde_json::from_str(&world.aws().secrets.value(ACCOUNT_KEYS, "AWSCURRENT").unwrap()).unwrap();
    let leaked = ids(&account, "device").remove(0);
    let broken = world.aws().secrets.create("broken", "no key set");
    let app = world.another_process(&[("SIGNING_KEYS_SECRET", &broken)]);
    let event = event::invocation(json!({"withdraw": [leaked]}), 30);
    assert!(functions::invoke(&app, "rotate-keys", event).await.is_err(), "the operator is told");
    let left: Value = serde_json::from_str(&world.aws().secrets.value(ACCOUNT_KEYS, "AWSCURRENT").unwrap()).unwrap();
    assert_eq!((ids(&left, "device").len(), ids(&left, "device").contains(&leaked)), (1, false));
}

#[tokio::test]
async fn keys_are_listed_and_withdrawn_before_the_first_rotation_of_the_other_secret() {
    // KEY-05
    let world = World::with_its_own_keys(&[]).await;
    let fresh = world.aws().secrets.create("fresh", "{}");
    let app = world.another_process(&[("ACCOUNT_KEYS_SECRET", &fresh)]);
    let event = event::invocation(json!({"withdraw": []}), 30);
    let list = functions::invoke(&app, "rotate-keys", event).await.unwrap();
    assert_eq!((ids(&list, "access").len(), ids(&list, "device").len()), (1, 0));
}
