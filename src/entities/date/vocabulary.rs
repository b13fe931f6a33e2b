//! A language's words with their meanings, ready to be found.

use std::collections::BTreeMap;
use std::ops::BitOr;

use super::words::{Unit, Words};
use crate::entities::folded::fold_word;
use crate::entities::lexicon::Lexicon;

/// What a word can mean in a date. One word can mean several things: Spanish "mar" is March and Tuesday.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meaning {
    /// From 1.
    pub(super) month: Option<(i8, Form)>,
    /// From 0, which is Monday.
    pub(super) weekday: Option<(i8, Form)>,
    /// So many days, weeks or months from today.
    pub(super) shift: Option<(Unit, i8)>,
    /// A unit, and how many of it if the word says so.
    pub(super) unit: Option<(Unit, Option<u8>)>,
    pub(super) number: Option<u8>,
    pub(super) roles: Roles,
}

/// How much a word needs beside it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Form {
    Full,
    Doubtful,
    Short,
}

/// What a word does to its neighbours.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Roles(u32);

impl Roles {
    pub(super) const LAST: Self = Self(1);
    pub(super) const NEXT: Self = Self(1 << 1);
    pub(super) const THIS: Self = Self(1 << 2);
    pub(super) const AGO_BEFORE: Self = Self(1 << 3);
    pub(super) const AGO_AFTER: Self = Self(1 << 4);
    pub(super) const AGO_OPENING: Self = Self(1 << 5);
    pub(super) const AHEAD_BEFORE: Self = Self(1 << 6);
    pub(super) const AHEAD_AFTER: Self = Self(1 << 7);
    pub(super) const LINK: Self = Self(1 << 8);
    pub(super) const ARTICLE: Self = Self(1 << 9);
    pub(super) const SINCE: Self = Self(1 << 10);
    pub(super) const UNTIL: Self = Self(1 << 11);
    pub(super) const ON: Self = Self(1 << 12);
    pub(super) const MONTH_BEFORE: Self = Self(1 << 13);
    pub(super) const MONTH_AFTER: Self = Self(1 << 14);
    pub(super) const DAY_NUMBER: Self = Self(1 << 15);
    pub(super) const WEEK_NUMBER: Self = Self(1 << 16);
    pub(super) const RECURRING: Self = Self(1 << 17);
    pub(super) const THROUGH: Self = Self(1 << 18);
    pub(super) const PAST: Self = Self(1 << 20);
    pub(super) const IGNORED: Self = Self(1 << 19);
    /// Words that stand right before a number of days.
    pub(super) const COUNT_BEFORE: Self =
        Self(Self::AGO_BEFORE.0 | Self::AGO_OPENING.0 | Self::AHEAD_BEFORE.0);
    /// Words that stand right before a day.
    pub(super) const BEFORE_DAY: Self = Self(Self::SINCE.0 | Self::UNTIL.0 | Self::ON.0);

    /// Tells whether any of these roles is among them.
    pub(super) fn any(self, of: Self) -> bool {
        self.0 & of.0 != 0
    }
}

impl BitOr for Roles {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Meaning {
    /// Adds what another word of the same spelling means.
    fn join(self, other: Self) -> Self {
        Self {
            month: self.month.or(other.month),
            weekday: self.weekday.or(other.weekday),
            shift: self.shift.or(other.shift),
            unit: match (self.unit, other.unit) {
                (Some((unit, None)), Some((other, count))) if unit == other => Some((unit, count)),
                (own, other) => own.or(other),
            },
            number: self.number.or(other.number),
            roles: self.roles | other.roles,
        }
    }
}

/// Collects the words of a language.
pub(super) fn lexicon(words: &Words) -> Lexicon<Meaning> {
    let mut meanings = Collected::default();
    for (month, forms) in (1..).zip(words.months) {
        meanings.add(forms, Meaning { month: Some((month, Form::Full)), ..Meaning::default() });
    }
    for (month, forms) in (1..).zip(words.short_months) {
        meanings.add(forms, Meaning { month: Some((month, Form::Short)), ..Meaning::default() });
    }
    let short = if words.unspaced { [""; 7] } else { words.short_weekdays };
    for (form, weekdays) in [
        (Form::Full, words.weekdays),
        (Form::Doubtful, words.doubtful_weekdays),
        (Form::Short, short),
    ] {
        for (weekday, forms) in (0..).zip(weekdays) {
            meanings.add(forms, Meaning { weekday: Some((weekday, form)), ..Meaning::default() });
        }
    }
    for (weekday, forms) in (0..).zip(words.past_weekdays) {
        let meaning = Meaning { weekday: Some((weekday, Form::Full)), ..Meaning::default() };
        meanings.add(forms, Meaning { roles: Roles::PAST, ..meaning });
    }
    for (unit, shifts) in
        [(Unit::Day, words.days), (Unit::Week, words.weeks), (Unit::Month, words.months_away)]
    {
        for &(by, forms) in shifts {
            meanings.add(forms, Meaning { shift: Some((unit, by)), ..Meaning::default() });
        }
    }
    meanings.add_counts(words);
    meanings.add_roles(words);
    Lexicon::new(meanings.0, words.joints)
}

#[derive(Default)]
struct Collected(BTreeMap<String, Meaning>);

impl Collected {
    fn add(&mut self, forms: &str, meaning: Meaning) {
        for form in forms.split('|').filter(|form| !form.is_empty()) {
            let known = self.0.entry(fold_word(form)).or_default();
            *known = known.join(meaning);
        }
    }

    fn add_counts(&mut self, words: &Words) {
        for (unit, forms) in [
            (Unit::Day, words.day_units),
            (Unit::Week, words.week_units),
            (Unit::Month, words.month_units),
        ] {
            self.add(forms, Meaning { unit: Some((unit, None)), ..Meaning::default() });
        }
        for &(unit, count, forms) in words.counted_units {
            self.add(forms, Meaning { unit: Some((unit, Some(count))), ..Meaning::default() });
        }
        for (number, forms) in (1..).zip(words.numbers) {
            self.add(forms, Meaning { number: Some(number), ..Meaning::default() });
        }
    }

    fn add_roles(&mut self, words: &Words) {
        for (roles, forms) in [
            (Roles::LAST, words.last),
            (Roles::NEXT, words.next),
            (Roles::THIS, words.this),
            (Roles::AGO_BEFORE, words.ago_before),
            (Roles::AGO_AFTER, words.ago_after),
            (Roles::AGO_OPENING, words.ago_opening),
            (Roles::AHEAD_BEFORE, words.ahead_before),
            (Roles::AHEAD_AFTER, words.ahead_after),
            (Roles::LINK, words.links),
            (Roles::ARTICLE, words.articles),
            (Roles::SINCE, words.since),
            (Roles::UNTIL, words.until),
            (Roles::ON, words.on),
            (Roles::MONTH_BEFORE, words.month_before),
            (Roles::MONTH_AFTER, words.month_after),
            (Roles::DAY_NUMBER, words.day_number_before),
            (Roles::WEEK_NUMBER, words.week_number),
            (Roles::RECURRING, words.recurring),
            (Roles::THROUGH, words.through),
            (Roles::IGNORED, words.ignored),
        ] {
            self.add(forms, Meaning { roles, ..Meaning::default() });
        }
    }
}
