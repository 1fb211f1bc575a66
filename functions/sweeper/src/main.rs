//! The Lambda function `sweeper`.

use std::process::ExitCode;

use shared::app;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    app::run(&[], sweeper::handle).await
}
