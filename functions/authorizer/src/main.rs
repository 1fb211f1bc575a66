//! The Lambda function `authorizer`.

use std::process::ExitCode;

use shared::config::Config;
use shared::runtime::{self, WarmUp};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    runtime::run_with(Config::from_env().and_then(Config::with_issuer), &[WarmUp::PublicKeys], authorizer::handle).await
}
