//! Keys that are in wrong hands, and the operator who withdraws them.

use std::pin::pin;

use jiff::SignedDuration;
use lambda_runtime::Error;
use serde_json::{Value, json};
use tests::doubles::{Fault, Service};
use tests::system::SIGNING_KEYS;
use tests::world::{Actor, World};
use tests::{event, functions};

use super::{DAY, HOUR, MINUTE, STEPS};
use super::{assert_good, current, kid, logged_in, published, refreshed, rotate, step};

/// For how long verifiers and issuers may not know it.
const CACHED: SignedDuration = SignedDuration::from_mins(5);

async fn invoked(world: &World, payload: Value) -> Result<Value, Error> {
    functions::invoke(&world.system().app, "rotate-keys", event::invocation(payload, 30)).await
}

pub(super) async fn withdraw(world: &World, keys: &[&str]) -> Value {
    invoked(world, json!({"withdraw": keys})).await.unwrap()
}

/// The names of the keys of one kind in the secret, the youngest last.
fn kept(world: &World, kind: &str) -> Vec<String> {
    let secret: Value = serde_json::from_str(&current(world)).unwrap();
    secret[kind].as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap().to_owned()).collect()
}

async fn me(world: &World, actor: &Actor) -> u16 {
    world.get("/api/auth/me", Some(&actor.bearer())).await.status
}

#[tokio::test]
async fn what_a_withdrawn_key_signed_is_refused_and_a_new_one_signs_at_once() {
    // KEY-05
    for algorithm in ["ES256", "RS256"] {
        let world = World::with(&[("SIGNING_ALGORITHM", algorithm)]).await;
        let ada = world.registered("ada@example.com").await;
        let leaked = kid(&ada.access_token);
        assert_eq!(me(&world, &ada).await, 200);
        let left = withdraw(&world, &[&leaked]).await;
        assert_eq!(left, json!({"accessKeys": kept(&world, "accessKeys"), "refreshKeys": kept(&world, "refreshKeys")}));
        assert!(!kept(&world, "accessKeys").contains(&leaked));

        world.pass(CACHED);
        assert_eq!(me(&world, &ada).await, 401);
        assert_eq!(published(&world).await, kept(&world, "accessKeys"));
        let ada = refreshed(&world, &ada).await;
        assert_eq!([kid(&ada.access_token)], kept(&world, "accessKeys")[..]);
        assert_good(&world, &ada, "by the new key").await;
        assert_good(&world, &logged_in(&world).await, "by the new key").await;
    }
}

#[tokio::test]
async fn a_verifier_that_has_not_heard_of_the_new_key_asks_for_it() {
    // TOK-04, KEY-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    assert_eq!(me(&world, &ada).await, 200);
    world.pass(MINUTE);
    let issuer = super::another_process(&world, &[]);
    withdraw(&world, &[&kid(&ada.access_token)]).await;
    let refresh = json!({"refreshToken": ada.refresh_token});
    let answer = super::call(&issuer, &world, "refresh", "/api/auth/refresh", Some(refresh)).await;
    let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    let new = Actor { access_token: body["accessToken"].as_str().unwrap().to_owned(), ..ada.clone() };
    assert_eq!(me(&world, &new).await, 200);
    assert_eq!(me(&world, &ada).await, 401, "and so it has heard of the withdrawal");
}

#[tokio::test]
async fn a_withdrawn_refresh_key_ends_what_it_authenticated() {
    // KEY-05, KEY-06
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let signing = kept(&world, "accessKeys");
    let leaked = kept(&world, "refreshKeys");
    withdraw(&world, &[&leaked[0]]).await;
    assert_eq!(kept(&world, "accessKeys"), signing, "another purpose, another key");
    assert_eq!(kept(&world, "refreshKeys").len(), 1);
    world.pass(CACHED);
    world.aws().clear_calls();
    assert_eq!(world.refresh(&ada.refresh_token).await.verdict(), (401, "Invalid token".to_owned()));
    assert!(crate::refresh::store_calls(&world).is_empty(), "as any forged one");
    assert_eq!(me(&world, &ada).await, 200, "the access token has its own end");
    refreshed(&world, &logged_in(&world).await).await;
}

