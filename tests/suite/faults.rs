//! The fault harness: each call that a function makes meets each kind of fault, and every promise must hold all the same.
//!
//! A case is a scenario (`faults/scenarios.rs`) and one fault or two, each at the position of a call and of some [`Mode`]. The
//! function runs and meets the faults. Then the faults are over and everybody does their part: the client asks again, the queue
//! delivers again, the sweeper sweeps, hours pass. Last, tables, queues, mailbox, answers and log are held against the invariants
//! (`faults/invariants.rs`). `faults/schedules.rs` lives random lives of several clients in the same way.
//!
//! A run takes a sample of the cases, unless it is told otherwise (`faults/selection.rs`):
//!
//! ```console
//! $ FAULTS_SEED=17 cargo test -p tests faults                    # the sample of this seed
//! $ FAULTS="register 2 lost" cargo test -p tests faults          # this case; a scenario's name alone is all of its cases
//! $ FAULTS=all FAULTS_CHUNK=1/4 cargo test -p tests faults       # the first quarter of all cases
//! ```
//!
//! To add a scenario, add it to the list. The harness counts its calls by itself.

mod cases;
mod client;
mod deaths;
mod invariants;
mod mutants;
mod scenarios;
mod schedules;
mod selection;
mod stage;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use futures_util::{StreamExt, stream};

use cases::{Case, Mode};
use scenarios::Scenario;
use selection::Selection;

/// How many single faults, and how many pairs, a sample has.
const SINGLE_FAULTS: usize = 160;
const PAIRS: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn no_single_fault_breaks_a_promise() {
    // REG-01, REG-03, REG-06, LOG-04, REF-04, REF-08, OUT-01, OUT-02, OUT-04, OUT-05, KEY-05, DDB-02, DDB-03, HTP-01
    assert_nothing_breaks("single faults", single_faults().await, SINGLE_FAULTS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_pair_of_faults_breaks_a_promise() {
    // REG-03, REF-04, OUT-01, OUT-04, KEY-05, DDB-03
    assert_nothing_breaks("pairs of faults", pairs_of_faults().await, PAIRS).await;
}

/// Counts the calls of every scenario.
async fn counted() -> Vec<(Arc<Scenario>, usize)> {
    let counted = scenarios::ALL.iter().map(|scenario| async move { (Arc::clone(scenario), scenario.calls().await) });
    stream::iter(counted).buffered(4).collect().await
}

async fn single_faults() -> Vec<Case> {
    let mut cases = Vec::new();
    for (scenario, calls) in counted().await {
        for position in 0..calls {
            cases
                .extend(Mode::ALL.map(|mode| Case { scenario: Arc::clone(&scenario), faults: vec![(position, mode)] }));
        }
    }
    cases
}

/// Every two faults at different calls of a scenario, the earlier first. The first does not end the process. The second may be
/// at a call that is made only because of the first.
async fn pairs_of_faults() -> Vec<Case> {
    let mut cases = Vec::new();
    for (scenario, calls) in counted().await {
        for (first, second) in (0..calls).flat_map(|first| (first + 1..=calls).map(move |second| (first, second))) {
            for mode in Mode::ALL.into_iter().filter(|mode| !mode.ends_the_process()) {
                cases.extend(Mode::ALL.map(|other| Case {
                    scenario: Arc::clone(&scenario),
                    faults: vec![(first, mode), (second, other)],
                }));
            }
        }
    }
    cases
}

/// Runs the selected cases beside each other. Fails with those that broke a promise.
#[expect(clippy::print_stdout, reason = "a run tells what it ran")]
async fn assert_nothing_breaks(what: &str, cases: Vec<Case>, sample: usize) {
    let cases = Selection::of_this_run().of(cases, sample);
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for case in &cases {
        *numbers.entry(case.scenario.name).or_default() += 1;
    }
    let (number, start) = (cases.len(), now());
    let broken = cases::run_all(cases).await;
    println!("{number} {what} in {:.0} s: {numbers:?}", start.elapsed().as_secs_f32());
    let broken: Vec<_> = broken.iter().map(|(case, broken)| format!("FAULTS={case:?}\n  {broken:?}")).collect();
    assert!(broken.is_empty(), "{} of {number} cases broke a promise:\n{}", broken.len(), broken.join("\n"));
}

#[expect(clippy::disallowed_methods, reason = "a run tells how long it took")]
fn now() -> Instant {
    Instant::now()
}
