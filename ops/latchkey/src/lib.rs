//! The operator's command line: it invokes the functions `admin` and `rotate-keys` of a stack, and writes no table itself.
//!
//! To add a command: add it to `arguments.rs`, say in `command.rs` what it asks of which function, and in `print.rs` how
//! its answer looks.

mod arguments;
mod command;
mod import;
mod lambda;
mod print;
mod terminal;
mod users_file;

use std::ffi::OsString;

use clap::Parser;

use arguments::Arguments;
use lambda::Functions;

pub use terminal::Terminal;

/// Everything went well, or was so already.
const DONE: u8 = 0;
/// The request was refused or failed.
const REFUSED: u8 = 1;
/// The words make no command.
const USAGE: u8 = 2;
/// A service is unavailable. The same command may be given again.
const UNAVAILABLE: u8 = 3;

/// Why a command ended without success.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Refused(String),
    #[error("{0}; give the same command again")]
    Unavailable(String),
    /// What the command prints cannot be written.
    #[error("{0}")]
    Output(#[from] std::io::Error),
}

/// Runs one command, and returns its exit code.
pub async fn run(words: impl IntoIterator<Item = OsString>, terminal: &mut Terminal) -> u8 {
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(error) => return terminal.explain(&error),
    };
    match execute(arguments, terminal).await {
        Ok(()) => DONE,
        Err(failure) => {
            terminal.complain(&failure);
            match failure {
                Failure::Usage(_) => USAGE,
                Failure::Refused(_) | Failure::Output(_) => REFUSED,
                Failure::Unavailable(_) => UNAVAILABLE,
            }
        }
    }
}

async fn execute(arguments: Arguments, terminal: &mut Terminal) -> Result<(), Failure> {
    let functions = Functions::of(&arguments.stack).await?;
    command::execute(&functions, arguments, terminal).await
}
