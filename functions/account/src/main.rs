//! The Lambda function `account`.

use std::process::ExitCode;

use shared::app::{self, WarmUp};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    app::serve(&[WarmUp::PublicKeys], account::handle).await
}
