//! The settings: what the code reads, what the template gives, what `docs/configuration.md` explains.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use shared::config::{Algorithm, Config, LogLevel};
use tests::template::TEMPLATE;

use super::read;

/// Where the settings are explained.
const DOCUMENT: &str = "docs/configuration.md";
/// Read by the code, and not the template's to give: Lambda or the SDK's user sets the one, one hash at a time is Lambda's way.
const NOT_GIVEN: [&str; 1] = ["HASH_CONCURRENCY"];
/// Given by the template, and read by the TLS library; and what tells two releases apart, which nothing reads.
const NOT_READ: [&str; 2] = ["RELEASE", "SSL_CERT_FILE"];

#[test]
fn the_template_gives_every_setting_that_the_code_reads_and_no_other() {
    // LAM-03
    let mut read = read_by_config();
    read.retain(|name| !name.starts_with("AWS_") && !NOT_GIVEN.contains(&name.as_str()));
    let mut given: BTreeSet<_> = variables().into_keys().collect();
    given.retain(|name| !NOT_READ.contains(&name.as_str()));
    assert_eq!(given, read, "a setting stands in Config::read and in the template's Globals, or in neither");
}

#[test]
fn sam_local_may_set_the_endpoint_of_aws_and_a_deployment_never_does() {
    // LAM-03: `sam local --env-vars` passes only what the template declares
    let without_value = declared().into_iter().filter(|(_, from)| from == "AWS::NoValue").map(|(name, _)| name);
    assert_eq!(without_value.collect::<Vec<_>>(), ["AWS_ENDPOINT_URL"]);
    let given = variables().into_keys().find(|name| name.starts_with("AWS_"));
    assert_eq!(given, None, "Lambda sets the SDK's own variables");
}

#[test]
fn no_function_has_settings_of_its_own() {
    // KEY-01: the same names for all; the roles decide who may use what they name
    for (id, function) in super::resources("AWS::Serverless::Function") {
        assert_eq!(function["Properties"]["Environment"], Value::Null, "{id}: move its variables to Globals");
    }
}

#[test]
fn the_document_explains_every_setting() {
    // LAM-03
    let document = read(DOCUMENT);
    for name in read_by_config().into_iter().filter(|name| !name.starts_with("AWS_")) {
        assert!(document.contains(&format!("`{name}`")), "give {name} a row in {DOCUMENT}");
    }
    let mut explained = BTreeSet::new();
    for row in document.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let [_, parameter, variable, default, ..] = cells[..] else { panic!("{DOCUMENT}: {row} lacks a cell") };
        explained.insert(parameter.to_owned());
        let in_template = default_of(parameter);
        let is_told = in_template.is_empty() || in_template == default;
        assert!(is_told, "{DOCUMENT} tells the default {default:?} of {parameter}, which is {in_template:?}");
        // Some parameters reach no function, and some reach API Gateway and `cargo local` alone.
        let Some(given) = variables().remove(variable) else { continue };
        assert_eq!(given, parameter, "{DOCUMENT}: {variable} is fed by another parameter");
    }
    let parameters: BTreeSet<_> = TEMPLATE["Parameters"].as_object().expect("parameters").keys().cloned().collect();
    assert_eq!(explained, parameters, "each parameter of the template has one row in {DOCUMENT}, and no other has");
}

#[test]
fn the_templates_defaults_are_the_codes() {
    // LAM-03: so that `cargo local` and a deployment do the same
    const REQUIRED: [&str; 14] = [
        "CREDENTIALS_TABLE",
        "ACCOUNTS_TABLE",
        "PUBLIC_KEYS_TABLE",
        "MAIL_QUEUE_URL",
        "MAIL_DEAD_LETTER_QUEUE_URL",
        "MAIL_EVENTS_QUEUE_URL",
        "MAIL_EVENTS_DEAD_LETTER_QUEUE_URL",
        "MAIL_CONFIGURATION_SET",
        "SIGNING_KEYS_SECRET",
        "ACCOUNT_KEYS_SECRET",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "MAIL_SENDER",
    ];
    let text = |variable: &str| if variable.ends_with("_URL") { "https://example.com" } else { "a@example.com" };
    let of_code = |variable: &str| REQUIRED.contains(&variable).then(|| text(variable).to_owned());
    let of_template = |variable: &str| of_code(variable).or_else(|| Some(default_of(variables().get(variable)?)));
    let code = Config::read(of_code).expect("the required settings are enough");
    let template = Config::read(of_template).expect("the code takes the template's defaults");
    // `Config` holds secrets and compares by its own words.
    assert_eq!(format!("{template:?}"), format!("{code:?}"), "make the template's defaults those of Config::read");
}

