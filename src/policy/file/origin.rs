//! From a byte of a text to the place in the file where it was written.

use std::iter::Peekable;
use std::str::Chars;

use crate::yaml::Position;

/// Finds where in `source` a part of a scalar stands. The scalar begins at `start`; its text is `value`, and the part
/// begins at `byte` of it.
///
/// Both are read side by side, blanks aside: these alone differ where a scalar is folded or indented. What was escaped in
/// a way that is not known here leads to the place where the scalar begins.
pub(super) fn position_in(source: &str, start: Position, value: &str, byte: usize) -> Position {
    let mut before = 0;
    let wanted = value.get(..byte).unwrap_or(value);
    let solid = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
    let skip = solid(wanted);
    let mut scalar = Scalar::at(source, start);
    let mut expected = value.chars().filter(|c| !c.is_whitespace());
    while let (Some(character), Some((found, position))) = (expected.next(), scalar.next()) {
        if character != found {
            return start;
        }
        if before == skip {
            return position;
        }
        before += 1;
    }
    scalar.last
}

/// Reads the characters of a scalar as they were meant, without blanks.
struct Scalar<'a> {
    rest: Peekable<Chars<'a>>,
    /// Place of the next character.
    at: Position,
    /// Place of the last character that was given out.
    last: Position,
    quote: Option<char>,
}

impl<'a> Scalar<'a> {
    fn at(source: &'a str, start: Position) -> Self {
        let line = usize::try_from(start.line.saturating_sub(1)).unwrap_or(usize::MAX);
        let column = usize::try_from(start.column.saturating_sub(1)).unwrap_or(usize::MAX);
        let offset: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
        let line = source.get(offset..).unwrap_or_default();
        let within = line.char_indices().nth(column).map_or(line.len(), |(index, _)| index);
        let rest = line.get(within..).unwrap_or_default().chars().peekable();
        let mut scalar = Self { rest, at: start, last: start, quote: None };
        match scalar.rest.peek() {
            Some(quote @ ('"' | '\'')) => {
                scalar.quote = Some(*quote);
                scalar.advance();
            }
            Some('|' | '>') => while scalar.advance().is_some_and(|c| c != '\n') {},
            Some(_) | None => {}
        }
        scalar
    }

    fn advance(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        if next == '\n' {
            self.at = Position { line: self.at.line + 1, column: 1 };
        } else {
            self.at.column += 1;
        }
        Some(next)
    }

    /// Reads what follows a backslash in double quotes.
    fn escaped(&mut self) -> Option<char> {
        let digits = match self.advance()? {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            // Blanks and line breaks, the others stand for themselves.
            'n' | 't' | 'r' | '_' | 'N' | 'L' | 'P' => return Some(' '),
            same => return Some(same),
        };
        let mut code = 0_u32;
        for _ in 0..digits {
            code = code.checked_mul(16)?.checked_add(self.advance()?.to_digit(16)?)?;
        }
        char::from_u32(code)
    }
}

impl Iterator for Scalar<'_> {
    type Item = (char, Position);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let position = self.at;
            let mut character = self.advance()?;
            match (self.quote, character) {
                (Some('"'), '\\') => character = self.escaped()?,
                (Some('\''), '\'') if self.rest.peek() == Some(&'\'') => {
                    self.advance();
                }
                (Some(quote), found) if quote == found => return None,
                _ => {}
            }
            if !character.is_whitespace() {
                self.last = position;
                return Some((character, position));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Finds the first `X` of the value behind `key:` in the source.
    fn place(source: &str, value: &str, start: (u64, u64)) -> (u64, u64) {
        let start = Position { line: start.0, column: start.1 };
        let byte = value.find('X').unwrap();
        let found = position_in(source, start, value, byte);
        (found.line, found.column)
    }

    #[test]
    fn a_plain_text_is_followed_column_by_column() {
        assert_eq!(place("k: ab  cX", "ab  cX", (1, 4)), (1, 9));
    }

    #[test]
    fn quotes_and_escapes_count_as_they_are_written() {
        assert_eq!(place("\nk: 'a''bX'", "a'bX", (2, 4)), (2, 9));
        assert_eq!(place("k: \"a\\\"\\u00e4X\"", "a\"äX", (1, 4)), (1, 14));
    }

    #[test]
    fn blocks_are_followed_over_their_lines() {
        assert_eq!(place("k: >-\n  ab\n  cX\n", "ab cX", (1, 4)), (3, 4));
        assert_eq!(place("k: |\n  ab\n   cX\n", "ab\n cX\n", (1, 4)), (3, 5));
    }

    #[test]
    fn what_cannot_be_followed_leads_to_the_beginning() {
        assert_eq!(place("k: *alias", "abX", (1, 4)), (1, 4));
        assert_eq!(place("", "X", (7, 9)), (7, 9));
    }
}
