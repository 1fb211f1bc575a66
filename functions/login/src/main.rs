//! The Lambda function `login`.

use std::process::ExitCode;

use shared::runtime::{self, WarmUp};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    runtime::serve(&[WarmUp::Passwords, WarmUp::Secrets, WarmUp::Store], login::handle).await
}
