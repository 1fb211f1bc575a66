//! What is printed once everything runs.

use std::fmt::Write as _;

use super::docker::Containers;
use super::options::Arguments;
use crate::functions::ROUTES;

/// Writes the greeting of a system at `url` whose doubles are at `aws`. Its first line has the URL, and its last begins with Ctrl-C.
#[must_use]
pub fn greeting(url: &str, aws: &str, arguments: &Arguments, containers: Option<&Containers>) -> String {
    let mut text = format!("Latchkey is at {url}\n\n");
    for (method, path, _) in ROUTES.iter() {
        let _ = writeln!(text, "  {method:<6} {path}");
    }
    let data = match &arguments.data {
        Some(folder) => format!("in {}", folder.display()),
        None => "in memory, gone when this stops; --data DIR keeps it".to_owned(),
    };
    let _ = write!(
        text,
        "\n  Try it         {url}/_local/app\n  API reference  {url}/\n  Mailbox        {url}/_local/mail\n  AWS doubles    {aws}\n  Data           {data}\n"
    );
    for file in &arguments.env_files {
        let _ = writeln!(text, "  Settings       in {}", file.display());
    }
    if let Some(Containers { endpoint, address }) = containers {
        let _ = write!(
            text,
            "\nContainers reach the AWS doubles at {endpoint}, on the address {address}.\n\
             Warning: the doubles check no credentials. Every program that reaches {address} can read and\n\
             change the accounts, the mails and the keys. Do not keep real data here.\n"
        );
    }
    let _ = write!(
        text,
        "\nOpen an account:\n\n  curl {url}/api/auth/register -H 'Content-Type: application/json' \\\n    \
         -d '{{\"email\":\"ada@example.com\",\"password\":\"correct horse battery staple\",\"name\":\"Ada\"}}'\n\n\
         Read the mail:\n\n  curl {url}/_local/mail\n\n\
         Rotate the keys:\n\n  curl -X POST {url}/_local/rotate\n\n\
         Operate it:\n\n  cargo latchkey --local={url} user list\n\n\
         Ctrl-C stops it."
    );
    text
}
