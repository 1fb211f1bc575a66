//! Resets and changes that meet each other, and logins that are on their way meanwhile.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::json;
use tests::doubles::{Fault, Service};
use tests::world::{NEW_PASSWORD, PASSWORD, World};

#[tokio::test]
async fn of_twenty_parallel_resets_exactly_one_wins() {
    // ACC-02
    let world = World::with(&[("RESET_URL", "https://app.example.com/reset")]).await;
    let ada = world.registered("ada@example.com").await;
    world.forgot(&ada.email).await;
    world.deliver_mail().await;
    let token = world.link_token_mailed_to(&ada.email);
    let passwords: Vec<_> = (0..20).map(|n| format!("violet harbour {n} teapot")).collect();
    let answers = join_all(passwords.iter().map(|password| world.reset_by_link(&token, password))).await;
    let mut statuses = BTreeMap::new();
    for answer in &answers {
        *statuses.entry(answer.status).or_insert(0) += 1;
    }
    assert_eq!(statuses, BTreeMap::from([(200, 1), (400, 19)]));
    for (password, answer) in passwords.iter().zip(&answers) {
        let login = world.login_from(&format!("198.51.100.{}", password.len()), &ada.email, password).await;
        assert_eq!(login.status == 200, answer.status == 200, "{password}");
    }
    world.deliver_mail().await;
    assert_eq!(world.texts_mailed_to(&ada.email).len(), 3, "welcome, reset and one notice");
}

#[tokio::test]
async fn a_login_that_read_the_old_hash_opens_no_session_that_survives_a_reset() {
    // ACC-03: the reset commits between the reads of the credential and of the account
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let flow = world.forgot(&ada.email).await;
    world.deliver_mail().await;
    let code = world.code_mailed_to(&ada.email);
    let other = world.copy().await;
    other.leave_mail();
    assert_eq!(other.reset(&flow, &code, NEW_PASSWORD).await.status, 200);
    let after = (other.credential_item("ada@example.com"), other.profile_item(&ada));
    let commit = || {
        world.tamper("Credentials", after.0, &json!({}));
        world.tamper("Accounts", after.1, &json!({}));
    };
    let answer = world.meanwhile("Query", commit, world.login(&ada.email, PASSWORD)).await;
    if answer.status == 200 {
        assert_eq!(world.refresh(&answer.refresh_token()).await.status, 401, "it dies at its first refresh");
    } else {
        assert_eq!(answer.status, 401);
    }
    assert_eq!(world.login(&ada.email, NEW_PASSWORD).await.status, 200);
}

#[tokio::test]
async fn no_write_that_the_old_password_allowed_commits_after_a_reset() {
    // ACC-03: the password was verified, and the reset commits while the write meets another transaction
    let change = json!({"currentPassword": PASSWORD, "newPassword": "another harbour 48 teapot"});
    for (route, body) in [
        ("password/change", change),
        ("email/change", json!({"newEmail": "eve@example.org", "password": PASSWORD})),
        ("account/export", json!({"password": PASSWORD})),
        ("account/delete", json!({"password": PASSWORD})),
    ] {
        let world = World::new().await;
        world.leave_mail();
        let ada = world.registered("ada@example.com").await;
        let flow = world.forgot(&ada.email).await;
        world.deliver_mail().await;
        let code = world.code_mailed_to(&ada.email);
        let after = world.copy().await;
        after.leave_mail();
        assert_eq!(after.reset(&flow, &code, NEW_PASSWORD).await.status, 200);
        let rows = (after.credential_item("ada@example.com"), after.profile_item(&ada));
        let commit = || {
            world.tamper("Credentials", rows.0, &json!({}));
            world.tamper("Accounts", rows.1, &json!({}));
        };
        let conflict = Fault::cancelled(&["TransactionConflict"]);
        world.aws().fail(Service::DynamoDb, "TransactWriteItems", conflict, 1);
        let answer = world.meanwhile("TransactWriteItems", commit, world.ask(&ada, route, &body)).await;
        assert_eq!(answer.verdict(), (401, "Invalid token".to_owned()), "{route}: its session has ended");
        let user = world.user(&ada);
        assert_eq!((user.status.as_str(), user.email.as_str()), ("active", "ada@example.com"), "{route}");
        assert_eq!((world.rows("CODE#EMAIL").len(), world.rows("LIMIT#EXPORT").len()), (0, 0), "{route}");
        assert_eq!(world.login_from("198.51.100.7", &ada.email, NEW_PASSWORD).await.status, 200, "{route}");
    }
}

#[tokio::test]
async fn a_reset_that_meets_another_transaction_is_retried_and_then_503_without_a_loss() {
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let flow = world.forgot(&ada.email).await;
    world.deliver_mail().await;
    let code = world.code_mailed_to(&ada.email);
    let conflict = Fault::cancelled(&["None", "TransactionConflict", "None", "None"]);
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", conflict.clone(), 2);
    assert_eq!(world.reset(&flow, &code, NEW_PASSWORD).await.status, 200);

    let flow = world.forgot(&ada.email).await;
    world.deliver_mail().await;
    let code = world.code_mailed_to(&ada.email);
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", conflict, usize::MAX);
    assert_eq!(world.reset(&flow, &code, "another harbour 48 teapot").await.status, 503);
    world.aws().clear_faults();
    assert_eq!(world.reset(&flow, &code, "another harbour 48 teapot").await.status, 200);
    world.deliver_mail().await;
}
