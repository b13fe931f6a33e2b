//! Characters: Unicode normalisation form C, line ends, what shows nothing.

use std::iter::once;

use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::offsets::{MappedText, Rewriter};

/// First code point that can change under normalisation form C.
const FIRST_UNSTABLE: char = '\u{300}';

/// Composes a text, drops control and invisible formatting characters, makes line ends `\n` and tabs spaces, and trims.
pub(super) fn clean(source: MappedText) -> MappedText {
    let visible = if source.text().chars().any(changes) { filter(&source) } else { source };
    trim(compose(visible))
}

/// Tells whether a character is dropped or replaced.
fn changes(character: char) -> bool {
    match character {
        '\n' => false,
        ' '..='~' => false,
        '\t' | '\u{2028}' | '\u{2029}' => true,
        _ => is_invisible(character),
    }
}

fn filter(source: &MappedText) -> MappedText {
    let mut rewriter = Rewriter::new(source);
    let mut kept = 0;
    let mut characters = source.text().char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        if !changes(character) {
            continue;
        }
        let end = at + character.len_utf8();
        rewriter.keep(kept..at);
        kept = end;
        match character {
            '\r' if characters.peek().is_some_and(|&(_, next)| next == '\n') => {}
            '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => rewriter.replace(at..end, "\n"),
            '\t' => rewriter.replace(at..end, " "),
            _ => {}
        }
    }
    rewriter.keep(kept..source.text().len());
    rewriter.finish()
}

/// Tells whether a character shows nothing and carries no meaning: controls, byte-order marks, zero-width spaces,
/// bidirectional overrides (which can hide what a text says), interlinear and tag characters.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0001}')
}

/// Normalises cluster by cluster, so that only what changes loses its exact way back.
fn compose(source: MappedText) -> MappedText {
    let text = source.text();
    if text.chars().all(|character| character < FIRST_UNSTABLE)
        || is_nfc_quick(text.chars()) == IsNormalized::Yes
    {
        return source;
    }
    let mut rewriter = Rewriter::new(&source);
    let (mut kept, mut cluster) = (0, 0);
    let mut stable = true;
    let ends = text.char_indices().chain(once((text.len(), 'a')));
    for (at, character) in ends {
        if !is_boundary(character) {
            stable = false;
            continue;
        }
        if !stable {
            let before = text.get(cluster..at).unwrap_or_default();
            let composed: String = before.nfc().collect();
            if composed != before {
                rewriter.keep(kept..cluster);
                rewriter.replace(cluster..at, &composed);
                kept = at;
            }
        }
        cluster = at;
        stable = true;
    }
    rewriter.keep(kept..text.len());
    rewriter.finish()
}

/// Tells whether nothing before a character can combine with it (Unicode Standard Annex 15, section 9.1).
pub(super) fn is_boundary(character: char) -> bool {
    character < FIRST_UNSTABLE
        || (canonical_combining_class(character) == 0
            && is_nfc_quick(once(character)) == IsNormalized::Yes)
}

fn trim(source: MappedText) -> MappedText {
    let text = source.text();
    let start = text.len() - text.trim_start().len();
    let end = text.trim_end().len();
    if start == 0 && end == text.len() {
        return source;
    }
    let mut rewriter = Rewriter::new(&source);
    rewriter.keep(start.min(end)..end);
    rewriter.finish()
}

/// Returns the last place at or before byte `at` where a text can be split.
pub(super) fn floor_boundary(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().take(4).find(|&place| text.is_char_boundary(place)).unwrap_or(0)
}
