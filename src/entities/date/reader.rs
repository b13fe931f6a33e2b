//! Reads dates from words and numbers, from left to right.

use jiff::civil::Date;

use super::tense::Tense;
use super::tokens::{Digits, Token};
use super::vocabulary::Roles;
use super::words::{Unit, Words};
use crate::entities::folded::FoldedText;
use crate::entities::lexicon::{is_letter, joins_number};

/// How sure a date is: with a year, without, and where only the context tells that it is one.
pub(super) const WITH_YEAR: f32 = 0.98;
pub(super) const WITHOUT_YEAR: f32 = 0.92;
pub(super) const BY_CONTEXT: f32 = 0.8;

/// A text that is read.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) original: &'a str,
    pub(super) text: &'a FoldedText,
    pub(super) tokens: &'a [Token],
    pub(super) words: &'static Words,
    pub(super) tense: &'a Tense,
    pub(super) today: Date,
    pub(super) month_first: bool,
}

/// A date that was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// First byte in the folded text.
    pub(super) start: usize,
    /// Byte after the last.
    pub(super) end: usize,
    pub(super) date: Date,
    pub(super) unit: Unit,
    pub(super) confidence: f32,
}

impl Reader<'_> {
    /// Reads all dates, in the order of the text.
    pub(super) fn read_all(&self) -> Vec<Reading> {
        let mut readings: Vec<Reading> = Vec::new();
        let mut covered = 0;
        for (index, token) in self.tokens.iter().enumerate() {
            if token.start < covered || token.meaning.roles.any(Roles::IGNORED) {
                continue;
            }
            if let Some(reading) = self.read(index) {
                covered = self.end_of_repetition(&reading);
                readings.push(reading);
            }
        }
        readings
    }

    /// Each rule looks at a bounded number of tokens.
    fn read(&self, index: usize) -> Option<Reading> {
        self.weekday_and_date(index)
            .or_else(|| self.absolute_and_weekday(index))
            .or_else(|| self.day_of_month_away(index))
            .or_else(|| self.counted(index))
            .or_else(|| self.weekday_of_week(index))
            .or_else(|| self.chosen_weekday(index))
            .or_else(|| self.shifted(index))
            .or_else(|| self.month(index))
            .or_else(|| self.week_number(index))
            .or_else(|| self.day_number(index))
            .or_else(|| self.bare_weekday(index))
    }

    /// "Heute Morgen": a second word for a day right after the first only tells the hour.
    fn end_of_repetition(&self, reading: &Reading) -> usize {
        let next = self.token(self.tokens.partition_point(|token| token.start < reading.end));
        let Some(next) = next else { return reading.end };
        let is_hour =
            matches!(next.meaning.shift, Some((Unit::Day, _))) && self.words.language != "ja";
        if is_hour && self.text.part(reading.end..next.start) == " " {
            next.end
        } else {
            reading.end
        }
    }

    pub(super) fn token(&self, index: usize) -> Option<&Token> {
        self.tokens.get(index)
    }

    pub(super) fn digits(&self, index: usize) -> Option<Digits> {
        self.token(index)?.digits
    }

    /// What stands between a token and the next.
    pub(super) fn gap(&self, index: usize) -> Option<&str> {
        let next = self.token(index.checked_add(1)?)?;
        Some(self.text.part(self.token(index)?.end..next.start))
    }

    /// Roles of the word right before a token.
    pub(super) fn roles_before(&self, index: usize) -> Roles {
        let Some(before) = index.checked_sub(1) else { return Roles::default() };
        let close = match self.gap(before) {
            Some(" " | "\n" | " '") => true,
            Some("") => self.words.unspaced || self.text.before(self.start(index)).ends_with('\''),
            _ => false,
        };
        if close {
            self.token(before).map(|token| token.meaning.roles).unwrap_or_default()
        } else {
            Roles::default()
        }
    }

    /// Roles of the word right after a token.
    pub(super) fn roles_after(&self, index: usize) -> Roles {
        let close = match self.gap(index) {
            Some(" ") => true,
            Some("") => self.words.unspaced,
            _ => false,
        };
        let after = index.checked_add(1).and_then(|after| self.token(after));
        if close {
            after.map(|token| token.meaning.roles).unwrap_or_default()
        } else {
            Roles::default()
        }
    }

    pub(super) fn start(&self, index: usize) -> usize {
        self.token(index).map_or(0, |token| token.start)
    }

    pub(super) fn end(&self, index: usize) -> usize {
        self.token(index).map_or(0, |token| token.end)
    }

    pub(super) fn character_before(&self, at: usize) -> Option<char> {
        self.text.before(at).chars().next_back()
    }

    pub(super) fn character_after(&self, at: usize) -> Option<char> {
        self.text.after(at).chars().next()
    }

    /// Tells whether a number stands alone, and is no part of a longer number, a version or an identifier.
    pub(super) fn is_whole(&self, start: usize, end: usize) -> bool {
        self.begins_free(start) && self.ends_free(end)
    }

    fn begins_free(&self, start: usize) -> bool {
        let mut before = self.text.before(start).chars().rev();
        match before.next() {
            None => true,
            Some(character) if joins_number(character) || character.is_ascii_digit() => false,
            Some('_' | '#' | '+' | '$' | '€' | '£' | '=') => false,
            Some('-' | '/' | '.' | ',' | ':') => {
                !before.next().is_some_and(|before| is_letter(before) || before.is_ascii_digit())
            }
            Some(_) => true,
        }
    }

    fn ends_free(&self, end: usize) -> bool {
        let mut after = self.text.after(end).chars();
        match after.next() {
            None => true,
            Some(character) if is_letter(character) || character.is_ascii_digit() => false,
            Some('%' | '_' | '€' | '$' | '°') => false,
            Some('-' | '/' | '.' | ',' | ':') => {
                !after.next().is_some_and(|after| after.is_ascii_digit())
            }
            Some(_) => true,
        }
    }

    /// Tells whether a word is part of an address, a handle or a file name.
    pub(super) fn is_in_address(&self, start: usize, end: usize) -> bool {
        let before = self.character_before(start);
        let mut after = self.text.after(end).chars();
        matches!(before, Some('@' | '#' | '_' | '=' | '&' | '/' | '.'))
            || match after.next() {
                Some('@' | '_' | '=') => true,
                Some('.') => after.next().is_some_and(is_letter),
                _ => false,
            }
    }
}
