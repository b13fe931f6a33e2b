//! Names of people and firms, told from what says something.

use crate::text::phrases::closings::{CJK_CONTENT, CONTENT_STEMS, PARTICLES};
use crate::text::phrases::fold;

/// Tells whether a folded line has a word that says something; what is in links and addresses says nothing.
pub(super) fn has_content(folded: &str) -> bool {
    folded
        .split_whitespace()
        .filter(|word| !word.contains("://") && !word.contains('@') && !word.contains("www."))
        .any(|word| word.contains('#') || word.split([',', '|', ':', '/', '(']).any(is_content))
}

fn is_content(word: &str) -> bool {
    CONTENT_STEMS.iter().any(|stem| {
        // Short ones are the beginning of too many names.
        let is_short = stem.is_ascii() && stem.len() <= 3;
        if is_short { word.trim_end_matches('.') == *stem } else { word.starts_with(stem) }
    })
}

/// Tells whether a text looks like a name, title, firm or street of at most `max_words` words.
pub(in crate::text) fn is_name(text: &str, max_words: usize) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() || words.len() > max_words {
        return false;
    }
    let shouted = words.iter().filter(|word| word.chars().count() >= 3 && is_shouted(word)).count();
    if shouted >= 3 || text.contains(['…', ';', '"', '„', '“', '«']) {
        return false;
    }
    let is_name = match text.chars().find(|character| character.is_alphabetic()) {
        None => false,
        Some(first) if is_cased(first) => is_cased_name(&words),
        Some(first) => is_uncased_name(text, first, words.len()),
    };
    is_name && !has_content(&fold(text))
}

fn is_shouted(word: &str) -> bool {
    word.chars().all(|character| !character.is_lowercase()) && word.chars().any(char::is_uppercase)
}

fn is_cased(character: char) -> bool {
    character.is_uppercase() || character.is_lowercase()
}

/// Names of scripts with capitals: every word is capitalised, a number, a sign or a particle.
fn is_cased_name(words: &[&str]) -> bool {
    let mut capitals = 0;
    for word in words {
        let bare = word.trim_matches(['(', ')', ',', '"', '\'', '|', '/', '&', '-', '–', '.', ':']);
        let Some(first) = bare.chars().next() else { continue };
        if first.is_uppercase() {
            capitals += 1;
        } else if !(first.is_numeric() || is_particle(word)) {
            // One small word alone is how many sign: "anna".
            let is_alone = words.len() == 1
                && bare.chars().all(char::is_alphabetic)
                && bare.chars().count() <= 12;
            return is_alone;
        }
    }
    let ends_sentence = words.len() > 2
        && words.last().is_some_and(|last| last.ends_with('.') && last.chars().count() > 5);
    capitals > 0 && !ends_sentence
}

fn is_particle(word: &str) -> bool {
    PARTICLES.contains(&word.trim_end_matches(','))
}

/// Names of scripts without capitals: a few characters, none that sentences are made of.
fn is_uncased_name(text: &str, first: char, words: usize) -> bool {
    let characters = text.chars().filter(|character| character.is_alphabetic()).count();
    match u32::from(first) {
        // Arabic and Hebrew
        0x590..=0x6ff => words <= 3,
        // Hangul: a name and how one signs
        0xac00..=0xd7a3 => {
            let name = text
                .trim_end_matches("드림")
                .trim_end_matches("올림")
                .trim_end_matches("배상")
                .trim();
            let limit = if name.len() < text.len() { 12 } else { 4 };
            words <= 4
                && name.chars().filter(|character| !character.is_whitespace()).count() <= limit
        }
        // Han and kana
        0x3040..=0x30ff | 0x3400..=0x9fff => {
            let limit = if text.contains(['社', '部', '課', '室', '司', '店', '所']) {
                16
            } else {
                5
            };
            characters <= limit
                && !text.contains(CJK_CONTENT)
                && !text.contains(['、', '，', ',', '！'])
        }
        _ => false,
    }
}
