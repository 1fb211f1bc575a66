//! The Lambda function `refresh`.

use std::process::ExitCode;

use shared::app::{self, WarmUp};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    app::serve(&[WarmUp::SigningKeys, WarmUp::Store], refresh::handle).await
}
