//! The settings, read from the environment once. No other module reads it.
//!
//! Every function gets the same variables. They are names, not secrets: a function's role decides what it may do with a
//! name. `ORIGIN_SECRET` is the exception: it opens nothing but the way around a proxy. To add a setting: add a field with its doc, a line in [`Config::read`], the variable in the template's
//! `Globals`, and a row in `docs/configuration.md`.

mod checks;
mod choices;
mod sender;

use std::borrow::Cow;
use std::fmt::Display;
use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::str::FromStr;

use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};

pub use choices::{Algorithm, LogLevel, RegistrationMode};
pub use sender::Sender;

use checks::Check;

#[derive(Clone, Debug)]
pub struct Config {
    /// `CREDENTIALS_TABLE`: the table of addresses and password hashes.
    pub credentials_table: String,
    /// `ACCOUNTS_TABLE`: the table of users, sessions, mails and limits.
    pub accounts_table: String,
    /// `PUBLIC_KEYS_TABLE`: the table of public keys.
    pub public_keys_table: String,
    /// `MAIL_QUEUE_URL`: the queue of mails to send.
    pub mail_queue_url: String,
    /// `MAIL_DEAD_LETTER_QUEUE_URL`: the queue of mails that need an operator.
    pub mail_dead_letter_queue_url: String,
    /// `MAIL_EVENTS_QUEUE_URL`: the queue of what SES reports about mails.
    pub mail_events_queue_url: String,
    /// `MAIL_EVENTS_DEAD_LETTER_QUEUE_URL`: the queue of reports that need an operator.
    pub mail_events_dead_letter_queue_url: String,
    /// `MAIL_CONFIGURATION_SET`: the SES configuration set that publishes events about mails.
    pub mail_configuration_set: String,
    /// `SIGNING_KEYS_SECRET`: name or ARN of the secret with the keys of tokens.
    pub signing_keys_secret: String,
    /// `ACCOUNT_KEYS_SECRET`: name or ARN of the secret with the keys of mailed codes, devices, limits and pseudonyms.
    pub account_keys_secret: String,
    /// `SIGNING_ALGORITHM`: the algorithm of new signing keys.
    pub signing_algorithm: Algorithm,
    /// `ISSUER`: the `iss` of access tokens. If it is empty, `iss` is `https://` and the API's domain name.
    pub issuer: Option<String>,
    /// `ORIGIN_SECRET`: the secret by which the deployment's own proxy proves itself, or the new one and the old one
    /// while it changes. Without it, clients call the API directly.
    pub origin_secrets: Vec<SecretString>,
    /// `AUDIENCE`: the `aud` of access tokens, 1 to 128 printable ASCII characters without spaces.
    pub audience: String,
    /// `MAIL_SENDER`: the sender of mails, as `address` or `Name <address>`.
    pub mail_sender: Sender,
    /// `SERVICE_NAME`: the name of the service in mails, at most 64 characters.
    pub service_name: String,
    /// `WELCOME_SUBJECT`: the subject of the welcome mail, at most 128 characters.
    pub welcome_subject: String,
    /// `SUPPORT_CONTACT`: where mails send users for help, at most 128 characters. Without it, mails name no contact.
    pub support_contact: Option<String>,
    /// `REGISTRATION_MODE`: `open`, or `closed` if users come by invitation and import alone.
    pub registration_mode: RegistrationMode,
    /// `RESET_URL`: the page on which users choose a new password. Without it, mails carry the code alone.
    pub reset_url: Option<String>,
    /// `RESET_MINUTES`: how long a reset is valid, 10 to 60.
    pub reset_lifetime: SignedDuration,
    /// `WELCOME_EMAILS_PER_DAY`: how many more welcome and verification mails a user may ask for in a day, 1 to 1000.
    pub welcome_emails_per_day: u32,
    /// `MIN_PASSWORD_LENGTH`: the fewest code points of a new password, 8 to 64.
    pub min_password_length: usize,
    /// `LEGACY_HASHES`: the cost of imported bcrypt hashes, 4 to 12. Every login pays for one hash of that cost. Without
    /// it, bcrypt hashes fit no password.
    pub legacy_hashes: Option<u32>,
    /// `REGISTRATIONS_PER_NETWORK`: how many registrations one network may try in an hour, 1 to 1000000.
    pub registrations_per_network: u32,
    /// `LOGINS_PER_ACCOUNT_AND_NETWORK`: how many logins to one account may fail from one network in 15 minutes, 1 to
    /// 100.
    pub logins_per_account_and_network: u32,
    /// `LOGINS_PER_NETWORK`: how many logins one network may try in an hour, 1 to 1000000.
    pub logins_per_network: u32,
    /// `FAILED_LOGINS_BEFORE_DELAY`: how many logins to one account may fail in a day, from all networks, before the
    /// next ones have to wait, 1 to 100.
    pub failed_logins_before_delay: u32,
    /// `RESET_REQUESTS_PER_NETWORK`: how many resets one network may ask for in an hour, 1 to 1000000. It may try five
    /// times as many.
    pub reset_requests_per_network: u32,
    /// `REFRESH_GRACE_SECONDS`: how long a retired refresh token is still answered with its successor, 0 to 60.
    pub refresh_grace: SignedDuration,
    /// `HASH_CONCURRENCY`: how many threads hash passwords, each in 19 MiB. Without it, a password is hashed on the
    /// thread of its request, because Lambda sends one request at a time.
    pub hash_concurrency: Option<NonZeroUsize>,
    /// `LOG_LEVEL`: INFO, WARN or ERROR.
    pub log_level: LogLevel,
    /// The SDK's own settings.
    pub aws: AwsConfig,
}

