//! Dates that name the month: 3 November, November 3, 2026; and the weekdays beside dates.

use super::calendar::{date, nearest, nearest_day_of_month};
use super::reader::{BY_CONTEXT, Reader, Reading, WITH_YEAR, WITHOUT_YEAR};
use super::vocabulary::{Form, Roles};
use super::words::Unit;
use crate::entities::lexicon::{is_letter, joins_number};

impl Reader<'_> {
    /// "Freitag, 19. Juni", "Fr 24.4.", "Mittwoch, den 18. November".
    pub(super) fn weekday_and_date(&self, index: usize) -> Option<Reading> {
        let token = self.token(index)?;
        let (weekday, form) = token.meaning.weekday?;
        if form == Form::Short && token.meaning.month.is_some() && self.digits(index + 1).is_none()
        {
            return None;
        }
        if self.is_in_address(token.start, token.end) {
            return None;
        }
        let mut next = index + 1;
        if !matches!(self.gap(index)?, " " | ", " | ". " | "., " | "," | "\n" | " (") {
            return None;
        }
        let between = self.token(next)?;
        if between.meaning.roles.any(Roles::ARTICLE | Roles::LINK) && between.digits.is_none() {
            next += 1;
        }
        let reading =
            self.absolute(next, true).or_else(|| self.numbered_weekday(next, weekday, form))?;
        Some(Reading { start: token.start, ..reading })
    }

    /// "Friday the 13th", "sabato 14": the number is that of a day if both agree.
    fn numbered_weekday(&self, index: usize, weekday: i8, form: Form) -> Option<Reading> {
        let digits = self.digits(index).filter(|digits| digits.length <= 2)?;
        let (start, end) = (self.start(index), self.end(index));
        let bare = form == Form::Full
            && self.words.language != "en"
            && self.is_whole(start, end)
            && !self.is_measure(end);
        let date = nearest_day_of_month(self.today, digits.value)?;
        let agrees = date.weekday().to_monday_zero_offset() == weekday;
        let found = agrees && (digits.ordinal || bare);
        found.then_some(Reading { start, end, date, unit: Unit::Day, confidence: BY_CONTEXT })
    }

    /// A date, with the weekday that may follow: "16 Nisan 2026 Perşembe", "11月3日(火)".
    pub(super) fn absolute_and_weekday(&self, index: usize) -> Option<Reading> {
        let reading = self.absolute(index, false)?;
        if reading.unit != Unit::Day {
            return Some(reading);
        }
        let end = self.weekday_in_brackets(&reading).or_else(|| self.weekday_after_date(&reading));
        Some(Reading { end: end.unwrap_or(reading.end), ..reading })
    }

    fn weekday_after_date(&self, reading: &Reading) -> Option<usize> {
        let next = self.tokens.partition_point(|token| token.start < reading.end);
        let token = self.token(next)?;
        let (weekday, form) = token.meaning.weekday?;
        let gap = self.text.part(reading.end..token.start);
        // Another weekday than that of the date belongs to something else.
        if reading.date.weekday().to_monday_zero_offset() != weekday {
            return None;
        }
        match gap {
            " (" => {
                let rest = self.text.after(token.end);
                let closed = rest.strip_prefix(')').or_else(|| rest.strip_prefix(".)"))?;
                Some(token.end + rest.len() - closed.len())
            }
            " " | ", " | "" if form == Form::Full => Some(token.end),
            _ => None,
        }
    }

    /// A date that names its parts. With `expected`, something before it tells that it is one.
    pub(super) fn absolute(&self, index: usize, expected: bool) -> Option<Reading> {
        self.numeric(index, expected)
            .or_else(|| self.east_asian(index))
            .or_else(|| self.day_and_month(index, expected))
            .or_else(|| self.month_and_day(index))
    }

    /// 3 November, 3. Nov. 2026, 3 de noviembre, the 3rd of November.
    fn day_and_month(&self, index: usize, expected: bool) -> Option<Reading> {
        let digits = self.digits(index).filter(|digits| digits.length <= 2)?;
        let start = self.start(index);
        let before = self.character_before(start);
        if before.is_some_and(|before| {
            joins_number(before) || matches!(before, '.' | ',' | ':' | '#' | '/')
        }) {
            return None;
        }
        let (month, gap) = self.month_after_day(index)?;
        let (number, form) = self.token(month)?.meaning.month?;
        if self.words.unspaced {
            return None;
        }
        let year = self.year_after(month);
        let end = year.map_or_else(|| self.end_of_abbreviation(month, form), |(_, end)| end);
        let told = expected || form == Form::Full || year.is_some() || self.words.month_first;
        let abbreviated = self.text.after(self.end(month)).starts_with('.')
            || matches!(gap, "." | ". " | "-" | "/");
        if !told
            && !abbreviated
            && !self.roles_before(index).any(Roles::BEFORE_DAY | Roles::ARTICLE | Roles::DAY_NUMBER)
        {
            return None;
        }
        let (date, confidence) = match year {
            Some((year, _)) => (date(year, number.into(), digits.value)?, WITH_YEAR),
            None => (nearest(self.today, number.into(), digits.value)?, WITHOUT_YEAR),
        };
        Some(Reading { start, end, date, unit: Unit::Day, confidence })
    }

    /// The month's token, and what stands before it.
    fn month_after_day(&self, index: usize) -> Option<(usize, &str)> {
        let gap = self.gap(index)?;
        let next = self.token(index + 1)?;
        if next.meaning.month.is_some() {
            return matches!(gap, "" | " " | "." | ". " | "-" | "/" | "\n")
                .then_some((index + 1, gap));
        }
        let linked =
            next.meaning.roles.any(Roles::LINK) && gap == " " && self.gap(index + 1) == Some(" ");
        // "the 3rd of the November sale" is rare enough.
        (linked && self.token(index + 2)?.meaning.month.is_some()).then_some((index + 2, gap))
    }

    /// An abbreviation keeps its dot, unless that ends the sentence.
    fn end_of_abbreviation(&self, month: usize, form: Form) -> usize {
        let end = self.end(month);
        let Some(rest) = self.text.after(end).strip_prefix('.') else { return end };
        let dot = end + 1;
        let at = self.text.original(dot..dot).start;
        let next =
            self.original.get(at..).unwrap_or_default().trim_start_matches(' ').chars().next();
        let goes_on =
            next.is_some_and(|next| next.is_lowercase() || matches!(next, ',' | '-' | ')'));
        if form == Form::Short && goes_on && !rest.starts_with('.') { dot } else { end }
    }

    /// The year that follows a month, and where it ends.
    pub(super) fn year_after(&self, month: usize) -> Option<(i16, usize)> {
        let next = self.token(month + 1)?;
        let index = match self.gap(month)? {
            " " | ", " | ". " | "., " | "-" | "/" | "." if next.digits.is_some() => month + 1,
            " '" => {
                let year = next.digits.filter(|digits| digits.length == 2)?;
                return Some((2000 + year.value, next.end));
            }
            " " if next.meaning.roles.any(Roles::LINK) && self.gap(month + 1) == Some(" ") => {
                month + 2
            }
            _ => return None,
        };
        let digits = self.digits(index).filter(|digits| digits.length == 4)?;
        let (start, end) = (self.start(index), self.end(index));
        let whole = self.text.after(end).chars().next().is_none_or(|next| !is_letter(next));
        ((1900..2200).contains(&digits.value) && whole && start < end)
            .then_some((digits.value, end))
    }

    /// November 3, Nov. 3rd, 2026.
    fn month_and_day(&self, index: usize) -> Option<Reading> {
        if !self.words.month_first || self.words.unspaced {
            return None;
        }
        let token = self.token(index)?;
        let (number, _) = token.meaning.month?;
        let skipped = usize::from(
            self.token(index + 1)?.meaning.roles.any(Roles::ARTICLE)
                && self.gap(index + 1) == Some(" "),
        );
        let day = index + 1 + skipped;
        let digits = self.digits(day).filter(|digits| digits.length <= 2)?;
        if !matches!(self.gap(index)?, " " | ". " | "-" | "\n") || !self.ends_day(self.end(day)) {
            return None;
        }
        let year = self.year_after(day);
        let (date, confidence) = match year {
            Some((year, _)) => (date(year, number.into(), digits.value)?, WITH_YEAR),
            None => (nearest(self.today, number.into(), digits.value)?, WITHOUT_YEAR),
        };
        let end = year.map_or(self.end(day), |(_, end)| end);
        Some(Reading { start: token.start, end, date, unit: Unit::Day, confidence })
    }

    /// Tells whether a number can end as the day of a month: no time, no share, no measure.
    fn ends_day(&self, end: usize) -> bool {
        let after = self.text.after(end);
        !after.starts_with(|next: char| is_letter(next) || matches!(next, ':' | '%' | '/'))
            && !["pm", "am", "x ", "%"]
                .iter()
                .any(|word| after.trim_start_matches(' ').starts_with(word))
    }
}
