//! Japanese, Chinese and Korean dates: 2026年11月3日(火), 11월 3일, 令和8年10月15日, 去年12月, 先月20日.

use super::calendar::{add_months, date, nearest, nearest_month};
use super::reader::{BY_CONTEXT, Reader, Reading, WITH_YEAR, WITHOUT_YEAR};
use super::words::Unit;
use crate::entities::lexicon::is_letter;

impl Reader<'_> {
    /// "(火)", "(周二)": where the bracket closes.
    pub(super) fn weekday_in_brackets(&self, reading: &Reading) -> Option<usize> {
        if !self.words.unspaced {
            return None;
        }
        let rest = self.text.after(reading.end);
        let inside = rest.trim_start_matches(' ').strip_prefix('(')?;
        let opened = reading.end + rest.len() - inside.len();
        let names = self
            .words
            .short_weekdays
            .iter()
            .chain(&self.words.weekdays)
            .flat_map(|names| names.split('|'));
        let prefixes = ["", "周", "週"];
        for name in names {
            for prefix in prefixes {
                let closed = inside
                    .strip_prefix(prefix)
                    .and_then(|rest| rest.strip_prefix(name)?.strip_prefix(')'));
                if closed.is_some() {
                    return Some(opened + prefix.len() + name.len() + 1);
                }
            }
        }
        None
    }

    /// 2026年11月3日, 11월 3일, 令和8年10月15日, 2024年12月.
    pub(super) fn east_asian(&self, index: usize) -> Option<Reading> {
        if !self.words.unspaced {
            return None;
        }
        let first = self.digits(index)?;
        let mut start = self.start(index);
        if is_letter(self.character_before(start).unwrap_or(' ')) {
            return None;
        }
        let (year, month) = match self.gap(index) {
            Some("年" | "년 " | "년") => (Some(first.value), index + 1),
            _ => (None, index),
        };
        let year = match year {
            Some(year) if first.length <= 2 => {
                let (era, begin) = self.era(start)?;
                start = begin;
                Some(year + era)
            }
            None => self.named_year(start).map(|(year, begin)| {
                start = begin;
                year
            }),
            year => year,
        };
        let number = self.digits(month)?.value;
        let names_month = self.text.after(self.end(month)).strip_prefix(['月', '월'])?;
        let end = self.text.as_str().len() - names_month.len();
        self.east_asian_day(month, year, number, start)
            .or_else(|| self.east_asian_month(month, year, number, start, end))
    }

    /// "去年12月", "내년 3월": the year and where its name begins.
    fn named_year(&self, at: usize) -> Option<(i16, usize)> {
        let before = self.text.before(at);
        let before = before.strip_suffix('の').or(before.strip_suffix(' ')).unwrap_or(before);
        [
            ("去年", -1),
            ("昨年", -1),
            ("작년", -1),
            ("지난해", -1),
            ("今年", 0),
            ("올해", 0),
            ("明年", 1),
            ("来年", 1),
            ("來年", 1),
            ("내년", 1),
        ]
        .into_iter()
        .find_map(|(name, offset)| {
            let rest = before.strip_suffix(name)?;
            Some((self.today.year().checked_add(offset)?, rest.len()))
        })
    }

    /// What to add to a year of a Japanese era, and where its name begins.
    fn era(&self, at: usize) -> Option<(i16, usize)> {
        let before = self.text.before(at);
        [("令和", 2018), ("平成", 1988), ("昭和", 1925)]
            .into_iter()
            .find_map(|(name, offset)| before.strip_suffix(name).map(|rest| (offset, rest.len())))
            .or_else(|| (self.words.language != "ja").then_some((2000, at)))
    }

    fn east_asian_day(
        &self,
        month: usize,
        year: Option<i16>,
        number: i16,
        start: usize,
    ) -> Option<Reading> {
        if !matches!(self.gap(month)?, "月" | "월 " | "월") {
            return None;
        }
        let day = self.digits(month + 1)?;
        let end = self.end_of_day(month + 1)?;
        let (date, confidence) = match year {
            Some(year) => (date(year, number, day.value)?, WITH_YEAR),
            None => (nearest(self.today, number, day.value)?, WITHOUT_YEAR),
        };
        Some(Reading { start, end, date, unit: Unit::Day, confidence })
    }

    /// Where a day's number ends: with its sign, which Chinese may leave out.
    pub(super) fn end_of_day(&self, day: usize) -> Option<usize> {
        let end = self.end(day);
        let rest = self.text.after(end);
        if let Some(after) = rest.strip_prefix(['日', '号', '號', '일']) {
            return Some(self.text.as_str().len() - after.len());
        }
        let bare = self.words.language == "zh" && self.digits(day)?.length <= 2;
        let counted = rest.starts_with(|next: char| {
            "个個件块元天月年%折期.:/-次周米斤万千".contains(next) || is_letter(next)
        });
        (bare && !counted).then_some(end)
    }

    /// "先月20日", "上个月5号", "지난달 20일".
    pub(super) fn day_of_month_away(&self, index: usize) -> Option<Reading> {
        let token = self.token(index).filter(|_| self.words.unspaced)?;
        let Some((Unit::Month, months)) = token.meaning.shift else { return None };
        if !matches!(self.gap(index)?, "" | " " | "の" | "的") {
            return None;
        }
        let day = self.digits(index + 1)?;
        let rest = self.text.after(self.end(index + 1)).strip_prefix(['日', '号', '號', '일'])?;
        let month = add_months(self.today, months.into())?;
        let date = date(month.year(), month.month().into(), day.value)?;
        let end = self.text.as_str().len() - rest.len();
        Some(Reading { start: token.start, end, date, unit: Unit::Day, confidence: WITHOUT_YEAR })
    }

    fn east_asian_month(
        &self,
        month: usize,
        year: Option<i16>,
        number: i16,
        start: usize,
        end: usize,
    ) -> Option<Reading> {
        let rest = self.text.after(end);
        let other = ["号", "號", "齢", "龄", "間", "간", "饼", "餅", "嫂", "子"];
        if other.iter().any(|other| rest.starts_with(other))
            || self.gap(month).is_some_and(|gap| gap.starts_with("月~"))
        {
            return None;
        }
        let date = match year {
            Some(year) => date(year, number, 1)?,
            None => nearest_month(self.today, number)?,
        };
        let confidence = if year.is_some() { WITH_YEAR } else { BY_CONTEXT };
        Some(Reading { start, end, date, unit: Unit::Month, confidence })
    }
}
