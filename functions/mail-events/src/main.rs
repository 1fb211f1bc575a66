//! The Lambda function `mail-events`.

use std::process::ExitCode;

use shared::runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    runtime::run(&[], mail_events::handle).await
}
