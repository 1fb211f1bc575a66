//! The Lambda function `logout`.

use std::process::ExitCode;

use shared::runtime::{self, WarmUp};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    runtime::serve(&[WarmUp::SigningKeys, WarmUp::Store], logout::handle).await
}
