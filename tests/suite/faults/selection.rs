//! Which cases a run has.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};
use std::sync::{Arc, LazyLock};

use super::cases::{Case, Mode};
use super::scenarios;

/// `all`, or the first words of a case's name.
const PICK: &str = "FAULTS";
/// Which part of all cases: `2/4` is the second quarter.
const CHUNK: &str = "FAULTS_CHUNK";
/// The seed of a sample, and of random lives.
const SEED: &str = "FAULTS_SEED";

/// The seed of this run. It is printed, so that the same run can be had again.
#[expect(clippy::print_stdout, reason = "whoever runs the test again needs it")]
pub static SEED_OF_THIS_RUN: LazyLock<u64> = LazyLock::new(|| {
    let seed = variable(SEED).map(|seed| seed.parse().expect("FAULTS_SEED is a number"));
    let seed = seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    println!("{SEED}={seed}");
    seed
});

/// A choice of cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Those that a seed picks.
    Sample { seed: u64 },
    /// All, or a part of them: the first part is number 0.
    All { part: usize, parts: usize },
    /// Those whose names begin with these words.
    Named(Vec<String>),
}

impl Selection {
    /// Reads the choice from the environment.
    pub fn of_this_run() -> Self {
        match variable(PICK).as_deref() {
            None | Some("") => Self::Sample { seed: *SEED_OF_THIS_RUN },
            Some("all") => Self::chunk(variable(CHUNK).as_deref().unwrap_or("1/1")),
            Some(words) => Self::Named(words.split(' ').map(str::to_owned).collect()),
        }
    }

    fn chunk(text: &str) -> Self {
        let numbers = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match numbers {
            Some((number, parts)) if (1..=parts).contains(&number) => Self::All { part: number - 1, parts },
            _ => panic!("{CHUNK}={text} is no chunk such as 1/4"),
        }
    }

    /// Returns whether cases of this scenario may be chosen.
    pub fn takes(&self, scenario: &str) -> bool {
        match self {
            Self::Sample { .. } | Self::All { .. } => true,
            Self::Named(words) => words.first().is_some_and(|word| word == scenario),
        }
    }

    /// Returns the chosen ones of `cases`. A sample has about `size`, at least one of each scenario and one of each mode.
    pub fn of(&self, mut cases: Vec<Case>, size: usize) -> Vec<Case> {
        match self {
            Self::Sample { seed } => sample(cases, *seed, size),
            Self::All { part, parts } => {
                // By hash, because neighbours are alike: each part takes as long as the others.
                cases.sort_by_cached_key(|case| hash(case.to_string()));
                cases.into_iter().skip(*part).step_by(*parts).collect()
            }
            Self::Named(words) => {
                cases.retain(|case| case.to_string().split(' ').take(words.len()).eq(words));
                cases
            }
        }
    }
}

fn sample(mut cases: Vec<Case>, seed: u64, size: usize) -> Vec<Case> {
    cases.sort_by_cached_key(|case| hash((seed, case.to_string())));
    let mut met = HashSet::new();
    let (mut sample, others): (Vec<_>, Vec<_>) = cases.into_iter().partition(|case| {
        let modes = case.faults.iter().map(|(_, mode)| mode.to_string());
        let kinds: Vec<_> = modes.chain([case.scenario.name.to_owned()]).collect();
        let before = met.len();
        met.extend(kinds);
        met.len() > before
    });
    sample.extend(others);
    sample.truncate(size.max(met.len()));
    sample
}

/// Returns the same number for the same value, in every run.
pub fn hash(of: impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(of)
}

#[expect(clippy::disallowed_methods, reason = "it is set by whoever runs the tests, and is no setting of Latchkey")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// As if each scenario made three calls.
fn cases() -> Vec<Case> {
    let faults = (0..3).flat_map(|position| Mode::ALL.map(|mode| vec![(position, mode)]));
    let cases = scenarios::ALL
        .iter()
        .flat_map(|scenario| faults.clone().map(|faults| Case { scenario: Arc::clone(scenario), faults }));
    cases.collect()
}

fn names(cases: &[Case]) -> Vec<String> {
    cases.iter().map(Case::to_string).collect()
}

#[test]
fn a_sample_has_a_case_of_each_scenario_and_of_each_mode() {
    for seed in 0..20 {
        for size in [0, 100] {
            let sample = Selection::Sample { seed }.of(cases(), size);
            let scenarios: HashSet<_> = sample.iter().map(|case| case.scenario.name).collect();
            let modes: HashSet<_> = sample.iter().map(|case| case.faults[0].1.to_string()).collect();
            assert_eq!((scenarios.len(), modes.len()), (scenarios::ALL.len(), Mode::ALL.len()));
            assert!(sample.len() <= size.max(scenarios.len() + modes.len()));
        }
    }
}

#[test]
fn a_seed_always_picks_the_same_sample() {
    let sample = |seed| names(&Selection::Sample { seed }.of(cases(), 100));
    assert_eq!(sample(1), sample(1));
    assert_ne!(sample(1), sample(2));
}

#[test]
fn the_chunks_have_every_case_once() {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for part in ["1/3", "2/3", "3/3"] {
        for name in names(&Selection::chunk(part).of(cases(), 0)) {
            *times.entry(name).or_default() += 1;
        }
    }
    assert_eq!(times.len(), cases().len());
    assert!(times.values().all(|times| *times == 1));
}

#[test]
fn a_scenarios_name_does_not_pick_another_whose_name_goes_on() {
    let named = |words: &str| Selection::Named(words.split(' ').map(str::to_owned).collect()).of(cases(), 0);
    assert_eq!(named("register").len(), 3 * Mode::ALL.len());
    assert_eq!(names(&named("register 2 lost")), ["register 2 lost"]);
}
