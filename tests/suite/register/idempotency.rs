//! Repeated registrations under the same `Idempotency-Key`.

mod faults;

use std::collections::HashSet;

use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::rows::text;
use tests::system::Answer;
use tests::world::{Actor, PASSWORD, World, posted};

use super::REGISTER;
use super::faults::assert_nothing_is_stored;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Registers under an `Idempotency-Key`.
async fn register_under(world: &World, key: &str, body: &Value) -> Answer {
    world.send(posted(REGISTER, body).under_key(key)).await
}

/// Returns the body of the request that most tests repeat.
fn ada() -> Value {
    json!({"email": "ada@example.com", "password": PASSWORD, "name": "Ada"})
}

/// Returns all rows of both tables, without the counters.
fn everything(world: &World) -> (Vec<Value>, Vec<Value>) {
    (world.items("Credentials"), super::faults::uncounted(world))
}

/// Returns the verdict of a request whose key belongs to another request.
fn reused() -> (u16, String) {
    (422, "Idempotency key reused".to_owned())
}

#[tokio::test]
async fn a_repeated_request_returns_the_account_that_it_created() {
    // REG-06
    let world = World::new().await;
    let first = Actor::signed_in("ada@example.com", &register_under(&world, "a", &ada()).await, 201);
    world.pass(SignedDuration::from_hours(23));
    let again = Actor::signed_in("ada@example.com", &register_under(&world, "a", &ada()).await, 201);
    assert_eq!(again.user, first.user);
    assert_eq!((world.users().len(), world.mail_rows().len(), world.sessions().len()), (1, 1, 2));
    for token in [&first.refresh_token, &again.refresh_token] {
        assert_eq!(world.refresh(token).await.status, 200, "each answer has its own session");
    }
    assert_eq!(world.me(&again).await.field("user"), first.user);
    world.deliver_mail().await;
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn requests_are_compared_by_canonical_address_name_and_password() {
    // REG-06, INP-02
    let world = World::new().await;
    let body = json!({"email": "Ada@Bücher.example", "password": PASSWORD, "name": "Jose\u{301}"});
    let first = register_under(&world, "a", &body).await.field("user");
    let body = json!({"email": "ADA@xn--bcher-kva.example", "password": PASSWORD, "name": "José", "role": "admin"});
    let again = register_under(&world, "a", &body).await;
    assert_eq!((again.status, again.field("user")), (201, first), "as it was typed in the first request");
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_different_request_under_the_same_key_is_422_and_changes_nothing() {
    // REG-06
    let world = World::new().await;
    assert_eq!(register_under(&world, "a", &ada()).await.status, 201);
    world.deliver_mail().await;
    let before = everything(&world);
    for (field, value) in [
        ("email", json!("bob@example.com")),
        ("name", json!("Eve")),
        ("name", Value::Null),
        ("password", json!("another password")),
    ] {
        let mut body = ada();
        match value {
            Value::Null => drop(body.as_object_mut().unwrap().remove(field)),
            value => body[field] = value,
        }
        let answer = register_under(&world, "a", &body).await;
        assert_eq!(answer.verdict(), reused(), "{body}");
        assert!(!answer.text("detail").is_empty() && !answer.body.contains("example"), "{}", answer.body);
        assert_eq!(everything(&world), before, "{body}");
    }
    assert_eq!(register_under(&world, "a", &ada()).await.status, 201);
}

#[tokio::test]
async fn a_taken_address_under_another_key_is_409() {
    // REG-02, REG-06
    let world = World::new().await;
    assert_eq!(register_under(&world, "a", &ada()).await.status, 201);
    world.deliver_mail().await;
    let before = everything(&world);
    let taken = (409, "User already exists".to_owned());
    assert_eq!(register_under(&world, "b", &ada()).await.verdict(), taken);
    assert_eq!(register_under(&world, "A", &ada()).await.verdict(), taken);
    assert_eq!(world.post(REGISTER, &ada()).await.verdict(), taken);
    assert_eq!(everything(&world), before, "a refused request is not stored under its key");
}

#[tokio::test]
async fn a_key_expires_after_a_day_even_if_its_item_still_exists() {
    // REG-06: TTL may delete days late
    let world = World::new().await;
    assert_eq!(register_under(&world, "a", &ada()).await.status, 201);
    let bob = json!({"email": "bob@example.com", "password": PASSWORD});
    world.pass(DAY - SignedDuration::from_millis(1));
    assert_eq!(register_under(&world, "a", &bob).await.verdict(), reused());
    world.pass(SignedDuration::from_millis(1));
    assert_eq!(register_under(&world, "a", &ada()).await.status, 409, "the key is free, and the address is taken");
    let first = register_under(&world, "a", &bob).await;
    assert_eq!(first.status, 201);
    let again = register_under(&world, "a", &bob).await;
    assert_eq!((again.status, again.field("user")), (201, first.field("user")));
    world.deliver_mail().await;
}

#[tokio::test]
async fn an_idempotency_key_survives_a_key_rotation() {
    // REG-06, KEY-05
    let world = World::new().await;
    assert_eq!(register_under(&world, "a", &ada()).await.status, 201);
    world.rotate_keys().await;
    world.pass(SignedDuration::from_hours(3));
    assert_eq!(register_under(&world, "a", &ada()).await.status, 201);
    world.deliver_mail().await;
}

#[tokio::test]
async fn the_stored_item_reveals_neither_the_key_nor_the_request() {
    // REG-06, KEY-06
    let world = World::new().await;
    let answer = register_under(&world, "my-very-own-key", &ada()).await;
    let item = world.rows("REGISTER").remove(0);
    let digest = text(&item, "pk").strip_prefix("IDEM#").unwrap().to_owned();
    let fingerprint = text(&item, "fingerprint").to_owned();
    assert!([&digest, &fingerprint].iter().all(|text| text.len() == 64), "{item}");
    assert_ne!(digest, fingerprint);
    let end = world.now() + DAY;
    let expected = json!({
        "pk": {"S": format!("IDEM#{digest}")}, "sk": {"S": "REGISTER"}, "userId": {"S": answer.field("user")["id"]},
        "fingerprint": {"S": fingerprint}, "expiresAt": {"N": end.as_millisecond().to_string()},
        "ttl": {"N": end.as_second().to_string()},
    });
    assert_eq!(item, expected);
    world.deliver_mail().await;
}

#[tokio::test]
async fn twenty_concurrent_requests_under_one_key_get_the_same_account() {
    // REG-03, REG-06
    let settings =
        [("HASH_CONCURRENCY", "2"), ("LOGINS_PER_ACCOUNT_AND_NETWORK", "20"), ("FAILED_LOGINS_BEFORE_DELAY", "20")];
    let world = World::with(&settings).await;
    let body = ada();
    let answers = join_all((0..20).map(|_| register_under(&world, "a", &body))).await;
    assert!(answers.iter().all(|answer| answer.status == 201));
    let users: HashSet<_> = answers.iter().map(|answer| answer.field("user").to_string()).collect();
    let tokens: HashSet<_> = answers.iter().map(|answer| answer.text("refreshToken")).collect();
    assert_eq!((users.len(), tokens.len()), (1, 20));
    assert_eq!((world.credentials().len(), world.users().len()), (1, 1));
    world.deliver_mail().await;
    assert_eq!(world.mails().len(), 1);
}

#[tokio::test]
async fn repeated_registrations_keep_at_most_ten_sessions() {
    // REG-06, LOG-05
    let world = World::new().await;
    for _ in 0..12 {
        assert_eq!(register_under(&world, "a", &ada()).await.status, 201);
    }
    assert_eq!((world.sessions().len(), world.live_sessions().len()), (10, 10));
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_repeated_registration_does_not_sign_in_a_disabled_user() {
    // REG-06, LOG-01
    let world = World::new().await;
    let first = Actor::signed_in("ada@example.com", &register_under(&world, "a", &ada()).await, 201);
    world.deliver_mail().await;
    world.disable(&first).await;
    let wrong = json!({"email": "ada@example.com", "password": "another password", "name": "Ada"});
    let refusals = [register_under(&world, "a", &ada()).await, register_under(&world, "a", &wrong).await];
    let [right, wrong] = refusals.map(|answer| (answer.verdict(), answer.without_request_id().body));
    assert_eq!((&right.0, &right), (&reused(), &wrong), "the answer does not tell whether the password is right");
    assert_eq!(world.sessions().len(), 1);
}

#[tokio::test]
async fn password_guesses_by_repeated_registration_are_limited_and_logged_like_logins() {
    // REG-06, LIM-01, LIM-02, OBS-03
    let world = World::new().await;
    let guess = json!({"email": "ada@example.com", "password": "another password", "name": "Ada"});
    assert_eq!(register_under(&world, "a", &ada()).await.status, 201);
    for _ in 0..10 {
        assert_eq!(register_under(&world, "a", &guess).await.verdict(), reused());
    }
    assert_eq!(register_under(&world, "a", &guess).await.status, 429);
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 429, "the guesses count as failed logins");
    assert_eq!((world.logged("authn_login_fail"), world.logged("authn_login_fail_max")), (10, 2));
    world.pass(SignedDuration::from_mins(15));
    assert_eq!(register_under(&world, "a", &ada()).await.status, 201);
    assert_eq!(world.logged("authn_login_success"), 1);
    world.deliver_mail().await;
}

#[tokio::test]
async fn the_key_of_an_erased_user_returns_no_account() {
    // REG-06, OUT-08
    let world = World::new().await;
    let first = Actor::signed_in("ada@example.com", &register_under(&world, "a", &ada()).await, 201);
    world.deliver_mail().await;
    world.erase(&first).await;
    assert_eq!(register_under(&world, "a", &ada()).await.verdict(), reused());
    assert_eq!(register_under(&world, "b", &ada()).await.status, 201);
    assert_eq!(
        register_under(&world, "a", &ada()).await.verdict(),
        reused(),
        "the address belongs to another account now"
    );
    world.deliver_mail().await;
}

#[tokio::test]
async fn a_repeat_whose_credential_belongs_to_another_user_is_422() {
    // REG-06
    let world = World::new().await;
    assert_eq!(register_under(&world, "a", &ada()).await.status, 201);
    let unknown_user = json!({"userId": {"S": "01a00000-0000-7000-8000-000000000000"}});
    world.tamper_with_credential("ada@example.com", &unknown_user);
    assert_eq!(register_under(&world, "a", &ada()).await.verdict(), reused());
    world.deliver_mail().await;
}

#[tokio::test]
async fn without_a_key_nothing_is_stored_and_a_key_adds_no_call() {
    // REG-06
    let world = World::new().await;
    world.register("bob@example.com").await;
    world.aws().clear_calls();
    world.register("eve@example.com").await;
    assert_eq!(world.operations(), ["UpdateItem", "TransactWriteItems", "SendMessage"]);
    assert_eq!(world.rows("REGISTER").len(), 0);

    world.aws().clear_calls();
    assert_eq!(register_under(&world, "a", &ada()).await.status, 201);
    assert_eq!(world.operations(), ["UpdateItem", "TransactWriteItems", "SendMessage"]);
    world.aws().clear_calls();
    assert_eq!(register_under(&world, "a", &ada()).await.status, 201);
    let mut as_by_login = world.operations().split_off(2);
    as_by_login.sort_unstable();
    let counts_and_releases = ["UpdateItem"; 5];
    assert_eq!(as_by_login, [&["GetItem", "PutItem", "Query"][..], &counts_and_releases].concat());
    world.deliver_mail().await;
}

#[tokio::test]
async fn an_invalid_key_is_reported_beside_the_fields() {
    // REG-06, INP-06
    let world = World::new().await;
    let answer = register_under(&world, "a b", &json!({"email": "ada", "password": PASSWORD})).await;
    let violation = |field: &str, message: &str| json!({"path": [field], "code": "invalid_string", "message": message});
    let details = json!([
        violation("email", "Invalid email"),
        violation("Idempotency-Key", "Idempotency-Key must be visible ASCII characters"),
    ]);
    assert_eq!((answer.status, answer.field("details")), (400, details));
    for key in ["", "schlüssel", &*"k".repeat(256)] {
        assert_eq!(register_under(&world, key, &ada()).await.status, 400, "{key}");
    }
    assert_nothing_is_stored(&world);
}

#[tokio::test]
async fn a_replay_that_finds_another_account_does_not_count_as_a_failed_login() {
    // FLT-01: the password was right
    let world = World::new().await;
    let first = Actor::signed_in("ada@example.com", &register_under(&world, "a", &ada()).await, 201);
    world.leave_mail();
    world.erase(&first).await;
    assert_eq!(world.post(REGISTER, &ada()).await.status, 201, "another account of the same address");
    for _ in 0..12 {
        assert_eq!(register_under(&world, "a", &ada()).await.verdict(), reused());
    }
    world.logged_in("ada@example.com").await;
}
