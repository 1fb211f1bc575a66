//! Whether the time of a refused login tells that an address has an account: LOG-03.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use crate::AnyError;
use crate::api::{Api, nobody};

/// Refused logins of each kind.
const SAMPLES: usize = 150;

/// Logs in with a wrong password, at addresses with and without an account in random order, one after the other, and prints how
/// well the time of the answer alone tells them apart.
pub async fn measure(api: &Api) -> Result<(), AnyError> {
    let mut times = [Vec::new(), Vec::new()];
    let mut known = Vec::new();
    for _ in 0..SAMPLES / 10 {
        known.push(api.register().await?.0);
    }
    for sample in 0..2 * SAMPLES {
        let has_account = uuid::Uuid::new_v4().as_bytes()[0].is_multiple_of(2);
        let email = if has_account { known[sample % known.len()].clone() } else { nobody() };
        let start = Instant::now();
        let status = api.login(&email, "not the password").await?;
        let time = start.elapsed();
        if status != 401 {
            return Err(format!("login answers {status}: raise the limits of the system that is measured").into());
        }
        times[usize::from(has_account)].push(time);
    }
    let [without, with] = &times;
    let auc = auc(with, without);
    println!("{} with an account, median {:?}", with.len(), median(with));
    println!("{} without, median {:?}", without.len(), median(without));
    println!("AUC {:.3} (0.5 tells nothing, 1 tells all; 0.60 is too much)", auc.max(1.0 - auc));
    Ok(())
}

/// The probability that one of `longer` is longer than one of `shorter` (Mann and Whitney's U, normalised).
pub fn auc(longer: &[Duration], shorter: &[Duration]) -> f64 {
    let (mut points, mut pairs) = (0.0, 0.0);
    for one in longer {
        for other in shorter {
            pairs += 1.0;
            points += match one.cmp(other) {
                Ordering::Greater => 1.0,
                Ordering::Equal => 0.5,
                Ordering::Less => 0.0,
            };
        }
    }
    points / pairs
}

pub fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}
