//! Repeats within a password, exact or nearly.

use std::f64::consts::LOG10_2;
use std::iter::once;

use zxcvbn::feedback::Warning;

use super::substitutions::letters_of;

/// The least that a repeat must save an attacker, in powers of ten. Less than that is in many passwords by chance.
const MIN_SAVED: f64 = 3.0;
/// The longest copies that are looked for. No password has room for two longer ones.
const MAX_PERIOD: usize = 64;
/// The longest copies that are tried from each of their characters on.
const MAX_ROTATED: usize = 12;

/// A part of a text that repeats its own beginning: "passwordPASSWORDp4ssword1", without its last character.
pub(super) struct Repeat {
    start: usize,
    length: usize,
    period: usize,
    /// The guesses that it takes to find how the copies differ from each other, as a power of ten.
    pub(super) variations: f64,
}

/// How a character differs from the one in its place in the copy before.
#[derive(Clone, Copy, PartialEq)]
enum Change {
    Nothing,
    Case,
    Substitution,
    /// Another digit for a digit, or another symbol for a symbol.
    Kind,
}

impl Repeat {
    /// Returns the repeat in `text` that saves an attacker the most guesses.
    pub(super) fn best(text: &[char]) -> Option<Self> {
        let repeats = (1..=MAX_PERIOD.min(text.len())).rev().flat_map(|period| Self::of_period(text, period));
        repeats.max_by(|a, b| a.saved().total_cmp(&b.saved())) // the last of equals, which has the shortest period
    }

    /// Returns `text` with a single copy in place of the repeat, in each of its readings: the first copy may be cut, so a copy may
    /// begin at any of its characters.
    ///
    /// All of them are tried where copies are short and the repeat is the whole text. Elsewhere the repeat is read from its beginning
    /// and from its end.
    pub(super) fn collapsed(&self, text: &[char]) -> Vec<Vec<char>> {
        let is_all = self.length == text.len() && self.period <= MAX_ROTATED;
        let rotations = if is_all { self.period.min(self.length - self.period + 1) } else { 1 };
        let from_the_end = (!is_all).then_some(self.length % self.period).filter(|offset| *offset > 0);
        let collapse_at = |offset| {
            let copy = text.iter().skip(self.start + offset).take(self.period);
            let rest = text.iter().skip(self.start + self.length);
            text.iter().take(self.start).chain(copy).chain(rest).copied().collect()
        };
        (0..rotations).chain(from_the_end).map(collapse_at).collect()
    }

    /// Returns the reason for refusing a password that is easy to guess for this repeat.
    pub(super) fn warning(&self) -> Warning {
        if self.period == 1 {
            Warning::RepeatsLikeAaaAreEasyToGuess
        } else {
            Warning::RepeatsLikeAbcAbcAreOnlySlightlyHarderToGuess
        }
    }

    /// Returns all repeats in `text` whose copies have `period` characters.
    fn of_period(text: &[char], period: usize) -> Vec<Self> {
        let changes: Vec<_> = (period..text.len()).map(|at| Change::at(text, at, period)).collect();
        let mut repeats = Vec::new();
        let mut start = 0;
        for run in changes.split(Option::is_none) {
            let run: Vec<_> = run.iter().copied().flatten().collect();
            repeats.extend(Self::new(text, start, period, &run).filter(|repeat| repeat.saved() >= MIN_SAVED));
            start += run.len() + 1;
        }
        repeats
    }

    /// Returns the repeat that begins at `start` and whose characters after the first copy differ by `changes` from the copy before.
    /// It ends with the last copy that has more in common with the one before than digits and symbols in the same places.
    fn new(text: &[char], start: usize, period: usize, changes: &[Change]) -> Option<Self> {
        let last = changes.iter().rposition(|change| *change != Change::Kind)?;
        let repeated = (last + 1).next_multiple_of(period).min(changes.len());
        let copies: Vec<_> = text.iter().copied().skip(start + period).take(repeated).collect();
        let changes: Vec<_> = changes.iter().copied().take(repeated).collect();
        let differences = copies.chunks(period).zip(changes.chunks(period)).map(|(copy, changes)| cost(copy, changes));
        let missing = repeated.next_multiple_of(period) - repeated;
        let variations = differences.chain(once(number(missing + 1).log10())).sum();
        Some(Self { start, length: period + repeated, period, variations })
    }

    /// Returns how much harder the text would be to guess if this were no repeat, as a power of ten: `zxcvbn` counts ten guesses for
    /// a random character.
    fn saved(&self) -> f64 {
        number(self.length - self.period) - self.variations
    }
}

impl Change {
    /// Returns how the character at `at` differs from the one a `period` before, unless it is quite another.
    fn at(text: &[char], at: usize, period: usize) -> Option<Self> {
        let (now, before) = (*text.get(at)?, *text.get(at - period)?);
        let stands_for = |c: char, letter: char| letters_of(c).contains(letter.to_ascii_lowercase());
        let is_symbol = |c: char| !c.is_alphanumeric();
        if now == before {
            Some(Self::Nothing)
        } else if now.is_ascii_digit() && before.is_ascii_digit() {
            let earlier = at.checked_sub(2 * period).and_then(|at| text.get(at)).filter(|c| c.is_ascii_digit());
            let goes_on = earlier.is_some_and(|&earlier| step(earlier, before) == step(before, now));
            Some(if goes_on { Self::Nothing } else { Self::Kind }) // "a1a2a3" goes on
        } else if now.to_lowercase().eq(before.to_lowercase()) {
            Some(Self::Case)
        } else if stands_for(now, before) || stands_for(before, now) {
            Some(Self::Substitution)
        } else {
            (is_symbol(now) && is_symbol(before)).then_some(Self::Kind)
        }
    }
}

fn step(from: char, to: char) -> i64 {
    i64::from(u32::from(to)) - i64::from(u32::from(from))
}

/// Returns the guesses that a copy takes when the one before is known, as a power of ten.
fn cost(copy: &[char], changes: &[Change]) -> f64 {
    let count = |change| number(changes.iter().filter(|other| **other == change).count());
    let plainly_cased = !copy.iter().skip(1).any(|c| c.is_uppercase()) || !copy.iter().any(|c| c.is_lowercase());
    let cases = if plainly_cased { count(Change::Case).min(1.0) } else { count(Change::Case) };
    LOG10_2 * (cases + count(Change::Substitution)) + count(Change::Kind)
}

fn number(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
