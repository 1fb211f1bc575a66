//! A login renews a hash whose parameters are not today's.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::doubles::Fault;
use tests::rows::CredentialRow;
use tests::world::{Actor, OUTDATED_HASH, PASSWORD, World};

/// How many calls a login makes before it renews the hash.
const CALLS_BEFORE: usize = 8;

/// Returns the credential of the only user.
fn credential(world: &World) -> CredentialRow {
    world.credential("ada@example.com")
}

/// Returns whether the hash has today's parameters.
fn is_of_today(credential: &CredentialRow) -> bool {
    credential.hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
}

/// Makes a world with one user whose hash is outdated.
async fn outdated() -> (World, Actor) {
    let world = World::new().await;
    let ada = world.registered("Ada@Example.com").await;
    world.tamper_with_credential("ada@example.com", &json!({"hash": {"S": OUTDATED_HASH}}));
    world.aws().clear_calls();
    (world, ada)
}

#[tokio::test]
async fn a_login_renews_an_outdated_hash_once() {
    // PWD-07
    let (world, _) = outdated().await;
    let before = (credential(&world), world.hashes());
    world.logged_in("ada@example.com").await;
    let renewed = credential(&world);
    assert!(is_of_today(&renewed), "{renewed:?}");
    assert_eq!((world.hashes() - before.1, &renewed.user_id, &renewed.pk), (2, &before.0.user_id, &before.0.pk));

    let before = world.hashes();
    world.logged_in("ada@example.com").await;
    assert_eq!((world.hashes() - before, credential(&world)), (1, renewed));
    assert_eq!(world.calls("UpdateItem"), 2 * (3 + 2) + 1, "three counts, two releases, and one renewal");
    assert_eq!(world.login("ada@example.com", "another password").await.status, 401);
}

#[tokio::test]
async fn a_refused_login_does_not_renew_the_hash_and_hashes_once() {
    // PWD-07, LOG-02
    let (world, ada) = outdated().await;
    assert_eq!(world.login("ada@example.com", "another password").await.status, 401);
    let before = world.hashes();
    world.disable(&ada).await;
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 401);
    assert_eq!((world.hashes() - before, credential(&world).hash), (1, OUTDATED_HASH.to_owned()));
}

#[tokio::test]
async fn a_login_succeeds_when_the_hash_cannot_be_renewed() {
    // PWD-07
    let (world, _) = outdated().await;
    world.aws().fail_at(CALLS_BEFORE, Fault::down(), usize::MAX);
    world.logged_in("ada@example.com").await;
    world.aws().clear_faults();
    assert_eq!(credential(&world).hash, OUTDATED_HASH);
    assert!(world.logged("password_not_rehashed") > 0);
    world.logged_in("ada@example.com").await;
    assert!(is_of_today(&credential(&world)));
}

#[tokio::test]
async fn a_renewal_whose_answer_is_lost_does_not_fail_the_login() {
    // PWD-07, DDB-03
    let (world, _) = outdated().await;
    world.aws().fail_at(CALLS_BEFORE, Fault::AppliedButLost, 1);
    world.logged_in("ada@example.com").await;
    assert!(is_of_today(&credential(&world)));
    world.logged_in("ada@example.com").await;
}

#[tokio::test]
async fn concurrent_logins_all_succeed_and_renew_the_hash_once() {
    // PWD-07
    let (world, _) = outdated().await;
    let logins = join_all((0..4).map(|_| world.logged_in("ada@example.com"))).await;
    assert_eq!(logins.len(), 4);
    assert!(is_of_today(&credential(&world)));
    assert_eq!(world.logged("password_rehashed"), 1);
}

#[tokio::test]
async fn a_renewal_does_not_overwrite_a_hash_that_has_changed() {
    // PWD-07: another process may have stored a newer hash
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let before = world.items("Credentials");
    let email = shared::domain::Email::parse("ada@example.com").unwrap();
    let users = &world.system().app.users;
    assert!(
        !users.replace_hash(&email, &OUTDATED_HASH.to_owned().into(), &"a newer one".to_owned().into()).await.unwrap()
    );
    assert_eq!(world.items("Credentials"), before);
    world.erase(&ada).await;
    assert!(
        !users.replace_hash(&email, &OUTDATED_HASH.to_owned().into(), &"a newer one".to_owned().into()).await.unwrap()
    );
    assert_eq!(world.items("Credentials"), [] as [Value; 0], "no credential is created");
    world.leave_mail();
}
