//! Payment card numbers (ISO/IEC 7812). They leave redacted.

use std::ops::Range;

use super::context::Topic;
use super::reading::Reading;
use super::{Entity, EntityType};

/// Most digits of a card number.
pub(super) const MAX_DIGITS: usize = 19;

/// Fewest digits of a card number that is looked for.
pub(super) const MIN_DIGITS: usize = 13;

/// How far before a number, in bytes, a word about parcels keeps it from being taken for a mistyped card.
const PARCEL_REACH: usize = 40;

/// Adds the cards of a text; numbers that are written like cards but are none are kept from being found as anything
/// else, unless the text speaks of a parcel.
pub(super) fn find(reading: &mut Reading<'_>, found: &mut Vec<Entity>) {
    let groups = digit_groups(reading.text.as_str().as_bytes());
    let mut place = 0;
    while let Some(rest) = groups.get(place..).filter(|rest| !rest.is_empty()) {
        place += 1;
        let window = read(reading.text.as_str().as_bytes(), rest);
        let Some(window) = window.filter(|window| !reading.is_taken(&window.range)) else {
            continue;
        };
        if window.valid {
            let value = redacted(&window.digits);
            found.push(reading.entity(EntityType::PaymentCard, &window.range, value, 1.0));
        } else if speaks_of_parcel(reading, window.range.start) {
            continue;
        }
        reading.take(&window.range);
        place += window.groups - 1;
    }
}

/// Leaves the last four digits readable.
pub(super) fn redacted(digits: &[u8]) -> String {
    let hidden = digits.len().saturating_sub(4);
    let last = digits.iter().skip(hidden).copied().map(char::from);
    std::iter::repeat_n('*', hidden).chain(last).collect()
}

fn speaks_of_parcel(reading: &Reading<'_>, at: usize) -> bool {
    reading
        .has_before(at, PARCEL_REACH, |topic| matches!(topic, Topic::Tracking | Topic::Carrier(_)))
}

/// Returns the runs of digits.
fn digit_groups(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        if !byte.is_ascii_digit() {
            continue;
        }
        match groups.last_mut().filter(|last| last.end == at) {
            Some(last) => last.end = at + 1,
            None => groups.push(at..at + 1),
        }
    }
    groups
}

/// Some runs of digits, one separator apart, that are a card or look like one.
struct Window {
    range: Range<usize>,
    digits: Vec<u8>,
    groups: usize,
    valid: bool,
}

/// Reads a card that begins with the first of some runs; the longest valid one, else one written in fours.
fn read(bytes: &[u8], groups: &[Range<usize>]) -> Option<Window> {
    let first = groups.first()?;
    if !matches!(bytes.get(first.start), Some(b'2'..=b'6' | b'9')) {
        return None;
    }
    let mut digits = Vec::new();
    let mut best = None;
    let mut previous_end = first.start;
    for (count, group) in groups.iter().enumerate() {
        let joined = count == 0 || joins(bytes.get(previous_end..group.start)?);
        if !joined || digits.len() + group.len() > MAX_DIGITS {
            break;
        }
        digits.extend_from_slice(bytes.get(group.clone())?);
        previous_end = group.end;
        let valid = is_valid(&digits);
        if valid || (is_written_in_fours(groups, count) && best.is_none() && is_issued(&digits)) {
            let range = first.start..group.end;
            best = Some(Window { range, digits: digits.clone(), groups: count + 1, valid });
        }
    }
    best
}

/// Tells whether what stands between two runs of digits can stand inside a card number.
fn joins(between: &[u8]) -> bool {
    matches!(between, [b' ' | b'-' | b'.' | b'\n' | b'_'] | b"  " | b"\r\n" | b" - ")
}

fn is_written_in_fours(groups: &[Range<usize>], last: usize) -> bool {
    last == 3 && groups.iter().take(4).all(|group| group.len() == 4)
}

/// Tells whether digits are a card of a length that its scheme usually issues.
pub(super) fn is_valid(digits: &[u8]) -> bool {
    (MIN_DIGITS..=MAX_DIGITS).contains(&digits.len()) && is_issued(digits) && has_luhn_check(digits)
}

