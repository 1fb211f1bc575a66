//! Logins with the hashes of other systems.

use serde_json::{Value, json};
use tests::world::{NEW_PASSWORD, PASSWORD, World};

use super::{BCRYPT, ada, import};

const OURS: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// Implementation, password and hash, of cost 4 or by Argon2id.
fn fixtures() -> Vec<(&'static str, String, &'static str)> {
    let lines = include_str!("../../../shared/src/passwords/tests/imported.tsv").lines();
    let read = |line: &'static str| {
        let [by, text, hash] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        (by, serde_json::from_str(text).unwrap(), hash)
    };
    let lines = lines.filter(|line| !line.starts_with('#') && !line.contains("$10$") && !line.contains("$12$"));
    lines.map(read).collect()
}

#[tokio::test]
async fn users_of_eight_implementations_log_in_with_their_old_passwords() {
    // IMP-02, IMP-03
    let world = World::with(&[("LEGACY_HASHES", "4"), ("LOGINS_PER_NETWORK", "1000")]).await;
    let fixtures = fixtures();
    let email = |n: usize| format!("user{n}@example.com");
    let rows: Vec<_> =
        fixtures.iter().enumerate().map(|(n, (_, _, hash))| json!({"email": email(n), "hash": hash})).collect();
    assert_eq!(import(&world, &json!(rows)).await, vec!["taken"; fixtures.len()]);
    for (n, (by, text, hash)) in fixtures.iter().enumerate() {
        assert_eq!(
            world.login(&email(n), &format!("{text}!?")).await.status,
            if text.len() > 71 && hash.starts_with("$2") { 200 } else { 401 },
            "{by}: {text}"
        );
        assert_eq!(world.login(&email(n), text).await.status, 200, "{by}: {text}");
        let stored = world.credential(&email(n)).hash;
        assert!(stored.starts_with(OURS) || stored == *hash, "{by}: {stored}");
        assert_eq!(world.login(&email(n), text).await.status, 200, "{by}: {text}, again");
        let is_renewed = hash.starts_with("$2") && text.len() < 72 && !text.contains('ﬁ');
        assert!(!is_renewed || stored.starts_with(OURS), "{by}: {text}");
    }
}

#[tokio::test]
async fn the_part_of_a_password_that_bcrypt_compares_does_not_take_its_place() {
    // IMP-03: a form that cuts passwords sends 72 bytes of a longer one
    let world = super::world().await;
    let (_, whole, hash) = fixtures().into_iter().find(|(_, text, _)| text.len() > 72 && text.is_ascii()).unwrap();
    import(&world, &json!([{"email": "ada@example.com", "hash": hash}])).await;
    for typed in [&whole[..], &whole[..72], &whole[..]] {
        assert_eq!(world.login("ada@example.com", typed).await.status, 200, "{typed}");
    }
    assert_eq!(world.credential("ada@example.com").hash, hash);
}

#[tokio::test]
async fn a_renewed_hash_raises_no_version_and_ends_no_session() {
    // IMP-02, PWD-07
    let world = super::world().await;
    assert_eq!(import(&world, &ada()).await, ["taken"]);
    let before = world.credential_item("ada@example.com")["passwordVersion"].clone();
    let first = world.logged_in("ada@example.com").await;
    assert_eq!(world.logged("password_rehashed"), 1);
    assert_eq!(world.credential_item("ada@example.com")["passwordVersion"], before);
    assert_eq!(world.refresh(&first.refresh_token).await.status, 200);
}

#[tokio::test]
async fn what_repeats_the_password_takes_an_old_hash_too() {
    // IMP-02: a request that confirms the password leaves the hash as it is
    let world = super::world().await;
    assert_eq!(import(&world, &ada()).await, ["taken"]);
    let actor = world.logged_in("ada@example.com").await;
    world.tamper_with_credential("ada@example.com", &json!({"hash": {"S": BCRYPT}}));
    let wrong = world.ask(&actor, "account/export", &json!({"password": "another password"})).await;
    assert_eq!(wrong.verdict(), (403, "Wrong password".to_owned()));
    let exported = world.ask(&actor, "account/export", &json!({"password": PASSWORD})).await;
    assert_eq!(exported.status, 200);
    assert_eq!(world.credential("ada@example.com").hash, BCRYPT);
    let changed = world.change_password(&actor, NEW_PASSWORD).await;
    assert_eq!(changed.status, 200);
    assert!(world.credential("ada@example.com").hash.starts_with(OURS));
    world.deliver_mail().await;
}

