//! Which characters of a name a reader can see.

use icu_properties::CodePointSetData;
use icu_properties::props::{DefaultIgnorableCodePoint, VariationSelector};
use unicode_normalization::char::canonical_combining_class;

const VIRAMA: u8 = 9; // the canonical combining class of signs that join two consonants
const BLACK_FLAG: char = '\u{1f3f4}';

/// Returns whether `c` shows nothing, although it is no white space.
///
/// These are Unicode's default-ignorable code points, and others that fonts draw blank by design: the Braille blank, the musical null
/// notehead, the Khitan filler, the Egyptian blanks, and the marks around annotations.
pub(super) fn is_invisible(c: char) -> bool {
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        || matches!(c, '\u{2800}' | '\u{1d159}' | '\u{16fe4}' | '\u{13441}' | '\u{13442}' | '\u{fff9}'..='\u{fffb}')
}

/// Returns whether `c` is white space or invisible.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace() || is_invisible(c)
}

/// Cuts white space and invisible characters from both ends of `text`. It keeps those that shape the last visible character.
pub(super) fn trim(text: &str) -> &str {
    let text = text.trim_start_matches(is_blank);
    let (visible, rest) = text.split_at(text.trim_end_matches(is_blank).len());
    let mut last = visible.chars().next_back().unwrap_or(' ');
    let mut end = visible.len();
    for c in rest.chars() {
        if !shapes(c, last) {
            break;
        }
        end += c.len_utf8();
        last = c;
    }
    text.split_at(end).0
}

/// Returns whether an invisible `c` changes how `last`, the character before it, looks at the end of a name: a variation selector, a
/// joiner after a virama (as in Malayalam names that end in a chillu), or the tags of a regional flag.
fn shapes(c: char, last: char) -> bool {
    match c {
        '\u{200c}' | '\u{200d}' => canonical_combining_class(last) == VIRAMA,
        '\u{e0020}'..='\u{e007f}' => last == BLACK_FLAG || matches!(last, '\u{e0020}'..='\u{e007e}'),
        _ => CodePointSetData::new::<VariationSelector>().contains(c) && !is_blank(last),
    }
}
