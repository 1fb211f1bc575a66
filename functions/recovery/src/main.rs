//! The Lambda function `recovery`.

use std::process::ExitCode;

use shared::domain::NewPassword;
use shared::runtime::{self, WarmUp};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    NewPassword::warm_up(); // a `WarmUp` would link the dictionaries into every function
    runtime::serve(&[WarmUp::Passwords, WarmUp::AccountKeys, WarmUp::Store], recovery::handle).await
}
