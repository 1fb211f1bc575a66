//! The Lambda function `welcome-email`.

use std::process::ExitCode;

use shared::app;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    app::run(&[], welcome_email::handle).await
}
