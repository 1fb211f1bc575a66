use super::*;

const REQUIRED: [(&str, &str); 14] = [
    ("CREDENTIALS_TABLE", "credentials"),
    ("ACCOUNTS_TABLE", "accounts"),
    ("PUBLIC_KEYS_TABLE", "public-keys"),
    ("MAIL_QUEUE_URL", "http://localhost/mail"),
    ("MAIL_DEAD_LETTER_QUEUE_URL", "http://localhost/dead"),
    ("MAIL_EVENTS_QUEUE_URL", "http://localhost/events"),
    ("MAIL_EVENTS_DEAD_LETTER_QUEUE_URL", "http://localhost/dead-events"),
    ("MAIL_CONFIGURATION_SET", "mail"),
    ("SIGNING_KEYS_SECRET", "keys"),
    ("ACCOUNT_KEYS_SECRET", "account-keys"),
    ("MAIL_SENDER", "Latchkey <no-reply@example.com>"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "id"),
    ("AWS_SECRET_ACCESS_KEY", "key"),
];

fn read(changes: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::read(|variable| {
        let of = |pairs: &[(&str, &str)]| {
            pairs.iter().find(|(name, _)| *name == variable).map(|(_, value)| (*value).to_owned())
        };
        of(changes).or_else(|| of(&REQUIRED))
    })
}

#[test]
fn the_rest_has_defaults() {
    let config = read(&[]).unwrap();
    assert_eq!(config.min_password_length, 8);
    assert_eq!(config.refresh_grace, SignedDuration::from_secs(10));
    assert_eq!((config.welcome_subject.as_str(), config.service_name.as_str()), ("Welcome!", "our platform"));
    assert_eq!(config.signing_algorithm, Algorithm::Es256);
    assert_eq!((config.issuer, config.audience.as_str()), (None, "latchkey"));
}

#[test]
fn a_missing_variable_is_named() {
    // LAM-03
    for (variable, _) in REQUIRED {
        let error = read(&[(variable, "")]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{variable} is not set; it wants ")), "{error}");
    }
}

#[test]
fn the_issuer_is_required_of_who_cannot_do_without() {
    // LAM-03
    let error = read(&[]).and_then(Config::with_issuer).unwrap_err().to_string();
    assert!(error.starts_with("ISSUER is not set; it wants "), "{error}");
    assert!(read(&[("ISSUER", "https://id.example.com")]).and_then(Config::with_issuer).is_ok());
}

#[test]
fn a_wrong_variable_is_named_and_its_value_is_not_shown() {
    // LAM-03, FLT-05
    for (variable, value) in [
        ("MIN_PASSWORD_LENGTH", "7"),
        ("MIN_PASSWORD_LENGTH", "65"),
        ("MIN_PASSWORD_LENGTH", "8.5"),
        ("WELCOME_EMAILS_PER_DAY", "0"),
        ("LOGINS_PER_ACCOUNT_AND_NETWORK", "0"),
        ("LOGINS_PER_NETWORK", "1000001"),
        ("REGISTRATIONS_PER_NETWORK", "0"),
        ("FAILED_LOGINS_BEFORE_DELAY", "101"),
        ("REFRESH_GRACE_SECONDS", "-1"),
        ("REFRESH_GRACE_SECONDS", "61"),
        ("HASH_CONCURRENCY", "0"),
        ("HASH_CONCURRENCY", "257"),
        ("HASH_CONCURRENCY", "18446744073709551615"),
        ("SIGNING_ALGORITHM", "HS256"),
        ("LOG_LEVEL", "TRACE"),
        ("LOG_LEVEL", "info"),
        ("ISSUER", "http://example.com"),
        ("ISSUER", "http://localhost.example.com"),
        ("ISSUER", "https://example.com/"),
        ("ISSUER", "https://example.com?tenant=1"),
        ("ISSUER", "https://example.com/a//b"),
        ("ISSUER", "https://example.com/../b"),
        ("ISSUER", "https://ada@example.com"),
        ("ISSUER", "https://example.com:65536"),
        ("ISSUER", "https://:443"),
        ("ISSUER", "id.example.com"),
        ("AUDIENCE", "two words"),
        ("AUDIENCE", "café"),
        ("AUDIENCE", &"x".repeat(129)),
        ("MAIL_SENDER", "nobody"),
        ("MAIL_SENDER", "Latchkey <No-Reply@example.com>"),
        ("MAIL_SENDER", "A <a@example.com>\r\nBcc: b@example.com"),
        ("SERVICE_NAME", "R&D\nLtd"),
        ("SERVICE_NAME", "<b>Acme</b>"),
        ("SERVICE_NAME", "   "),
        ("SERVICE_NAME", "M\u{fffd}ller"),
        ("SERVICE_NAME", &"é".repeat(65)),
        ("WELCOME_SUBJECT", "Hello\nworld"),
        ("WELCOME_SUBJECT", "\u{3000}"),
        ("WELCOME_SUBJECT", &"é".repeat(129)),
        ("CREDENTIALS_TABLE", "   "),
        ("ACCOUNTS_TABLE", "my accounts"),
        ("PUBLIC_KEYS_TABLE", "keys\n"),
        ("MAIL_CONFIGURATION_SET", "\t"),
        ("SIGNING_KEYS_SECRET", " keys-1"),
        ("MAIL_QUEUE_URL", "queue-1"),
        ("MAIL_DEAD_LETTER_QUEUE_URL", "localhost:9324/dead"),
        ("AWS_REGION", "eu central"),
        ("AWS_SECRET_ACCESS_KEY", "secret\n"),
        ("AWS_SESSION_TOKEN", "to ken"),
        ("AWS_ENDPOINT_URL", "localhost"),
        ("AWS_ENDPOINT_URL", "localhost:4566"),
        ("AWS_ENDPOINT_URL", "ftp://localhost:4566"),
        ("AWS_ENDPOINT_URL", "http://localhost:99999"),
        ("AWS_ENDPOINT_URL_DYNAMODB", "http:///dynamodb"),
        ("AWS_ENDPOINT_URL_SQS", "http:// localhost"),
        ("AWS_ENDPOINT_URL_SES", "/ses"),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "none"),
    ] {
        let error = read(&[(variable, value)]).map(drop).expect_err(variable).to_string();
        assert!(error.starts_with(&format!("{variable} cannot be used as it is set; it wants ")), "{error}");
        assert!(!error.contains(value) || value.trim().len() < 3, "{error}");
    }
}

