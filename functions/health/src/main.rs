//! The Lambda function `health`.

use std::process::ExitCode;

use shared::app;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    app::serve(&[], health::handle).await
}
