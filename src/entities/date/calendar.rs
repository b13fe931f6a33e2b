//! Arithmetic with days. Nothing here panics: what no calendar holds is `None`.

use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::{Span, ToSpan};

/// Day of a month and a year, if there is one.
pub(super) fn date(year: i16, month: i16, day: i16) -> Option<Date> {
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// The day with this month and number that is nearest to today.
pub(super) fn nearest(today: Date, month: i16, day: i16) -> Option<Date> {
    (-1..=1)
        .filter_map(|offset| date(today.year().checked_add(offset)?, month, day))
        .min_by_key(|date| days_between(today, *date))
}

/// The day with this number in this month, the one before or the one after that is nearest to today.
pub(super) fn nearest_day_of_month(today: Date, day: i16) -> Option<Date> {
    (-1..=1)
        .filter_map(|offset| {
            let month = today.first_of_month().checked_add(i64::from(offset).months()).ok()?;
            date(month.year(), month.month().into(), day)
        })
        .min_by_key(|date| days_between(today, *date))
}

/// First day of the month with this number that is nearest to today.
///
/// The whole month counts: on 20 May both May and the following one are near.
pub(super) fn nearest_month(today: Date, month: i16) -> Option<Date> {
    nearest(today, month, 15).map(Date::first_of_month)
}

/// First day of the latest month with this number before the current one.
pub(super) fn last_month(today: Date, month: i16) -> Option<Date> {
    let this_year = date(today.year(), month, 1)?;
    if this_year < today.first_of_month() {
        Some(this_year)
    } else {
        date(today.year().checked_sub(1)?, month, 1)
    }
}

/// First day of the next month with this number after the current one.
pub(super) fn next_month(today: Date, month: i16) -> Option<Date> {
    let this_year = date(today.year(), month, 1)?;
    if this_year > today.first_of_month() {
        Some(this_year)
    } else {
        date(today.year().checked_add(1)?, month, 1)
    }
}

/// Monday of the calendar week with this number (ISO 8601) that is nearest to today.
pub(super) fn nearest_week(today: Date, week: i8) -> Option<Date> {
    (-1..=1)
        .filter_map(|offset| {
            ISOWeekDate::new(today.year().checked_add(offset)?, week, Weekday::Monday).ok()
        })
        .map(ISOWeekDate::date)
        .min_by_key(|date| days_between(today, *date))
}

/// So many days from a day.
pub(super) fn add_days(from: Date, days: i64) -> Option<Date> {
    from.checked_add(Span::new().try_days(days).ok()?).ok()
}

/// First day of the month that is so many months from a day's.
pub(super) fn add_months(from: Date, months: i64) -> Option<Date> {
    from.first_of_month().checked_add(Span::new().try_months(months).ok()?).ok()
}

/// Monday of a day's week.
pub(super) fn monday(of: Date) -> Option<Date> {
    add_days(of, -i64::from(of.weekday().to_monday_zero_offset()))
}

/// The latest day of the week (from 0, Monday) strictly before today.
pub(super) fn weekday_before(today: Date, weekday: i8) -> Option<Date> {
    let back = (today.weekday().to_monday_zero_offset() - weekday).rem_euclid(7);
    add_days(today, -i64::from(if back == 0 { 7 } else { back }))
}

/// The first day of the week (from 0, Monday) strictly after today.
pub(super) fn weekday_after(today: Date, weekday: i8) -> Option<Date> {
    let ahead = (weekday - today.weekday().to_monday_zero_offset()).rem_euclid(7);
    add_days(today, i64::from(if ahead == 0 { 7 } else { ahead }))
}

/// A day of the week that is so many weeks from this one.
pub(super) fn weekday_of_week(today: Date, weeks: i64, weekday: i8) -> Option<Date> {
    add_days(monday(today)?, weeks * 7 + i64::from(weekday))
}

fn days_between(one: Date, other: Date) -> i32 {
    one.until(other).map_or(i32::MAX, |span| span.get_days().abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_without_year_is_the_nearest() {
        assert_eq!(nearest(day("2026-01-11"), 12, 20), Some(day("2025-12-20")));
        assert_eq!(nearest(day("2026-12-28"), 1, 3), Some(day("2027-01-03")));
        assert_eq!(nearest(day("2027-03-01"), 2, 29), Some(day("2028-02-29")));
        assert_eq!(nearest(day("2026-03-01"), 2, 31), None);
    }

    #[test]
    fn weekdays_are_strictly_before_or_after() {
        assert_eq!(weekday_before(day("2026-11-27"), 4), Some(day("2026-11-20")));
        assert_eq!(weekday_after(day("2026-11-27"), 4), Some(day("2026-12-04")));
        assert_eq!(weekday_of_week(day("2026-11-29"), 1, 0), Some(day("2026-11-30")));
    }

    #[test]
    fn the_ends_of_the_calendar_hold_nothing_beyond() {
        assert_eq!(add_days(Date::MAX, 1), None);
        assert_eq!(weekday_after(Date::MAX, 0), None);
        assert_eq!(add_months(Date::MIN, -1), None);
        assert_eq!(add_days(Date::MIN, i64::MIN), None);
    }
}
