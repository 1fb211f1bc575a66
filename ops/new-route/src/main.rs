//! `cargo new-route METHOD PATH --function NAME`: writes the parts that every route of a signed-in user has.
//!
//! CONTRIBUTING.md says what is left to fill in. The templates are files beside this one.

mod plan;
mod route;

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use plan::Plan;
use route::Route;

const HELP: &str = "\
Usage: cargo new-route METHOD PATH --function NAME

  METHOD    GET, POST, PATCH or DELETE
  PATH      such as /api/auth/avatar or /api/auth/devices/{id}
  NAME      account, or credentials if the route needs the password or a code

Example: cargo new-route POST /api/auth/avatar --function account";

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command says what it did where commands do")]
fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    match run(&words, &root) {
        Ok(told) => {
            println!("{told}");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// Plans all changes before it writes the first one, so that a refused route leaves nothing behind.
fn run(words: &[String], root: &Path) -> Result<String, String> {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let [method, path, "--function", function] = words[..] else { return Err(HELP.to_owned()) };
    let route = Route::parse(method, path, function)?;
    let read = |file: &str| fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"));
    let plan = Plan::new(&route, read)?;
    let mut told = vec![format!("{method} {path}")];
    for (file, text) in plan.files {
        fs::write(root.join(&file), text).map_err(|error| format!("{file}: {error}"))?;
        told.push(format!("  wrote {file}"));
    }
    told.push(
        "\nIt answers 501 in `cargo local`. CONTRIBUTING.md, \"To add a route\", says what to fill in.".to_owned(),
    );
    Ok(told.join("\n"))
}
