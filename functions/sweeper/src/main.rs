//! The Lambda function `sweeper`.

use std::process::ExitCode;

use shared::runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    runtime::run(&[], sweeper::handle).await
}
