//! A refused login does not reveal whether there is an account.

use serde_json::json;
use tests::system::Answer;
use tests::world::{PASSWORD, World};

const PARAMETERS: &str = "$argon2id$v=19$m=19456,t=2,p=1";
const SALT: &str = "$AAAAAAAAAAAAAAAAAAAAAA";
const OUTPUT: &str = "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Returns all that a client sees of an answer, without the request's id.
fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let id = answer.headers["x-request-id"].to_str().unwrap();
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().replace(id, "<id>")))
        .collect();
    headers.sort();
    (answer.status, headers, answer.body.replace(id, "<id>"))
}

/// Returns what the client sees of a refused login, and the calls that it made.
async fn refused(world: &World, email: &str, password: &str) -> ((u16, Vec<(String, String)>, String), Vec<String>) {
    world.aws().clear_calls();
    let answer = world.login(email, password).await;
    assert_eq!(answer.verdict(), (401, "Invalid credentials".to_owned()), "{email}");
    let calls = world.aws().calls().into_iter().map(|call| format!("{:?} {}", call.service, call.operation));
    let mut calls: Vec<_> = calls.collect();
    calls.sort(); // parallel calls arrive in any order
    (seen(&answer), calls)
}

#[tokio::test]
async fn every_refused_login_has_the_same_answer_and_the_same_calls() {
    // LOG-01, LOG-02
    let world = World::new().await;
    for email in ["ada@example.com", "broken@example.com", "gone@example.com"] {
        world.registered(email).await;
    }
    world.disable(&world.registered("disabled@example.com").await).await;
    world.tamper_with_credential("broken@example.com", &json!({"hash": {"S": "$2b$10$broken"}}));
    let unknown_user = json!({"userId": {"S": "01a00000-0000-7000-8000-000000000000"}});
    world.tamper_with_credential("gone@example.com", &unknown_user);

    let unknown = refused(&world, "unknown@example.com", PASSWORD).await;
    let counts = ["DynamoDb UpdateItem"; 3];
    assert_eq!(unknown.1, [&["DynamoDb GetItem", "DynamoDb Query"][..], &counts].concat());
    let cases = [
        ("unknown@elsewhere.example", "another password"),
        ("ada@example.com", "another password"),
        ("disabled@example.com", PASSWORD),
        ("disabled@example.com", "another password"),
        ("broken@example.com", PASSWORD),
        ("gone@example.com", PASSWORD),
        ("gone@example.com", "another password"),
    ];
    for (email, password) in cases {
        assert_eq!(refused(&world, email, password).await, unknown, "{email} {password}");
    }
    assert_eq!(world.sessions().len(), 4, "only the sessions of the registrations");
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_stored_hash_that_cannot_be_verified_matches_no_password() {
    // LOG-01, PWD-06
    let world = World::with(&[("LOGINS_PER_ACCOUNT_AND_NETWORK", "100"), ("FAILED_LOGINS_BEFORE_DELAY", "100")]).await;
    world.registered("ada@example.com").await;
    let unknown = refused(&world, "unknown@example.com", PASSWORD).await;
    for hash in [
        String::new(),
        "plain".to_owned(),
        PASSWORD.to_owned(),
        PARAMETERS.to_owned(),
        format!("{PARAMETERS}{SALT}"),
        format!("{PARAMETERS}$AAAA{OUTPUT}"),
        format!("{PARAMETERS}${}{OUTPUT}", "A".repeat(100)),
        format!("{PARAMETERS}{SALT}$AAAAAAAAAAAAAAAAAAAAAA"),
        format!("$argon2id$v=19$m=4194304,t=2,p=1{SALT}{OUTPUT}"),
        format!("$argon2id$v=19$m=19456,t=4000000,p=1{SALT}{OUTPUT}"),
        format!("$argon2id$v=19$m=19456,t=2,p=255{SALT}{OUTPUT}"),
        format!("$argon2id$v=19$m=1,t=1,p=1{SALT}{OUTPUT}"),
        format!("$argon2id$v=19$m=0,t=0,p=0{SALT}{OUTPUT}"),
        format!("$argon2id$v=19{SALT}{OUTPUT}"),
        format!("$argon2id$m=19456,t=2,p=1{SALT}{OUTPUT}"),
        format!("$argon2d$v=19$m=19456,t=2,p=1{SALT}{OUTPUT}"),
        format!("{PARAMETERS},keyid=AAAA{SALT}{OUTPUT}"),
        format!("{PARAMETERS},data=AAAA{SALT}{OUTPUT}"),
        "$".repeat(10_000),
    ] {
        world.tamper_with_credential("ada@example.com", &json!({"hash": {"S": hash}}));
        assert_eq!(refused(&world, "ada@example.com", PASSWORD).await, unknown, "{hash:.80}");
    }
}
