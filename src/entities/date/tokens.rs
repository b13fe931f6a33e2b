//! Cuts a text into the words of a language and numbers.

use super::vocabulary::Meaning;
use super::words::Words;
use crate::entities::folded::FoldedText;
use crate::entities::lexicon::{Lexicon, is_letter};

/// A word or a number that may belong to a date.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) meaning: Meaning,
    pub(super) digits: Option<Digits>,
}

/// A whole number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Digits {
    pub(super) value: i16,
    /// How many digits it is written with; Chinese numerals count as two, with which days and months are written.
    pub(super) length: usize,
    /// Followed by an ending that makes it the so-many-th.
    pub(super) ordinal: bool,
}

/// Finds words and numbers, in the order of the text, without overlaps.
pub(super) fn tokens(text: &FoldedText, lexicon: &Lexicon<Meaning>, words: &Words) -> Vec<Token> {
    let mut found = Vec::new();
    lexicon.scan(text, &mut found);
    let mut tokens: Vec<Token> = found
        .iter()
        .map(|word| Token { start: word.start, end: word.end, meaning: word.meaning, digits: None })
        .collect();
    add_numbers(text, words, &mut tokens);
    tokens.sort_by_key(|token| token.start);
    let mut covered = 0;
    tokens.retain(|token| {
        let free = token.start >= covered;
        if free {
            covered = token.end;
        }
        free
    });
    tokens
}

fn add_numbers(text: &FoldedText, words: &Words, tokens: &mut Vec<Token>) {
    let is_numeral = |character: char| {
        character.is_ascii_digit() || (words.unspaced && numeral(character).is_some())
    };
    let mut rest = text.as_str();
    let mut at = 0;
    while let Some(skipped) = rest.find(is_numeral) {
        let start = at + skipped;
        rest = text.after(start);
        let chinese = !rest.starts_with(|character: char| character.is_ascii_digit());
        let is_same = |character: char| is_numeral(character) && character.is_ascii() != chinese;
        let length = rest.find(|character| !is_same(character)).unwrap_or(rest.len());
        let run = rest.get(..length).unwrap_or_default();
        at = start + length;
        rest = text.after(at);
        let number = if chinese { chinese_number(run) } else { run.parse().ok() };
        let ordinal = ordinal_ending(rest, length, words);
        // Longer numbers belong to no date, but must not be read in part.
        let value = number.filter(|_| length <= 12).unwrap_or(-1);
        let digits =
            Digits { value, length: if chinese { 2 } else { length }, ordinal: ordinal > 0 };
        tokens.push(Token {
            start,
            end: at + ordinal,
            meaning: Meaning::default(),
            digits: Some(digits),
        });
    }
}

/// Bytes of the ending that makes a number an ordinal.
fn ordinal_ending(rest: &str, length: usize, words: &Words) -> usize {
    if length > 2 {
        return 0;
    }
    let ends_word = |ending: &str| {
        rest.strip_prefix(ending).is_some_and(|rest| {
            !rest.starts_with(|next: char| is_letter(next) || next.is_ascii_digit())
        })
    };
    words.ordinals.iter().find(|ending| ends_word(ending)).map_or(0, |ending| ending.len())
}

fn numeral(character: char) -> Option<i16> {
    Some(match character {
        '〇' | '零' => 0,
        '一' => 1,
        '二' | '两' | '兩' => 2,
        '三' => 3,
        '四' => 4,
        '五' => 5,
        '六' => 6,
        '七' => 7,
        '八' => 8,
        '九' => 9,
        '十' => 10,
        _ => return None,
    })
}

/// Reads 三, 十, 十二, 二十, 三十一.
fn chinese_number(run: &str) -> Option<i16> {
    let values: Vec<i16> = run.chars().take(4).filter_map(numeral).collect();
    match values.as_slice() {
        [value] => Some(*value),
        [10, unit @ 1..=9] => Some(10 + unit),
        [tens @ 1..=9, 10] => Some(tens * 10),
        [tens @ 1..=9, 10, unit @ 1..=9] => Some(tens * 10 + unit),
        _ => None,
    }
}
