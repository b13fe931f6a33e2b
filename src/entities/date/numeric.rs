//! Dates in digits: 2026-11-03, 3.11.2026, 3.11., 11/3.

use jiff::civil::Date;

use super::calendar::{date, nearest};
use super::reader::{BY_CONTEXT, Reader, Reading, WITH_YEAR, WITHOUT_YEAR};
use super::tokens::Digits;
use super::vocabulary::Roles;
use super::words::Unit;

/// Words after which a number with a dot or slash is a measure or a time.
const MEASURES: [&str; 25] = [
    "cm", "mm", "m", "kg", "g", "ml", "l", "%", "€", "$", "eur", "kr", "zl", "tl", "v", "w",
    "zoll", "gb", "h", "uhr", "pm", "am", "uur", "x", "heures",
];

impl Reader<'_> {
    /// 2026-11-03, 3.11.2026, 3.11., 11/3.
    pub(super) fn numeric(&self, index: usize, expected: bool) -> Option<Reading> {
        let first = self.digits(index)?;
        let second = self.digits(index + 1)?;
        let gap = self.gap(index)?;
        let separator = gap.chars().next().filter(|first| matches!(first, '.' | '/' | '-'))?;
        if !matches!(gap.get(1..), Some("" | " ")) || (separator != '.' && gap.len() > 1) {
            return None;
        }
        let third = self.digits(index + 2).filter(|_| self.gap(index + 1) == Some(gap));
        let with_year =
            third.and_then(|third| self.three_numbers(index, separator, [first, second, third]));
        with_year.or_else(|| {
            if gap.len() == 1 {
                self.two_numbers(index, separator, first, second, expected)
            } else {
                None
            }
        })
    }

    fn three_numbers(&self, index: usize, separator: char, parts: [Digits; 3]) -> Option<Reading> {
        let [first, second, third] = parts;
        let (start, end) = (self.start(index), self.end(index + 2));
        let iso_time = separator == '-' && self.text.after(end).starts_with('t');
        if !(self.is_whole(start, end) || iso_time) || second.length > 2 {
            return None;
        }
        let day = match (first.length, third.length) {
            (4, 1..=2) => date(first.value, second.value, third.value),
            (1..=2, 4) => self.in_order(third.value, separator, first.value, second.value),
            (1..=2, 2) if separator != '-' => {
                let year = 2000 + third.value;
                // Two digits are a year only near the day of writing; else they are a version or an article.
                let near = (self.today.year() - year).abs() <= 3;
                self.in_order(year, separator, first.value, second.value).filter(|_| near)
            }
            _ => None,
        };
        let date = day.filter(|date| (1900..2200).contains(&date.year()))?;
        Some(Reading { start, end, date, unit: Unit::Day, confidence: WITH_YEAR })
    }

    /// Which number is the day goes by separator and language, unless only one order is a date.
    fn in_order(&self, year: i16, separator: char, first: i16, second: i16) -> Option<Date> {
        if separator != '.' && self.month_first {
            date(year, first, second).or_else(|| date(year, second, first))
        } else {
            date(year, second, first)
                .or_else(|| date(year, first, second).filter(|_| separator != '.'))
        }
    }

    fn two_numbers(
        &self,
        index: usize,
        separator: char,
        first: Digits,
        second: Digits,
        expected: bool,
    ) -> Option<Reading> {
        if second.length == 4 {
            return self.month_and_year(index, first, second);
        }
        if first.length > 2 || second.length > 2 || separator == '-' {
            return None;
        }
        let (start, mut end) = (self.start(index), self.end(index + 1));
        let dotted = separator == '.' && self.words.closing_dot && self.closes_with_dot(end);
        if !self.is_whole(start, end + usize::from(dotted)) || self.is_measure(end) {
            return None;
        }
        // Sizes and ratings have decimals where dates have slashes.
        if separator == '.' && self.words.unspaced {
            return None;
        }
        let told = expected || self.is_told(index, end);
        let zero = match separator {
            '/' => first.value < 10 || second.value < 10,
            // Times are written with dots, too, but seldom end in 01 to 09.
            _ => second.value < 10 && matches!(self.words.language, "ru" | "pl" | "tr"),
        };
        let padded = zero && first.length == 2 && second.length == 2;
        if !(told || dotted || padded) || (first.value, second.value) == (24, 7) {
            return None;
        }
        let (month, day) = if separator == '/' && self.month_first {
            (first.value, second.value)
        } else {
            (second.value, first.value)
        };
        let swapped = || nearest(self.today, day, month).filter(|_| separator == '/' && told);
        let date = nearest(self.today, month, day).or_else(swapped)?;
        // "I ordered on 12/11" in November names no day in December.
        let is_over = date > self.today && self.tense.of_sentence(self.text, start, end) > 0.0;
        let date = swapped().filter(|other| is_over && *other <= self.today).unwrap_or(date);
        end += usize::from(dotted);
        let confidence = if told || dotted { WITHOUT_YEAR } else { BY_CONTEXT };
        Some(Reading { start, end, date, unit: Unit::Day, confidence })
    }

    /// "12.2025", "03/2026".
    fn month_and_year(&self, index: usize, month: Digits, year: Digits) -> Option<Reading> {
        let (start, end) = (self.start(index), self.end(index + 1));
        let told = self.roles_before(index).any(Roles::BEFORE_DAY | Roles::MONTH_BEFORE);
        if month.length > 2 || !told || !self.is_whole(start, end) || self.is_measure(end) {
            return None;
        }
        let date = date(year.value, month.value, 1)?;
        let near = (2000..2100).contains(&year.value);
        near.then_some(Reading { start, end, date, unit: Unit::Month, confidence: BY_CONTEXT })
    }

    pub(super) fn closes_with_dot(&self, end: usize) -> bool {
        self.text
            .after(end)
            .strip_prefix('.')
            .is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
    }

    /// A word beside tells that a day is meant.
    fn is_told(&self, index: usize, end: usize) -> bool {
        let after = self.text.after(end);
        let inflected = after.strip_prefix('\'').is_some_and(|rest| {
            self.words.joints.endings.iter().any(|ending| rest.starts_with(ending))
        });
        self.roles_before(index).any(Roles::BEFORE_DAY | Roles::DAY_NUMBER)
            || (self.words.language != "en" && self.roles_before(index).any(Roles::ARTICLE))
            || (self.words.unspaced
                && self.roles_after(index + 1).any(Roles::UNTIL | Roles::ON | Roles::SINCE))
            || inflected
    }

    /// Tells whether a unit or an hour follows.
    pub(super) fn is_measure(&self, end: usize) -> bool {
        let rest = self.text.after(end).trim_start_matches(' ');
        let word = rest.split([' ', '\n', ',', '.', '!', '?', ')']).next().unwrap_or_default();
        MEASURES.contains(&word)
    }
}
