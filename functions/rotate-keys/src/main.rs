//! The Lambda function `rotate-keys`.

use std::process::ExitCode;

use shared::runtime;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    runtime::run(&[], rotate_keys::handle).await
}
