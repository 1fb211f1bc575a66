//! The template's patterns and the code's checks, which have to allow the same values: the template refuses a value before a
//! deployment, the code in a function and in `cargo local`.
//!
//! To add a parameter with an `AllowedPattern` that reaches the code: a line in [`SAMPLES`], with values that show its grammar.

use std::collections::BTreeSet;

use fancy_regex::Regex;
use shared::config::Config;
use tests::local::Origins;
use tests::template::TEMPLATE;

/// Parameter, variable, and values that both allow. Every value that is one edit away is compared too.
const SAMPLES: [(&str, &str, &[&str]); 9] = [
    (
        "Sender",
        "MAIL_SENDER",
        &[
            "Latchkey <no-reply@example.com>",
            "Müller & Söhne, \"GmbH\" <post+1@mail.example.com>",
            "<a_b@x-1.example>",
            "a.b%c@example.co",
        ],
    ),
    (
        "ServiceName",
        "SERVICE_NAME",
        &["R&D \"Labs\"", "漢字", "e", "Our 64 letters, which are just as many as are allowed in a name."],
    ),
    ("WelcomeSubject", "WELCOME_SUBJECT", &["Welcome to <R&D>!", "漢字", "e"]),
    ("SupportContact", "SUPPORT_CONTACT", &["help@example.com", "R&D \"Help\", 漢字", "e"]),
    (
        "ResetUrl",
        "RESET_URL",
        &[
            "https://app.example.com/reset",
            "https://APP-1.example:8443?a=b&c=(d)'e'",
            "https://app.example.com/#/reset",
            "https://a-1.example#x",
        ],
    ),
    (
        "AllowedOrigins",
        "ALLOWED_ORIGINS",
        &["*", "https://app.example.com", "http://localhost:5173,https://a-1.example:8443"],
    ),
    ("Issuer", "ISSUER", &["https://id.example.com", "https://ID.example.com:8443/tenants/a-1/~b_c.d"]),
    (
        "OriginSecret",
        "ORIGIN_SECRET",
        &["32-printable-characters-are-fine", "!\"#$%&'()*+-./0aZ:;<=>?@[\\]^_`{|}~,the-old-secret-stays-good-for-now"],
    ),
    ("Audience", "AUDIENCE", &["latchkey", "urn:example:\"a\"'b'/c?d=<e>#f%20"]),
];

/// What stands for all characters where one is put in or replaced: one of each kind that some grammar tells apart.
const ALPHABET: &str = "\0\t\n\r\u{7f}\u{85} aZ0é漢.,:;@<>/\\\"'`()[]{}*?#%+-_~=&$";

#[test]
fn the_template_and_the_code_allow_the_same_values() {
    // FLT-05
    for (parameter, variable, samples) in SAMPLES {
        let pattern = pattern(parameter);
        for sample in samples {
            assert!(template_allows(&pattern, sample), "{parameter} does not allow {sample:?}");
            for value in edits(sample) {
                let (by_template, by_code) = (template_allows(&pattern, &value), code_allows(variable, &value));
                let agree = by_template == by_code || (by_template && is_beyond_a_pattern(variable, &value));
                assert!(agree, "{value:?}: {parameter} allows it: {by_template}, the code does: {by_code}");
            }
            assert!(code_allows(variable, sample), "{variable}: the code does not allow {sample:?}");
        }
    }
}

#[test]
fn the_template_and_the_code_have_the_same_lengths() {
    // FLT-05
    for (parameter, variable, most) in [
        ("ServiceName", "SERVICE_NAME", 64),
        ("WelcomeSubject", "WELCOME_SUBJECT", 128),
        ("SupportContact", "SUPPORT_CONTACT", 128),
    ] {
        for (length, fits) in [(1, true), (most, true), (most + 1, false)] {
            let value = "é".repeat(length);
            let allowed = (template_allows(&pattern(parameter), &value), code_allows(variable, &value));
            assert_eq!(allowed, (fits, fits), "{parameter} of {length} characters");
        }
    }
    for (length, fits) in [(128, true), (129, false)] {
        let value = "x".repeat(length);
        let allowed = (template_allows(&pattern("Audience"), &value), code_allows("AUDIENCE", &value));
        assert_eq!(allowed, (fits, fits), "Audience of {length} characters");
    }
    assert_eq!(TEMPLATE["Parameters"]["ResetUrl"]["MaxLength"], 512);
    for (length, fits) in [(512, true), (513, false)] {
        let value = format!("{:x<length$}", "https://example.com/");
        assert_eq!(code_allows("RESET_URL", &value), fits, "ResetUrl of {length} characters");
    }
    for (length, fits) in [(64, true), (65, false)] {
        let value = format!("{}<a@example.com>", "é".repeat(length));
        let allowed = (template_allows(&pattern("Sender"), &value), code_allows("MAIL_SENDER", &value));
        assert_eq!(allowed, (fits, fits), "Sender with a name of {length} characters");
    }
}