#[tokio::test]
async fn every_failed_login_pays_for_one_verification_whatever_is_stored() {
    // IMP-04, LOG-02
    let world = super::world().await;
    world.registered("grace@example.com").await;
    assert_eq!(import(&world, &ada()).await, ["taken"]);
    assert_eq!(import(&world, &json!([{"email": "eve@example.com"}])).await, ["taken"]);
    let mut calls = Vec::new();
    for email in ["ada@example.com", "eve@example.com", "grace@example.com", "nobody@example.com"] {
        let before = world.hashes();
        world.aws().clear_calls();
        assert_eq!(world.login(email, "another password").await.verdict(), (401, "Invalid credentials".to_owned()));
        assert_eq!(world.hashes() - before, 1, "{email}");
        let mut made: Vec<_> = world.aws().calls().into_iter().map(|call| call.operation).collect();
        made.sort_unstable();
        calls.push(made);
    }
    calls.dedup();
    assert_eq!(calls.len(), 1, "{calls:?}");
}

#[tokio::test]
async fn a_hash_that_cannot_be_verified_is_a_wrong_password_and_a_line_of_the_log() {
    // IMP-02, PWD-06: the setting was taken away, or the row damaged
    let world = World::new().await;
    world.registered("ada@example.com").await;
    for hash in [BCRYPT, &BCRYPT.replace("$04$", "$31$"), "$2x$04$x", "$2b$04$", "", "é"] {
        world.tamper_with_credential("ada@example.com", &json!({"hash": {"S": hash}}));
        let before = world.logged("stored_hash_unusable");
        assert_eq!(world.login("ada@example.com", PASSWORD).await.verdict(), (401, "Invalid credentials".to_owned()));
        assert_eq!(world.logged("stored_hash_unusable") - before, 1, "{hash}");
        world.pass(jiff::SignedDuration::from_mins(16));
    }
    assert!(world.log_lines("stored_hash_unusable").iter().all(|line| line["level"] == "ERROR"));
}

#[tokio::test]
async fn hashes_that_are_not_taken_are_refused() {
    // IMP-02
    let world = super::world().await;
    for (hash, reason) in [
        (&BCRYPT.replace("$2b$", "$2x$"), "hash: it is of bcrypt's variant 2x, which cannot be verified"),
        (&BCRYPT.replace("$04$", "$03$"), "hash: it has a bcrypt cost of 3, not of 4 to LegacyHashes (4)"),
        (&BCRYPT[..59].to_owned(), "hash: it is not a well-formed bcrypt hash"),
    ] {
        assert_eq!(import(&world, &json!([{"email": "ada@example.com", "hash": hash}])).await, [reason]);
    }
    let without = World::new().await;
    let refused = import(&without, &ada()).await;
    assert_eq!(refused, ["hash: it is of bcrypt, and LegacyHashes is not set"]);
    assert_eq!((world.users().len(), without.users().len()), (0, 0));
}

#[tokio::test]
async fn the_hash_of_the_empty_password_lets_no_one_in() {
    // IMP-02, IMP-03: bcrypt takes a NUL for the end of the empty password
    let world = super::world().await;
    let hash = "$2b$04$eThEoiYfiPzwdD681YnB0OaiaO1c7skEs5YnoC.J7Tx0wpRnZPz1u";
    import(&world, &json!([{"email": "ada@example.com", "hash": hash}])).await;
    for (password, status) in [("", 400), ("\0", 401), (" ", 401)] {
        assert_eq!(world.login("ada@example.com", password).await.status, status, "{password:?}");
    }
}

#[tokio::test]
async fn a_new_password_has_no_nul() {
    // IMP-03: nobody could log in with it
    let world = World::new().await;
    let body = json!({"email": "ada@example.com", "password": "violet\0harbour 47"});
    let answer = world.post("/api/auth/register", &body).await;
    assert_eq!(answer.verdict(), (400, "Validation failed".to_owned()));
    assert_eq!(answer.json()["details"][0]["message"], Value::from("Password must not contain NUL characters"));
    assert_eq!(world.login("ada@example.com", "violet\0harbour 47").await.status, 401);
}
