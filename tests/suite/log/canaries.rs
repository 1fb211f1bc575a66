//! Passwords, tokens, addresses and names appear in no log line and no message, in no encoding, at no level.
//!
//! To add a secret: use it in `lives` and return it with the others.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::doubles::{Fault, Service};
use tests::system::{MAIL_EVENTS_QUEUE, MAIL_QUEUE};
use tests::world::{Actor, World, posted};

use crate::support::spellings;

const EMAIL: &str = "Canary.Lovelace@example.com";
const NAME: &str = "Canary of a name";
const PASSWORD: &str = "canary of a password";
const CHANGED: &str = "canary of a changed password";
const RESET: &str = "canary of a reset password";
const WRONG: &str = "canary of another password";

/// Uses every route, with success and with failures. Returns the secrets that were used, and all answers.
async fn lives(world: &World) -> (Vec<String>, Vec<String>) {
    let mut answers = Vec::new();
    let mut secrets: Vec<_> =
        [EMAIL, &EMAIL.to_lowercase(), NAME, PASSWORD, WRONG, "canary-of-a-key"].map(str::to_owned).to_vec();
    let mut answered = async |path: &str, body: Value| {
        let answer = world.send(posted(path, &body).under_key("canary-of-a-key")).await;
        answers.push(format!("{:?} {}", answer.headers, answer.body));
        let tokens = ["accessToken", "refreshToken", "deviceToken"].into_iter().filter(|field| answer.has(field));
        secrets.extend(tokens.map(|field| answer.text(field)));
        answer
    };
    let [register, login, refresh, logout] =
        ["register", "login", "refresh", "logout"].map(|name| format!("/api/auth/{name}"));
    let account = json!({"email": EMAIL, "password": PASSWORD, "name": NAME});
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::down(), 5);
    assert_eq!(answered(&register, account.clone()).await.status, 503);
    world.aws().clear_faults();
    let first = answered(&register, account.clone()).await;
    let ada = Actor::signed_in(EMAIL, &first, 201);
    for (password, status) in [(PASSWORD, 201), (WRONG, 422)] {
        let again = json!({"email": EMAIL, "password": password, "name": NAME});
        assert_eq!(answered(&register, again).await.status, status);
    }
    assert_eq!(answered(&register, json!({"email": NAME, "password": EMAIL, "name": "<canary>"})).await.status, 400);
    let device = first.text("deviceToken");
    let known = json!({"email": EMAIL, "password": PASSWORD, "deviceToken": device});
    assert_eq!(answered(&login, known).await.status, 200);
    for _ in 0..11 {
        answered(&login, json!({"email": EMAIL, "password": WRONG})).await;
    }
    let second = answered(&refresh, json!({"refreshToken": ada.refresh_token})).await.text("refreshToken");
    let third = answered(&refresh, json!({"refreshToken": second})).await.text("refreshToken");
    for path in ["me", "sessions"] {
        assert_eq!(world.get(&format!("/api/auth/{path}"), Some(&ada.bearer())).await.status, 200);
    }
    assert_eq!(world.get("/api/auth/me", Some("Bearer canary.of.a-token")).await.status, 401);
    world.aws().fail(Service::Ses, "SendEmail", Fault::Throttled, 1);
    assert_eq!(world.send_welcome_email(&ada).await.status, 202);
    world.live_through(SignedDuration::from_mins(3)).await;
    assert_eq!(answered(&refresh, json!({"refreshToken": ada.refresh_token})).await.status, 401, "the token is reused");
    assert_eq!(answered(&logout, json!({"refreshToken": third, "everywhere": true})).await.status, 204);
    world.aws().fail(Service::Ses, "SendEmail", Fault::rejected(), usize::MAX);
    world.live_through(SignedDuration::from_mins(3)).await;
    secrets.push("canary.of.a-token".to_owned());
    (secrets, answers)
}

