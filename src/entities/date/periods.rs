//! Months, calendar weeks, and days that only have a number: "December 2023", "in March", "KW 23", "on the 5th".

use super::calendar::{
    date, last_month, nearest_day_of_month, nearest_month, nearest_week, next_month,
};
use super::reader::{BY_CONTEXT, Reader, Reading, WITH_YEAR};
use super::vocabulary::{Form, Roles};
use super::words::Unit;
use crate::entities::lexicon::is_letter;

/// How sure a day is that only has a number.
const DAY_NUMBER: f32 = 0.7;

impl Reader<'_> {
    /// A month: "December 2023", "in December", "last March", "ocak ayında".
    pub(super) fn month(&self, index: usize) -> Option<Reading> {
        let token = self.token(index)?;
        let chosen = token.meaning.roles.any(Roles::LAST | Roles::NEXT | Roles::THIS)
            && self.gap(index) == Some(" ");
        if chosen && let Some(reading) = self.chosen_month(index) {
            return Some(reading);
        }
        let (number, form) = token.meaning.month?;
        if self.is_in_address(token.start, token.end) || self.words.unspaced {
            return None;
        }
        if let Some((year, end)) = self.year_after(index) {
            let date = date(year, number.into(), 1)?;
            return Some(Reading {
                start: token.start,
                end,
                date,
                unit: Unit::Month,
                confidence: WITH_YEAR,
            });
        }
        if form != Form::Full || !self.month_stands_alone(index) {
            return None;
        }
        let follows = self.words.adjective_follows && self.gap(index) == Some(" ");
        let after = self.token(index + 1).filter(|_| follows);
        let (date, end) = match after {
            Some(after) if after.meaning.roles.any(Roles::LAST) => {
                (last_month(self.today, number.into())?, after.end)
            }
            Some(after) if after.meaning.roles.any(Roles::NEXT) => {
                (next_month(self.today, number.into())?, after.end)
            }
            _ => (nearest_month(self.today, number.into())?, token.end),
        };
        Some(Reading { start: token.start, end, date, unit: Unit::Month, confidence: BY_CONTEXT })
    }

    fn chosen_month(&self, index: usize) -> Option<Reading> {
        let (adjective, month) = (self.token(index)?, self.token(index + 1)?);
        let (number, _) = month.meaning.month.filter(|(_, form)| *form == Form::Full)?;
        let number = i16::from(number);
        if self.words.language == "en" && !self.is_capitalised(month.start) {
            return None;
        }
        let date = if adjective.meaning.roles.any(Roles::LAST) {
            last_month(self.today, number)?
        } else if adjective.meaning.roles.any(Roles::NEXT) {
            next_month(self.today, number)?
        } else {
            nearest_month(self.today, number)?
        };
        Some(Reading {
            start: adjective.start,
            end: month.end,
            date,
            unit: Unit::Month,
            confidence: BY_CONTEXT,
        })
    }

    /// A word beside tells that a month is meant, and not a name, a verb or a stove.
    fn month_stands_alone(&self, index: usize) -> bool {
        let (start, end) = (self.start(index), self.end(index));
        let ambiguous = matches!(self.text.part(start..end), "may" | "march");
        if self.words.language == "en" && ambiguous && !self.is_capitalised(start) {
            return false;
        }
        let inflected = self.words.language == "tr" && {
            let word = self.text.part(start..end);
            let after = self.text.after(end);
            ["ta", "te", "da", "de"].iter().any(|ending| word.ends_with(ending))
                || after.strip_prefix('\'').is_some_and(|rest| {
                    self.words.joints.endings.iter().any(|ending| rest.starts_with(ending))
                })
        };
        let prefixed =
            self.words.language == "ar" && self.character_before(start).is_some_and(is_letter);
        self.roles_before(index).any(Roles::MONTH_BEFORE)
            || self.roles_after(index).any(Roles::MONTH_AFTER)
            || inflected
            || prefixed
    }

    pub(super) fn is_capitalised(&self, start: usize) -> bool {
        let at = self.text.original(start..start).start;
        self.original.get(at..).is_some_and(|rest| rest.starts_with(char::is_uppercase))
    }

    /// "KW 23", "week 23".
    pub(super) fn week_number(&self, index: usize) -> Option<Reading> {
        let token =
            self.token(index).filter(|token| token.meaning.roles.any(Roles::WEEK_NUMBER))?;
        let digits = self.digits(index + 1).filter(|digits| digits.length <= 2)?;
        let end = self.end(index + 1);
        let certain = token.meaning.unit.is_none() && token.end - token.start > 1;
        let abbreviation = matches!(self.gap(index)?, "" | " " | ". " | ".");
        if !abbreviation || !self.is_whole(token.start, end) || !(certain || digits.value >= 10) {
            return None;
        }
        let date = nearest_week(self.today, i8::try_from(digits.value).ok()?)?;
        Some(Reading { start: token.start, end, date, unit: Unit::Week, confidence: BY_CONTEXT })
    }

    /// "on the 5th", "am 5.", "el día 5".
    pub(super) fn day_number(&self, index: usize) -> Option<Reading> {
        let digits = self.digits(index).filter(|digits| digits.length <= 2)?;
        let (start, end) = (self.start(index), self.end(index));
        let dotted =
            self.words.closing_dot && self.closes_with_dot(end) && self.continues_small(end + 1);
        if !self.tells_day(index, digits.ordinal || dotted) {
            return self.east_asian_day_number(index);
        }
        let whole = self.is_whole(start, end + usize::from(dotted));
        if !whole || self.is_measure(end) || self.text.after(end).starts_with(".º") {
            return None;
        }
        let date = nearest_day_of_month(self.today, digits.value)?;
        let end = end + usize::from(dotted);
        Some(Reading { start, end, date, unit: Unit::Day, confidence: DAY_NUMBER })
    }

    /// Tells whether the words around a number make it that of a day.
    fn tells_day(&self, index: usize, has_ending: bool) -> bool {
        let before = self.roles_before(index);
        let (romance, end) = (self.words.adjective_follows, self.end(index));
        // "15 числа" in Russian.
        let named_after =
            self.words.language == "ru" && self.roles_after(index).any(Roles::ARTICLE);
        let needs_ending = !self.words.ordinals.is_empty() || self.words.closing_dot;
        let named = before.any(Roles::DAY_NUMBER) && (has_ending || !needs_ending || romance);
        // "Prévu le 14." but not "le 42 taille comme un 40".
        let closed = self.character_after(end).is_none_or(|next| ".,;!?)\n".contains(next));
        // "L'1" is an hour.
        let spaced = self.character_before(self.start(index)) == Some(' ');
        let after_article = romance && before.any(Roles::ARTICLE) && closed && spaced;
        named_after || named || after_article
    }

    /// "25日まで", "10号之前", "最迟10号".
    fn east_asian_day_number(&self, index: usize) -> Option<Reading> {
        let digits = self.digits(index).filter(|_| self.words.unspaced)?;
        let (start, end) = (self.start(index), self.end_of_day(index)?);
        let after = self.token(self.tokens.partition_point(|token| token.start < end))?;
        let until = |roles: Roles| roles.any(Roles::UNTIL);
        // 日 may be a token of its own, between the number and the word that tells.
        let until_after = after.start == end && until(after.meaning.roles);
        let until_before = self.words.language == "zh" && until(self.roles_before(index));
        if !(until_after || until_before) || end == self.end(index) || !self.is_whole(start, end) {
            return None;
        }
        let date = nearest_day_of_month(self.today, digits.value)?;
        Some(Reading { start, end, date, unit: Unit::Day, confidence: DAY_NUMBER })
    }

    /// Tells whether a sentence goes on in lower case: "am 5. kam", but not "am 5. Arbeitstag".
    fn continues_small(&self, at: usize) -> bool {
        let at = self.text.original(at..at).start;
        let rest = self.original.get(at..).unwrap_or_default();
        rest.strip_prefix(' ').is_some_and(|rest| {
            rest.starts_with(|next: char| next.is_lowercase() || matches!(next, '"' | '„' | '»'))
        })
    }
}
