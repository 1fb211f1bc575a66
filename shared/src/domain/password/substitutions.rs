//! Digits and symbols in the place of letters, as in "p4$$w0rd".

/// Letters that `zxcvbn` tries in the place of digits and symbols.
const LETTERS: &str = "abcegilostxz";

/// The most combinations of substitutions that `zxcvbn` may try, times the square of the text's length.
const MAX_EFFORT: usize = 50_000;

/// Returns the letters that `c` stands for.
pub(super) fn letters_of(c: char) -> &'static str {
    match c {
        '4' | '@' => "a",
        '8' => "b",
        '(' | '{' | '[' | '<' => "c",
        '3' => "e",
        '6' | '9' => "g",
        '1' | '|' => "il",
        '!' => "i",
        '7' => "lt",
        '0' => "o",
        '$' | '5' => "s",
        '+' => "t",
        '%' => "x",
        '2' => "z",
        _ => "",
    }
}

/// Returns `text` in a form that `zxcvbn` estimates in bounded time.
///
/// `zxcvbn` tries all combinations of substitutions, whose number multiplies with each symbol. A text with too many combinations
/// gets other symbols, which stand for no letter and are in no dictionary. It is then taken for harder to guess than it is.
pub(super) fn bounded(text: &[char]) -> String {
    let combinations: usize = LETTERS.chars().map(|letter| ways_to_write(letter, text)).product();
    if combinations * text.len().pow(2) <= MAX_EFFORT {
        return text.iter().collect();
    }
    let is_symbol = |c: char| c.is_ascii_punctuation() && !letters_of(c).is_empty();
    text.iter().map(|&c| if is_symbol(c) { private_use(c) } else { c }).collect()
}

/// Returns in how many ways `text` may write `letter`, at least 1.
fn ways_to_write(letter: char, text: &[char]) -> usize {
    let substitutes = "4@8({[<3691|!70$5+%2".chars().filter(|c| text.contains(c));
    // `zxcvbn` tries a character that also stands for an earlier letter with it and without it.
    let ways = substitutes.filter_map(|c| letters_of(c).find(letter)).map(|earlier_letters| earlier_letters + 1);
    ways.sum::<usize>().max(1)
}

/// Returns a code point of Unicode's private use area for an ASCII character. They lie so far apart that they form no sequence.
fn private_use(c: char) -> char {
    char::from_u32(0xe000 + 16 * u32::from(c)).unwrap_or(c)
}