/// The SDK's own variables: where AWS is called, and with which credentials.
#[derive(Clone, Debug)]
pub struct AwsConfig {
    /// `AWS_REGION`.
    pub region: String,
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: SecretString,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: Option<SecretString>,
    /// `AWS_ENDPOINT_URL_DYNAMODB`, or `AWS_ENDPOINT_URL`.
    pub dynamodb_endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_SQS`, or `AWS_ENDPOINT_URL`.
    pub sqs_endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_SES`, or `AWS_ENDPOINT_URL`.
    pub ses_endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_SECRETS_MANAGER`, or `AWS_ENDPOINT_URL`.
    pub secrets_manager_endpoint: Option<String>,
}

/// The name and version of this function, for its log. Lambda sets these variables. Outside of Lambda they are absent.
#[derive(Clone, Debug, Default)]
pub struct Function {
    /// `AWS_LAMBDA_FUNCTION_NAME`.
    pub name: Option<String>,
    /// `AWS_LAMBDA_FUNCTION_VERSION`.
    pub version: Option<String>,
    /// `METRICS_NAMESPACE`: the namespace of the metrics in `CloudWatch`. It keeps two deployments in one account
    /// apart.
    pub metrics_namespace: Option<String>,
}

/// A variable that is missing or cannot be used. Its display names the variable and its demand, and never its value.
#[derive(Debug, thiserror::Error)]
#[error("{variable} {problem}; it wants {wants}")]
pub struct ConfigError {
    variable: &'static str,
    problem: &'static str,
    wants: Cow<'static, str>,
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn variable(name: &str) -> Option<String> {
    // Bytes that are not UTF-8 become U+FFFD, which no check accepts.
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

impl Function {
    /// Reads the variables of this process.
    #[must_use]
    pub fn from_env() -> Self {
        Self {
            name: variable("AWS_LAMBDA_FUNCTION_NAME"),
            version: variable("AWS_LAMBDA_FUNCTION_VERSION"),
            metrics_namespace: variable("METRICS_NAMESPACE"),
        }
    }
}

impl Config {
    /// Reads the settings of this process.
    ///
    /// # Errors
    /// Names the first variable that is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(variable)
    }

    /// Reads the settings through `lookup`. An empty variable counts as absent.
    ///
    /// # Errors
    /// Names the first variable that is missing or wrong.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let env = Variables(|variable: &str| lookup(variable).filter(|value| !value.is_empty()));
        Ok(Self {
            credentials_table: env.required("CREDENTIALS_TABLE", "the name of the credentials table")?,
            accounts_table: env.required("ACCOUNTS_TABLE", "the name of the accounts table")?,
            public_keys_table: env.required("PUBLIC_KEYS_TABLE", "the name of the table of public keys")?,
            mail_queue_url: env.required_url("MAIL_QUEUE_URL", "the URL of the mail queue")?,
            mail_dead_letter_queue_url: env
                .required_url("MAIL_DEAD_LETTER_QUEUE_URL", "the URL of the mail queue's dead-letter queue")?,
            mail_events_queue_url: env.required_url("MAIL_EVENTS_QUEUE_URL", "the URL of the queue of SES's events")?,
            mail_events_dead_letter_queue_url: env
                .required_url("MAIL_EVENTS_DEAD_LETTER_QUEUE_URL", "the URL of that queue's dead-letter queue")?,
            mail_configuration_set: env.required("MAIL_CONFIGURATION_SET", "the name of an SES configuration set")?,
            signing_keys_secret: env.required("SIGNING_KEYS_SECRET", "the ARN of the secret with the signing keys")?,
            account_keys_secret: env.required("ACCOUNT_KEYS_SECRET", "the ARN of the secret with the account keys")?,
            signing_algorithm: env.parsed("SIGNING_ALGORITHM", "ES256 or RS256")?.unwrap_or(Algorithm::Es256),
            issuer: env.checked("ISSUER", &checks::ISSUER)?,
            origin_secrets: env.secrets("ORIGIN_SECRET", &checks::ORIGIN_SECRET)?,
            audience: env.checked("AUDIENCE", &checks::AUDIENCE)?.unwrap_or("latchkey".into()),
            mail_sender: env.sender("MAIL_SENDER")?,
            service_name: env.checked("SERVICE_NAME", &checks::SERVICE_NAME)?.unwrap_or("our platform".into()),
            welcome_subject: env.checked("WELCOME_SUBJECT", &checks::SUBJECT)?.unwrap_or("Welcome!".into()),
            support_contact: env.checked("SUPPORT_CONTACT", &checks::CONTACT)?,
            registration_mode: env.parsed("REGISTRATION_MODE", "open or closed")?.unwrap_or(RegistrationMode::Open),
            reset_url: env.checked("RESET_URL", &checks::RESET_URL)?,
            reset_lifetime: SignedDuration::from_mins(env.within(
                "RESET_MINUTES",
                "a number of minutes",
                10..=60,
                30,
            )?),
            welcome_emails_per_day: env.within("WELCOME_EMAILS_PER_DAY", "a number", 1..=1000, 5)?,
            min_password_length: env.within("MIN_PASSWORD_LENGTH", "a number", 8..=64, 8)?,
            legacy_hashes: env.within_or_none("LEGACY_HASHES", "a bcrypt cost", 4..=12)?,
            registrations_per_network: env.within("REGISTRATIONS_PER_NETWORK", "a number", 1..=1_000_000, 100)?,
            logins_per_account_and_network: env.within("LOGINS_PER_ACCOUNT_AND_NETWORK", "a number", 1..=100, 10)?,
            logins_per_network: env.within("LOGINS_PER_NETWORK", "a number", 1..=1_000_000, 100)?,
            failed_logins_before_delay: env.within("FAILED_LOGINS_BEFORE_DELAY", "a number", 1..=100, 10)?,
            reset_requests_per_network: env.within("RESET_REQUESTS_PER_NETWORK", "a number", 1..=1_000_000, 20)?,
            refresh_grace: SignedDuration::from_secs(env.within(
                "REFRESH_GRACE_SECONDS",
                "a number of seconds",
                0..=60,
                10,
            )?),
            hash_concurrency: env.within_or_none("HASH_CONCURRENCY", "a number", 1..=256)?.and_then(NonZeroUsize::new),
            log_level: env.parsed("LOG_LEVEL", "INFO, WARN or ERROR")?.unwrap_or(LogLevel::Info),
            aws: AwsConfig {
                region: env.required("AWS_REGION", "a region, such as eu-central-1")?,
                access_key_id: env.required("AWS_ACCESS_KEY_ID", "an access key (Lambda sets it)")?,
                secret_access_key: env.required("AWS_SECRET_ACCESS_KEY", "a secret key (Lambda sets it)")?.into(),
                session_token: env.checked("AWS_SESSION_TOKEN", &checks::SESSION_TOKEN)?.map(SecretString::from),
                dynamodb_endpoint: env.endpoint("AWS_ENDPOINT_URL_DYNAMODB")?,
                sqs_endpoint: env.endpoint("AWS_ENDPOINT_URL_SQS")?,
                ses_endpoint: env.endpoint("AWS_ENDPOINT_URL_SES")?,
                secrets_manager_endpoint: env.endpoint("AWS_ENDPOINT_URL_SECRETS_MANAGER")?,
            },
        })
    }

    /// Demands `ISSUER`. A function that is called at other services' addresses cannot derive its issuer from the
    /// address.
    ///
    /// # Errors
    /// Names `ISSUER` if it is not set.
    pub fn with_issuer(self) -> Result<Self, ConfigError> {
        if self.issuer.is_none() {
            return Err(missing("ISSUER", "the `iss` of the tokens, an https:// URL"));
        }
        Ok(self)
    }
}

struct Variables<F>(F);

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    fn get(&self, variable: &str) -> Option<String> {
        (self.0)(variable)
    }

    /// Reads a name, a key or an ARN: one word.
    fn required(&self, variable: &'static str, wants: &'static str) -> Result<String, ConfigError> {
        let check = Check { wants, is_met: checks::is_word };
        self.checked(variable, &check)?.ok_or_else(|| missing(variable, wants))
    }

    fn required_url(&self, variable: &'static str, wants: &'static str) -> Result<String, ConfigError> {
        let check = Check { wants, is_met: checks::is_url };
        self.checked(variable, &check)?.ok_or_else(|| missing(variable, wants))
    }

    fn sender(&self, variable: &'static str) -> Result<Sender, ConfigError> {
        let text = self.get(variable).ok_or_else(|| missing(variable, sender::WANTS))?;
        Sender::parse(&text).ok_or_else(|| wrong(variable, sender::WANTS))
    }

    fn checked(&self, variable: &'static str, check: &Check) -> Result<Option<String>, ConfigError> {
        match self.get(variable) {
            Some(value) if !(check.is_met)(&value) => Err(wrong(variable, check.wants)),
            value => Ok(value),
        }
    }

    /// Reads secrets that are separated by commas.
    fn secrets(&self, variable: &'static str, check: &Check) -> Result<Vec<SecretString>, ConfigError> {
        let text = self.checked(variable, check)?.map(SecretString::from);
        let parts = text.iter().flat_map(|text| text.expose_secret().split(','));
        Ok(parts.map(SecretString::from).collect())
    }

    fn parsed<T: FromStr>(&self, variable: &'static str, wants: &'static str) -> Result<Option<T>, ConfigError> {
        self.get(variable).map(|value| value.parse().map_err(|_| wrong(variable, wants))).transpose()
    }

    fn within<T: FromStr + PartialOrd + Display>(
        &self,
        variable: &'static str,
        what: &str,
        range: RangeInclusive<T>,
        default: T,
    ) -> Result<T, ConfigError> {
        Ok(self.within_or_none(variable, what, range)?.unwrap_or(default))
    }

    fn within_or_none<T: FromStr + PartialOrd + Display>(
        &self,
        variable: &'static str,
        what: &str,
        range: RangeInclusive<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.get(variable) else { return Ok(None) };
        let value = value.parse().ok().filter(|value| range.contains(value));
        let wants = || format!("{what} from {} to {}", range.start(), range.end());
        value.map(Some).ok_or_else(|| wrong(variable, wants()))
    }

    fn endpoint(&self, variable: &'static str) -> Result<Option<String>, ConfigError> {
        let specific = self.checked(variable, &checks::ENDPOINT)?;
        let general = self.checked("AWS_ENDPOINT_URL", &checks::ENDPOINT)?;
        Ok(specific.or(general))
    }
}

const fn missing(variable: &'static str, wants: &'static str) -> ConfigError {
    ConfigError { variable, problem: "is not set", wants: Cow::Borrowed(wants) }
}

fn wrong(variable: &'static str, wants: impl Into<Cow<'static, str>>) -> ConfigError {
    ConfigError { variable, problem: "cannot be used as it is set", wants: wants.into() }
}

#[cfg(test)]
mod tests;
