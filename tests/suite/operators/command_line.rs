//! The command line `latchkey`: each command changes a row, and is refused once.

use serde_json::{Value, json};
use tests::doubles::{Fault, Service};
use tests::system::{ACCOUNT_KEYS, DEAD_LETTER_QUEUE};
use tests::world::{NEW_PASSWORD, PASSWORD, World};

use super::world;

/// What every change states.
const STATED: [&str; 4] = ["--actor", "grace", "--reason", "ticket 4711"];

/// Runs a command for people. Fails the test if it ends with another code.
async fn run(world: &World, words: &[&str], code: u8) -> String {
    let printed = world.latchkey(words).await;
    assert_eq!(printed.code, code, "{words:?}: {printed:?}");
    printed.output + &printed.errors
}

async fn change(world: &World, words: &[&str], code: u8) -> String {
    run(world, &[words, &STATED].concat(), code).await
}

#[tokio::test]
async fn users_are_found_kept_out_and_let_in() {
    // ADM-02
    let world = world().await;
    let ada = world.registered("ada@example.com").await;
    assert!(run(&world, &["user", "list"], 0).await.contains("ada@example.com"));
    assert!(run(&world, &["user", "show", "Ada@example.com"], 0).await.contains(ada.id()));
    assert!(change(&world, &["user", "sign-out", ada.id()], 0).await.starts_with("Done."));
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 401);
    assert!(change(&world, &["user", "disable", ada.id()], 0).await.starts_with("Done."));
    assert_eq!(world.user(&ada).status, "disabled");
    assert!(change(&world, &["user", "disable", ada.id()], 0).await.starts_with("Nothing to do."));
    assert!(change(&world, &["user", "enable", ada.id()], 0).await.starts_with("Done."));
    assert_eq!(world.login(&ada.email, PASSWORD).await.status, 200);
    for command in ["show", "sign-out", "disable", "enable", "verify", "reset", "unsuppress", "export"] {
        let words = ["user", command, "eve@example.com"];
        let told = if command == "show" { run(&world, &words, 1).await } else { change(&world, &words, 1).await };
        assert_eq!(told, "latchkey: no such user\n", "{command}");
    }
    assert_eq!(world.log_lines("authz_admin")[2]["actor"], "grace");
}

#[tokio::test]
async fn users_are_invited_helped_exported_and_erased() {
    // ADM-02
    let world = world().await;
    change(&world, &["user", "invite", "ada@example.com", "--name", "Ada"], 0).await;
    assert!(run(&world, &["user", "list"], 0).await.contains("no password"));
    world.deliver_mail().await;
    let token = world.link_token_mailed_to("ada@example.com");
    assert_eq!(world.reset_by_link(&token, NEW_PASSWORD).await.status, 200);
    world.deliver_mail().await;

    change(&world, &["user", "verify", "ada@example.com"], 0).await;
    assert!(change(&world, &["user", "reset", "ada@example.com"], 0).await.starts_with("Done."));
    world.deliver_mail().await;
    let exported = world.latchkey(&[&["user", "export", "ada@example.com"][..], &STATED].concat()).await;
    assert_eq!(exported.json()["user"]["email"], "ada@example.com");
    change(&world, &["user", "set-email", "ada@example.com", "ada@example.org", "--yes"], 0).await;
    world.deliver_mail().await;
    change(&world, &["user", "unsuppress", "ada@example.org"], 0).await;
    change(&world, &["user", "erase", "ada@example.org", "--yes"], 0).await;
    assert_eq!(world.credentials().len(), 0);
    change(&world, &["user", "erase", "ada@example.org", "--yes"], 1).await;
    change(&world, &["user", "invite", "not an address"], 2).await;
    world.deliver_mail().await;
}

#[tokio::test]
async fn dead_letters_are_listed_redriven_and_deleted() {
    // ADM-02
    let world = World::new().await;
    world.aws().fail(Service::Ses, "SendEmail", Fault::rejected(), usize::MAX);
    world.registered_with_queued_mail("ada@example.com").await;
    world.deliver_mail().await;
    assert!(run(&world, &["mail", "list"], 0).await.contains("MessageRejected"));
    assert!(change(&world, &["mail", "redrive"], 0).await.ends_with("1 message\n"));
    world.deliver_mail().await;
    let listed = world.latchkey(&["mail", "list", "--json"]).await.json();
    let id = listed["messages"][0]["id"].as_str().expect("it is back").to_owned();
    assert!(change(&world, &["mail", "delete", &id], 2).await.contains("Delete 1 message?"));
    assert!(change(&world, &["mail", "delete", &id, "--yes"], 0).await.ends_with("1 message\n"));
    assert_eq!(world.dead_letters(), [Value::Null; 0]);
    assert!(run(&world, &["mail", "list", "--queue", "mail-events"], 0).await.contains("0 messages"));
    world.aws().fail(Service::Sqs, "ReceiveMessage", Fault::denied(), usize::MAX);
    change(&world, &["mail", "redrive"], 3).await;
}

