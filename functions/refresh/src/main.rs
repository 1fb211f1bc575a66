//! The Lambda function `refresh`.

use std::process::ExitCode;

use shared::runtime::{self, WarmUp};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    runtime::serve(&[WarmUp::SigningKeys, WarmUp::Store], refresh::handle).await
}
