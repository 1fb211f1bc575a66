//! The Lambda function `mailer`.

use std::process::ExitCode;

use shared::runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    runtime::run(&[], mailer::handle).await
}
