//! The drill of a restore: the steps of "Restore from a backup" in `docs/mail.md`, in their order, on tables that went
//! back in time. `ops/restore-drill` runs it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::world::{NEW_PASSWORD, PASSWORD, World};

/// The expression by which step 2 marks a mail that was sent.
const MARK_SENT: &str = "SET #s = :sent REMOVE due, dueShard";
/// For how long keys are not read again.
const CACHED: SignedDuration = SignedDuration::from_mins(6);

#[tokio::test]
async fn after_a_restore_no_old_token_refreshes_and_no_mail_is_sent_twice() {
    // OUT-04, REF-03, KEY-05
    let lost = World::new().await;
    let ada = lost.registered("ada@example.com").await;
    let bob = lost.registered("bob@example.com").await;
    lost.registered_with_unqueued_mail("eve@example.com").await;
    let dave = lost.registered_with_unqueued_mail("dave@example.com").await;

    // The moment that point-in-time recovery goes back to: copies of the tables, and the secrets as they are.
    let restored = lost.copy().await;
    assert_eq!(restored.mails_owed().len(), 2, "the mails to eve and dave");

    // What happens after it, and is lost.
    let bobs_next_token = lost.refreshed(&bob.refresh_token).await;
    assert_eq!(lost.change_password(&ada, NEW_PASSWORD).await.status, 200);
    lost.register("carol@example.com").await;
    lost.pass(SignedDuration::from_mins(2));
    // The sweeper has not come to dave's mail when the tables are lost.
    let owed = lost
        .rows("MAIL#")
        .into_iter()
        .find(|row| row.get("due").is_some() && text(&row["pk"]["S"]).ends_with(dave.id()));
    let in_an_hour = (lost.now().as_millisecond() + 3_600_000).to_string();
    lost.tamper("Accounts", owed.unwrap(), &json!({"due": {"N": in_an_hour}}));
    lost.sweep().await;
    lost.deliver_mail().await;
    lost.leave_mail();
    let sent: BTreeSet<_> = lost.log_lines("mail_sent").iter().map(|line| text(&line["mail"])).collect();

    // Steps 1 and 2: nothing runs, and the log tells which mails were sent after the moment.
    restored.pass_until(lost.now());
    let mut marked = 0;
    for row in restored.rows("MAIL#").iter().filter(|row| row.get("due").is_some()) {
        if sent.contains(&name_of(row)) {
            mark_sent(&restored, row);
            marked += 1;
        }
    }
    assert_eq!(marked, 1, "eve's mail was sent, and dave's was not: {sent:?}");

    // Step 5: withdraw the refresh keys, which publishes the keys as well.
    let listed = restored.system().invoke("rotate-keys", json!({"withdraw": []}), 60).await.unwrap();
    let refresh_keys: Vec<_> =
        listed["keys"].as_array().unwrap().iter().filter(|key| key["purpose"] == "refresh").collect();
    let ids: Vec<_> = refresh_keys.iter().map(|key| &key["id"]).collect();
    restored.system().invoke("rotate-keys", json!({"withdraw": ids}), 60).await.unwrap();
    restored.pass(CACHED);

    // Step 6: the functions run again.
    restored.sweep().await;
    restored.deliver_mail().await;
    let mailed: Vec<_> = restored.mails().iter().map(|mail| format!("{mail:?}")).collect();
    assert_eq!(mailed.len(), 1, "{mailed:?}");
    assert!(mailed[0].contains("dave@example.com"), "the mail that was never sent: {mailed:?}");

    for token in [&bob.refresh_token, &bobs_next_token, &ada.refresh_token] {
        assert_eq!(restored.refresh(token).await.status, 401, "no token from before the restore refreshes");
    }
    assert_eq!(restored.logged("authn_token_reuse"), 0, "and no one is called a thief");
    assert_eq!(restored.login("ada@example.com", NEW_PASSWORD).await.status, 401, "a password of after the moment");
    assert_eq!(restored.login("ada@example.com", PASSWORD).await.status, 200, "the password of the moment is back");
    assert_eq!(
        restored.login("carol@example.com", PASSWORD).await.status,
        401,
        "accounts of after the moment are gone"
    );
    let bob = restored.logged_in("bob@example.com").await;
    assert_eq!(restored.refresh(&bob.refresh_token).await.status, 200, "new sessions are good");
    assert_eq!(restored.me(&bob).await.status, 200, "verifiers know the key");
}

#[test]
fn the_drill_and_the_document_mark_mails_by_the_same_expression() {
    // OUT-04
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/mail.md");
    assert!(fs::read_to_string(document).unwrap().contains(&format!("--update-expression '{MARK_SENT}'")));
}

fn mark_sent(world: &World, row: &Value) {
    let request = json!({
        "TableName": "Accounts",
        "Key": {"pk": row["pk"], "sk": row["sk"]},
        "UpdateExpression": MARK_SENT,
        "ExpressionAttributeNames": {"#s": "state"},
        "ExpressionAttributeValues": {":sent": {"S": "sent"}},
    });
    world.system().database.update_item(serde_json::from_value(request).unwrap()).unwrap();
}

/// Returns the name that the log gives a mail: the user's id and the mail's.
fn name_of(row: &Value) -> String {
    let part = |name: &str, prefix: &str| text(&row[name]["S"]).trim_start_matches(prefix).to_owned();
    format!("{}/{}", part("pk", "USER#"), part("sk", "MAIL#"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
