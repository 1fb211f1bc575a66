//! How many guesses a password takes.

use zxcvbn::feedback::Feedback;
use zxcvbn::zxcvbn;

use super::repeats::Repeat;
use super::substitutions::bounded;
use crate::domain::PersonalWords;

/// The guesses that a password must take.
const ENOUGH: f64 = 1e6;
/// The guesses that `zxcvbn` adds when a text has two parts, because an attacker first tries those that have one.
const BEFORE_TWO_PARTS: f64 = 1e4;
/// The longest text that is estimated. A longer one, in which nothing repeats, is hard enough to guess.
const MAX_ESTIMATED: usize = 64;
/// How many repeats are looked at, one within or beside the other. A text that is made of three different ones is hard enough.
const MAX_REPEATS: usize = 4;

/// Returns why an attacker who knows `known` finds `password` within a million guesses, or `None` if it takes more.
///
/// The password is estimated as it is, and then with a single copy in place of what repeats in it: more copies are no harder to
/// guess than two.
pub(super) fn weakness(password: &str, known: &PersonalWords) -> Option<String> {
    let mut text: Vec<char> = password.chars().collect();
    if let Some(reason) = estimate(&text, 0.0, known) {
        return Some(reason);
    }
    let mut variations = 0.0;
    for _ in 0..MAX_REPEATS {
        let repeat = Repeat::best(&text)?;
        variations += repeat.variations;
        let readings = repeat.collapsed(&text);
        if readings.iter().any(|shorter| estimate(shorter, variations, known).is_some()) {
            return Some(repeat.warning().to_string());
        }
        text = readings.into_iter().next()?;
    }
    None
}

/// Returns why `text` is easy to guess, if it is, among variations whose number is a power of ten.
fn estimate(text: &[char], variations: f64, known: &PersonalWords) -> Option<String> {
    let of_known = || "It is made of what is known of you, or of common words or dates.".to_owned();
    let variations = 10_f64.powf(variations);
    if variations >= ENOUGH {
        return None;
    }
    if known.contain(text) {
        return Some(of_known());
    }
    if text.len() > MAX_ESTIMATED {
        return None;
    }
    let estimate = zxcvbn(&bounded(text), &known.words());
    let before = match estimate.sequence().len() {
        0 | 1 => 0.0,
        2 => BEFORE_TWO_PARTS,
        _ => return None, // `zxcvbn` adds a hundred million guesses for three parts
    };
    let guesses = 10_f64.powf(estimate.guesses_log10());
    if (guesses - before) * variations + before >= ENOUGH {
        return None;
    }
    let warning = estimate.feedback().and_then(Feedback::warning);
    Some(warning.map_or_else(of_known, |warning| warning.to_string()))
}
