//! Finds days, weeks and months, and says which they are.
//!
//! One pass finds the words of the message's language and its numbers; a small grammar reads dates from them. What
//! is relative is counted from the day of writing, in UTC.

mod absolute;
mod calendar;
mod east_asian;
mod numeric;
mod periods;
mod reader;
mod relative;
mod tense;
mod tokens;
mod vocabulary;
mod words;

use std::collections::BTreeMap;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::{self, Date};
use jiff::tz::Offset;

use self::reader::{Reader, Reading};
use self::tense::Tense;
use self::vocabulary::Meaning;
use self::words::{LANGUAGES, Unit, Words};
use super::folded::{FoldedText, Scripts};
use super::lexicon::Lexicon;
use super::{Entity, EntityType, Reference, primary_subtag, region_subtag};

/// Finds dates. Holds the words of every language.
#[derive(Debug)]
pub(super) struct DateFinder {
    languages: Vec<Language>,
}

/// What is known about the dates of one language.
#[derive(Debug)]
struct Language {
    words: &'static Words,
    lexicon: Lexicon<Meaning>,
    tense: Tense,
}

impl DateFinder {
    /// Prepares the words of every language.
    pub(super) fn new() -> Self {
        let languages = LANGUAGES
            .into_iter()
            .map(|words| Language {
                words,
                lexicon: vocabulary::lexicon(words),
                tense: Tense::of(words),
            })
            .collect();
        Self { languages }
    }

    /// Adds the dates of a text, given with its folded form, to `found`. Linear in the text.
    ///
    /// The value is `YYYY-MM-DD`, the attribute `granularity` is day, week (its Monday) or month (its first day).
    /// Days outside the years 1 to 9999 are left out; a moment of sending out there counts as the nearest day inside.
    pub(super) fn find(
        &self,
        text: &str,
        folded: &FoldedText,
        reference: &Reference<'_>,
        found: &mut Vec<Entity>,
    ) {
        let today = day_of(reference);
        let mut best: Vec<Reading> = Vec::new();
        for language in self.languages_of(reference.language, folded.scripts()) {
            let readings = language.read(text, folded, reference.locale, today);
            if weight(&readings) > weight(&best) {
                best = readings;
            }
        }
        let has_year = |reading: &Reading| reading.date.year() >= 1;
        found.extend(
            best.iter().filter(|reading| has_year(reading)).map(|reading| entity(folded, reading)),
        );
    }

    /// The language of the text if it is known and the text is in its script, else all that the script allows.
    fn languages_of(&self, language: &str, scripts: Scripts) -> impl Iterator<Item = &Language> {
        let primary = primary_subtag(language);
        let known = self
            .languages
            .iter()
            .any(|known| known.words.language == primary && fits(known.words.language, scripts));
        self.languages.iter().filter(move |candidate| {
            if known {
                candidate.words.language == primary
            } else {
                fits(candidate.words.language, scripts)
            }
        })
    }
}

impl Language {
    fn read(&self, text: &str, folded: &FoldedText, locale: &str, today: Date) -> Vec<Reading> {
        let tokens = tokens::tokens(folded, &self.lexicon, self.words);
        let reader = Reader {
            original: text,
            text: folded,
            tokens: &tokens,
            words: self.words,
            tense: &self.tense,
            today,
            month_first: month_first(self.words, locale),
        };
        reader.read_all()
    }
}

/// How much a reading explains: of several languages the one that explains most is right.
fn weight(readings: &[Reading]) -> f32 {
    readings.iter().map(|reading| reading.confidence).sum()
}

/// Tells whether a text in these scripts can be in a language. A text without letters can be in any.
fn fits(language: &str, scripts: Scripts) -> bool {
    match language {
        "ja" => scripts.kana || scripts.han,
        "zh" => scripts.han,
        "ko" => scripts.hangul,
        "ru" => scripts.cyrillic,
        "ar" => scripts.arabic,
        _ => scripts.latin || scripts == Scripts::default(),
    }
}

/// English is written with the month first, but for most regions other than the United States.
fn month_first(words: &Words, locale: &str) -> bool {
    let region = region_subtag(locale);
    words.month_first && !["GB", "IE", "AU", "NZ", "IN", "ZA"].contains(&region.as_str())
}

/// Returns the day of sending, or the nearest day in the years 1 to 9999.
fn day_of(reference: &Reference<'_>) -> Date {
    let first = civil::date(1, 1, 1);
    match Timestamp::try_from(reference.sent_at) {
        Ok(moment) => Offset::UTC.to_datetime(moment).date().max(first),
        Err(_) if reference.sent_at > SystemTime::UNIX_EPOCH => Date::MAX,
        Err(_) => first,
    }
}

fn entity(text: &FoldedText, reading: &Reading) -> Entity {
    let granularity = match reading.unit {
        Unit::Day => "day",
        Unit::Week => "week",
        Unit::Month => "month",
    };
    Entity {
        kind: EntityType::Date,
        span: text.original(reading.start..reading.end),
        value: reading.date.to_string(),
        confidence: reading.confidence,
        attributes: BTreeMap::from([("granularity", granularity.to_owned())]),
    }
}

#[cfg(test)]
mod tests;
