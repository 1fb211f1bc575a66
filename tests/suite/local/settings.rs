//! Options and variables: what cannot work stops the start.

use tests::local::{Arguments, settings};

use super::{Local, command};

/// What the command says when it does not start.
fn refusal(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = command(arguments, variables).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{error}");
    error.trim_end().strip_prefix("latchkey: ").expect("who says it").to_owned()
}

#[test]
fn a_setting_that_cannot_work_stops_the_start_with_its_name_and_the_reason() {
    // FLT-05
    for (variable, value) in [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("ALLOWED_ORIGINS", "https://app.example.com/"),
        ("ALLOWED_ORIGINS", "https://app.example.com/login"),
        ("ALLOWED_ORIGINS", "*,https://app.example.com"),
        ("ALLOWED_ORIGINS", "app.example.com"),
        ("ALLOWED_ORIGINS", "https://app.example.com, https://b.example.com"),
        ("MAIL_SENDER", "Acme, Inc. no-reply@example.com"),
        ("SERVICE_NAME", "<b>Acme</b>"),
        ("ISSUER", "https://id.example.com/"),
        ("MIN_PASSWORD_LENGTH", "7"),
        ("HASH_CONCURRENCY", "0"),
    ] {
        let refusal = refusal(&[], &[(variable, value)]);
        assert!(refusal.starts_with(&format!("{variable} cannot be used as it is set; it wants ")), "{refusal}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_setting_that_is_no_utf_8_is_not_taken_for_absent() {
    // FLT-05
    use std::os::unix::ffi::OsStrExt;
    for variable in ["SERVICE_NAME", "MIN_PASSWORD_LENGTH", "PORT"] {
        let output = command(&[], &[]).env(variable, std::ffi::OsStr::from_bytes(b"M\xfcller")).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.starts_with(&format!("latchkey: {variable} cannot be used as it is set")), "{error}");
    }
}

#[test]
fn an_option_that_cannot_work_is_named() {
    // FLT-05
    for (arguments, reason) in [
        (&["--dta"][..], "--dta is not an option"),
        (&["--data"], "--data wants a folder"),
        (&["--data", "--for-docker"], "--data wants a folder"),
        (&["--env-file="], "--env-file wants a file"),
        (&["--docker-address", "docker0"], "--docker-address wants an IP address"),
        (&["--env-file", "env.json"], "--env-file env.json is for functions in containers"),
    ] {
        let refusal = refusal(arguments, &[]);
        assert!(refusal.starts_with(reason), "{refusal}");
    }
}

#[test]
fn options_are_read_with_and_without_an_equals_sign() {
    let parse = |line: &str| Arguments::parse(line.split(' ').map(str::to_owned)).unwrap().unwrap();
    let arguments =
        parse("--data=target/data --env-file target/env --env-file target/env.json --docker-address 127.0.0.1");
    assert_eq!(arguments.data, Some("target/data".into()));
    assert_eq!(arguments.env_files, [std::path::PathBuf::from("target/env"), "target/env.json".into()]);
    assert_eq!((arguments.for_docker, arguments.docker_address), (true, Some("127.0.0.1".parse().unwrap())));
    assert_eq!(Arguments::parse(["--help".to_owned()].into_iter()).unwrap(), None);
}

#[test]
fn every_setting_of_an_operator_is_passed_on_and_none_of_aws() {
    // LAM-03, FLT-05
    let passed = settings("http://localhost:1", |name| Some(format!("the {name}")));
    for name in ["MAIL_SENDER", "SERVICE_NAME", "ISSUER", "MIN_PASSWORD_LENGTH", "HASH_CONCURRENCY", "LOG_LEVEL"] {
        assert_eq!(passed.get(name), Some(&format!("the {name}")));
    }
    let foreign = |name: &&String| {
        name.starts_with("AWS_")
            || ["_TABLE", "_QUEUE_URL", "_KEYS_SECRET", "_SET"].iter().any(|end| name.ends_with(end))
    };
    assert_eq!(passed.keys().find(foreign), None);
    assert_eq!(settings("http://localhost:1", |_| None)["ISSUER"], "http://localhost:1");
}

#[test]
fn mail_leaves_from_any_sender_that_is_set() {
    // FLT-05, FLT-06
    for sender in ["Müller, Söhne & Co. <post@acme.example>", "Acme, Inc. <no-reply@mail.example.org>", "a@example.com"]
    {
        let local = Local::with(&[], &[("MAIL_SENDER", sender)]);
        local.register("ada@example.com");
        let mails = local.mails();
        assert_eq!((mails[0]["from"].as_str(), mails[0]["to"].as_str()), (Some(sender), Some("ada@example.com")));
    }
}

#[test]
fn help_tells_of_every_option() {
    let output = command(&["--help"], &[]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for option in ["--data", "--env-file", "--for-docker", "--docker-address", "--help", "PORT", "ALLOWED_ORIGINS"] {
        assert!(help.lines().any(|line| line.trim().starts_with(option)), "{option}: {help}");
    }
    assert!(output.status.success() && help.lines().all(|line| line.len() <= 90), "{help}");
}
