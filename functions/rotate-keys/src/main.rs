//! The Lambda function `rotate-keys`.

use std::process::ExitCode;

use shared::app;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    app::run(&[], rotate_keys::handle).await
}
