//! The command `latchkey`.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use latchkey::Terminal;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut terminal = Terminal {
        input: Box::new(io::BufReader::new(io::stdin())),
        is_interactive: io::stdin().is_terminal(),
        output: Box::new(io::stdout()),
        errors: Box::new(io::stderr()),
    };
    ExitCode::from(latchkey::run(std::env::args_os(), &mut terminal).await)
}
