//! The Lambda function `send-welcome-email`.

use std::process::ExitCode;

use shared::app::{self, WarmUp};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    app::serve(&[WarmUp::PublicKeys], send_welcome_email::handle).await
}
