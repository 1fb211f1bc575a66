//! Where the command line reads and writes.

use std::fmt::{self, Display};
use std::io::{self, BufRead, Write};

use crate::{DONE, Failure, USAGE};

/// The streams of the command.
pub struct Terminal {
    pub input: Box<dyn BufRead>,
    /// Whether a person can answer a question.
    pub is_interactive: bool,
    pub output: Box<dyn Write>,
    pub errors: Box<dyn Write>,
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal").field("is_interactive", &self.is_interactive).finish_non_exhaustive()
    }
}

impl Terminal {
    pub(crate) fn print(&mut self, line: impl Display) -> io::Result<()> {
        writeln!(self.output, "{}", harmless(line))
    }

    /// Writes beside the answer, where no script reads it.
    pub(crate) fn note(&mut self, line: impl Display) -> io::Result<()> {
        writeln!(self.errors, "{}", harmless(line))
    }

    /// Asks before what cannot be undone.
    pub(crate) fn confirm(&mut self, what: &str) -> Result<(), Failure> {
        if !self.is_interactive {
            return Err(Failure::Usage(format!("{what}? This cannot be undone: say --yes if you mean it")));
        }
        write!(self.errors, "{what}? This cannot be undone. Type yes: ")?;
        self.errors.flush()?;
        let mut answer = String::new();
        self.input.read_line(&mut answer)?;
        if answer.trim() == "yes" { Ok(()) } else { Err(Failure::Refused("nothing was done".to_owned())) }
    }

    pub(crate) fn complain(&mut self, failure: &Failure) {
        // Where nothing can be written, the exit code still tells.
        let _ = self.note(format!("latchkey: {failure}"));
    }

    /// Prints what clap says about the words: help, the version, or what is wrong.
    pub(crate) fn explain(&mut self, error: &clap::Error) -> u8 {
        let text = error.render();
        if error.use_stderr() {
            let _ = write!(self.errors, "{text}");
            return USAGE;
        }
        let _ = write!(self.output, "{text}");
        DONE
    }
}

/// Keeps what clients chose, such as their names, from steering the terminal.
fn harmless(line: impl Display) -> String {
    let shown = |c: char| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c };
    line.to_string().chars().map(shown).collect()
}
