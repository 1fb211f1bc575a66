//! The Lambda function `account`.

use std::process::ExitCode;

use shared::runtime::{self, WarmUp};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    runtime::serve(&[WarmUp::PublicKeys], account::handle).await
}
