//! Versions of Latchkey follow each other in one set of tables, and run beside each other while one is deployed or rolled
//! back. So each of them ignores the items, and the values, that only another version knows.

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::system::ACCOUNT_KEYS;
use tests::world::{PASSWORD, World, authorized, posted, request};
use tests::{event, functions};

/// Sort keys that a later version may use in a user's partition, around and between those of today.
const SORT_KEYS: [&str; 14] = [
    "!",
    "CODE#EMAIL",
    "CODE#VERIFY",
    "LIMIT#EXPORT#1",
    "MAIK",
    "MAILBOX",
    "PASSWORD",
    "PROFILE#2",
    "PROFILES",
    "QUOTA",
    "RESET",
    "SESSION",
    "TOTP",
    "~",
];

/// Adds an item of every such kind to every user's partition, and partitions of later kinds.
fn add_unknown_items(world: &World) {
    let users: Vec<_> = world.users().into_iter().map(|user| user.pk).collect();
    let partitions = ["FLOW#1", "IMPORTED#1", "USER#not-an-id"].map(str::to_owned);
    for pk in users.into_iter().chain(partitions) {
        for sk in SORT_KEYS {
            let item = json!({"pk": {"S": pk}, "sk": {"S": sk}, "userId": {"N": "5"}, "state": {"S": "new"}});
            world.tamper("Accounts", item, &json!({}));
        }
    }
    for (table, sk) in [("Credentials", "TOTP"), ("PublicKeys", "NEXT")] {
        world.tamper(table, json!({"pk": {"S": "EMAIL#ada@example.com"}, "sk": {"S": sk}}), &json!({}));
    }
}

/// Adds an attribute that only a later version knows to every item of every table.
fn add_unknown_attributes(world: &World) {
    for table in ["Credentials", "Accounts", "PublicKeys"] {
        for item in world.items(table) {
            world.tamper(table, item, &json!({"ofLater": {"M": {"x": {"NULL": true}}}}));
        }
    }
}

#[tokio::test]
async fn every_route_works_beside_items_and_attributes_of_other_versions() {
    // ACC-12
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.pass(SignedDuration::from_mins(1));
    add_unknown_items(&world);
    add_unknown_attributes(&world);
    let unknown = |world: &World| -> Vec<Value> {
        world.items("Accounts").into_iter().filter(|item| item["state"]["S"] == "new").collect()
    };
    let before = unknown(&world).len();

    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 200);
    assert_eq!(world.login("ada@example.com", "not her password").await.status, 401);
    assert_eq!(world.me(&ada).await.status, 200);
    assert_eq!(world.refresh(&ada.refresh_token).await.status, 200);
    let listed = world.get("/api/auth/sessions", Some(&ada.bearer())).await.json();
    let sessions = listed["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2, "{listed}");
    let path = format!("/api/auth/sessions/{}", sessions[0]["id"].as_str().unwrap());
    assert_eq!(world.send(authorized(request("DELETE", &path), Some(&ada.bearer()))).await.status, 204);
    assert_eq!(world.send_welcome_email(&ada).await.status, 202);
    world.deliver_mail().await;
    world.deliver_mail_events().await;
    assert_eq!(world.get("/health", None).await.status, 200);
    assert_eq!(world.logout_everywhere(&ada.refresh_token).await.status, 204);
    assert_eq!(unknown(&world).len(), before, "none was changed or deleted");

    world.erase(&ada).await;
    let left = world.items("Accounts").into_iter().filter(|item| item["pk"]["S"] == format!("USER#{}", ada.id()));
    assert_eq!(left.count(), 0, "an erased user leaves nothing, of whatever kind");
}

#[tokio::test]
async fn a_mail_of_an_unknown_kind_waits_for_the_version_that_knows_it() {
    // ACC-12, SES-01
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    assert_eq!(world.send_welcome_email(&ada).await.status, 202);
    let owed = world.mails_owed().remove(0);
    let item = world.rows("MAIL#").into_iter().find(|item| item["sk"]["S"] == owed.sk).unwrap();
    world.tamper("Accounts", item.clone(), &json!({"kind": {"S": "postcard"}}));

    world.live_through(SignedDuration::from_hours(1)).await;
    assert_eq!((world.mails().len(), world.dead_letters().len()), (1, 0), "it is neither sent nor given up");
    assert!(world.logged("mail_needs_operator") > 2, "and it is tried again");

    let item = world.rows("MAIL#").into_iter().find(|item| item["sk"]["S"] == owed.sk).unwrap();
    world.tamper("Accounts", item, &json!({"kind": {"S": "welcome"}}));
    world.live_through(SignedDuration::from_hours(1)).await;
    assert_eq!(world.mails().len(), 2);
}

