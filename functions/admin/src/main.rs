//! The Lambda function `admin`.

use std::process::ExitCode;

use shared::runtime::{self, WarmUp};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    runtime::run(&[WarmUp::Store], admin::handle).await
}
