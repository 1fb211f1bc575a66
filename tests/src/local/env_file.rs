//! The functions' settings in a file, for programs that run functions one at a time.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::json;

use super::AnyError;

/// Tells whether a file is for `sam local invoke --env-vars`, whose functions run in containers.
#[must_use]
pub fn is_for_containers(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "json")
}

/// Writes the settings as what `sam local invoke --env-vars` reads, for all functions alike, or as lines for
/// `cargo lambda watch --env-file` and the shell.
///
/// # Errors
/// When the file cannot be written, or cannot say one of the values.
pub fn write(file: &Path, environment: &HashMap<String, String>) -> Result<(), AnyError> {
    let sorted: BTreeMap<_, _> = environment.iter().collect();
    let text = if is_for_containers(file) {
        serde_json::to_string_pretty(&json!({"Parameters": sorted}))? + "\n"
    } else {
        let lines: Result<String, _> = sorted.into_iter().map(|(name, value)| assignment(name, value)).collect();
        lines.map_err(|reason| format!("{} cannot be written: {reason}", file.display()))?
    };
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let written = folder.map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(file, text));
    written.map_err(|error| format!("{} cannot be written: {error}", file.display()).into())
}

/// Writes an assignment that a POSIX shell and cargo-lambda read alike.
///
/// cargo-lambda knows `NAME='value'` and `NAME="value"`. A backslash does something there only before the quote, which then
/// belongs to the value, and before an `n`, which makes it a line break. It takes `#` for the beginning of a comment anywhere
/// outside of quotes; a shell does so only at the beginning of a word.
///
/// # Errors
/// Why the two cannot be told this value in one file.
pub fn assignment(name: &str, value: &str) -> Result<String, String> {
    if value.contains("\\n") {
        return Err(format!("{name} has a backslash before an n, which cargo-lambda takes for a line break"));
    }
    if !value.contains('\'') {
        return Ok(format!("{name}='{value}'\n"));
    }
    let in_double_quotes = format!("{name}=\"{}\"\n", value.replace('"', "\\\""));
    if !value.contains(['$', '`', '\\']) {
        return Ok(in_double_quotes);
    }
    // No quoting is the same to both. The first line is a comment to cargo-lambda; the second is text that the shell skips.
    let end = format!("# {name}");
    if value.contains(['\n', '\r']) || value.ends_with('\\') {
        return Err(format!("{name} mixes quotes, dollar signs and line breaks as no file can say to both"));
    }
    let for_shell = value.replace('\'', "'\\''");
    Ok(format!("{name}=#; {name}='{for_shell}'; : <<'{end}'\n{in_double_quotes}{end}\n"))
}
