//! Numbers that count or measure something, and dates.

use crate::entities::reading::Reading;
use crate::entities::tokens::{Token, looks_like_date};
use crate::entities::units::{is_followed_by_unit, is_preceded_by_currency};

/// Tells whether a token is a sum, a measure, a decimal or a date.
pub(super) fn is_quantity(reading: &Reading<'_>, token: &Token) -> bool {
    let text = &reading.text;
    let is_digit = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_digit());
    let continues =
        matches!(text.byte(token.end), Some(b',' | b':')) && is_digit(text.byte(token.end + 1));
    let is_continued = matches!(text.byte_before(token.start), Some(b',' | b':'))
        && is_digit(text.byte_before(token.start - 1));
    let code = text.slice(token.range());
    looks_like_date(code)
        || is_day_and_month(code)
        || is_measure(text.original(&token.range()))
        || continues
        || is_continued
        || is_decimal(code)
        || (token.letters == 0 && is_followed_by_unit(text, token.end))
        || is_preceded_by_currency(text, token.start)
}

/// Tells whether a code is two numbers of one or two digits with a slash or a dot: `18/09`.
fn is_day_and_month(code: &str) -> bool {
    code.split_once(['/', '.']).is_some_and(|(first, second)| {
        [first, second]
            .into_iter()
            .all(|part| part.len() <= 2 && part.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

/// Tells whether a code is digits with at most three small letters behind or between them: `110v`, `18.00de`, `120x60`.
pub(super) fn is_measure(original: &str) -> bool {
    let last = original.trim_start_matches(|character: char| {
        character.is_ascii_digit() || "./,".contains(character)
    });
    let letters = last.chars().take_while(|letter| letter.is_lowercase()).count();
    let rest = last.trim_start_matches(char::is_lowercase);
    original.len() > last.len()
        && (1..=3).contains(&letters)
        && rest.bytes().all(|byte| byte.is_ascii_digit())
}

/// Tells whether digits with dots are a sum or a measure: `2.310`, `149.00`.
fn is_decimal(code: &str) -> bool {
    let Some((first, rest)) = code.split_once('.') else { return false };
    let last = code.rsplit('.').next().unwrap_or_default();
    let is_thousands = (1..=3).contains(&first.len())
        && !first.starts_with('0')
        && rest.split('.').all(|group| group.len() == 3);
    is_thousands || last.len() <= 2
}
