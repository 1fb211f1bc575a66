use super::*;

const REQUIRED: [(&str, &str); 12] = [
    ("CREDENTIALS_TABLE", "credentials"),
    ("ACCOUNTS_TABLE", "accounts"),
    ("PUBLIC_KEYS_TABLE", "public-keys"),
    ("MAIL_QUEUE_URL", "http://localhost/mail"),
    ("MAIL_DEAD_LETTER_QUEUE_URL", "http://localhost/dead"),
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
    // LAM-03
    for (variable, value) in [
        ("MIN_PASSWORD_LENGTH", "7"),
        ("MIN_PASSWORD_LENGTH", "65"),
        ("WELCOME_EMAILS_PER_DAY", "0"),
        ("LOGINS_PER_ACCOUNT_AND_NETWORK", "0"),
        ("LOGINS_PER_NETWORK", "1000001"),
        ("REGISTRATIONS_PER_NETWORK", "0"),
        ("FAILED_LOGINS_BEFORE_DELAY", "101"),
        ("REFRESH_GRACE_SECONDS", "-1"),
        ("HASH_CONCURRENCY", "0"),
        ("SIGNING_ALGORITHM", "HS256"),
        ("LOG_LEVEL", "TRACE"),
        ("ISSUER", "http://example.com"),
        ("ISSUER", "https://example.com/"),
        ("MAIL_SENDER", "nobody"),
        ("MAIL_SENDER", "A <a@example.com>\r\nBcc: b@example.com"),
        ("WELCOME_SUBJECT", "Hello\nworld"),
        ("AWS_ENDPOINT_URL", "localhost"),
    ] {
        let error = read(&[(variable, value)]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{variable} cannot be used as it is set; it wants ")), "{error}");
        assert!(!error.contains(value) || value.len() < 3, "{error}");
    }
}

#[test]
fn one_endpoint_serves_all_unless_a_service_has_its_own() {
    let config =
        read(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_ENDPOINT_URL_SES", "http://127.0.0.1:2")]).unwrap();
    assert_eq!(config.aws.sqs_endpoint.as_deref(), Some("http://127.0.0.1:1"));
    assert_eq!(config.aws.ses_endpoint.as_deref(), Some("http://127.0.0.1:2"));
}
