//! The command line and the environment of `cargo local`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;

use super::cors::Origins;
use super::{AnyError, env_file};
use crate::template;

/// What `--help` prints.
pub const HELP: &str = "\
Runs Latchkey on this machine: every function in one process, with doubles of
DynamoDB, SQS, SES and Secrets Manager. Nothing is sent to AWS, and no mail leaves.

Usage: cargo local [OPTIONS]

  --data DIR          Keeps accounts, mails and keys in the folder DIR. Without it
                      they are in memory, and gone when the command stops.
  --env-file FILE     Writes the settings of the functions to FILE, so that a function
                      that runs elsewhere uses the same data. It can be given twice.
                        FILE         for `cargo lambda watch --env-file FILE`, or for a
                                     shell: `set -a; . FILE`
                        FILE.json    for `sam local invoke --env-vars FILE.json`, and
                                     only with --for-docker
  --for-docker        Lets containers reach the AWS doubles, which otherwise listen on
                      127.0.0.1 alone. They listen on the gateway of Docker's network
                      as well. Every program that reaches that address can then read
                      and change the data. Start the containers with
                      `--add-host host.docker.internal:host-gateway`.
  --docker-address IP
                      Does the same at an address of this machine that you name, where
                      containers reach it by another one than the gateway.
  --help              Prints this text.

Environment variables:

  PORT                The port of the API. The default is 3000; 0 picks a free port.
  ALLOWED_ORIGINS     The origins whose pages may call the API from a browser, such as
                      https://app.example.com, separated by commas; or *.

The settings of the functions are variables too; docs/configuration.md lists them:
`MIN_PASSWORD_LENGTH=12 cargo local`.";

/// The settings that the template leaves to the code.
const NOT_IN_TEMPLATE: [&str; 1] = ["HASH_CONCURRENCY"];
/// The most that `HASH_CONCURRENCY` may be.
const MOST_HASHES_AT_ONCE: usize = 256;

/// The command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// The folder with the data; in memory without one.
    pub data: Option<PathBuf>,
    /// The files to which the functions' settings are written.
    pub env_files: Vec<PathBuf>,
    /// Whether containers may reach the AWS doubles.
    pub for_docker: bool,
    /// The address at which they do; the one that Docker names without it.
    pub docker_address: Option<IpAddr>,
}

impl Arguments {
    /// Reads the command line. Answers with nothing if it asks for help.
    ///
    /// # Errors
    /// The word that cannot be used, and why.
    pub fn parse(words: impl Iterator<Item = String>) -> Result<Option<Self>, AnyError> {
        let mut arguments = Self::default();
        let mut words = words.flat_map(|word| match word.split_once('=') {
            Some((option, value)) if option.starts_with("--") => vec![option.to_owned(), value.to_owned()],
            _ => vec![word],
        });
        while let Some(option) = words.next() {
            let mut value = |what: &str| {
                let value = words.next().filter(|value| !value.is_empty() && !value.starts_with("--"));
                value.ok_or_else(|| format!("{option} wants {what}"))
            };
            match option.as_str() {
                "--data" => arguments.data = Some(value("a folder")?.into()),
                "--env-file" => arguments.env_files.push(value("a file")?.into()),
                "--for-docker" => arguments.for_docker = true,
                "--docker-address" => {
                    let address = value("an IP address")?;
                    let wrong = |_| format!("--docker-address wants an IP address of this machine, not {address}");
                    arguments.docker_address = Some(address.parse().map_err(wrong)?);
                    arguments.for_docker = true;
                }
                "--help" | "-h" => return Ok(None),
                _ => return Err(format!("{option} is not an option; --help lists them").into()),
            }
        }
        match arguments.env_files.iter().find(|file| env_file::is_for_containers(file)) {
            Some(file) if !arguments.for_docker => Err(format!(
                "--env-file {} is for functions in containers, which reach the AWS doubles only with --for-docker",
                file.display()
            )
            .into()),
            _ => Ok(Some(arguments)),
        }
    }
}

/// Reads the port to listen on.
///
/// # Errors
/// When `PORT` is not a port.
pub fn port(lookup: impl Fn(&str) -> Option<String>) -> Result<u16, AnyError> {
    let Some(text) = lookup("PORT") else { return Ok(3000) };
    text.parse().map_err(|_| "PORT cannot be used as it is set; it wants a number from 0 to 65535".into())
}

/// Reads the origins that may call from a browser.
///
/// # Errors
/// When `ALLOWED_ORIGINS` names what no browser sends.
pub fn allowed_origins(lookup: impl Fn(&str) -> Option<String>) -> Result<Origins, AnyError> {
    Origins::parse(&lookup("ALLOWED_ORIGINS").unwrap_or_default()).ok_or_else(|| {
        "ALLOWED_ORIGINS cannot be used as it is set; it wants origins as browsers send them, such as \
         https://app.example.com or http://localhost:5173, in lower case, separated by commas, without spaces, without \
         a slash or a path at the end and without the ports 80 of http and 443 of https; or * for all"
            .into()
    })
}

/// Returns the settings for a system at `url`: those of the environment that an operator could set in the template too.
pub fn settings(url: &str, lookup: impl Fn(&str) -> Option<String>) -> HashMap<String, String> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from).min(MOST_HASHES_AT_ONCE);
    let mut settings =
        HashMap::from([("ISSUER".to_owned(), url.to_owned()), ("HASH_CONCURRENCY".to_owned(), processors.to_string())]);
    let names = template::settings().into_iter().chain(NOT_IN_TEMPLATE);
    settings.extend(names.filter_map(|name| Some((name.to_owned(), lookup(name)?))));
    settings
}

/// Reads a variable of this process. An empty one counts as absent.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "what `shared::config` reads in a function, this hands to it")]
pub fn variable(name: &str) -> Option<String> {
    // What is no UTF-8 becomes U+FFFD, which no check lets through.
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
}