#[test]
fn the_template_allows_what_the_code_takes() {
    // LAM-03, PWD-02
    let base = |variable: &str| match variable {
        "MAIL_SENDER" => Some("a@example.com".to_owned()),
        name if name.ends_with("_TABLE") || name.ends_with("_URL") || name.starts_with("AWS_") => {
            (!name.starts_with("AWS_ENDPOINT")).then(|| "https://example.com".to_owned())
        }
        "SIGNING_KEYS_SECRET" | "ACCOUNT_KEYS_SECRET" | "MAIL_CONFIGURATION_SET" => Some("x".to_owned()),
        _ => None,
    };
    let takes = |name: &str, value: &str| {
        Config::read(|variable| if variable == name { Some(value.to_owned()) } else { base(variable) }).is_ok()
    };
    for (parameter, variable) in [
        ("MinPasswordLength", "MIN_PASSWORD_LENGTH"),
        ("RefreshGraceSeconds", "REFRESH_GRACE_SECONDS"),
        ("ResetMinutes", "RESET_MINUTES"),
        ("WelcomeEmailsPerDay", "WELCOME_EMAILS_PER_DAY"),
        ("LoginsPerAccountAndNetwork", "LOGINS_PER_ACCOUNT_AND_NETWORK"),
        ("LoginsPerNetwork", "LOGINS_PER_NETWORK"),
        ("RegistrationsPerNetwork", "REGISTRATIONS_PER_NETWORK"),
        ("FailedLoginsBeforeDelay", "FAILED_LOGINS_BEFORE_DELAY"),
    ] {
        let bound = |name: &str| TEMPLATE["Parameters"][parameter][name].as_i64().expect("a bound");
        let (least, most) = (bound("MinValue"), bound("MaxValue"));
        let inside = [least, most].map(|value| takes(variable, &value.to_string()));
        let outside = [least - 1, most + 1].map(|value| takes(variable, &value.to_string()));
        assert_eq!((inside, outside), ([true; 2], [false; 2]), "{parameter}: the bounds are those of Config::read");
    }
    for (parameter, variable) in [
        ("SigningAlgorithm", "SIGNING_ALGORITHM"),
        ("LogLevel", "LOG_LEVEL"),
        ("RegistrationMode", "REGISTRATION_MODE"),
        ("LegacyHashes", "LEGACY_HASHES"),
    ] {
        for value in TEMPLATE["Parameters"][parameter]["AllowedValues"].as_array().expect("a list") {
            assert!(takes(variable, value.as_str().expect("a text")), "{parameter}: the code does not take {value}");
        }
    }
    assert!("RS256".parse::<Algorithm>().is_ok() && "TRACE".parse::<LogLevel>().is_err());
}

/// Every variable that `Function` and `Config` ask for: the names in quotes there.
fn read_by_config() -> BTreeSet<String> {
    let config = read("shared/src/config.rs");
    let (_, reading) = config.split_once("impl Function").expect("what it reads first");
    let (reading, _) = reading.split_once("struct Variables").expect("its end");
    let is_name = |text: &&str| text.len() > 3 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let names: BTreeSet<_> = reading.split('"').filter(is_name).map(str::to_owned).collect();
    assert!(
        names.contains("ISSUER") && names.contains("MAIL_QUEUE_URL"),
        "the reading of config.rs is out of date: {names:?}"
    );
    names
}

/// The variables that `Globals` gives, each with the parameter or resource that feeds it.
fn variables() -> BTreeMap<String, String> {
    let mut variables = declared();
    variables.retain(|_, from| from != "AWS::NoValue");
    variables
}

/// The variables of `Globals`, those without a value among them.
fn declared() -> BTreeMap<String, String> {
    let variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"].as_object().expect("variables");
    variables.iter().map(|(name, from)| (name.clone(), from.as_str().unwrap_or_default().to_owned())).collect()
}

/// A parameter's default, or nothing.
fn default_of(parameter: &str) -> String {
    match &TEMPLATE["Parameters"][parameter]["Default"] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}
