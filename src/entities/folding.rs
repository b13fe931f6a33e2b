//! Text as the finders compare it: lower case, without accents, with ASCII digits and punctuation.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

/// First code point of the table of Latin letters.
const LATIN_START: u32 = 0xC0;

/// One past the last code point of the table of Latin letters.
const LATIN_END: u32 = 0x250;

/// Turns characters into the ones that they are compared as. One character stays one character.
#[derive(Debug)]
pub(super) struct Folding {
    latin: Vec<char>,
}

impl Folding {
    /// Prepares the table of Latin letters.
    pub(super) fn new() -> Self {
        let latin = (LATIN_START..LATIN_END).filter_map(char::from_u32).map(fold_latin).collect();
        Self { latin }
    }

    /// Folds a text and remembers where each byte came from.
    pub(super) fn fold<'t>(&self, original: &'t str) -> FoldedText<'t> {
        if original.is_ascii() {
            let mut text = original.to_ascii_lowercase();
            if text.contains('\t') {
                text = text.replace('\t', " ");
            }
            return FoldedText { original, text, origins: None };
        }
        let mut text = String::with_capacity(original.len());
        let mut origins = Vec::with_capacity(original.len() + 1);
        let mut rest = original;
        while !rest.is_empty() {
            let start = original.len() - rest.len();
            let plain = rest.bytes().take_while(u8::is_ascii).count();
            let (ascii, others) = rest.split_at_checked(plain).unwrap_or((rest, ""));
            text.extend(ascii.chars().map(|character| self.fold_character(character)));
            origins.extend(start..start + plain);
            let mut characters = others.chars();
            if let Some(character) = characters.next() {
                text.push(self.fold_character(character));
                origins.resize(text.len(), start + plain);
            }
            rest = characters.as_str();
        }
        origins.push(original.len());
        FoldedText { original, text, origins: Some(origins) }
    }

    /// Folds a word of a table.
    pub(super) fn fold_word(&self, word: &str) -> String {
        word.chars().map(|character| self.fold_character(character)).collect()
    }

    fn fold_character(&self, character: char) -> char {
        if character.is_ascii() {
            return if character == '\t' { ' ' } else { character.to_ascii_lowercase() };
        }
        match u32::from(character) {
            code @ LATIN_START..LATIN_END => {
                let place = usize::try_from(code - LATIN_START).unwrap_or(usize::MAX);
                self.latin.get(place).copied().unwrap_or(character)
            }
            0x2E80..=0xD7FF => fold_east_asian(character),
            _ => fold_other(character),
        }
    }
}

/// Returns the base letter in lower case.
fn fold_latin(character: char) -> char {
    match character {
        'İ' | 'ı' => return 'i',
        'Ł' | 'ł' => return 'l',
        'Ø' | 'ø' => return 'o',
        'Đ' | 'đ' => return 'd',
        _ => {}
    }
    let base = character.nfd().next().unwrap_or(character);
    lower(base)
}

fn lower(character: char) -> char {
    let mut lowered = character.to_lowercase();
    match (lowered.next(), lowered.next()) {
        (Some(only), None) => only,
        _ => character,
    }
}

fn fold_east_asian(character: char) -> char {
    if character == '\u{3000}' { ' ' } else { character }
}

fn fold_other(character: char) -> char {
    match character {
        '\u{A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' => ' ',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE63}' => '-',
        '’' | '‘' => '\'',
        'أ' | 'إ' | 'آ' => 'ا',
        'ى' => 'ي',
        'ة' => 'ه',
        'ё' | 'Ё' => 'е',
        // A full-width comma stays: it separates, where an ASCII one can stand inside a number.
        '，' => character,
        '\u{0660}'..='\u{0669}' | '\u{06F0}'..='\u{06F9}' | '\u{FF01}'..='\u{FF5E}' => {
            ascii_form(character).to_ascii_lowercase()
        }
        'а'..='я' | '\u{0600}'..='\u{06FF}' => character,
        _ => lower(character),
    }
}

/// Returns the ASCII form of a full-width character or of a digit of another script, and other characters as they are.
pub(super) fn ascii_form(character: char) -> char {
    let code = u32::from(character);
    let ascii = match code {
        0x0660..=0x0669 => code - 0x0660 + u32::from('0'),
        0x06F0..=0x06F9 => code - 0x06F0 + u32::from('0'),
        0xFF01..=0xFF5E => code - 0xFEE0,
        _ => code,
    };
    char::from_u32(ascii).unwrap_or(character)
}

/// A folded text with the way back to the original.
#[derive(Debug)]
pub(super) struct FoldedText<'t> {
    original: &'t str,
    text: String,
    /// Byte of the original for each byte of `text` and for its end; none where they are the same.
    origins: Option<Vec<usize>>,
}

impl FoldedText<'_> {
    /// Returns the folded text.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns a stretch of the folded text; empty where it does not exist.
    pub(super) fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    /// Returns the byte at a place.
    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// Returns the byte before a place.
    pub(super) fn byte_before(&self, at: usize) -> Option<u8> {
        at.checked_sub(1).and_then(|before| self.byte(before))
    }

    /// Returns the character before a place.
    pub(super) fn char_before(&self, at: usize) -> Option<char> {
        self.text.get(..at).and_then(|before| before.chars().next_back())
    }

    /// Returns the character at a place.
    pub(super) fn char_at(&self, at: usize) -> Option<char> {
        self.text.get(at..).and_then(|rest| rest.chars().next())
    }

    /// Turns bytes of the folded text into bytes of the original.
    pub(super) fn original_span(&self, range: &Range<usize>) -> Range<usize> {
        match &self.origins {
            None => range.clone(),
            Some(origins) => {
                let origin = |at| origins.get(at).copied().unwrap_or(self.original.len());
                origin(range.start)..origin(range.end)
            }
        }
    }

    /// Returns the original of a stretch of the folded text.
    pub(super) fn original(&self, range: &Range<usize>) -> &str {
        self.original.get(self.original_span(range)).unwrap_or_default()
    }

    /// Returns the original of a stretch in upper case with ASCII digits and punctuation, without white space.
    pub(super) fn code(&self, range: &Range<usize>) -> String {
        self.original(range)
            .chars()
            .map(ascii_form)
            .filter(|character| !character.is_whitespace())
            .map(|character| if is_dash(character) { '-' } else { character })
            .flat_map(char::to_uppercase)
            .collect()
    }
}

fn is_dash(character: char) -> bool {
    matches!(character, '\u{2010}'..='\u{2015}' | '\u{2212}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_lose_case_and_accents_and_digits_become_ascii() {
        let folding = Folding::new();

        let folded = folding.fold("SİPARİŞ Nº ４８−٢١ Łódź");

        assert_eq!(folded.as_str(), "siparis nº 48-21 lodz");
    }

    #[test]
    fn spans_lead_back_to_the_original() {
        let folding = Folding::new();
        let original = "注文　ＡＢ－１２です";

        let folded = folding.fold(original);
        let start = folded.as_str().find("ab").unwrap();

        let range = start..start + "ab-12".len();
        assert_eq!(folded.original(&range), "ＡＢ－１２");
        assert_eq!(folded.code(&range), "AB-12");
    }
}
