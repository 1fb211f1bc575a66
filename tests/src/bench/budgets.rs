//! What a function may weigh and how many instructions it may take: `tests/budgets.json`.
//!
//! valgrind counts the instructions, so the counts do not depend on the machine's load. Those of the kernel are not among
//! them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::AnyError;
use crate::cases::{self, Case};
use crate::measure::{Bench, sizes};

/// What a figure may exceed its budget by, in percent.
const SLACK: u64 = 5;
/// How many events after the first are counted. The figure is their mean.
const WARM: usize = 4;

/// The figures of a case.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
struct Budget {
    /// Bytes of the archive that Lambda gets.
    zipped: u64,
    /// Thousands of instructions to initialise, for the first event, and for a later one.
    init: u64,
    first: u64,
    warm: u64,
}

/// Compares each case with its budget, or records what it takes as its budget.
pub async fn run(bench: &Bench, cases: &[Case], records: bool) -> Result<ExitCode, AnyError> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("budgets.json");
    let mut budgets: BTreeMap<String, Budget> = serde_json::from_str(&fs::read_to_string(&file)?)?;
    let mut exceeded = 0;
    println!("{:14} {:>12} {:>12} {:>12} {:>12}", "", "zip bytes", "init k", "first k", "warm k");
    for case in cases {
        let found = count(bench, *case).await?;
        println!("{:14} {:12} {:12} {:12} {:12}", case.name, found.zipped, found.init, found.first, found.warm);
        if records {
            budgets.insert(case.name.to_owned(), found);
            continue;
        }
        let budget = budgets.get(case.name).ok_or_else(|| format!("{} has no budget: --record", case.name))?;
        for (what, found, budget) in [
            ("zipped bytes", found.zipped, budget.zipped),
            ("instructions to initialise", found.init, budget.init),
            ("instructions of the first event", found.first, budget.first),
            ("instructions of a later event", found.warm, budget.warm),
        ] {
            if found * 100 > budget * (100 + SLACK) {
                exceeded += 1;
                println!("{:14} EXCEEDED: {found} {what}, and the budget is {budget}", "");
            }
        }
    }
    if records {
        fs::write(&file, serde_json::to_string_pretty(&budgets)? + "\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    println!("{exceeded} budgets are exceeded by more than {SLACK} %");
    Ok(if exceeded == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Counts the instructions of three processes: one without an event, one with one event, and one with more.
async fn count(bench: &Bench, case: Case) -> Result<Budget, AnyError> {
    let mut events = cases::events(&bench.system, case.name, WARM + 2).await?;
    let more = events.split_off(1);
    let init = instructions(bench, case, Vec::new()).await?;
    let first = instructions(bench, case, events).await? - init;
    let warm = instructions(bench, case, more).await?.saturating_sub(init + first) / u64::try_from(WARM)?;
    let (_, zipped) = sizes(&bench.binary(case.function)?)?;
    Ok(Budget { zipped, init: init / 1000, first: first / 1000, warm: warm / 1000 })
}

/// Returns how many instructions a process took that got these events.
async fn instructions(bench: &Bench, case: Case, events: Vec<Value>) -> Result<u64, AnyError> {
    let output = bench.file(&format!("{}.callgrind", case.name));
    let wrapper = ["valgrind", "--quiet", "--tool=callgrind"].map(str::to_owned);
    let wrapper = wrapper.into_iter().chain([format!("--callgrind-out-file={}", output.display())]);
    let mut process = bench.start(case.function, &wrapper.collect::<Vec<_>>()).await?;
    process.api.wants_event().await?;
    for event in events {
        cases::check(&process.api.invoke(event).await?)?;
        process.api.wants_event().await?;
    }
    process.end().await?;
    total(&output)
}

fn total(file: &PathBuf) -> Result<u64, AnyError> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}: is valgrind there?", file.display()))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")).ok_or("valgrind gives no total")?;
    Ok(total.trim().parse()?)
}
