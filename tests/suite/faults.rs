//! The fault harness: each call that a function makes meets each kind of fault, and every promise must hold all the same.
//!
//! A case is a scenario (`faults/scenarios.rs`) and one fault or two, each at the position of a call and of some [`Mode`]. The
//! function runs and meets the faults. Then the faults are over and everybody does their part: the client asks again, the queue
//! delivers again, the sweeper sweeps, hours pass. Last, tables, queues, mailbox, answers and log are held against the invariants
//! (`faults/invariants.rs`).
//!
//! Beside the cases:
//! - `faults/schedules.rs` lives random lives of several clients in the same way.
//! - `faults/overlaps.rs` repeats a request while the first one still runs.
//! - `faults/crashes.rs` cuts the flows of accounts at named points, and tests what is there then.
//!
//! A run takes a sample of the cases, unless it is told otherwise (`faults/selection.rs`):
//!
//! ```console
//! $ FAULTS_SEED=17 cargo test -p tests faults                    # the sample of this seed
//! $ FAULTS="register 2 lost" cargo test -p tests faults          # this case; a scenario's name alone is all of its cases
//! $ FAULTS=all FAULTS_CHUNK=1/10 cargo test -p tests faults      # the first tenth of all cases
//! ```
//!
//! All cases are 6,000 single faults and 38,000 pairs. Every two faults of a scenario would be 350,000, because pairs grow with
//! the square of its calls. So pairs are of calls that are at most four apart ([`MOST_APART`]), and of kinds of fault, not modes
//! ([`Mode::KINDS`]): the calls choose a mode of each kind. A name with a position chooses among all pairs.
//!
//! To add a scenario, add it to the list. The harness counts its calls by itself.

mod cases;
mod client;
mod crashes;
mod deaths;
mod invariants;
mod mutants;
mod operators;
mod overlaps;
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
use selection::{Selection, hash};

/// How many single faults, and how many pairs, a sample has.
const SINGLE_FAULTS: usize = 120;
const PAIRS: usize = 80;

/// How many calls apart the two faults of a pair are at most.
///
/// The second fault is to meet what the first one causes: the two retries of the SDK, a step beside it, the clean-up. A
/// call further away is made by a process that has got over the first fault. To it, the second fault is a single one.
const MOST_APART: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn no_single_fault_breaks_a_promise() {
    // REG-01, REG-03, REG-06, LOG-04, REF-04, REF-08, OUT-01, OUT-02, OUT-04, OUT-05, KEY-05, DDB-02, DDB-03, HTP-01
    // TKT-01, TKT-06, TKT-07, ACC-02, ACC-05, ACC-06, ACC-07, ACC-08
    let selection = Selection::of_this_run();
    let cases = single_faults(&counted(&selection).await);
    assert_nothing_breaks("single faults", cases, SINGLE_FAULTS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_pair_of_faults_breaks_a_promise() {
    // REG-03, REF-04, OUT-01, OUT-04, KEY-05, DDB-03, TKT-06, ACC-02, ACC-05, ACC-06, ACC-08
    let selection = Selection::of_this_run();
    let counted = counted(&selection).await;
    let pairs = match &selection {
        Selection::Sample { seed } => pairs_of_faults(&counted, *seed),
        Selection::Named(words) if words.len() > 1 => all_pairs_of_faults(&counted),
        Selection::All { .. } | Selection::Named(_) => pairs_of_faults(&counted, 0),
    };
    assert_nothing_breaks("pairs of faults", pairs, PAIRS).await;
}

/// A scenario, and how many calls it makes.
type Counted = (Arc<Scenario>, usize);

/// Counts the calls of every scenario that may be chosen.
async fn counted(selection: &Selection) -> Vec<Counted> {
    let chosen = scenarios::ALL.iter().filter(|scenario| selection.takes(scenario.name));
    let counted = chosen.map(|scenario| async move { (Arc::clone(scenario), scenario.calls().await) });
    stream::iter(counted).buffered(4).collect().await
}

fn single_faults(counted: &[Counted]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (scenario, calls) in counted {
        for position in 0..*calls {
            cases.extend(Mode::ALL.map(|mode| Case { scenario: Arc::clone(scenario), faults: vec![(position, mode)] }));
        }
    }
    cases
}

/// Returns the pairs of calls of a scenario, the earlier first. The second may be a call that is made only because of a
/// fault at the first.
fn pairs_of_calls(calls: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..calls).flat_map(move |first| (first + 1..=calls).map(move |second| (first, second)))
}

/// Returns every two faults. The first does not end the process.
fn all_pairs_of_faults(counted: &[Counted]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (scenario, calls) in counted {
        for (first, second) in pairs_of_calls(*calls) {
            for mode in Mode::ALL.into_iter().filter(|mode| !mode.ends_the_process()) {
                cases.extend(Mode::ALL.map(|other| Case {
                    scenario: Arc::clone(scenario),
                    faults: vec![(first, mode), (second, other)],
                }));
            }
        }
    }
    cases
}

/// Returns every two kinds of fault at every two calls of which the second is at most [`MOST_APART`] calls later. The
/// calls and the seed choose the modes of the kinds.
fn pairs_of_faults(counted: &[Counted], seed: u64) -> Vec<Case> {
    let mut cases = Vec::new();
    for (scenario, calls) in counted {
        for (first, second) in pairs_of_calls(*calls).filter(|(first, second)| second - first <= MOST_APART) {
            let choice = |number: usize, kind: usize| {
                let modes = Mode::KINDS[kind];
                let choice = hash((seed, scenario.name, first, second, number, kind)) % 60;
                modes[usize::try_from(choice).expect("a number") % modes.len()]
            };
            let kinds = 0..Mode::KINDS.len();
            let pairs = kinds.clone().flat_map(|kind| kinds.clone().map(move |other| (kind, other)));
            let modes = pairs.map(|(kind, other)| (choice(kind * 6 + other, kind), choice(kind, other)));
            let modes = modes.filter(|(mode, _)| !mode.ends_the_process());
            cases.extend(modes.map(|(mode, other)| Case {
                scenario: Arc::clone(scenario),
                faults: vec![(first, mode), (second, other)],
            }));
        }
    }
    cases
}

/// Runs the selected cases beside each other. Fails with those that broke a promise.
#[expect(clippy::print_stdout, reason = "a run tells what it ran")]
async fn assert_nothing_breaks(what: &str, cases: Vec<Case>, sample: usize) {
    let all = cases.len();
    let cases = Selection::of_this_run().of(cases, sample);
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    for case in &cases {
        *numbers.entry(case.scenario.name).or_default() += 1;
    }
    let (number, start) = (cases.len(), now());
    let broken = cases::run_all(cases).await;
    println!("{number} of {all} {what} in {:.0} s: {numbers:?}", start.elapsed().as_secs_f32());
    let broken: Vec<_> = broken.iter().map(|(case, broken)| format!("FAULTS={case:?}\n  {broken:?}")).collect();
    assert!(broken.is_empty(), "{} of {number} cases broke a promise:\n{}", broken.len(), broken.join("\n"));
}

#[expect(clippy::disallowed_methods, reason = "a run tells how long it took")]
fn now() -> Instant {
    Instant::now()
}
