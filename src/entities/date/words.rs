//! What days, weeks and months are called, language by language.
//!
//! Forms of a word are separated by `|`. They are compared without case and accents, so that "sroda" is found by
//! "środa"; inflected forms are listed, as an inflected word is covered whole.

mod arabic;
mod east_asian;
mod germanic;
mod romance;
mod slavic;
mod turkish;

use crate::entities::lexicon::Joints;

/// Words of one language about days.
#[derive(Debug)]
pub(super) struct Words {
    /// Primary language subtag.
    pub(super) language: &'static str,
    /// From January; read with a day and, after or before a word that allows it, alone.
    pub(super) months: [&'static str; 12],
    /// Read only with a day or a year beside.
    pub(super) short_months: [&'static str; 12],
    /// From Monday.
    pub(super) weekdays: [&'static str; 7],
    /// Read only beside a date.
    pub(super) short_weekdays: [&'static str; 7],
    /// Read beside a date, or after a word that can only be followed by a day.
    pub(super) doubtful_weekdays: [&'static str; 7],
    /// Weekdays in a form that says they are over ("i måndags").
    pub(super) past_weekdays: [&'static str; 7],
    /// Days counted from today.
    pub(super) days: &'static [(i8, &'static str)],
    /// Weeks counted from this week.
    pub(super) weeks: &'static [(i8, &'static str)],
    /// Months counted from this month.
    pub(super) months_away: &'static [(i8, &'static str)],
    /// Beside a weekday or a month: the one before, after, around the day of writing.
    pub(super) last: &'static str,
    pub(super) next: &'static str,
    pub(super) this: &'static str,
    pub(super) day_units: &'static str,
    pub(super) week_units: &'static str,
    pub(super) month_units: &'static str,
    /// Units that say their number: (days, weeks or months, how many, forms).
    pub(super) counted_units: &'static [(Unit, u8, &'static str)],
    /// Numbers from 1.
    pub(super) numbers: &'static [&'static str],
    /// "ago" before and after a number of days.
    pub(super) ago_before: &'static str,
    pub(super) ago_after: &'static str,
    /// Belongs to the span where "ago" stands at the other end ("för tre dagar sedan").
    pub(super) ago_opening: &'static str,
    /// "in" before and "from now" after a number of days.
    pub(super) ahead_before: &'static str,
    pub(super) ahead_after: &'static str,
    /// Between the parts of a date: "of", "de".
    pub(super) links: &'static str,
    /// Before a day's number: "the", "den".
    pub(super) articles: &'static str,
    /// Letters after a day's number.
    pub(super) ordinals: &'static [&'static str],
    /// Before or after a day that is over.
    pub(super) since: &'static str,
    /// Before or after a day that is to come.
    pub(super) until: &'static str,
    /// Before a day, past or future.
    pub(super) on: &'static str,
    /// Lets a month stand alone: "in", "ayında".
    pub(super) month_before: &'static str,
    pub(super) month_after: &'static str,
    /// Lets the number of a day stand alone: "on the".
    pub(super) day_number_before: &'static str,
    /// Stands before the number of a calendar week.
    pub(super) week_number: &'static str,
    /// Makes a weekday a habit: "every".
    pub(super) recurring: &'static str,
    /// Between two weekdays that are opening hours: "to".
    pub(super) through: &'static str,
    /// Phrases that look like days and are none.
    pub(super) ignored: &'static str,
    /// Words of sentences about what is over, and what is to come.
    pub(super) past: &'static str,
    pub(super) future: &'static str,
    /// Ends of such words.
    pub(super) past_endings: &'static str,
    pub(super) future_endings: &'static str,
    /// True where the weekday and the number in front of dates follow the month ("8/28").
    pub(super) month_first: bool,
    /// True where a day and a month are written with a dot at the end ("4.12.").
    pub(super) closing_dot: bool,
    /// True where "last" and "next" follow the weekday ("lundi dernier").
    pub(super) adjective_follows: bool,
    /// True where words are not separated by spaces.
    pub(super) unspaced: bool,
    pub(super) joints: Joints,
}

/// What is counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unit {
    Day,
    Week,
    Month,
}

/// A language without words, to begin from.
const NONE: Words = Words {
    language: "und",
    months: [""; 12],
    short_months: [""; 12],
    weekdays: [""; 7],
    short_weekdays: [""; 7],
    doubtful_weekdays: [""; 7],
    past_weekdays: [""; 7],
    days: &[],
    weeks: &[],
    months_away: &[],
    last: "",
    next: "",
    this: "",
    day_units: "",
    week_units: "",
    month_units: "",
    counted_units: &[],
    numbers: &[],
    ago_before: "",
    ago_after: "",
    ago_opening: "",
    ahead_before: "",
    ahead_after: "",
    links: "",
    articles: "",
    ordinals: &[],
    since: "",
    until: "",
    on: "",
    month_before: "",
    month_after: "",
    day_number_before: "",
    week_number: "",
    recurring: "",
    through: "",
    ignored: "",
    past: "",
    future: "",
    past_endings: "",
    future_endings: "",
    month_first: false,
    closing_dot: false,
    adjective_follows: false,
    unspaced: false,
    joints: Joints { prefixes: &[], endings: &[] },
};

/// Every language, in the order in which they are tried when a text's language is unknown.
pub(super) const LANGUAGES: [&Words; 15] = [
    &germanic::ENGLISH,
    &germanic::GERMAN,
    &turkish::TURKISH,
    &east_asian::JAPANESE,
    &east_asian::CHINESE,
    &romance::FRENCH,
    &romance::SPANISH,
    &romance::ITALIAN,
    &romance::PORTUGUESE,
    &germanic::DUTCH,
    &slavic::POLISH,
    &germanic::SWEDISH,
    &slavic::RUSSIAN,
    &arabic::ARABIC,
    &east_asian::KOREAN,
];