#[test]
fn what_an_operator_may_set_is_taken_as_it_is() {
    // FLT-05
    for (variable, value) in [
        ("ISSUER", "https://id.example.com"),
        ("ISSUER", "https://id.example.com:8443/tenants/a-1"),
        ("ISSUER", "http://localhost:3000"),
        ("ISSUER", "http://127.0.0.1:3000"),
        ("AUDIENCE", "urn:example:latchkey"),
        ("AUDIENCE", &"x".repeat(128)),
        ("SERVICE_NAME", &"é".repeat(64)),
        ("SERVICE_NAME", "R&D \"Labs\""),
        ("WELCOME_SUBJECT", "Willkommen bei <Müller>!"),
        ("WELCOME_SUBJECT", &"é".repeat(128)),
    ] {
        let config = read(&[(variable, value)]).unwrap();
        let read = match variable {
            "ISSUER" => config.issuer.unwrap(),
            "AUDIENCE" => config.audience,
            "SERVICE_NAME" => config.service_name,
            _ => config.welcome_subject,
        };
        assert_eq!(read, value, "{variable}");
    }
    assert_eq!(read(&[("HASH_CONCURRENCY", "256")]).unwrap().hash_concurrency.unwrap().get(), 256);
    let sender = read(&[("MAIL_SENDER", "Acme, Inc. <no-reply@example.com>")]).unwrap().mail_sender;
    assert_eq!(
        (sender.address(), sender.header().as_str()),
        ("no-reply@example.com", "\"Acme, Inc.\" <no-reply@example.com>")
    );
}

#[test]
fn one_endpoint_serves_all_unless_a_service_has_its_own() {
    let config =
        read(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_ENDPOINT_URL_SES", "http://127.0.0.1:2")]).unwrap();
    assert_eq!(config.aws.sqs_endpoint.as_deref(), Some("http://127.0.0.1:1"));
    assert_eq!(config.aws.ses_endpoint.as_deref(), Some("http://127.0.0.1:2"));
    for endpoint in [
        "http://host.docker.internal:4566",
        "http://[::1]:4566",
        "http://localhost",
        "https://sqs.eu-central-1.amazonaws.com/",
    ] {
        let config = read(&[("AWS_ENDPOINT_URL", endpoint)]).unwrap();
        assert_eq!(config.aws.dynamodb_endpoint.as_deref(), Some(endpoint));
    }
}
