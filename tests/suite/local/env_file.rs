//! The file of settings, as a shell and cargo-lambda read it.

use std::process::Command;

use fancy_regex::Regex;
use tests::local::assignment;

use super::Local;

/// What a shell makes of a variable after it has read a file.
fn by_shell(file: &std::path::Path, name: &str) -> String {
    let script = format!(". {}; printf '%s<end>' \"${name}\"", file.display());
    let output = Command::new("sh").args(["-euc", &script]).output().unwrap();
    let (value, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && error.is_empty(), "{error}");
    value.strip_suffix("<end>").unwrap().to_owned()
}

/// What cargo-lambda's reader, the crate env-file-reader, makes of a variable: the last assignment counts, `#` begins a comment
/// wherever no quote is open, and in quotes `\n` is a line break and a backslash before the quote goes.
fn by_cargo_lambda(text: &str, name: &str) -> String {
    let token = r##"\s+|#[^\n]*|(?<quoted>'[^']*'|`[^`]*`|"(\\"|[^"])*")|(?<word>[^\s='`"#]+)|(?<equals>=)"##;
    let token = Regex::new(token).unwrap();
    let mut assigned: Vec<(String, String)> = Vec::new();
    let mut is_value = false;
    let mut read = 0;
    for found in token.captures_iter(text) {
        let found = found.unwrap();
        let whole = found.get(0).unwrap();
        assert_eq!(whole.start(), read, "{:?} is no token", &text[read..whole.start()]);
        read = whole.end();
        if whole.as_str().contains('\n') && found.name("quoted").is_none() {
            is_value = false;
        } else if found.name("equals").is_some() {
            assert!(!is_value, "{text:?} has an equals sign too many");
            is_value = true;
        } else if let Some(word) = found.name("word") {
            if is_value {
                word.as_str().clone_into(&mut assigned.last_mut().unwrap().1);
            } else {
                assigned.push((word.as_str().to_owned(), String::new()));
            }
        } else if let Some(quoted) = found.name("quoted") {
            assert!(is_value, "{text:?} has a text that belongs nowhere");
            let quote = &quoted.as_str()[..1];
            let inside = &quoted.as_str()[1..quoted.as_str().len() - 1];
            assigned.last_mut().unwrap().1 = inside.replace(&format!("\\{quote}"), quote).replace("\\n", "\n");
        }
    }
    assert_eq!(read, text.len(), "{:?} is no token", &text[read..]);
    assigned.into_iter().rfind(|(found, _)| found == name).unwrap().1
}

#[test]
fn a_shell_and_cargo_lambda_read_the_same_value() {
    // FLT-06
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("env");
    for value in [
        "",
        "plain",
        "two words",
        "Müller & Söhne <post@example.com>",
        "a \"quoted\" word",
        "it's",
        "it's \"both\"",
        "$HOME and ${HOME} and $(exit 3)",
        "`exit 3`",
        "one # two = three; four | five & six ! seven * eight ?",
        "back\\slash \\d \\\" \\$",
        "first line\nsecond line",
        "it's a first line\nand a second",
        "it's $HOME, `exit 3`, \"quoted\" and back\\slash",
        "'",
        "''$'`'",
        "\"",
        "it's \\\"$\\\" # NAME",
        "~/x",
        "trailing backslash \\",
    ] {
        let text = assignment("OTHER", "before").unwrap()
            + &assignment("NAME", value).unwrap()
            + &assignment("NEXT", "after \"it\"").unwrap();
        std::fs::write(&file, &text).unwrap();
        for (name, expected) in [("NAME", value), ("OTHER", "before"), ("NEXT", "after \"it\"")] {
            assert_eq!(by_shell(&file, name), expected, "{text}");
            assert_eq!(by_cargo_lambda(&text, name), expected, "{text}");
        }
    }
}

#[test]
fn a_value_that_the_two_would_read_differently_is_refused_by_name() {
    // FLT-06
    for value in ["a\\new", "it's\n$HOME", "it's $HOME\\"] {
        let reason = assignment("SERVICE_NAME", value).unwrap_err();
        assert!(reason.starts_with("SERVICE_NAME "), "{reason}");
    }
}

#[test]
fn the_command_writes_its_settings_for_a_shell() {
    // FLT-06
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("target/env");
    let (name, subject) = ("Bob's `$(exit 3)` \"Shop\"", "Willkommen bei $HOME");
    let local = Local::with(
        &["--env-file", file.to_str().unwrap()],
        &[("SERVICE_NAME", name), ("WELCOME_SUBJECT", subject), ("AWS_REGION", "eu-central-1")],
    );
    assert_eq!(
        (by_shell(&file, "SERVICE_NAME"), by_shell(&file, "WELCOME_SUBJECT")),
        (name.to_owned(), subject.to_owned())
    );
    assert_eq!(by_shell(&file, "AWS_REGION"), "us-east-1", "the doubles' own");
    let endpoint = by_shell(&file, "AWS_ENDPOINT_URL");
    assert!(local.greeting.contains(&endpoint) && by_shell(&file, "MAIL_QUEUE_URL").starts_with(&endpoint));
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(by_cargo_lambda(&text, "SERVICE_NAME"), name);
}
