//! The Lambda function `login`.

use std::process::ExitCode;

use shared::app::{self, WarmUp};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    app::serve(&[WarmUp::Passwords, WarmUp::SigningKeys, WarmUp::Store], login::handle).await
}
