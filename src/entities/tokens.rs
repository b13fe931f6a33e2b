//! The stretches of a text that could be a number or a code.

use std::ops::Range;

/// Longest code that is looked at, in bytes; longer ones are noise or encoded data.
const MAX_CODE_BYTES: usize = 40;

/// Letters and digits joined by hyphens, slashes, underscores or (between digits) dots, with a digit at least:
/// `LUN-77120-B`, `2026`, `1z`.
#[derive(Clone, Debug, Default)]
pub(super) struct Token {
    /// Where it begins, in bytes of the folded text.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
    /// How many digits it has.
    pub(super) digits: usize,
    /// How many letters it has.
    pub(super) letters: usize,
    /// Digits of its longest run of digits.
    pub(super) longest_run: usize,
    /// How many joining characters it has.
    pub(super) joints: usize,
    /// It belongs to something that was found, or to something that must not be found.
    pub(super) taken: bool,
}

impl Token {
    /// Returns where it stands.
    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.end
    }

    /// Tells whether it is nothing but digits.
    pub(super) fn is_number(&self) -> bool {
        self.letters == 0 && self.joints == 0
    }
}

/// Cuts a folded text into tokens, in the order of the text.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if class(byte) == Class::Other {
            at += 1;
            continue;
        }
        let token = read_token(bytes, at);
        at = token.end;
        if token.digits > 0 && token.end - token.start <= MAX_CODE_BYTES {
            tokens.push(token);
        }
    }
    tokens
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Class {
    Digit,
    Letter,
    /// First byte of a Cyrillic letter.
    Cyrillic,
    Other,
}

fn class(byte: u8) -> Class {
    match byte {
        b'0'..=b'9' => Class::Digit,
        b'a'..=b'z' => Class::Letter,
        0xD0 | 0xD1 => Class::Cyrillic,
        _ => Class::Other,
    }
}

fn read_token(bytes: &[u8], start: usize) -> Token {
    let mut token = Token { start, end: start, ..Token::default() };
    let mut run = 0;
    while let Some(&byte) = bytes.get(token.end) {
        run = if byte.is_ascii_digit() { run + 1 } else { 0 };
        match class(byte) {
            Class::Digit => token.digits += 1,
            Class::Letter => token.letters += 1,
            Class::Cyrillic => {
                token.letters += 1;
                token.end += 1;
            }
            Class::Other if joins(bytes, token.end, byte) => token.joints += 1,
            Class::Other => break,
        }
        token.end += 1;
        token.longest_run = token.longest_run.max(run);
    }
    token.end = token.end.min(bytes.len());
    token
}

/// Tells whether the byte at `at`, which is neither letter nor digit, holds two parts of a code together.
fn joins(bytes: &[u8], at: usize, byte: u8) -> bool {
    let before = at.checked_sub(1).and_then(|before| bytes.get(before)).copied().unwrap_or(b' ');
    let after = bytes.get(at + 1).copied().unwrap_or(b' ');
    match byte {
        b'-' | b'/' | b'_' => class(after) != Class::Other,
        b'.' => before.is_ascii_digit() && after.is_ascii_digit(),
        _ => false,
    }
}

/// Tells whether three numbers with dots, hyphens or slashes between them look like a date.
pub(super) fn looks_like_date(text: &str) -> bool {
    let mut parts = text.trim_end_matches('.').split(['.', '/', '-']);
    let (Some(first), Some(second), Some(third), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let is_day_or_month = |part: &str| part.len() <= 2 && (1..=31).contains(&number(part));
    let is_year = |part: &str| {
        (part.len() == 4 && (1900..2100).contains(&number(part)))
            || (part.len() == 2 && number(part) < 100)
    };
    (is_day_or_month(first) && is_day_or_month(second) && is_year(third))
        || (first.len() == 4 && is_year(first) && is_day_or_month(second) && is_day_or_month(third))
}

/// Returns the number that a text is, or more than any date has.
fn number(text: &str) -> u32 {
    text.parse().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        tokens(text).iter().map(|token| text.get(token.range()).unwrap()).collect()
    }

    #[test]
    fn codes_are_held_together_and_words_are_left_out() {
        let found = texts("well-known lun-77120-b, 000.418.220. uk/88213/26 сч-2026-0418!");

        assert_eq!(found, ["lun-77120-b", "000.418.220", "uk/88213/26", "сч-2026-0418"]);
    }

    #[test]
    fn dates_are_told_from_codes() {
        for date in ["24.4.2026", "2026-03-06", "5/16/26"] {
            assert!(looks_like_date(date), "{date}");
        }
        for code in ["0447/02/26", "88/401/26", "2603-0091-7741", "12.5"] {
            assert!(!looks_like_date(code), "{code}");
        }
    }

    #[test]
    fn parts_are_counted() {
        let token = tokens("ab-12-3456").remove(0);

        assert_eq!((token.digits, token.letters, token.longest_run, token.joints), (6, 2, 4, 2));
    }
}
