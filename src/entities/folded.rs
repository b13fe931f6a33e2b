//! Text in one spelling, with the way back to the text it came from.
//!
//! Customers type without accents, in full width, with Arabic digits or typographic spaces. Word lists and number
//! formats are compared with text that has none of that.

use std::ops::Range;

use unicode_normalization::char::decompose_canonical;

/// Lower-case text without accents, with ASCII digits, spaces and hyphens.
#[derive(Debug, Default)]
pub(super) struct FoldedText {
    text: String,
    /// Where the character that a byte of `text` belongs to begins in the original; one more than `text` has bytes.
    offsets: Vec<usize>,
    scripts: Scripts,
}

/// Scripts that occur in a text.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Scripts {
    pub(super) latin: bool,
    pub(super) cyrillic: bool,
    pub(super) arabic: bool,
    pub(super) han: bool,
    pub(super) kana: bool,
    pub(super) hangul: bool,
}

impl FoldedText {
    /// Folds a text. Linear; the result has at most as many characters as the text.
    pub(super) fn of(original: &str) -> Self {
        let mut folded = Self {
            text: String::with_capacity(original.len()),
            offsets: Vec::with_capacity(original.len() + 1),
            scripts: Scripts::default(),
        };
        for (offset, character) in original.char_indices() {
            if character.is_ascii() {
                folded.scripts.latin |= character.is_ascii_alphabetic();
                folded.text.push(character.to_ascii_lowercase());
                folded.offsets.push(offset);
            } else if let Some(character) = fold(character) {
                folded.scripts.note(character);
                folded.text.push(character);
                folded.offsets.extend(std::iter::repeat_n(offset, character.len_utf8()));
            }
        }
        folded.offsets.push(original.len());
        folded
    }

    /// The whole folded text.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Scripts of its letters.
    pub(super) fn scripts(&self) -> Scripts {
        self.scripts
    }

    /// A part of the folded text; empty where the range is none.
    pub(super) fn part(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// What stands before a place.
    pub(super) fn before(&self, at: usize) -> &str {
        self.part(0..at)
    }

    /// What stands from a place on.
    pub(super) fn after(&self, at: usize) -> &str {
        self.part(at..self.text.len())
    }

    /// Turns bytes of the folded text into bytes of the original.
    pub(super) fn original(&self, range: Range<usize>) -> Range<usize> {
        let at = |place: usize| {
            self.offsets.get(place).or(self.offsets.last()).copied().unwrap_or_default()
        };
        at(range.start)..at(range.end)
    }
}

impl Scripts {
    fn note(&mut self, character: char) {
        match character {
            '\u{0100}'..='\u{024f}' => self.latin = true,
            '\u{0400}'..='\u{052f}' => self.cyrillic = true,
            '\u{0600}'..='\u{06ff}' => self.arabic = true,
            '\u{3040}'..='\u{30ff}' => self.kana = true,
            '\u{4e00}'..='\u{9fff}' => self.han = true,
            '\u{ac00}'..='\u{d7a3}' => self.hangul = true,
            _ => {}
        }
    }
}

/// Folds a word of a word list as texts are folded.
pub(super) fn fold_word(word: &str) -> String {
    FoldedText::of(word).text
}

/// Folds a character beyond ASCII; `None` where nothing is left of it.
fn fold(character: char) -> Option<char> {
    let folded = match character {
        '\u{0300}'..='\u{036f}' | '\u{064b}'..='\u{0652}' | '\u{0640}' => return None,
        '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => return None,
        '\u{00a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        '\u{2018}' | '\u{2019}' | '\u{02bc}' | '\u{2032}' | '\u{00b4}' => '\'',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{301c}' => '~',
        '\u{ff01}'..='\u{ff5e}' => {
            char::from_u32(u32::from(character) - 0xfee0).unwrap_or(character).to_ascii_lowercase()
        }
        '\u{ffe5}' => '¥',
        '\u{ffe6}' => '₩',
        '\u{ffe1}' => '£',
        '\u{0660}'..='\u{0669}' => digit(u32::from(character) - 0x0660),
        '\u{06f0}'..='\u{06f9}' => digit(u32::from(character) - 0x06f0),
        '\u{066b}' => '.',
        '\u{066c}' | '\u{060c}' => ',',
        'أ' | 'إ' | 'آ' | 'ٱ' => 'ا',
        'ى' => 'ي',
        'ة' => 'ه',
        'ł' | 'Ł' => 'l',
        'ø' | 'Ø' => 'o',
        'đ' | 'Đ' => 'd',
        'ı' | 'İ' => 'i',
        // Russian without the detour through tables: it is all that is in such a text.
        'й' | 'Й' => 'и',
        'а'..='я' => character,
        'А'..='Я' => char::from_u32(u32::from(character) + 0x20).unwrap_or(character),
        '\u{00c0}'..='\u{052f}' | '\u{1e00}'..='\u{1eff}' => without_accent(character),
        _ => character,
    };
    Some(folded)
}

fn digit(value: u32) -> char {
    char::from_digit(value, 10).unwrap_or('0')
}

fn without_accent(character: char) -> char {
    let lower = character.to_lowercase().next().unwrap_or(character);
    let mut base = None;
    decompose_canonical(lower, |part| {
        base.get_or_insert(part);
    });
    base.unwrap_or(lower)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn accents_width_case_and_digits_are_folded() {
        let folded = FoldedText::of("Środa, ＡＢ１２ ٣٥ août d’été");

        assert_eq!(folded.as_str(), "sroda, ab12 35 aout d'ete");
    }

    #[test]
    fn a_range_leads_back_to_the_original() {
        let original = "é １１月";
        let folded = FoldedText::of(original);

        let range = folded.original(2..4);

        assert_eq!(original.get(range), Some("１１"));
    }

    proptest! {
        #[test]
        fn every_character_of_the_folded_text_leads_back_to_a_slice(original in ".{0,80}") {
            let folded = FoldedText::of(&original);

            for (at, character) in folded.as_str().char_indices() {
                let range = folded.original(at..at + character.len_utf8());
                prop_assert!(original.get(range.clone()).is_some_and(|part| !part.is_empty()), "{:?}", range);
            }
        }
    }
}
