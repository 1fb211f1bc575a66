//! A hash of other parameters than today's is renewed by who logs in.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::doubles::Fault;
use tests::world::{PASSWORD, World};

use super::limits::hashes;
use super::login;
use crate::mailer::calls;
use crate::register::down;

/// Of [`PASSWORD`], by the reference implementation.
const OUTDATED: &str =
    "$argon2id$v=19$m=12288,t=3,p=1$BwcHBwcHBwcHBwcHBwcHBw$mxUzM5vib4HL8Aju9zSM8JhVyng5emjDtWYOlfRO6OY";
/// The calls of a login before the hash is renewed.
const CALLS_BEFORE: usize = 8;

fn credential(world: &World) -> Value {
    world.items("Credentials").remove(0)
}

fn is_of_today(credential: &Value) -> bool {
    credential["hash"]["S"].as_str().unwrap().starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
}

async fn outdated() -> World {
    let world = World::new().await;
    world.registered("Ada@Example.com").await;
    world.tamper("Credentials", credential(&world), &json!({"hash": {"S": OUTDATED}}));
    world.aws().clear_calls();
    world
}

#[tokio::test]
async fn whoever_logs_in_has_the_hash_renewed_once() {
    // PWD-07
    let world = outdated().await;
    let before = (credential(&world), hashes(&world));
    login(&world, "ada@example.com").await;
    let renewed = credential(&world);
    assert!(is_of_today(&renewed), "{renewed}");
    assert_eq!(
        (hashes(&world) - before.1, &renewed["userId"], &renewed["pk"]),
        (2, &before.0["userId"], &before.0["pk"])
    );

    let before = hashes(&world);
    login(&world, "ada@example.com").await;
    assert_eq!((hashes(&world) - before, credential(&world)), (1, renewed));
    assert_eq!(calls(&world, "UpdateItem"), 2 * (3 + 2) + 1, "counts, their taking back, and the one renewal");
    assert_eq!(world.login("ada@example.com", "another password").await.status, 401);
}

#[tokio::test]
async fn whoever_does_not_log_in_renews_nothing_and_is_hashed_once() {
    // PWD-07, LOG-02
    let world = outdated().await;
    assert_eq!(world.login("ada@example.com", "another password").await.status, 401);
    let before = hashes(&world);
    let profile = world.rows("PROFILE").remove(0);
    world.tamper("Accounts", profile, &json!({"status": {"S": "disabled"}}));
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 401);
    assert_eq!((hashes(&world) - before, &credential(&world)["hash"]["S"]), (1, &json!(OUTDATED)));
}

#[tokio::test]
async fn a_hash_that_cannot_be_renewed_is_good_until_the_next_login() {
    // PWD-07
    let world = outdated().await;
    world.aws().fail_at(CALLS_BEFORE, down(), usize::MAX);
    login(&world, "ada@example.com").await;
    world.aws().clear_faults();
    assert_eq!(credential(&world)["hash"]["S"], OUTDATED);
    assert!(world.logged("password_not_rehashed") > 0);
    login(&world, "ada@example.com").await;
    assert!(is_of_today(&credential(&world)));
}

#[tokio::test]
async fn a_renewal_whose_answer_is_lost_is_one() {
    // PWD-07, DDB-03
    let world = outdated().await;
    world.aws().fail_at(CALLS_BEFORE, Fault::AppliedButLost, 1);
    login(&world, "ada@example.com").await;
    assert!(is_of_today(&credential(&world)));
    login(&world, "ada@example.com").await;
}

#[tokio::test]
async fn of_many_logins_at_once_all_are_logged_in_and_one_renews() {
    // PWD-07
    let world = outdated().await;
    let logins = join_all((0..4).map(|_| login(&world, "ada@example.com"))).await;
    assert_eq!(logins.len(), 4);
    assert!(is_of_today(&credential(&world)));
    assert_eq!(world.logged("password_rehashed"), 1);
}

#[tokio::test]
async fn a_hash_that_changed_meanwhile_is_left_alone() {
    // PWD-07: such as that of a new password
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let before = credential(&world);
    let email = shared::domain::Email::parse("ada@example.com").unwrap();
    let users = &world.system().app.users;
    assert!(!users.replace_hash(&email, &OUTDATED.to_owned().into(), &"a newer one".to_owned().into()).await.unwrap());
    assert_eq!(credential(&world), before);
    users.erase(ada.id().parse().unwrap()).await.unwrap();
    assert!(!users.replace_hash(&email, &OUTDATED.to_owned().into(), &"a newer one".to_owned().into()).await.unwrap());
    assert_eq!(world.items("Credentials"), [] as [Value; 0], "nor is anybody brought back");
    world.leave_mail();
}
