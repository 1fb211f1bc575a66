//! Random schedules.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

const SEED: &str = "FAULTS_SEED";

/// The seed, told so that the run can be had again.
#[expect(clippy::print_stdout, reason = "for whoever reads the test's output")]
pub fn seed() -> u64 {
    let seed = super::variable(SEED).and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    println!("{SEED}={seed}");
    seed
}

/// The same for the same place and seed.
pub fn hash(of: impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(of)
}
