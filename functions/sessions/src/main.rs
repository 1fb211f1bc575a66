//! The Lambda function `sessions`.

use std::process::ExitCode;

use shared::app::{self, WarmUp};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    app::serve(&[WarmUp::PublicKeys], sessions::handle).await
}
