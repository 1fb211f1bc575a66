//! The Lambda function `outbox-sweeper`.

use std::process::ExitCode;

use shared::app;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    app::run(&[], outbox_sweeper::handle).await
}
