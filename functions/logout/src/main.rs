//! The Lambda function `logout`.

use std::process::ExitCode;

use shared::app::{self, WarmUp};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    app::serve(&[WarmUp::SigningKeys, WarmUp::Store], logout::handle).await
}