#[tokio::test]
async fn all_keys_may_be_withdrawn_together() {
    // KEY-05
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.pass(30 * DAY);
    rotate(&world).await;
    let all = [kept(&world, "accessKeys"), kept(&world, "refreshKeys")].concat();
    assert_eq!(all.len(), 4);
    let left = withdraw(&world, &all.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!((left["accessKeys"].as_array().unwrap().len(), left["refreshKeys"].as_array().unwrap().len()), (1, 1));
    assert!(all.iter().all(|id| !left.to_string().contains(id.as_str())));
    world.pass(CACHED);
    assert_eq!((me(&world, &ada).await, world.refresh(&ada.refresh_token).await.status), (401, 401));
    assert_good(&world, &refreshed(&world, &logged_in(&world).await).await, "with new keys").await;
}

#[tokio::test]
async fn a_new_key_is_made_only_where_none_goes_on_signing() {
    // KEY-05: it is one that verifiers may not know yet
    let world = World::new().await;
    world.registered("ada@example.com").await;
    rotate(&world).await;
    world.pass(3 * HOUR);
    let keys = kept(&world, "accessKeys");
    withdraw(&world, &[&keys[0]]).await;
    assert_eq!(kept(&world, "accessKeys"), keys[1..], "the retiring one: the other signs on");

    rotate(&world).await;
    let announced = kept(&world, "accessKeys").pop().unwrap();
    withdraw(&world, &[&announced]).await;
    let keys = kept(&world, "accessKeys");
    assert_eq!(keys.len(), 2, "the announced one: the one that signs was to retire for it");
    for _ in 0..4 {
        world.pass(HOUR);
        assert_good(&world, &logged_in(&world).await, "without a gap").await;
    }
}

#[tokio::test]
async fn a_withdrawal_may_be_done_again() {
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
    rotate(&world).await;
    assert_eq!(published(&world).await.len(), 2, "and rotations go on");
}

#[tokio::test]
async fn a_withdrawal_that_broke_off_anywhere_is_made_good_by_the_same_again() {
    // KEY-05, DDB-03
    let calls = [
        (Service::Secrets, "GetSecretValue", 5),
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
                assert_eq!(published(&world).await, kept(&world, "accessKeys"), "{operation} {spared}");
                assert_good(&world, &logged_in(&world).await, operation).await;
                rotate_at_last(&world).await;
                assert!(!kept(&world, "accessKeys").contains(&leaked), "{operation} {spared}");
            }
        }
    }
}

/// The first rotation may find a version that broke off, and gives it up.
async fn rotate_at_last(world: &World) {
    if world.system().rotate_keys().await.is_err() {
        rotate(world).await;
    }
}

#[tokio::test]
async fn a_rotation_under_way_does_not_bring_a_withdrawn_key_back() {
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
                relabel(&world, &token).await; // as a step does that was under way at the same time
            }
            for name in &STEPS[done..] {
                let result = step(&world, name, &token).await;
                assert!(result.is_err() || done == 0, "{name}, withdrawn after {done} steps");
            }
            world.pass(CACHED);
            assert!(!published(&world).await.contains(&leaked), "{done} steps");
            assert!(!kept(&world, "accessKeys").contains(&leaked), "{done} steps");
            assert_good(&world, &logged_in(&world).await, "by the new key").await;
            rotate_at_last(&world).await;
            world.pass(3 * HOUR);
            assert_good(&world, &logged_in(&world).await, "and rotations go on").await;
        }
    }
}

#[tokio::test]
async fn a_withdrawal_in_the_midst_of_any_step_of_a_rotation_holds() {
    // KEY-05
    for place in 0..4 {
        for calls in 1..8 {
            let world = World::new().await;
            let leaked = kept(&world, "accessKeys").remove(0);
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
                drop(late.await); // it may fail: the next rotation begins anew
            }
            for name in &STEPS[place + 1..] {
                drop(step(&world, name, &token).await);
            }
            assert!(!kept(&world, "accessKeys").contains(&leaked), "{} {calls}", STEPS[place]);
            assert!(!published(&world).await.contains(&leaked), "{} {calls}", STEPS[place]);
            world.registered("ada@example.com").await;
            for _ in 0..3 {
                assert_good(&world, &logged_in(&world).await, STEPS[place]).await;
                world.pass(HOUR);
            }
        }
    }
}

/// Puts the label of the version that a rotation is making on this one again.
async fn relabel(world: &World, version: &str) {
    let app = &world.system().app;
    let http = aws_smithy_http_client::Builder::new().build_http();
    let client = shared::aws::Clients::new(&app.config.aws, &http, &app.clock).secrets_manager;
    let described = client.describe_secret().secret_id(SIGNING_KEYS).send().await.unwrap();
    let stages = described.version_ids_to_stages.unwrap();
    let holder = stages.iter().find(|(_, stages)| stages.iter().any(|stage| stage == "AWSPENDING"));
    let request = client.update_secret_version_stage().secret_id(SIGNING_KEYS).version_stage("AWSPENDING");
    let request = request.set_remove_from_version_id(holder.map(|(id, _)| id.clone())).move_to_version_id(version);
    request.send().await.unwrap();
}

#[tokio::test]
async fn a_restored_table_gets_the_keys_of_the_secret_again() {
    // KEY-05
    let world = World::new().await;
    world.registered("ada@example.com").await;
    let before = world.items("PublicKeys").remove(0);
    rotate(&world).await;
    world.pass(3 * HOUR);
    world.tamper("Accounts", before, &json!({}));
    assert_eq!(published(&world).await.len(), 1);
    withdraw(&world, &[]).await;
    world.pass(CACHED);
    assert_eq!(published(&world).await, kept(&world, "accessKeys")[1..]);
    assert_good(&world, &logged_in(&world).await, "after it").await;
}

#[tokio::test]
async fn what_is_no_withdrawal_changes_nothing() {
    // KEY-05
    let world = World::new().await;
    let (before, id) = (current(&world), kept(&world, "accessKeys").remove(0));
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
