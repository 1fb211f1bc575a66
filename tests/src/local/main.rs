//! The command `cargo local`.

use std::process::ExitCode;

#[tokio::main]
#[expect(clippy::print_stderr, reason = "a command says what went wrong where commands do")]
async fn main() -> ExitCode {
    match tests::local::run(std::env::args().skip(1)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("latchkey: {error}");
            ExitCode::FAILURE
        }
    }
}