#[tokio::test]
async fn messages_that_no_call_reaches_are_told_by_the_exit_code() {
    // ADM-02: a call sees 200 messages at most
    let world = World::new().await;
    for number in 0..210 {
        world.aws().sqs.put(DEAD_LETTER_QUEUE, number.to_string());
    }
    let words = ["mail", "delete", "00000000-0000-0000-0000-000000000000", "--yes"];
    let told = change(&world, &words, 3).await;
    assert!(told.contains("0 messages") && told.contains("more messages than a call reaches"), "{told}");
    let listed = world.latchkey(&["mail", "list", "--json"]).await.json();
    assert_eq!(listed["messages"].as_array().map(Vec::len), Some(200));
    let id = listed["messages"][0]["id"].as_str().expect("an id");
    assert!(change(&world, &["mail", "delete", id, "--yes"], 0).await.contains("1 message\n"));
    assert!(change(&world, &["mail", "redrive"], 0).await.contains("209 messages"));
    assert!(change(&world, &words, 0).await.contains("0 messages"));
}

#[tokio::test]
async fn keys_are_listed_rotated_and_withdrawn() {
    // ADM-02, KEY-05
    let world = World::with_its_own_keys(&[]).await;
    let access =
        |keys: &Value| keys["keys"].as_array().expect("keys").iter().filter(|key| key["purpose"] == "access").count();
    let listed = world.latchkey(&["keys", "list", "--json"]).await.json();
    assert_eq!(access(&listed), 1);
    let rotated = world.latchkey(&["keys", "rotate", "--json"]).await;
    assert_eq!((rotated.code, access(&rotated.json())), (0, 2));
    let leaked = listed["keys"][0]["id"].as_str().expect("an id");
    run(&world, &["keys", "withdraw", "--", leaked], 2).await;
    run(&world, &["keys", "withdraw", "--yes", "--", leaked], 0).await;
    run(&world, &["keys", "withdraw", "--yes", "--", "-an-id-of-no-key"], 0).await;
    assert!(!run(&world, &["keys", "list"], 0).await.contains(leaked));
    world.aws().fail(Service::Secrets, "GetSecretValue", Fault::denied(), usize::MAX);
    assert!(run(&world, &["keys", "list"], 1).await.contains("local-rotate-keys failed"));
    world.aws().clear_faults();
    let before = world.aws().secrets.value(ACCOUNT_KEYS, "AWSCURRENT");
    run(&world, &["keys", "rotate", "account"], 0).await;
    assert_ne!(world.aws().secrets.value(ACCOUNT_KEYS, "AWSCURRENT"), before);
}

#[tokio::test]
async fn the_status_is_told_to_people_and_as_json() {
    // ADM-02
    let world = World::new().await;
    let told = run(&world, &["status"], 0).await;
    for part in ["registration  open", "mail dead letters: 0 waiting", "SigningKeys", "SES"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert_eq!(world.latchkey(&["--json", "status"]).await.json()["registration"], "open");
}

#[tokio::test]
async fn what_cannot_be_undone_is_asked_first() {
    // ADM-02
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    let words = [&["user", "erase", "ada@example.com"][..], &STATED].concat();
    let unasked = world.latchkey(&words).await;
    assert_eq!((unasked.code, unasked.errors.contains("--yes")), (2, true), "{unasked:?}");
    for answer in ["no\n", "y\n", ""] {
        assert_eq!(world.latchkey_asked(&words, Some(answer)).await.code, 1, "{answer:?}");
    }
    assert_eq!(world.user(&ada).status, "active");
    assert_eq!(world.latchkey_asked(&words, Some("yes\n")).await.code, 0);
    assert_eq!(world.user(&ada).status, "disabled");
    world.deliver_mail().await;
}

#[tokio::test]
async fn words_that_make_no_command_are_explained() {
    // ADM-02
    let world = World::new().await;
    for words in [
        &["user"][..],
        &["user", "promote", "ada@example.com"],
        &["user", "disable", "ada@example.com", "--actor", "grace"],
        &["user", "disable", "ada", "--actor", "grace", "--reason", "x"],
        &["user", "disable", "ada@example.com", "--actor", "grace", "--reason", "a\nb"],
        &["mail", "list", "--queue", "spam"],
    ] {
        let told = run(&world, words, 2).await;
        assert!(told.len() > 20, "{words:?}: {told}");
    }
    for words in [&["--help"][..], &["user", "--help"], &["user", "disable", "--help"], &["--version"]] {
        let told = run(&world, words, 0).await;
        assert!(told.contains("latchkey"), "{words:?}: {told}");
    }
    assert!(run(&world, &["--help"], 0).await.contains("Exit codes"));
}

#[tokio::test]
async fn an_unavailable_service_is_told_apart_from_a_refusal() {
    // ADM-02
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.break_store("GetItem");
    let told = change(&world, &["user", "disable", ada.id()], 3).await;
    assert!(told.contains("give the same command again"), "{told}");
    world.aws().clear_faults();
    change(&world, &["user", "disable", ada.id()], 0).await;
    assert_eq!(json!(world.user(&ada).status), "disabled");
}