/// Tells whether digits are a card of any length and scheme, also of those that few people have.
pub(super) fn is_valid_of_any_scheme(digits: &[u8]) -> bool {
    (is_issued(digits) || is_issued_seldom(digits)) && has_luhn_check(digits)
}

/// Returns how many digits a number with this beginning nearly always has.
pub(super) fn usual_length(digits: &[u8]) -> Option<usize> {
    match digits {
        [b'3', b'4' | b'7', ..] | [b'2', b'1', b'3', b'1', ..] | [b'1', b'8', b'0', b'0', ..] => {
            Some(15)
        }
        [b'3', b'0' | b'6' | b'8' | b'9', ..] => Some(14),
        [b'2' | b'3' | b'4' | b'5' | b'6' | b'9', ..] => Some(16),
        _ => None,
    }
}

/// Tells whether numbers with this beginning and length were or are issued, if seldom.
fn is_issued_seldom(digits: &[u8]) -> bool {
    match digits {
        [b'4', ..] => digits.len() == 13, // old Visa
        [b'2', b'1', b'3', b'1', ..] | [b'1', ..] => digits.len() == 15, // JCB, UATP
        [b'5', b'0' | b'6'..=b'9', ..] | [b'6', b'1' | b'3' | b'6'..=b'9', ..] => {
            (MIN_DIGITS..=MAX_DIGITS).contains(&digits.len()) // Maestro
        }
        _ => false,
    }
}

/// Tells whether a scheme issues numbers with this beginning and length.
fn is_issued(digits: &[u8]) -> bool {
    let prefix = |length: usize| {
        digits
            .iter()
            .take(length)
            .fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0'))
    };
    let length = digits.len();
    match prefix(2) {
        40..=49 => matches!(length, 16 | 19), // Visa
        51..=55 => length == 16,              // Mastercard
        34 | 37 => length == 15,              // American Express
        35 => (3528..=3589).contains(&prefix(4)) && length >= 16, // JCB
        36 | 38 | 39 => matches!(length, 14 | 16), // Diners Club
        30 => matches!(prefix(3), 300..=305 | 309) && matches!(length, 14 | 16),
        60 | 64 | 65 => matches!(length, 16 | 19), // Discover, RuPay, Troy
        62 => length >= 16,                        // UnionPay
        50 | 56..=59 | 61 | 63 | 66..=69 => matches!(length, 16 | 18 | 19), // Maestro and national debit cards
        22 => matches!(prefix(4), 2200..=2204 | 2221..=2299) && matches!(length, 16 | 19), // Mir, Mastercard
        23..=26 => length == 16,                 // Mastercard
        27 => prefix(4) <= 2720 && length == 16, // Mastercard
        97 => prefix(4) == 9792 && length == 16, // Troy
        _ => false,
    }
}

/// Checks the last digit (ISO/IEC 7812-1, annex B).
fn has_luhn_check(digits: &[u8]) -> bool {
    let weights = [1, 2].into_iter().cycle();
    let sum: u32 = digits
        .iter()
        .rev()
        .zip(weights)
        .map(|(digit, weight)| u32::from(digit - b'0') * weight)
        .map(|product| product / 10 + product % 10)
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card_in(text: &str) -> Option<(Range<usize>, bool)> {
        let groups = digit_groups(text.as_bytes());
        read(text.as_bytes(), &groups).map(|window| (window.range, window.valid))
    }

    #[test]
    fn cards_are_found_in_any_grouping() {
        for text in
            ["4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "411111 1111111111"]
        {
            assert_eq!(card_in(text), Some((0..text.len(), true)), "{text}");
        }
    }

    #[test]
    fn what_follows_a_card_is_left_out() {
        assert_eq!(card_in("4111 1111 1111 1111 12"), Some((0..19, true)));
    }

    #[test]
    fn a_wrong_check_digit_makes_no_card() {
        assert_eq!(card_in("4111 1111 1111 1112"), Some((0..19, false)));
        assert_eq!(card_in("4111111111111112"), None);
    }

    #[test]
    fn beginnings_that_nobody_issues_make_no_card() {
        assert_eq!(card_in("1111111111111117"), None);
    }
}
