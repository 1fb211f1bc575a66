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
/// The longest text that is estimated at once. `zxcvbn` counts the paths over a keyboard that have as many turns, and its integers
/// overflow from 28 turns on.
const MAX_ESTIMATED: usize = 28;
/// The most pieces in which a longer text is estimated. A text of more pieces, in which nothing repeats, is hard enough to guess.
const MAX_PIECES: usize = 5;
/// How many repeats are collapsed, one within or beside the other. A text that is made of three different ones is hard enough.
const MAX_REPEATS: usize = 4;

/// The reason where `zxcvbn` has none.
const OF_WHAT_IS_KNOWN: &str = "It is made of what is known of you, or of common words or dates.";

/// Returns why an attacker who knows `known` finds `password` within a million guesses, or `None` if it takes more.
///
/// The password is estimated as it is, and then with a single copy in place of each repeat. The number of copies does not count,
/// because more of them are no harder to guess.
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

/// Returns why `text` is easy to guess, if it is. The attacker tries each guess in a number of variations, given as a power of ten.
fn estimate(text: &[char], variations: f64, known: &PersonalWords) -> Option<String> {
    let variations = 10_f64.powf(variations);
    if variations >= ENOUGH || text.len() > MAX_PIECES * MAX_ESTIMATED {
        return None;
    }
    if known.contain(text) {
        return Some(OF_WHAT_IS_KNOWN.to_owned());
    }
    // The whole takes no fewer guesses than its hardest piece. The last piece overlaps the one before.
    let last = text.last_chunk::<MAX_ESTIMATED>().map_or(text, |last| last);
    let pieces = text.chunks(MAX_ESTIMATED).take(text.len().saturating_sub(1) / MAX_ESTIMATED).chain([last]);
    let reasons = pieces.map(|piece| estimate_piece(piece, variations, known));
    reasons.collect::<Option<Vec<_>>>()?.into_iter().next()
}

fn estimate_piece(piece: &[char], variations: f64, known: &PersonalWords) -> Option<String> {
    let estimate = zxcvbn(&bounded(piece), &known.words());
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
    Some(warning.map_or_else(|| OF_WHAT_IS_KNOWN.to_owned(), |warning| warning.to_string()))
}
