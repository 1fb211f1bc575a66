//! The Lambda function `public`.

use std::process::ExitCode;

use shared::app::{self, WarmUp};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    app::serve(&[WarmUp::PublicKeys], public::handle).await
}
