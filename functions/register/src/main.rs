//! The Lambda function `register`.

use std::process::ExitCode;

use shared::app::{self, WarmUp};
use shared::domain::NewPassword;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    NewPassword::warm_up(); // as a `WarmUp` it would put the dictionaries into every function
    app::serve(&[WarmUp::Passwords, WarmUp::SigningKeys, WarmUp::Store], register::handle).await
}
