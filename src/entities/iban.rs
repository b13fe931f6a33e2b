//! Bank account numbers (ISO 13616). They leave redacted.

use std::ops::Range;

use super::reading::Reading;
use super::{Entity, EntityType};

/// Characters that stay readable at either end.
const READABLE: usize = 4;

/// Digits that an account has at least, of its own and of the check; words are no accounts.
const MIN_DIGITS: usize = 8;

/// Digits that a number with a wrong checksum needs to be taken for a mistyped account rather than for words.
const MIN_DIGITS_OF_MISTYPED: usize = 12;

/// Lengths in characters by country, as the registry of ISO 13616 that SWIFT keeps has them.
const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"ad", 24),
    (b"ae", 23),
    (b"al", 28),
    (b"at", 20),
    (b"az", 28),
    (b"ba", 20),
    (b"be", 16),
    (b"bg", 22),
    (b"bh", 22),
    (b"bi", 27),
    (b"br", 29),
    (b"by", 28),
    (b"ch", 21),
    (b"cr", 22),
    (b"cy", 28),
    (b"cz", 24),
    (b"de", 22),
    (b"dj", 27),
    (b"dk", 18),
    (b"do", 28),
    (b"ee", 20),
    (b"eg", 29),
    (b"es", 24),
    (b"fi", 18),
    (b"fk", 18),
    (b"fo", 18),
    (b"fr", 27),
    (b"gb", 22),
    (b"ge", 22),
    (b"gi", 23),
    (b"gl", 18),
    (b"gr", 27),
    (b"gt", 28),
    (b"hr", 21),
    (b"hu", 28),
    (b"ie", 22),
    (b"il", 23),
    (b"iq", 23),
    (b"is", 26),
    (b"it", 27),
    (b"jo", 30),
    (b"kw", 30),
    (b"kz", 20),
    (b"lb", 28),
    (b"lc", 32),
    (b"li", 21),
    (b"lt", 20),
    (b"lu", 20),
    (b"lv", 21),
    (b"ly", 25),
    (b"mc", 27),
    (b"md", 24),
    (b"me", 22),
    (b"mk", 19),
    (b"mn", 20),
    (b"mr", 27),
    (b"mt", 31),
    (b"mu", 30),
    (b"ni", 28),
    (b"nl", 18),
    (b"no", 15),
    (b"om", 23),
    (b"pk", 24),
    (b"pl", 28),
    (b"ps", 29),
    (b"pt", 25),
    (b"qa", 29),
    (b"ro", 24),
    (b"rs", 22),
    (b"ru", 33),
    (b"sa", 24),
    (b"sc", 31),
    (b"sd", 18),
    (b"se", 24),
    (b"si", 19),
    (b"sk", 24),
    (b"sm", 27),
    (b"so", 23),
    (b"st", 25),
    (b"sv", 28),
    (b"tl", 23),
    (b"tn", 24),
    (b"tr", 26),
    (b"ua", 29),
    (b"va", 22),
    (b"vg", 24),
    (b"xk", 20),
    (b"ye", 30),
];

/// Adds the accounts of a text; numbers of their shape with a wrong checksum are kept from being found as anything
/// else.
pub(super) fn find(reading: &mut Reading<'_>, found: &mut Vec<Entity>) {
    let mut done = 0;
    for start in starts(reading.text.as_str().as_bytes()) {
        if start < done {
            continue;
        }
        let Some(account) = read(reading.text.as_str().as_bytes(), start) else { continue };
        if is_valid(&account.code) {
            let value = redacted(&account.code);
            found.push(reading.entity(EntityType::Iban, &account.range, value, 1.0));
        } else if !account.looks_mistyped {
            continue;
        }
        done = account.range.end;
        reading.take(&account.range);
    }
}

/// Returns where two letters and two digits stand, the letters possibly apart.
fn starts(bytes: &[u8]) -> Vec<usize> {
    let windows = bytes.windows(4).enumerate();
    let together = |window: &[u8]| {
        matches!(window, [a, b, c, d] if a.is_ascii_lowercase() && b.is_ascii_lowercase()
            && c.is_ascii_digit() && d.is_ascii_digit())
    };
    let apart = |window: &[u8]| matches!(window, [a, b, b' ', d] if a.is_ascii_lowercase() && b.is_ascii_lowercase() && d.is_ascii_digit());
    windows
        .filter(|(_, window)| together(window) || apart(window))
        .map(|(start, _)| start)
        .collect()
}

struct Account {
    range: Range<usize>,
    /// Letters and digits alone, in upper case.
    code: Vec<u8>,
    looks_mistyped: bool,
}

/// Returns how many characters the accounts of a country have, by its two letters in lower case.
pub(super) fn length_of(country: &[u8]) -> Option<usize> {
    LENGTHS.iter().find(|(own, _)| *own == country).map(|(_, length)| *length)
}

/// Reads as many letters and digits as the country's accounts have.
fn read(bytes: &[u8], start: usize) -> Option<Account> {
    let country: &[u8; 2] = bytes.get(start..)?.first_chunk()?;
    let length = length_of(country)?;
    let mut code = Vec::with_capacity(length);
    let mut at = start;
    while code.len() < length {
        let byte = *bytes.get(at)?;
        if byte.is_ascii_alphanumeric() {
            code.push(byte.to_ascii_uppercase());
        } else if !is_separator(bytes, at) {
            return None;
        }
        at += 1;
    }
    let check_digits = code.get(2..4)?;
    if !check_digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let is_bounded = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let before = start.checked_sub(1).and_then(|before| bytes.get(before));
    let digits = code.iter().filter(|byte| byte.is_ascii_digit()).count();
    if digits < MIN_DIGITS {
        return None;
    }
    // "no 440131001275 a" is no account of Norway.
    let is_together = bytes.get(start + 2).is_some_and(u8::is_ascii_digit);
    let looks_mistyped = is_together
        && is_bounded(before)
        && is_bounded(bytes.get(at))
        && digits >= MIN_DIGITS_OF_MISTYPED;
    Some(Account { range: start..at, code, looks_mistyped })
}

/// One space, hyphen or dot between groups.
fn is_separator(bytes: &[u8], at: usize) -> bool {
    let is_sign = |at: usize| matches!(bytes.get(at), Some(b' ' | b'-' | b'.'));
    is_sign(at) && !is_sign(at + 1)
}

/// Checks the remainder modulo 97 (ISO 7064) of an account in upper case.
pub(super) fn is_valid(code: &[u8]) -> bool {
    let (head, tail) = code.split_at(READABLE.min(code.len()));
    let remainder = tail.iter().chain(head).fold(0_u32, |remainder, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        _ => (remainder * 100 + u32::from(byte.saturating_sub(b'A')) + 10) % 97,
    });
    remainder == 1
}

/// Leaves the first and last characters readable.
pub(super) fn redacted(code: &[u8]) -> String {
    let hidden = READABLE..code.len().saturating_sub(READABLE);
    let show =
        |(place, byte): (usize, &u8)| if hidden.contains(&place) { '*' } else { char::from(*byte) };
    code.iter().enumerate().map(show).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_decides() {
        assert!(is_valid(b"DE89370400440532013000"));
        assert!(!is_valid(b"DE89370400440532013001"));
    }

    #[test]
    fn only_the_ends_stay_readable() {
        assert_eq!(redacted(b"DE89370400440532013000"), "DE89**************3000");
    }

    #[test]
    fn an_account_ends_where_its_country_says() {
        let account = read(b"nl91 abna 0417 1643 00 graag", 0).unwrap();

        assert_eq!(account.range, 0..22);
        assert!(is_valid(&account.code));
    }
}