#[test]
fn only_the_code_of_a_laptop_allows_an_issuer_and_a_reset_page_without_https() {
    // FLT-05
    for (parameter, variable) in [("Issuer", "ISSUER"), ("ResetUrl", "RESET_URL")] {
        for url in ["http://localhost:3000", "http://127.0.0.1:3000"] {
            assert!(code_allows(variable, url) && !template_allows(&pattern(parameter), url), "{parameter}: {url}");
        }
    }
}

#[test]
fn every_pattern_that_reaches_the_code_is_compared() {
    // FLT-05
    let parameters = TEMPLATE["Parameters"].as_object().expect("parameters");
    let variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"].as_object().expect("variables");
    let fed: BTreeSet<_> = variables.values().filter_map(|from| from.as_str()).collect();
    let with_pattern = parameters.iter().filter(|(_, parameter)| parameter.get("AllowedPattern").is_some());
    // `cargo local` alone reads the origins: in AWS they are API Gateway's.
    let reaching =
        with_pattern.map(|(name, _)| name.as_str()).filter(|name| fed.contains(name) || *name == "AllowedOrigins");
    let compared: BTreeSet<_> = SAMPLES.iter().map(|(parameter, ..)| *parameter).collect();
    assert_eq!(reaching.collect::<BTreeSet<_>>(), compared, "give each of them samples in tidy/parameters.rs");
}

/// What the code refuses although the pattern allows it, because a pattern cannot say it: a text of Unicode's blanks, a port
/// beyond 65535 or a browser's default one, an address that no mail server takes.
fn is_beyond_a_pattern(variable: &str, value: &str) -> bool {
    match variable {
        "SERVICE_NAME" | "WELCOME_SUBJECT" | "SUPPORT_CONTACT" => value.trim().is_empty(),
        "ALLOWED_ORIGINS" => value.split(',').any(|origin| {
            let port = origin.splitn(3, ':').nth(2).map(str::parse::<u16>);
            port.is_some_and(|port| port.is_err())
                || (origin.ends_with(":80") && origin.starts_with("http:"))
                || (origin.ends_with(":443") && origin.starts_with("https:"))
        }),
        "ISSUER" | "RESET_URL" => {
            let authority = value.trim_start_matches("https://").split(['/', '?', '#']).next().unwrap_or_default();
            authority.split_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_err())
        }
        "MAIL_SENDER" => {
            let address = value.rsplit('<').next().unwrap_or_default().trim_end_matches('>');
            shared::domain::Email::parse(address).is_err()
        }
        _ => false,
    }
}

fn pattern(parameter: &str) -> Regex {
    let pattern = TEMPLATE["Parameters"][parameter]["AllowedPattern"].as_str().expect("a pattern");
    assert!(pattern.starts_with('^') && pattern.ends_with('$'), "{parameter}: the whole value has to match");
    Regex::new(pattern).expect("a regular expression")
}

fn template_allows(pattern: &Regex, value: &str) -> bool {
    pattern.is_match(value).expect("a match that ends")
}

fn code_allows(variable: &str, value: &str) -> bool {
    if variable == "ALLOWED_ORIGINS" {
        return Origins::parse(value).is_some();
    }
    let base = |name: &str| match name {
        "MAIL_SENDER" => Some("a@example.com"),
        "MAIL_CONFIGURATION_SET" | "AWS_REGION" | "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("x"),
        name if name.ends_with("_TABLE") || name.ends_with("_KEYS_SECRET") => Some("x"),
        name if name.ends_with("QUEUE_URL") => Some("https://example.com/queue"),
        _ => None,
    };
    Config::read(|name| if name == variable { Some(value) } else { base(name) }.map(str::to_owned)).is_ok()
}

/// Every text that is the sample without a character, with one of [`ALPHABET`] in the place of another, or with one more. Not
/// the empty text, which is no value.
fn edits(sample: &str) -> BTreeSet<String> {
    let characters: Vec<_> = sample.chars().collect();
    let mut edits = BTreeSet::new();
    for at in 0..=characters.len() {
        let (before, after) = characters.split_at(at);
        let (before, rest): (String, String) = (before.iter().collect(), after.iter().skip(1).collect());
        for character in ALPHABET.chars() {
            edits.insert(format!("{before}{character}{rest}"));
            edits.insert(format!("{before}{character}{}", after.iter().collect::<String>()));
        }
        edits.insert(before + &rest);
    }
    edits.remove("");
    edits
}
