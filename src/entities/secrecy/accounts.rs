//! Account numbers with any separators, of any country.

use super::super::iban;
use super::signs::Sign;
use super::{EntityType, Secret};

/// Most signs between two parts of an account.
const MAX_SEPARATORS: usize = 3;

/// Fewest and most characters of an account (ISO 13616), with two letters and two check digits.
const LENGTHS: std::ops::RangeInclusive<usize> = 15..=34;

/// Digits that an account has at least.
const MIN_DIGITS: usize = 8;

/// Digits that an account of a country without a known length has at least.
const MIN_DIGITS_OF_UNKNOWN: usize = 10;

/// Letters in a row that are a word rather than a part of an account.
const WORD: usize = 5;

/// Digits of a Polish account, which is often written without its country.
const POLISH_DIGITS: usize = 26;

/// Returns the accounts of a text.
pub(super) fn find(signs: &[Sign]) -> Vec<Secret> {
    let mut found = Vec::new();
    let mut next = 0;
    for place in 0..signs.len() {
        if place < next {
            continue;
        }
        let account = international_at(signs, place).or_else(|| polish_at(signs, place));
        if let Some((code, end)) = account {
            let start = signs.get(place).map_or(0, |sign| sign.start);
            let span = start..signs.get(end).map_or(start, |sign| sign.end);
            let value = iban::redacted(&code);
            found.push(Secret { kind: EntityType::Iban, span, value, is_doubtful: false });
            next = end + 1;
        }
    }
    found
}

/// Returns the letters and digits from a place on, each with its place, as far as an account can go.
fn characters(signs: &[Sign], place: usize) -> impl Iterator<Item = (usize, u8)> {
    let mut separators = 0;
    let tail = signs.get(place..).unwrap_or_default().iter().enumerate();
    tail.take_while(move |(_, sign)| {
        separators = if sign.is_alphanumeric() { 0 } else { separators + 1 };
        separators <= MAX_SEPARATORS
            && (!sign.is_alphanumeric() || sign.byte.is_ascii_alphanumeric())
    })
    .filter(|(_, sign)| sign.is_alphanumeric())
    .map(move |(offset, sign)| (place + offset, sign.byte))
    .take(*LENGTHS.end())
}

fn is_boundary(signs: &[Sign], at: Option<usize>) -> bool {
    at.and_then(|at| signs.get(at)).is_none_or(|sign| !sign.byte.is_ascii_alphanumeric())
}

/// Returns the longest account with its country that begins at a place, and its last sign.
fn international_at(signs: &[Sign], place: usize) -> Option<(Vec<u8>, usize)> {
    let head = signs.get(place..place.checked_add(2)?)?;
    if !head.iter().all(|sign| sign.byte.is_ascii_uppercase()) {
        return None;
    }
    let country = head.iter().map(|sign| sign.byte.to_ascii_lowercase());
    let known = iban::length_of(&country.collect::<Vec<u8>>());
    let is_digit_at = |at: usize| signs.get(at).is_some_and(Sign::is_digit);
    // "an 0221 4710355" and "is € 1.320" are no accounts.
    let begins = match known {
        Some(_) => is_digit_at(place + 2) || is_digit_at(place + 3),
        None => is_digit_at(place + 2) && is_boundary(signs, place.checked_sub(1)),
    };
    if !begins {
        return None;
    }
    let mut code = Vec::with_capacity(*LENGTHS.end());
    let (mut digits, mut letters, mut best) = (0, 0, None);
    for (at, byte) in characters(signs, place) {
        code.push(byte);
        digits += usize::from(byte.is_ascii_digit());
        letters = if byte.is_ascii_digit() { 0 } else { letters + 1 };
        let is_check_digit = matches!(code.len(), 3 | 4);
        if (is_check_digit && letters > 0) || (known.is_none() && letters >= WORD) {
            break;
        }
        let (ends, least) = match known {
            Some(length) => (code.len() == length, MIN_DIGITS),
            None => (is_boundary(signs, Some(at + 1)), MIN_DIGITS_OF_UNKNOWN),
        };
        if ends && LENGTHS.contains(&code.len()) && digits >= least && iban::is_valid(&code) {
            best = Some((code.clone(), at));
        }
        if known == Some(code.len()) {
            break;
        }
    }
    best
}

/// Returns a Polish account without its country that begins at a place, and its last sign.
fn polish_at(signs: &[Sign], place: usize) -> Option<(Vec<u8>, usize)> {
    if !signs.get(place)?.is_digit() || !is_boundary(signs, place.checked_sub(1)) {
        return None;
    }
    let mut code = b"PL".to_vec();
    let mut last = place;
    for (at, byte) in characters(signs, place).take(POLISH_DIGITS) {
        if !byte.is_ascii_digit() {
            return None;
        }
        code.push(byte);
        last = at;
    }
    let is_whole = code.len() == POLISH_DIGITS + 2 && is_boundary(signs, Some(last + 1));
    (is_whole && iban::is_valid(&code)).then_some((code, last))
}
