//! The command `latchkey import`.

use std::io::Write;

use serde_json::json;
use tempfile::{Builder, NamedTempFile};
use tests::doubles::{Fault, Service};
use tests::world::World;

use super::{ADA, BCRYPT, world};

const STATED: [&str; 4] = ["--actor", "grace", "--reason", "the move"];

fn file(suffix: &str, text: impl AsRef<[u8]>) -> NamedTempFile {
    let mut file = Builder::new().suffix(suffix).tempfile().unwrap();
    file.write_all(text.as_ref()).unwrap();
    file
}

/// Imports a file, and returns the exit code and what was printed.
async fn run(world: &World, file: &NamedTempFile, words: &[&str]) -> (u8, String) {
    let path = file.path().to_str().unwrap();
    let printed = world.latchkey(&[&["import", path][..], &STATED, words].concat()).await;
    (printed.code, printed.output + &printed.errors)
}

#[tokio::test]
async fn the_table_of_the_replaced_backend_is_imported_as_psql_writes_it() {
    // IMP-01, ADM-02
    let world = world().await;
    let csv = format!(
        "id,email,password,name,createdAt,updatedAt\n\
         {ADA},ada@example.com,{BCRYPT},\"Lovelace, Ada\",2024-02-03 04:05:06.789,2024-03-03 04:05:06.789\n\
         9b2e7c1a-3d4f-4a5b-8c6d-7e8f90a1b2c4,grace@example.com,{BCRYPT},,2024-02-03 04:05:06,2024-02-03 04:05:06\n"
    );
    let (code, printed) = run(&world, &file(".csv", &csv), &[]).await;
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("2  users read") && printed.contains("2  imported"), "{printed}");
    let ada = world.logged_in("ada@example.com").await;
    assert_eq!((ada.id(), &ada.user["name"]), (ADA, &json!("Lovelace, Ada")));
    assert_eq!(ada.user["createdAt"], "2024-02-03T04:05:06.789Z");
    assert_eq!(world.logged_in("grace@example.com").await.user["name"], json!(null));

    let rows = format!(
        "{{\"id\":\"{ADA}\",\"email\":\"ada@example.com\",\"password\":\"{BCRYPT}\",\"name\":null,\
         \"createdAt\":\"2024-02-03T04:05:06.789\",\"updatedAt\":\"2024-02-03T04:05:06.789\"}}\n\n\
         {{\"id\":7,\"email\":\"eve@example.com\",\"emailVerified\":true}}\n"
    );
    let (code, printed) = run(&world, &file(".ndjson", &rows), &["--json"]).await;
    let report: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let expected =
        json!({"dryRun": false, "read": 2, "taken": 1, "unchanged": 1, "erased": 0, "refused": [], "toldApart": 0});
    assert_eq!((code, report), (0, expected));
    for (email, shown) in [("eve@example.com", true), ("ada@example.com", false)] {
        let printed = world.latchkey(&["user", "show", email]).await.output;
        assert_eq!(printed.contains("  imported   as 7\n"), shown, "{printed}");
    }
}