#[tokio::test]
async fn a_mail_of_an_unknown_kind_waits_whatever_has_become_of_its_user() {
    // ACC-12
    for (user, change) in
        [("suppressed", json!({"emailHistory": {"SS": ["bounced"]}})), ("gone", json!({"sk": {"S": "PROFILE#OLD"}}))]
    {
        let world = World::new().await;
        let ada = world.registered("ada@example.com").await;
        assert_eq!(world.send_welcome_email(&ada).await.status, 202);
        let owed = world.mails_owed().remove(0);
        let item = world.rows("MAIL#").into_iter().find(|item| item["sk"]["S"] == owed.sk).unwrap();
        world.tamper("Accounts", item, &json!({"kind": {"S": "of-a-newer-version"}, "to": {"S": "ada@old.example"}}));
        let profile = world.profile_item(&ada);
        world.delete_profile(&ada);
        world.tamper("Accounts", profile, &change);
        world.live_through(SignedDuration::from_hours(1)).await;
        assert_eq!((world.mails().len(), world.dead_letters().len()), (1, 0), "{user}");
        let kept = world.rows("MAIL#").into_iter().find(|item| item["sk"]["S"] == owed.sk).unwrap();
        assert_eq!((&kept["state"]["S"], &kept["to"]["S"]), (&json!("pending"), &json!("ada@old.example")), "{user}");
        world.leave_mail();
    }
}

#[tokio::test]
async fn a_key_of_a_new_purpose_is_made_by_the_next_rotation_and_nothing_fails_before() {
    // ACC-12, KEY-05: the secret as a version wrote it that knew neither device keys nor mailed codes
    let world = World::with_its_own_keys(&[]).await;
    world.registered("ada@example.com").await;
    let text = world.aws().secrets.value(ACCOUNT_KEYS, "AWSCURRENT").unwrap();
    let mut set: Value = serde_json::from_str(&text).unwrap();
    let keys = set["keys"].as_array_mut().unwrap();
    keys.retain(|key| key["purpose"] != "mailCode");
    keys.push(json!({
        "purpose": "totp", "id": "totp-1", "key": "of a later version", "publishedAt": keys[0]["publishedAt"],
        "signsFrom": keys[0]["signsFrom"],
    }));
    let secret = world.aws().secrets.create("older", &set.to_string());
    let app = world.another_process(&[("ACCOUNT_KEYS_SECRET", &secret)]);

    let login = posted("/api/auth/login", &json!({"email": "ada@example.com", "password": PASSWORD}));
    assert_eq!(world.send_to(&app, login).await.status, 200, "no code is asked for");
    let token = world.aws().secrets.begin_rotation("older").unwrap();
    for step in ["createSecret", "setSecret", "testSecret", "finishSecret"] {
        let event = event::invocation(event::rotation(step, &secret, &token), 30);
        functions::invoke(&app, "rotate-keys", event).await.unwrap_or_else(|error| panic!("{step}: {error}"));
    }
    let set: Value = serde_json::from_str(&world.aws().secrets.value("older", "AWSCURRENT").unwrap()).unwrap();
    let purposes: Vec<_> = set["keys"].as_array().unwrap().iter().map(|key| key["purpose"].as_str().unwrap()).collect();
    assert!(purposes.contains(&"mailCode") && purposes.contains(&"totp"), "{purposes:?}");
}

#[tokio::test]
async fn the_sweeper_passes_over_due_work_that_it_does_not_know() {
    // ACC-12, OUT-02
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    for shard in 0..8 {
        for number in 0..12 {
            let item = json!({
                "pk": {"S": format!("FLOW#{number}")}, "sk": {"S": format!("RESET#{shard}")},
                "due": {"N": "1"}, "dueShard": {"S": format!("DUE#{shard}")},
            });
            world.tamper("Accounts", item, &json!({}));
        }
    }
    world.leave_mail(); // the rows above stay due
    world.aws().fail(tests::doubles::Service::Sqs, "SendMessage", tests::doubles::Fault::denied(), 1);
    assert_eq!(world.send_welcome_email(&ada).await.status, 202);
    world.pass(SignedDuration::from_mins(2));
    world.sweep().await;
    assert_eq!(world.logged("sweep_failed") + world.logged("due_entry_unreadable"), 0);
    world.deliver_mail().await;
    assert_eq!(world.mails().len(), 2, "the mail behind a page of unknown work is sent");
    assert_eq!(world.rows("RESET#").len(), 96);
}

#[tokio::test]
async fn unknown_values_of_ses_events_teach_nothing_and_break_nothing() {
    // ACC-12
    let world = World::new().await;
    let ada = world.registered("ada@example.com").await;
    world.tamper_with_profile(&ada, &json!({"emailHistory": {"SS": ["delivered", "forwarded"]}}));
    let me = world.me(&ada).await;
    assert_eq!((me.status, me.json()["user"]["emailStatus"].clone()), (200, json!("delivered")));
}
