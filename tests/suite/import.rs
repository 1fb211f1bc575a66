//! Importing the users of another backend: the operation `import`, and the logins that follow.
//!
//! `hashes` tests the hashes of other systems, and `command` the command line.

mod command;
mod hashes;

use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::doubles::{Fault, Service};
use tests::rows::text;
use tests::world::{NEW_PASSWORD, PASSWORD, World};

/// The hash of [`PASSWORD`] by Node's bcrypt, of cost 4.
const BCRYPT: &str = "$2b$04$wr4HpjK5NNTqV9HDGFJDJunP8zIkpWkOyvk0fx3eRiUXAiiFjh1ia";
const ADA: &str = "9b2e7c1a-3d4f-4a5b-8c6d-7e8f90a1b2c3";

/// Makes a world that verifies bcrypt hashes of cost 4.
async fn world() -> World {
    World::with(&[("LEGACY_HASHES", "4"), ("RESET_URL", "https://app.example.com/reset")]).await
}

/// Imports rows and returns what became of each of them: the outcome, or the reason of a refusal.
async fn import(world: &World, rows: &Value) -> Vec<String> {
    let answer = world.operate("import", json!({"rows": rows})).await;
    outcomes(&answer)
}

fn outcomes(answer: &Value) -> Vec<String> {
    let rows = answer["rows"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let words = |row: &Value| row["reason"].as_str().or(row["outcome"].as_str()).unwrap().to_owned();
    rows.iter().map(words).collect()
}

fn ada() -> Value {
    json!([{"id": ADA, "email": "Ada@Example.com", "name": "Ada", "createdAt": "2024-02-03 04:05:06.789", "hash": BCRYPT}])
}

/// Returns all items of users, and of nothing else.
fn items(world: &World) -> [Vec<Value>; 2] {
    [world.items("Credentials"), world.user_items()]
}

#[tokio::test]
async fn an_imported_user_logs_in_with_the_old_password_and_keeps_id_name_and_time() {
    // IMP-01, IMP-02
    let world = world().await;
    assert_eq!(import(&world, &ada()).await, ["taken"]);
    let actor = world.logged_in("ada@example.com").await;
    assert_eq!(actor.id(), ADA);
    assert_eq!((&actor.user["email"], &actor.user["name"]), (&json!("Ada@Example.com"), &json!("Ada")));
    assert_eq!(
        (&actor.user["createdAt"], &actor.user["emailVerified"]),
        (&json!("2024-02-03T04:05:06.789Z"), &json!(false))
    );
    assert!(world.credential("ada@example.com").hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_eq!(world.refresh(&actor.refresh_token).await.status, 200);
    assert_eq!(world.logged_in("ada@example.com").await.id(), ADA, "by the new hash");
    assert_eq!(world.mail_rows().len(), 0, "nobody is mailed");
}

#[tokio::test]
async fn an_imported_user_finds_the_old_id_in_the_export() {
    // ACC-09, IMP-01
    let world = world().await;
    let row = json!({"id": "42", "email": "ada@example.com", "hash": BCRYPT});
    assert_eq!(import(&world, &json!([row])).await, ["taken"]);
    let ada = world.logged_in("ada@example.com").await;
    let export = world.ask(&ada, "account/export", &json!({"password": PASSWORD})).await;
    let user = export.field("user");
    assert_eq!((&user["externalId"], &user["importedAt"]), (&json!("42"), &json!("2027-01-15T12:00:00.000Z")));
}

#[tokio::test]
async fn ids_are_kept_or_derived_and_the_second_run_changes_nothing() {
    // IMP-01
    let world = world().await;
    let rows = json!([
        {"id": "9b2e7c1a-3d4f-1a5b-8c6d-7e8f90a1b2c3", "email": "one@example.com"},
        {"id": "00000000-0000-0000-0000-000000000000", "email": "nil@example.com"},
        {"id": "9B2E7C1A-3D4F-4A5B-8C6D-7E8F90A1B2C3", "email": "upper@example.com"},
        {"id": "42", "email": "number@example.com"},
        {"email": "none@example.com", "hash": BCRYPT, "emailVerified": true},
    ]);
    assert_eq!(import(&world, &rows).await, ["taken"; 5]);
    let before = items(&world);
    let ids = |email: &str| {
        let user = world.credential_item(email)["userId"]["S"].as_str().unwrap().to_owned();
        let profile = world.rows("PROFILE").into_iter().find(|profile| text(profile, "userId") == user).unwrap();
        (user, profile["externalId"]["S"].as_str().map(str::to_owned))
    };
    assert_eq!(ids("one@example.com"), ("9b2e7c1a-3d4f-1a5b-8c6d-7e8f90a1b2c3".to_owned(), None));
    assert_eq!(ids("nil@example.com").0, "00000000-0000-0000-0000-000000000000");
    assert_eq!(ids("upper@example.com").1.as_deref(), Some("9B2E7C1A-3D4F-4A5B-8C6D-7E8F90A1B2C3"));
    assert_eq!(ids("number@example.com").1.as_deref(), Some("42"));
    assert_eq!(ids("none@example.com").1, None);

    world.pass(SignedDuration::from_hours(1));
    assert_eq!(import(&world, &rows).await, ["unchanged"; 5]);
    assert_eq!(items(&world), before);
    let actor = world.logged_in("none@example.com").await;
    assert_eq!(actor.user["emailVerified"], true);
    assert_eq!(actor.id(), ids("none@example.com").0);
}

#[tokio::test]
async fn a_user_who_has_changed_something_since_is_left_alone() {
    // IMP-01
    let world = world().await;
    assert_eq!(import(&world, &ada()).await, ["taken"]);
    let actor = world.logged_in("ada@example.com").await;
    assert_eq!(world.rename(&actor, &json!("Countess")).await.status, 200);
    assert_eq!(world.change_email(&actor, "ada@example.org").await.status, 202);
    world.deliver_mail().await;
    assert_eq!(world.confirm_email(&actor, &world.code_mailed_to("ada@example.org")).await.status, 200);
    let actor = world.logged_in("ada@example.org").await;
    assert_eq!(world.change_password(&actor, NEW_PASSWORD).await.status, 200);
    world.deliver_mail().await;
    let before = items(&world);
    assert_eq!(import(&world, &ada()).await, ["unchanged"]);
    assert_eq!(items(&world), before);
    assert_eq!(world.login("ada@example.com", PASSWORD).await.status, 401);
}

#[tokio::test]
async fn a_user_who_deleted_the_account_stays_gone() {
    // IMP-01, ACC-08
    let world = world().await;
    assert_eq!(import(&world, &ada()).await, ["taken"]);
    let actor = world.logged_in("ada@example.com").await;
    assert_eq!(world.delete_account(&actor).await.status, 202);
    assert_eq!(import(&world, &ada()).await, ["erased"], "while the account is erased");
    world.live_through(SignedDuration::from_mins(20)).await;
    assert_eq!(import(&world, &ada()).await, ["erased"]);
    assert_eq!((world.users().len(), world.credentials().len()), (0, 0));
    let marks: Vec<_> = world
        .rows("ERASED")
        .iter()
        .map(|mark| (mark.as_object().unwrap().len(), text(mark, "pk").to_owned()))
        .collect();
    assert_eq!(marks, [(2, format!("IMPORTED#{ADA}"))], "the mark holds nothing but the id");

    let new = world.registered("ada@example.com").await;
    assert_eq!(import(&world, &ada()).await, ["erased"]);
    assert_eq!((world.users().len(), new.id() == ADA), (1, false));
}

#[tokio::test]
async fn an_erasure_that_ends_during_an_import_is_not_undone() {
    // IMP-01: the import has read that there is no mark, and its write conflicts with that of the erasure
    let world = world().await;
    let conflict = Fault::cancelled(&["None", "None", "TransactionConflict"]);
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", conflict, 1);
    let mark = json!({"pk": {"S": format!("IMPORTED#{ADA}")}, "sk": {"S": "ERASED"}});
    let erase = || world.tamper("Accounts", mark, &json!({}));
    assert_eq!(world.meanwhile("TransactWriteItems", erase, import(&world, &ada())).await, ["erased"]);
    assert_eq!(world.users().len(), 0);
}

#[tokio::test]
async fn an_erasure_whose_end_fails_or_dies_leaves_the_profile_or_the_mark() {
    // IMP-01: at no time is there neither
    for fault in [Fault::down(), Fault::AppliedButLost] {
        let world = world().await;
        assert_eq!(import(&world, &ada()).await, ["taken"]);
        let actor = world.logged_in("ada@example.com").await;
        assert_eq!(world.delete_account(&actor).await.status, 202);
        world.sweep().await;
        world.pass(SignedDuration::from_mins(16));
        world.aws().fail(Service::DynamoDb, "TransactWriteItems", fault, 1);
        world.sweep().await;
        assert_eq!(import(&world, &ada()).await, ["erased"]);
        world.aws().clear_faults();
        world.live_through(SignedDuration::from_mins(20)).await;
        assert_eq!(import(&world, &ada()).await, ["erased"]);
        assert_eq!((world.users().len(), world.rows("ERASED").len()), (0, 1));
    }
}

#[tokio::test]
async fn the_account_of_a_registered_user_is_erased_without_a_mark() {
    let world = world().await;
    let actor = world.registered("ada@example.com").await;
    world.erase(&actor).await;
    assert_eq!(world.rows("ERASED").len(), 0);
}

#[tokio::test]
async fn addresses_and_ids_that_collide_are_reported_and_none_is_merged() {
    // IMP-05
    let world = world().await;
    let registered = world.registered("Grace@example.com").await;
    let rows = json!([
        {"id": "1", "email": "ada@example.com"},
        {"id": "2", "email": "Ada@Example.com"},
        {"id": "3", "email": "eve@example.com"},
        {"id": "3", "email": "eve@example.org"},
        {"id": "4", "email": "grace@EXAMPLE.com", "hash": BCRYPT},
        {"id": registered.id(), "email": "grace@example.org"},
        {"id": "5", "email": "bob@example.com"},
    ]);
    let before = world.credential("grace@example.com");
    let address = "email: another row has the same address";
    let id = "id: another row has the same id";
    let expected = [address, address, id, id, "email: another user has the address", "unchanged", "taken"];
    assert_eq!(import(&world, &rows).await, expected);
    assert_eq!(world.credential("grace@example.com"), before);
    assert_eq!(world.users().len(), 2);
    let later = json!([{"id": "6", "email": "BOB@example.com"}]);
    assert_eq!(import(&world, &later).await, ["email: another user has the address"], "of an earlier request");
}

#[tokio::test]
async fn a_user_whose_id_was_derived_from_the_address_may_name_that_id() {
    // IMP-01, IMP-05: as the users of another stack do, whose first import had no ids
    let world = world().await;
    assert_eq!(import(&world, &json!([{"email": "ada@example.com"}])).await, ["taken"]);
    let id = world.credential_item("ada@example.com")["userId"]["S"].clone();
    let rows = json!([{"id": id, "email": "ada@example.com"}]);
    assert_eq!(import(&world, &rows).await, ["unchanged"]);
    assert_eq!(import(&self::world().await, &rows).await, ["taken"]);
    let twice = json!([{"id": id, "email": "ada@example.com"}, {"id": id, "email": "eve@example.com"}]);
    let refused = ["email: another row has the same address", "id: another row has the same id"];
    assert_eq!(import(&self::world().await, &twice).await, refused, "the id is taken for another row's");
}

#[tokio::test]
async fn a_dry_run_finds_what_the_real_run_finds_and_writes_nothing() {
    // IMP-05
    let world = world().await;
    world.registered("grace@example.com").await;
    assert_eq!(import(&world, &json!([{"id": "0", "email": "there@example.com"}])).await, ["taken"]);
    let rows = json!([
        {"id": "0", "email": "there@example.com"},
        {"id": "1", "email": "grace@example.com"},
        {"id": "2", "email": "ada@example.com", "hash": BCRYPT},
        {"id": "3", "email": "eve@example.com", "hash": BCRYPT.replace("$04$", "$05$")},
        {"id": "4", "email": "no address"},
        {"id": "5", "email": "bob@example.com", "hash": tests::world::OUTDATED_HASH},
    ]);
    let before = items(&world);
    let dry = world.admin(json!({"operation": "import", "rows": rows, "dryRun": true})).await;
    assert_eq!(items(&world), before);
    let real = world.operate("import", json!({"rows": rows})).await;
    assert_eq!(dry, real);
    let hash = "hash: it has a bcrypt cost of 5, not of 4 to LegacyHashes (4)";
    let taken = "email: another user has the address";
    assert_eq!(outcomes(&real), ["unchanged", taken, "taken", hash, "email: Invalid email", "taken"]);
    assert_eq!((&real["rows"][2]["toldApart"], &real["rows"][5]["toldApart"]), (&json!(false), &json!(true)));
}

#[tokio::test]
async fn a_field_that_cannot_be_taken_is_named_without_its_value() {
    // IMP-02
    let world = world().await;
    let row = |field: &str, value: Value| {
        let mut row = json!({"id": field, "email": format!("{field}@example.com")});
        row[field] = value;
        row
    };
    for (row, reason) in [
        (row("email", json!("a@b@c")), "email: Invalid email"),
        (row("id", json!("")), "id: it must have 1 to 256 bytes, without control characters"),
        (row("id", json!("a\nb")), "id: it must have 1 to 256 bytes, without control characters"),
        (row("name", json!("<b>")), "name: Name must not contain markup, links or addresses"),
        (row("createdAt", json!("yesterday")), "createdAt: it is no time"),
        (
            row("createdAt", json!("2027-01-15T23:00:00")),
            "createdAt: it lies in the future; times without a zone are taken for UTC",
        ),
        (row("createdAt", json!("-000044-03-15")), "createdAt: it lies before the year 0"),
        (row("hash", json!("secret")), "hash: it is neither bcrypt nor Argon2id"),
    ] {
        assert_eq!(import(&world, &json!([row])).await, [reason], "{row}");
    }
    assert_eq!(world.users().len(), 0);
    let refused = world.operate("import", json!({"rows": [{"email": "ada@example.com", "pasword": "x"}]})).await;
    assert_eq!(refused["error"]["status"], 400, "{refused}");
    let many: Vec<_> = (0..101).map(|n| json!({"email": format!("{n}@example.com")})).collect();
    assert_eq!(world.operate("import", json!({"rows": many})).await["error"]["field"], "rows");
}

#[tokio::test]
async fn times_are_read_as_sql_and_json_write_them() {
    // IMP-01: without a zone they are UTC
    let world = world().await;
    for (n, (written, expected)) in [
        ("2024-02-03 04:05:06.789", "2024-02-03T04:05:06.789Z"),
        ("2024-02-03T04:05:06", "2024-02-03T04:05:06.000Z"),
        ("2024-02-03 04:05:06.789+00", "2024-02-03T04:05:06.789Z"),
        ("2024-02-03 04:05:06+02:00", "2024-02-03T02:05:06.000Z"),
        ("2024-02-03T04:05:06.789Z", "2024-02-03T04:05:06.789Z"),
        ("1969-12-31 23:59:59", "1969-12-31T23:59:59.000Z"),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("{n}@example.com");
        let rows = json!([{"email": email, "createdAt": written, "hash": BCRYPT}]);
        assert_eq!(import(&world, &rows).await, ["taken"], "{written}");
        assert_eq!(world.logged_in(&email).await.user["createdAt"], expected, "{written}");
    }
}

#[tokio::test]
async fn a_user_without_a_hash_chooses_a_password_by_a_reset() {
    // IMP-01
    let world = world().await;
    assert_eq!(import(&world, &json!([{"id": "7", "email": "ada@example.com", "name": " "}])).await, ["taken"]);
    assert_eq!(world.login("ada@example.com", PASSWORD).await.verdict(), (401, "Invalid credentials".to_owned()));
    world.forgot("ada@example.com").await;
    world.deliver_mail().await;
    let token = world.link_token_mailed_to("ada@example.com");
    assert_eq!(world.reset_by_link(&token, NEW_PASSWORD).await.status, 200);
    world.deliver_mail().await;
    let actor = world.logged_in_with("ada@example.com", NEW_PASSWORD).await;
    assert_eq!((&actor.user["name"], &actor.user["emailVerified"]), (&Value::Null, &json!(true)));
}

#[tokio::test]
async fn an_imported_user_can_prove_the_address_and_be_welcomed() {
    let world = world().await;
    assert_eq!(import(&world, &ada()).await, ["taken"]);
    let actor = world.logged_in("ada@example.com").await;
    assert_eq!(world.ask_for_code(&actor).await.status, 202);
    world.deliver_mail().await;
    let code = world.code_mailed_to("Ada@Example.com");
    assert_eq!(world.verify(&actor, &code).await.field("user")["emailVerified"], true);
    assert_eq!(world.send_welcome_email(&actor).await.status, 202);
    world.deliver_mail().await;
}

#[tokio::test]
async fn an_import_that_meets_a_fault_is_repaired_by_running_it_again() {
    // IMP-01
    let rows: Vec<_> = (0..5).map(|n| json!({"id": n.to_string(), "email": format!("{n}@example.com")})).collect();
    for (operation, fault) in [
        ("GetItem", Fault::down()),
        ("TransactWriteItems", Fault::down()),
        ("TransactWriteItems", Fault::AppliedButLost),
        ("TransactWriteItems", Fault::Throttled),
    ] {
        let world = world().await;
        world.aws().fail_after(2, Service::DynamoDb, operation, fault);
        let first = import(&world, &json!(rows)).await;
        assert!(first.iter().filter(|outcome| *outcome == "taken").count() >= 4, "{operation}: {first:?}");
        world.aws().clear_faults();
        import(&world, &json!(rows)).await;
        assert_eq!(import(&world, &json!(rows)).await, ["unchanged"; 5]);
        assert_eq!((world.users().len(), world.items("Credentials").len()), (5, 5));
    }
}

#[tokio::test]
async fn imports_at_once_take_each_user_once() {
    // IMP-01
    let world = world().await;
    let rows = (0..4).map(|n| json!({"id": n.to_string(), "email": format!("{n}@example.com")}));
    let rows = rows.collect::<Value>();
    let all = join_all((0..3).map(|_| import(&world, &rows))).await.concat();
    let count = |what: &str| all.iter().filter(|outcome| *outcome == what).count();
    assert_eq!((count("taken"), count("unchanged"), world.users().len()), (4, 8, 4), "{all:?}");
}

#[tokio::test]
async fn a_user_whom_another_run_imports_meanwhile_is_not_taken_for_another_user() {
    // IMP-01: the profile is read before the other run writes, and the credential after it
    let row = json!([{"id": "1", "email": "ada@example.com"}]);
    for spared in 0..6 {
        let world = world().await;
        world.aws().fail_after(spared, Service::DynamoDb, "GetItem", Fault::Reset);
        let all = join_all((0..2).map(|_| import(&world, &row))).await.concat();
        assert!(all.iter().all(|outcome| ["taken", "unchanged"].contains(&outcome.as_str())), "{spared}: {all:?}");
    }
    let world = world().await;
    assert_eq!(import(&world, &row).await, ["taken"]);
    let profile = world.rows("PROFILE").remove(0);
    world.delete("Accounts", &profile);
    assert_eq!(import(&world, &row).await, ["unchanged"]);
}

#[tokio::test]
async fn a_user_whose_stored_rows_cannot_be_read_is_refused_and_not_sent_again() {
    // IMP-01: another try would find the same
    let world = world().await;
    assert_eq!(import(&world, &ada()).await, ["taken"]);
    let profile = world.rows("PROFILE").remove(0);
    world.tamper("Accounts", profile, &json!({"createdAt": {"S": "yesterday"}}));
    let answer = world.operate("import", json!({"rows": ada()})).await;
    assert_eq!(answer["rows"][0]["outcome"], "refused", "{answer}");
    assert!(answer["rows"][0]["reason"].as_str().unwrap().ends_with("cannot be read"), "{answer}");
}
