//! The Lambda function `mail-events`.

use std::process::ExitCode;

use shared::app;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    app::run(&[], mail_events::handle).await
}
