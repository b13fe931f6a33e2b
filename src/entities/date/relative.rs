//! Dates that are counted from the day of writing: yesterday, three days ago, last Monday, Friday.

use super::calendar::{
    add_days, add_months, monday, weekday_after, weekday_before, weekday_of_week,
};
use super::reader::{Reader, Reading};
use super::vocabulary::{Form, Roles};
use super::words::Unit;
use crate::entities::lexicon::joins_number;
use jiff::civil::Date;

const PLAIN: f32 = 0.95;
const COUNTED: f32 = 0.9;
const BARE_WEEKDAY: f32 = 0.75;
/// Adjacent words weigh more than all others of a sentence together.
const ADJACENT: f32 = 10.0;

impl Reader<'_> {
    /// "yesterday", "last week", "next month".
    pub(super) fn shifted(&self, index: usize) -> Option<Reading> {
        let token = self.token(index)?;
        let (unit, by) = token.meaning.shift?;
        if self.is_in_address(token.start, token.end)
            || self.roles_before(index).any(Roles::RECURRING)
        {
            return None;
        }
        let date = self.moved(unit, i64::from(by))?;
        Some(Reading { start: token.start, end: token.end, date, unit, confidence: PLAIN })
    }

    /// The day, Monday of the week, or first of the month that is so many of them away.
    fn moved(&self, unit: Unit, by: i64) -> Option<Date> {
        match unit {
            Unit::Day => add_days(self.today, by),
            Unit::Week => monday(add_days(self.today, by.checked_mul(7)?)?),
            Unit::Month => add_months(self.today, by),
        }
    }

    /// "3 days ago", "vor drei Wochen", "dans 3 jours", "3 gün önce", "неделю назад".
    pub(super) fn counted(&self, index: usize) -> Option<Reading> {
        let first = self.token(index)?;
        let (before, mut next) = if first.meaning.roles.any(Roles::COUNT_BEFORE)
            && first.digits.is_none()
            && self.gap(index) == Some(" ")
        {
            (first.meaning.roles, index + 1)
        } else {
            (Roles::default(), index)
        };
        let count = self.count(next);
        if count.is_some() {
            next += 1;
        }
        let (unit, own_count) = self.token(next)?.meaning.unit?;
        let count = match count {
            Some(count) => count,
            None => i64::from(own_count?),
        };
        let after = self.roles_after(next);
        let end = if after.any(Roles::AGO_AFTER | Roles::AHEAD_AFTER) {
            self.end(next + 1)
        } else {
            self.end(next)
        };
        // Swedish "sen" is also "late": "två dagar sen".
        let late = self.text.before(end).ends_with(" sen") && !before.any(Roles::AGO_OPENING);
        let ago = (after.any(Roles::AGO_AFTER) && !late)
            || (before.any(Roles::AGO_BEFORE) && self.is_moment(index, next));
        let ahead = after.any(Roles::AHEAD_AFTER) || before.any(Roles::AHEAD_BEFORE);
        // "It came in three days" tells how long it took.
        let ahead = ahead && self.tense.of_sentence(self.text, first.start, end) <= 0.0;
        if !(ago || ahead) {
            return None;
        }
        let date = self.moved(unit, if ago { -count } else { count })?;
        Some(Reading { start: first.start, end, date, unit, confidence: COUNTED })
    }

    fn count(&self, index: usize) -> Option<i64> {
        let token = self.token(index)?;
        let close = matches!(self.gap(index)?, " ")
            || (token.digits.is_some() && self.gap(index) == Some(""));
        let unspaced = self.words.unspaced && self.gap(index) == Some("");
        if !close && !unspaced {
            return None;
        }
        let before = self.character_before(token.start);
        if before.is_some_and(|before| {
            joins_number(before) || matches!(before, '-' | '.' | ',' | ':' | '/' | '~')
        }) {
            return None;
        }
        match token.digits {
            Some(digits) => {
                (digits.length <= 3 && digits.value > 0).then_some(i64::from(digits.value))
            }
            None => token.meaning.number.map(i64::from),
        }
    }

    /// "Hace 3 días" is a moment, "desde hace 3 días" and "hace 3 días que espero" are durations.
    fn is_moment(&self, index: usize, unit: usize) -> bool {
        if self.roles_before(index).any(Roles::SINCE) && self.words.language != "ar" {
            return false;
        }
        match self.words.language {
            "es" | "pt" => {
                let end = self.end(unit);
                !self.text.after(end).starts_with(" que ")
                    && self.tense.of_sentence(self.text, self.start(index), end) > 0.0
            }
            _ => true,
        }
    }

    /// "上周五", "volgende week donderdag", "lunes de la semana pasada".
    pub(super) fn weekday_of_week(&self, index: usize) -> Option<Reading> {
        let first = self.token(index)?;
        if let Some((Unit::Week, weeks)) = first.meaning.shift {
            let (weekday, end) = self.weekday_after_week(index)?;
            let date = weekday_of_week(self.today, weeks.into(), weekday)?;
            return Some(Reading {
                start: first.start,
                end,
                date,
                unit: Unit::Day,
                confidence: PLAIN,
            });
        }
        let (weekday, form) = first.meaning.weekday?;
        let week = (index + 1..index + 3).find(|week| {
            matches!(self.token(*week).and_then(|token| token.meaning.shift), Some((Unit::Week, _)))
        })?;
        let week = self.token(week)?;
        let (_, weeks) = week.meaning.shift?;
        let gap = self.text.part(first.end..week.start);
        let linked =
            [" ", ", ", " of ", " de la ", " della ", " da ", " de ", " in ", " w ", " на ", " i "]
                .contains(&gap);
        if form != Form::Full || !linked {
            return None;
        }
        let date = weekday_of_week(self.today, weeks.into(), weekday)?;
        Some(Reading {
            start: first.start,
            end: week.end,
            date,
            unit: Unit::Day,
            confidence: PLAIN,
        })
    }

    fn weekday_after_week(&self, index: usize) -> Option<(i8, usize)> {
        let end = self.end(index);
        if self.words.language == "zh" {
            let day = self.character_after(end)?;
            let weekday = match day {
                '一' => 0,
                '二' => 1,
                '三' => 2,
                '四' => 3,
                '五' => 4,
                '六' => 5,
                '日' | '天' => 6,
                _ => return None,
            };
            return Some((weekday, end + day.len_utf8()));
        }
        let (mut next, mut gap) = (index + 1, self.gap(index)?);
        if self.token(next)?.meaning.roles.any(Roles::LINK | Roles::ON)
            && self.token(next)?.meaning.weekday.is_none()
        {
            gap = self.gap(next)?;
            next += 1;
        }
        let token = self.token(next)?;
        let (weekday, form) = token.meaning.weekday?;
        let close = gap == " " || (gap.is_empty() && self.words.unspaced);
        (close && form != Form::Short).then_some((weekday, token.end))
    }

    /// "last Monday", "viernes pasado".
    pub(super) fn chosen_weekday(&self, index: usize) -> Option<Reading> {
        let (first, second) = (self.token(index)?, self.token(index + 1)?);
        let close = matches!(self.gap(index)?, " " | "\n")
            || (self.words.unspaced && self.gap(index) == Some(""));
        if !close {
            return None;
        }
        let choices = Roles::LAST | Roles::NEXT | Roles::THIS;
        let (roles, weekday) = if first.meaning.roles.any(choices) {
            (first.meaning.roles, second.meaning.weekday)
        } else if self.words.adjective_follows && second.meaning.roles.any(choices) {
            (second.meaning.roles, first.meaning.weekday)
        } else {
            return None;
        };
        let (weekday, _) = weekday.filter(|(_, form)| *form != Form::Short)?;
        let date = if roles.any(Roles::LAST) {
            weekday_before(self.today, weekday)?
        } else if roles.any(Roles::NEXT) {
            weekday_after(self.today, weekday)?
        } else {
            weekday_of_week(self.today, 0, weekday)?
        };
        Some(Reading {
            start: first.start,
            end: second.end,
            date,
            unit: Unit::Day,
            confidence: PLAIN,
        })
    }

    /// A weekday alone: the one before or after, as the sentence says.
    pub(super) fn bare_weekday(&self, index: usize) -> Option<Reading> {
        let token = self.token(index)?;
        let (weekday, form) = token.meaning.weekday?;
        let before = self.roles_before(index);
        let expected = before.any(Roles::BEFORE_DAY | Roles::ARTICLE);
        let after = self.roles_after(index);
        let readable = match form {
            Form::Full => true,
            Form::Doubtful if self.words.language == "tr" => after.any(Roles::ON | Roles::UNTIL),
            Form::Doubtful => expected || self.ends_message(token.end),
            Form::Short => false,
        };
        if !readable
            || before.any(Roles::RECURRING)
            || (self.words.language == "tr" && after.any(Roles::RECURRING))
            || self.is_in_address(token.start, token.end)
            || self.is_range(index)
        {
            return None;
        }

        let says_until_after = self.words.unspaced || self.words.language == "tr";
        let score = if token.meaning.roles.any(Roles::PAST) {
            ADJACENT
        } else if says_until_after && after.any(Roles::UNTIL) {
            -ADJACENT
        } else if before.any(Roles::SINCE) && !before.any(Roles::UNTIL) {
            ADJACENT
        } else if before.any(Roles::UNTIL) && !before.any(Roles::SINCE) {
            -ADJACENT
        } else {
            self.tense.of_sentence(self.text, token.start, token.end)
        };
        let date = if score > 0.0 {
            weekday_before(self.today, weekday)?
        } else {
            weekday_after(self.today, weekday)?
        };
        Some(Reading {
            start: token.start,
            end: token.end,
            date,
            unit: Unit::Day,
            confidence: BARE_WEEKDAY,
        })
    }

    fn ends_message(&self, end: usize) -> bool {
        self.words.adjective_follows
            && self
                .text
                .after(end)
                .trim_start()
                .chars()
                .next()
                .is_none_or(|next| matches!(next, '.' | '!' | '?' | ',' | ')'))
    }

    /// Opening hours: "Mo–Fr", "Montag bis Freitag", "du lundi au vendredi".
    fn is_range(&self, index: usize) -> bool {
        self.joins_weekday(index, index + 1)
            || index.checked_sub(1).is_some_and(|before| {
                self.joins_weekday(before, index)
                    || before.checked_sub(1).is_some_and(|first| self.joins_weekday(first, before))
            })
    }

    /// Tells whether a weekday and another are joined to a range at a token between them.
    fn joins_weekday(&self, first: usize, next: usize) -> bool {
        let is_weekday =
            |index: usize| self.token(index).is_some_and(|token| token.meaning.weekday.is_some());
        if !is_weekday(first) {
            return false;
        }
        let gap = self.gap(first).unwrap_or_default();
        if is_weekday(next) {
            return matches!(gap, "-" | " - " | "~" | "/");
        }
        let through = self.token(next).is_some_and(|token| token.meaning.roles.any(Roles::THROUGH));
        through
            && is_weekday(next + 1)
            && self.text.part(self.end(first)..self.start(next + 1)).len() < 16
    }
}
