//! The Lambda function `register`.

use std::process::ExitCode;

use shared::app::{self, WarmUp};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    app::serve(&[WarmUp::Passwords, WarmUp::SigningKeys, WarmUp::Store], register::handle).await
}