/// Uses every route of accounts. Returns the secrets that were used.
async fn changes(world: &World) -> Vec<String> {
    let [old, new] = ["second.canary@example.com", "third.canary@example.com"];
    let mut secrets: Vec<_> = [old, new, CHANGED, RESET, "Canary of a new name"].map(str::to_owned).to_vec();
    let register = posted("/api/auth/register", &json!({"email": old, "password": PASSWORD}));
    let ada = Actor::signed_in(old, &world.send(register.from_address("198.51.100.1")).await, 201);
    world.deliver_mail().await;
    secrets.push(world.code_mailed_to(old));
    assert_eq!(world.verify(&ada, "7K3M-9XQ2").await.status, 400);
    assert_eq!(world.verify(&ada, &world.code_mailed_to(old)).await.status, 200);
    assert_eq!(world.rename(&ada, &json!("Canary of a new name")).await.status, 200);
    assert_eq!(world.ask(&ada, "account/export", &json!({"password": WRONG})).await.status, 403);
    assert_eq!(world.ask(&ada, "account/export", &json!({"password": PASSWORD})).await.status, 200);
    let change = json!({"currentPassword": PASSWORD, "newPassword": CHANGED});
    let ada = Actor::signed_in(old, &world.ask(&ada, "password/change", &change).await, 200);
    let change = json!({"newEmail": new, "password": CHANGED});
    assert_eq!(world.ask(&ada, "email/change", &change).await.status, 202);
    world.deliver_mail().await;
    secrets.push(world.code_mailed_to(new));
    let ada = Actor::signed_in(new, &world.confirm_email(&ada, &world.code_mailed_to(new)).await, 200);
    let flow = world.forgot(new).await;
    world.deliver_mail().await;
    let (code, token) = (world.code_mailed_to(new), world.link_token_mailed_to(new));
    assert_eq!(world.reset_by_link(&token[..60], RESET).await.status, 400);
    assert_eq!(world.reset(&flow, &code, RESET).await.status, 200);
    secrets.extend([code, token, flow, ada.access_token]);
    let ada = world.logged_in_with(new, RESET).await;
    assert_eq!(world.ask(&ada, "account/delete", &json!({"password": RESET})).await.status, 202);
    world.live_through(SignedDuration::from_mins(20)).await;
    secrets
}

/// Returns the secrets that appear in a text, in any encoding, each with the text.
fn found_in(texts: impl IntoIterator<Item = String>, secrets: &[String]) -> Vec<(&str, String)> {
    let texts: Vec<_> = texts.into_iter().collect();
    let found = |secret: &str| {
        let spellings = spellings(secret);
        texts.iter().find(|text| spellings.iter().any(|spelling| text.contains(spelling))).cloned()
    };
    secrets.iter().filter_map(|secret| Some((secret.as_str(), found(secret)?))).collect()
}

#[tokio::test]
async fn no_log_line_message_or_answer_contains_a_secret_or_a_person() {
    // OBS-01, PWD-09: our own lines have no secret even at TRACE
    let world = World::telling_all().await;
    let changed = changes(&world).await;
    let (mut secrets, answers) = lives(&world).await;
    let unanswered = [PASSWORD, WRONG, "canary-of-a-key"].map(str::to_owned);
    assert_eq!(found_in(answers, &unanswered), []);
    secrets.extend(changed.clone());
    let messages = [MAIL_QUEUE, MAIL_EVENTS_QUEUE].map(|queue| world.aws().sqs.bodies(queue)).concat();
    let dead = world.dead_letters();
    assert!(!dead.is_empty());
    assert_eq!(found_in(messages.into_iter().chain(dead.iter().map(Value::to_string)), &secrets), []);
    // Our own lines are those with an event.
    let (ours, libraries): (Vec<_>, Vec<_>) = world.log().into_iter().partition(|line| line["event"].is_string());
    assert_eq!(found_in(ours.iter().map(Value::to_string), &secrets), []);
    let (fine, coarse): (Vec<_>, Vec<_>) =
        libraries.into_iter().partition(|line| line["level"] == "TRACE" || line["level"] == "DEBUG");
    assert_eq!(found_in(coarse.iter().map(Value::to_string), &secrets), []);
    // The SDK logs DynamoDB's answers at TRACE, so no release build has that level. It also shows that the search
    // finds.
    let found = found_in(fine.iter().map(Value::to_string), &secrets);
    let found: Vec<_> = found.into_iter().map(|(secret, _)| secret).collect();
    assert_eq!(found, [EMAIL, &EMAIL.to_lowercase(), NAME, &changed[0], &changed[1], &changed[4]]);
}
