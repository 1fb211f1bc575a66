//! What tells an operator that the keys are not rotated.

use serde_json::Value;
use tests::doubles::{Fault, Service};
use tests::event;
use tests::system::SIGNING_KEYS;
use tests::world::World;

use super::{DAY, MINUTE, logged_in};

#[tokio::test]
async fn a_step_of_a_rotation_that_fails_is_logged_with_its_reason_and_counted() {
    // OBS-04
    let world = World::new().await;
    let token = world.aws().secrets.begin_rotation(SIGNING_KEYS).unwrap();
    world.aws().fail(Service::Secrets, "GetSecretValue", Fault::Throttled, 100);
    let secret = &world.system().app.config.signing_keys_secret;
    let event = event::rotation("createSecret", secret, &token);
    assert!(world.system().invoke("rotate-keys", event, 60).await.is_err());
    let lines = world.log_lines("rotation_failed");
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(
        (&line["level"], &line["step"], &line["FailedRotations"]),
        (&"ERROR".into(), &"Create".into(), &1.into())
    );
    assert!(line["reason"].as_str().unwrap().starts_with("GetSecretValue"), "{line}");

    world.aws().clear_faults();
    world.rotate_keys().await;
    assert_eq!(world.logged("rotation_failed"), 1, "a rotation that ends says nothing");
}

#[tokio::test]
async fn issuers_report_how_long_ago_each_secret_was_rotated() {
    // OBS-04
    let world = World::with_its_own_keys(&[]).await;
    world.registered("ada@example.com").await;
    let ages = |event: &str, metric: &str| -> Vec<Value> {
        world.log_lines(event).into_iter().map(|line| line[metric].clone()).collect()
    };
    let signing = || ages("signing_keys_read", "SigningKeyAgeSeconds");
    let account = || ages("account_keys_read", "AccountKeyAgeSeconds");
    assert!(signing().iter().chain(&account()).all(|age| *age == 0), "{:?}", (signing(), account()));

    world.pass(46 * DAY);
    logged_in(&world).await;
    let days = |count: i64| Value::from(count * 86_400);
    assert_eq!((signing().last(), account().last()), (Some(&days(46)), Some(&days(46))), "the alarms rise at 45 days");
    let reads = signing().len();
    world.pass(MINUTE);
    logged_in(&world).await;
    assert_eq!(signing().len(), reads, "once each time that the keys are read");

    world.rotate_keys().await;
    world.pass(6 * MINUTE);
    logged_in(&world).await;
    assert_eq!(signing().last(), Some(&Value::from(360)), "five minutes after the rotation the age is low again");
}