#[tokio::test]
async fn lines_that_are_not_taken_are_told_by_number_and_reason_in_a_dry_run_as_in_the_real_one() {
    // IMP-05
    let world = world().await;
    let rows = json!([
        {"id": "1", "email": "ada@example.com", "hash": BCRYPT},
        {"id": "2", "email": "Grace@example.com"},
        {"id": "3", "email": "no address"},
        {"id": "4", "email": "eve@example.com", "hash": "md5"},
    ]);
    let lines: Vec<_> = rows.as_array().unwrap().iter().map(ToString::to_string).collect();
    let mut text = lines.join("\n") + "\n";
    text.push_str("not JSON\n{\"email\": \"bob@example.com\", \"role\": \"x\"}\n");
    // Far behind the first request, so that only a look at the whole file finds it.
    text.extend((0..400).map(|n| format!("{{\"email\": \"user{n}@example.com\"}}\n")));
    text.push_str("{\"id\": \"9\", \"email\": \"grace@EXAMPLE.com\"}\n");
    let file = file(".ndjson", &text);

    let (dry_code, dry) = run(&world, &file, &["--dry-run", "--json"]).await;
    assert_eq!(world.users().len(), 0);
    let (code, real) = run(&world, &file, &["--json"]).await;
    assert_eq!((dry_code, code), (1, 1));
    assert_eq!(dry.replace("\"dryRun\": true", "\"dryRun\": false"), real);
    let (report, _) = real.split_once("latchkey:").unwrap();
    let report: serde_json::Value = serde_json::from_str(report).unwrap();
    let lines: Vec<_> =
        report["refused"].as_array().unwrap().iter().map(|line| line["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6, 407]);
    assert_eq!((&report["read"], &report["taken"], world.users().len()), (&json!(407), &json!(401), 401));

    let (code, again) = run(&world, &file, &[]).await;
    assert_eq!((code, world.users().len()), (1, 401));
    for told in [
        "401  there already",
        "line 2: email: another row has the same address",
        "line 3: email: Invalid email",
        "line 4: hash: it is neither bcrypt nor Argon2id",
        "line 5: it is not JSON: expected ident at column 2",
        "line 6: unknown field `role`",
        "line 407: email: another row has the same address",
        "latchkey: 6 lines are refused",
    ] {
        assert!(again.contains(told), "{told}: {again}");
    }
}

#[tokio::test]
async fn a_line_that_cannot_be_read_is_told_with_its_field_and_the_others_are_imported() {
    // IMP-02, IMP-05
    let world = world().await;
    let long = format!("{{\"email\":\"long@example.com\",\"name\":\"{}\"}}\n", "x".repeat(7_000_000));
    let lines: [&[u8]; 9] = [
        b"\xef\xbb\xbf{\"email\":\"ada@example.com\"}\r\n",
        b" \t\r\n",
        b"{\"email\":\"jurgen@example.com\",\"name\":\"J\xfcrgen\"}\r\n",
        b"{\"email\":\"grace@example.com\",\"createdAt\":17}\n",
        b"{\"email\":\"grace@example.com\",\"emailVerified\":\"yes\"}\n",
        b"[\"7\",\"eve@example.com\"]\n",
        b"{\"id\":\"7\"}\n",
        long.as_bytes(),
        b"{\"email\":\"bob@example.com\"}",
    ];
    let (code, printed) = run(&world, &file(".ndjson", lines.concat()), &[]).await;
    assert!(code == 1 && printed.contains("2  imported") && printed.contains("6  refused"), "{printed}");
    for told in [
        "line 3: it is not JSON: invalid unicode code point",
        "line 4: createdAt: invalid type",
        "line 5: emailVerified: unknown variant `yes`",
        "line 6: it is no JSON object",
        "line 7: missing field `email`",
        "line 8: it is longer than 16384 bytes",
    ] {
        assert!(printed.contains(told), "{told}: {printed}");
    }

    let csv = b"\xef\xbb\xbfemail,name\r\nann@example.com,Ann\r\nben@example.com\r\n,Cid\r\nd@example.com,J\xfcrgen\r\neve@example.com,\r\n";
    let (code, printed) = run(&world, &file(".csv", csv), &[]).await;
    assert!(code == 1 && printed.contains("2  imported") && printed.contains("3  refused"), "{printed}");
    for told in [
        "line 3: it has 1 fields, and the first line has 2",
        "line 4: email: invalid type: null",
        "line 5: name: it is not UTF-8",
    ] {
        assert!(printed.contains(told), "{told}: {printed}");
    }
}

#[tokio::test]
async fn a_table_without_a_header_is_refused_as_a_whole_and_no_hash_of_it_is_shown() {
    // IMP-05, ADM-01
    let world = world().await;
    let user = format!("{ADA},ada@example.com,{BCRYPT},Ada,2024-02-03 04:05:06,2024-02-03 04:05:06\n");
    for csv in [user.clone(), user.repeat(3), "email,email\na@example.com,b@example.com\n".to_owned()] {
        let (code, printed) = run(&world, &file(".csv", &csv), &[]).await;
        assert!(code == 1 && printed.contains("the first line must name the fields"), "{printed}");
        assert!(!printed.contains(BCRYPT), "{printed}");
    }
    assert_eq!(world.users().len(), 0);
}

#[cfg(unix)]
#[tokio::test]
async fn what_cannot_be_read_twice_is_refused() {
    // IMP-05: the second reading of a pipe would find nothing, and nothing would be imported
    let world = world().await;
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"{\"email\": \"ada@example.com\"}\n").unwrap();
    drop(writer);
    let path = format!("/dev/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&reader));
    let printed = world.latchkey(&[&["import", &path][..], &STATED].concat()).await;
    assert!(printed.code == 1 && printed.errors.contains("a regular file is wanted"), "{printed:?}");
}

#[tokio::test]
async fn a_failure_of_a_service_is_waited_out() {
    // IMP-01
    let world = world().await;
    let lines: Vec<_> = (0..60).map(|n| json!({"email": format!("user{n}@example.com")}).to_string()).collect();
    let text = lines.join("\n");
    world.aws().fail(Service::DynamoDb, "TransactWriteItems", Fault::down(), 4);
    let (code, printed) = run(&world, &file(".ndjson", &text), &[]).await;
    assert_eq!((code, world.users().len()), (0, 60), "{printed}");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named() {
    let world = world().await;
    let missing = world.latchkey(&[&["import", "/nowhere.csv"][..], &STATED].concat()).await;
    assert!(missing.code == 1 && missing.errors.contains("/nowhere.csv"), "{missing:?}");
    let (code, printed) = run(&world, &file(".csv", "email,role\nada@example.com,x\n"), &[]).await;
    assert!(code == 1 && printed.contains("line 2: unknown field `role`"), "{printed}");
    let (code, printed) = run(&world, &file(".csv", ""), &[]).await;
    assert!(code == 0 && printed.contains("0  users read"), "{printed}");
}
