//! Faults, everywhere: each call that a function makes meets each kind of fault, and what is promised must hold all the same.
//!
//! A case is a scenario (`faults/scenarios.rs`), the position of a call in it, and a mode, what goes wrong there. The function
//! runs; then the fault is over, and everybody does what is theirs: the client asks again, the queue delivers again, the sweeper
//! sweeps, hours pass. Then tables, queues, mailbox, answers and log are held against the invariants (`faults/invariants.rs`).
//!
//! One case again: `FAULTS="register 2 lost" cargo test -p tests faults -- --nocapture`; a scenario's name alone is all of its
//! cases. To add a scenario, add it to the list; how many calls it makes is found out.

mod cases;
mod client;
mod deaths;
mod invariants;
mod mutants;
mod scenarios;
mod schedules;
mod stage;

use std::sync::Arc;
use std::time::Instant;

use futures_util::{StreamExt, stream};

use cases::{Case, Mode};
use scenarios::Scenario;

/// The variable that picks cases: a scenario, a position, a mode.
const PICK: &str = "FAULTS";
/// How many pairs of faults are tried each time.
const PAIRS: usize = 120;

#[tokio::test(flavor = "multi_thread")]
async fn no_single_fault_breaks_a_promise() {
    // REG-01, REG-03, REG-06, LOG-04, REF-04, REF-08, OUT-01, OUT-02, OUT-04, OUT-05, KEY-05, DDB-02, DDB-03, HTP-01
    let pick = variable(PICK).unwrap_or_default();
    let mut cases = Vec::new();
    for (scenario, calls) in counted().await {
        for position in 0..calls {
            cases.extend(Mode::ALL.map(|mode| Case { scenario: scenario.clone(), faults: vec![(position, mode)] }));
        }
    }
    cases.retain(|case| case.to_string().starts_with(&pick));
    assert!(!cases.is_empty(), "{PICK}={pick} is none of the cases");
    report("single faults", cases).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_pair_of_faults_of_a_sample_breaks_a_promise() {
    // REG-03, REF-04, OUT-01, OUT-04, KEY-05, DDB-03
    let seed = schedules::seed();
    let mut cases = all_pairs().await;
    cases.sort_by_cached_key(|case| schedules::hash((seed, case.to_string())));
    cases.truncate(PAIRS);
    report("pairs of faults", cases).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes the better part of an hour"]
async fn no_pair_of_faults_breaks_a_promise() {
    let pick = variable(PICK).unwrap_or_default();
    let mut cases = all_pairs().await;
    cases.retain(|case| case.to_string().starts_with(&pick));
    report("pairs of faults", cases).await;
}

/// Every scenario, with the number of its calls.
async fn counted() -> Vec<(Arc<Scenario>, usize)> {
    let counted = scenarios::ALL.iter().map(|scenario| async move { (Arc::clone(scenario), scenario.calls().await) });
    stream::iter(counted).buffered(4).collect().await
}

/// Every two faults at different calls of a scenario, the earlier first. What ends the process comes last, or ends it.
async fn all_pairs() -> Vec<Case> {
    let mut cases = Vec::new();
    for (scenario, calls) in counted().await {
        for (first, second) in (0..calls).flat_map(|first| (first + 1..=calls).map(move |second| (first, second))) {
            for mode in Mode::ALL.into_iter().filter(|mode| !mode.ends_the_process()) {
                cases.extend(
                    Mode::ALL
                        .map(|other| Case { scenario: scenario.clone(), faults: vec![(first, mode), (second, other)] }),
                );
            }
        }
    }
    cases
}

/// Runs cases beside each other, and fails with those that broke something.
#[expect(clippy::print_stdout, reason = "for whoever reads the test's output")]
async fn report(what: &str, cases: Vec<Case>) {
    let (number, start) = (cases.len(), now());
    let broken = cases::run_all(cases).await;
    println!("{number} {what} in {:.0} s", start.elapsed().as_secs_f32());
    let broken: Vec<_> = broken.iter().map(|(case, violations)| format!("{PICK}={case:?}\n  {violations:?}")).collect();
    assert!(broken.is_empty(), "{} of {number} cases broke a promise:\n{}", broken.len(), broken.join("\n"));
}

#[expect(clippy::disallowed_methods, reason = "for whoever runs this test again, not for Latchkey")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[expect(clippy::disallowed_methods, reason = "how long the harness takes is told in real time")]
fn now() -> Instant {
    Instant::now()
}
