//! The Lambda function `mailer`.

use std::process::ExitCode;

use shared::app;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    app::run(&[], mailer::handle).await
}
