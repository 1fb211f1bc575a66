//! Measures the release binaries of the functions: the processor's time to initialise, for the first and for later
//! events, memory, calls, capacity units, log, and sizes.
//!
//! ```console
//! $ cargo lambda build --release --x86-64 && cargo lambda build --release --x86-64 --package floors
//! $ cargo bench-functions                         # a table
//! $ cargo bench-functions --json target/bench.json --svg docs/bench.svg
//! $ cargo bench-functions login refresh           # these alone
//! $ cargo bench-functions --binaries other/lambda me   # binaries of another build
//! $ cargo bench-functions --tls                   # over TLS in place of plain HTTP
//! $ cargo bench-functions --budgets               # sizes and instructions against tests/budgets.json; wants valgrind
//! $ cargo bench-functions --record                # writes the budgets of these cases anew
//! ```
//!
//! Each binary runs in a process of its own, behind a double of Lambda's runtime API, and gets real events. Its tables,
//! queues and keys are the emulators of the tests, over plain HTTP on loopback. Times of a machine that does other work
//! are too long: compare ratios of one run. Counts do not depend on the machine's load.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command says what it found where commands do")]
#![expect(clippy::disallowed_methods, reason = "what is measured here is time itself")]
#![expect(clippy::indexing_slicing, reason = "a JSON value answers null for what it does not have")]

mod budgets;
mod cases;
mod cost;
mod measure;
mod process;
mod report;
mod runtime_api;
mod tls;

use std::process::ExitCode;

use shared::clock::Clock;
use tests::system::{Options, System};

use cases::{CASES, Case};
use measure::Bench;

type AnyError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Default)]
struct Wanted {
    json: Option<String>,
    svg: Option<String>,
    budgets: bool,
    record: bool,
    tls: bool,
    binaries: Option<String>,
    /// All of them if none is named.
    cases: Vec<Case>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bench-functions: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<ExitCode, AnyError> {
    let wanted = Wanted::read(std::env::args().skip(1))?;
    let mut bench = Bench::new(system().await?, wanted.binaries)?;
    if wanted.tls {
        tls::put_before(&mut bench.system, &bench.files).await?;
    }
    if wanted.budgets || wanted.record {
        return budgets::run(&bench, &wanted.cases, wanted.record).await;
    }
    let mut rows = bench.floors().await?;
    for case in wanted.cases {
        let row = bench.measure(case, &rows[1]).await?;
        rows.push(row);
    }
    println!("{}\n{}\n{}", report::table(&rows), cost::table(&rows), cost::memory_table(&rows));
    if let Some(file) = wanted.json {
        std::fs::write(file, serde_json::to_string_pretty(&rows)? + "\n")?;
    }
    if let Some(file) = wanted.svg {
        std::fs::write(file, report::picture(&rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns a system whose limits no measurement reaches.
async fn system() -> Result<System, AnyError> {
    // One bundle, as the template has it for Lambda. A folder of certificates would take longer to read.
    let settings = [
        ("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"),
        ("ISSUER", "https://id.latchkey.example"),
        ("REGISTRATIONS_PER_NETWORK", "1000000"),
        ("LOGINS_PER_NETWORK", "1000000"),
        ("RESET_REQUESTS_PER_NETWORK", "1000000"),
    ];
    let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let clock = Clock::System;
    System::start(Options { clock, data: None, aws_port: 0, settings, secrets: None, log: None }).await
}

impl Wanted {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, AnyError> {
        let mut wanted = Self::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--json" => wanted.json = Some(words.next().ok_or("--json FILE")?),
                "--svg" => wanted.svg = Some(words.next().ok_or("--svg FILE")?),
                "--binaries" => wanted.binaries = Some(words.next().ok_or("--binaries FOLDER")?),
                "--budgets" => wanted.budgets = true,
                "--record" => wanted.record = true,
                "--tls" => wanted.tls = true,
                name => wanted.cases.push(CASES.into_iter().find(|case| case.name == name).ok_or_else(|| {
                    let names = CASES.map(|case| case.name).join(", ");
                    format!("{name}? There are --json, --svg, --binaries, --budgets, --record, --tls, {names}")
                })?),
            }
        }
        if wanted.cases.is_empty() {
            wanted.cases.extend(CASES);
        }
        Ok(wanted)
    }
}
