//! The Lambda function `authorizer`.

use std::process::ExitCode;

use shared::app::{self, WarmUp};
use shared::config::Config;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    app::run_with(Config::from_env().and_then(Config::with_issuer), &[WarmUp::PublicKeys], authorizer::handle).await
}
