//! Measures a running `cargo local`, and with `forgot` a system of its own. It asserts nothing: it prints ratios and counts, for people to judge.
//!
//! ```console
//! $ cargo run -p tests --bin measure -- timing http://localhost:3000     # can an address's account be told by time?
//! $ cargo run -p tests --bin measure -- load http://localhost:3000       # what it bears, as a ratio to the bare hash
//! $ cargo run -p tests --bin measure -- forgot                           # can it be told by the time of `forgot`?
//! ```
//!
//! `timing` makes more logins than the limits let one client make: raise those by their variables. `load` leaves them as they are: its
//! clients call from addresses of their own, which Linux has in 127.0.0.0/8. Each run takes other addresses; the limits know the last hour's.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command says what it found where commands do")]
#![expect(clippy::disallowed_methods, reason = "what is measured here is time itself")]
#![expect(clippy::indexing_slicing, reason = "a JSON value answers null for what it does not have")]

mod api;
mod forgot;
mod load;
mod timing;

use std::process::ExitCode;

use api::Api;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

const USAGE: &str = "measure timing URL | measure load URL | measure forgot";

#[tokio::main]
async fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().skip(1).collect();
    let result = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["timing", url] => timing::measure(&Api::new(url, None)).await,
        ["forgot"] => forgot::measure().await,
        ["load", url] => load::measure(url).await,
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("measure: {error}");
            ExitCode::FAILURE
        }
    }
}
