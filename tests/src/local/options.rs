//! What `cargo local` is told, and what it says.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tests::functions::ROUTES;

use crate::AnyError;

/// What `--help` prints.
pub const HELP: &str = "\
cargo local: runs Latchkey on this machine

  --data DIR        keep accounts, mails and keys in DIR, over restarts
  --env-file FILE   write the functions' settings to FILE, for `cargo lambda watch --env-file FILE`
                    or, if it ends in .json, for `sam local invoke --env-vars FILE`
  --help            this

Variables: PORT (3000; 0 picks a free one), ALLOWED_ORIGINS (for CORS, separated by commas), and every setting of
docs/configuration.md.";

/// The settings that are passed on from the environment. Those of AWS are the system's own.
const SETTINGS: [&str; 15] = [
    "AUDIENCE",
    "FAILED_LOGINS_BEFORE_DELAY",
    "HASH_CONCURRENCY",
    "ISSUER",
    "LOGINS_PER_ACCOUNT_AND_NETWORK",
    "LOGINS_PER_NETWORK",
    "LOG_LEVEL",
    "MAIL_SENDER",
    "MIN_PASSWORD_LENGTH",
    "REFRESH_GRACE_SECONDS",
    "REGISTRATIONS_PER_NETWORK",
    "SERVICE_NAME",
    "SIGNING_ALGORITHM",
    "WELCOME_EMAILS_PER_DAY",
    "WELCOME_SUBJECT",
];

/// The command line.
#[derive(Debug, Default)]
pub struct Arguments {
    /// Where data is kept; in memory if nowhere.
    pub data: Option<PathBuf>,
    /// Where the functions' settings are written for other processes.
    pub env_file: Option<PathBuf>,
}

impl Arguments {
    /// Reads the command line. Nothing if help is asked for.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Self>, AnyError> {
        let mut arguments = Self::default();
        while let Some(word) = words.next() {
            let mut path = || words.next().map(PathBuf::from).ok_or(format!("{word} wants a path"));
            match word.as_str() {
                "--data" => arguments.data = Some(path()?),
                "--env-file" => arguments.env_file = Some(path()?),
                "--help" | "-h" => return Ok(None),
                _ => return Err(format!("{word} is not known; --help tells what is").into()),
            }
        }
        Ok(Some(arguments))
    }
}

/// The port to listen on.
pub fn port() -> Result<u16, AnyError> {
    match variable("PORT") {
        None => Ok(3000),
        Some(text) => {
            text.parse().map_err(|_| "PORT cannot be used as it is set; it wants a number up to 65535".into())
        }
    }
}

/// The origins that may call from a browser.
pub fn allowed_origins() -> Result<Vec<http::HeaderValue>, AnyError> {
    let text = variable("ALLOWED_ORIGINS").unwrap_or_default();
    let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
    let wrong = |_| "ALLOWED_ORIGINS cannot be used as it is set; it wants origins, separated by commas".into();
    origins.map(|origin| origin.parse().map_err(wrong)).collect()
}

/// The settings for a system at `url`.
pub fn settings(url: &str) -> HashMap<String, String> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let mut settings =
        HashMap::from([("ISSUER".to_owned(), url.to_owned()), ("HASH_CONCURRENCY".to_owned(), processors.to_string())]);
    settings.extend(SETTINGS.iter().filter_map(|name| Some(((*name).to_owned(), variable(name)?))));
    settings
}

/// Writes the functions' settings as `NAME="value"` lines, or as what `sam local invoke --env-vars` reads.
pub fn write_environment(file: &Path, environment: &HashMap<String, String>) -> Result<(), AnyError> {
    let text = if file.extension().is_some_and(|extension| extension == "json") {
        serde_json::to_string_pretty(&serde_json::json!({"Parameters": environment}))?
    } else {
        let mut lines: Vec<_> = environment.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        lines.sort();
        lines.join("\n") + "\n"
    };
    std::fs::write(file, text).map_err(|error| format!("{} cannot be written: {error}", file.display()).into())
}

/// What is said once everything runs.
pub fn greeting(url: &str, aws: &str, data: Option<&Path>) -> String {
    let mut text = format!("Latchkey is at {url}\n\n");
    for (method, path, _) in ROUTES {
        let _ = writeln!(text, "  {method:<6} {path}");
    }
    let kept = data.map_or("in memory".to_owned(), |folder| format!("in {}", folder.display()));
    let _ = write!(
        text,
        "\n  API reference  {url}/\n  mailbox        {url}/_local/mail\n  turn the keys  \
         curl -X POST {url}/_local/rotate\n  AWS doubles    {aws}\n  data           {kept}\n\n\
         Try:\n\n  curl {url}/api/auth/register -H 'Content-Type: application/json' \\\n    \
         -d '{{\"email\":\"ada@example.com\",\"password\":\"correct horse battery staple\",\"name\":\"Ada\"}}'\n\n\
         Ctrl-C stops it."
    );
    text
}

#[expect(clippy::disallowed_methods, reason = "what `shared::config` reads in a function, this hands to it")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
