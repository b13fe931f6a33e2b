//! Which stretches around a token are written like one number.

use std::ops::Range;

use crate::entities::reading::Reading;
use crate::entities::tokens::Token;
use crate::entities::units::is_followed_by_unit;

/// Most groups that one number is written in.
const MAX_GROUPS: usize = 9;

/// Most characters of a number without its separators.
const MAX_CODE: usize = 34;

/// Returns where the tokens end that follow a token one space apart, with itself, as far as one number can go.
pub(super) fn chain_ends(reading: &Reading<'_>, place: usize) -> Vec<usize> {
    let mut ends: Vec<usize> = Vec::new();
    let mut start = None;
    for token in reading.tokens.iter().skip(place).take(MAX_GROUPS) {
        let begins = *start.get_or_insert(token.start);
        let is_next = ends.last().is_none_or(|end| {
            token.start == end + 1 && reading.text.byte(*end) == Some(b' ') && !token.taken
        });
        if !is_next || token.end - begins > MAX_CODE + MAX_GROUPS {
            break;
        }
        ends.push(token.end);
    }
    ends
}

/// Returns where the groups end that a parcel's number is written in.
///
/// A group of one digit is no part of it, and what is long enough by itself has no more groups.
pub(super) fn parcel_end(reading: &Reading<'_>, place: usize) -> usize {
    let ends = chain_ends(reading, place);
    let tokens = reading.tokens.iter().skip(place).zip(ends);
    let mut end = None;
    for (token, token_end) in tokens {
        let is_whole = end.is_some() && token.digits >= 8;
        if token.digits + token.letters < 2 || is_whole {
            break;
        }
        end = Some(token_end);
        if token.digits >= 8 {
            break;
        }
    }
    end.unwrap_or_default()
}

/// Returns where a number begins that has one to four capital letters and a space before its first digit.
pub(super) fn capitals_before(reading: &Reading<'_>, token: &Token) -> Option<usize> {
    let before =
        token.start.checked_sub(1).filter(|space| reading.text.byte(*space) == Some(b' '))?;
    let bytes = reading.text.as_str().as_bytes().get(..before)?;
    let letters = bytes.iter().rev().take(5).take_while(|byte| byte.is_ascii_lowercase()).count();
    let start = before - letters;
    let original = reading.text.original(&(start..before));
    let is_capital = (1..=4).contains(&letters) && original.chars().all(char::is_uppercase);
    let stands_alone = !reading.text.char_before(start).is_some_and(char::is_alphanumeric);
    let is_word = reading.hits_before(before).next().is_some_and(|hit| hit.range.end > start);
    (is_capital && stands_alone && !is_word).then_some(start)
}

/// Returns the range of a number that is written in groups of two to four digits: `1180 4471`, `HH 2026 11 0093`.
pub(super) fn spaced_range(reading: &Reading<'_>, place: usize, start: usize) -> Range<usize> {
    let mut end = reading.tokens.get(place).map_or(start, |token| token.end);
    let mut groups = 0;
    let mut digits = 0;
    let mut accepted = None;
    for token in reading.tokens.iter().skip(place).take(MAX_GROUPS) {
        let is_next =
            groups == 0 || (token.start == end + 1 && reading.text.byte(end) == Some(b' '));
        let is_group = token.is_number() && (2..=4).contains(&token.digits) && !token.taken;
        if !is_next || !is_group {
            break;
        }
        groups += 1;
        digits += token.digits;
        end = token.end;
        if groups > 1 && digits >= 6 && !is_followed_by_unit(&reading.text, end) {
            accepted = Some(end);
        }
    }
    let own_end = reading.tokens.get(place).map_or(start, |token| token.end);
    let own_start = reading.tokens.get(place).map_or(start, |token| token.start);
    match accepted {
        Some(end) => start..end,
        None if start < own_start && digits >= 3 => start..own_end,
        None => own_start..own_end,
    }
}

/// Returns letters and digits alone.
pub(super) fn compact(text: &str) -> Vec<u8> {
    text.bytes().filter(u8::is_ascii_alphanumeric).collect()
}

/// Counts letters and digits.
pub(super) fn compact_length(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_alphanumeric).count()
}
