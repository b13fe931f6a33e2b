//! Finds sums of money: a number and a currency's sign, code or name beside it.

mod currencies;
mod numbers;
mod numerals;
mod reader;
mod sides;

use std::collections::BTreeMap;

use self::currencies::{CAPITALS_ONLY, CURRENCIES, Money, Place};
use self::numerals::{NUMERALS, Numeral, Numerals};
use self::reader::Reader;
use super::folded::{FoldedText, Scripts, fold_word};
use super::lexicon::{Joints, Lexicon};
use super::{Entity, Reference, primary_subtag, region_subtag};

/// Finds amounts. Holds the currencies and numerals of every language.
#[derive(Debug)]
pub(super) struct AmountFinder {
    languages: Vec<Language>,
}

#[derive(Debug)]
struct Language {
    name: &'static str,
    lexicon: Lexicon<Meaning>,
}

/// What a word can mean in an amount.
#[derive(Clone, Copy, Debug, Default)]
struct Meaning {
    money: Option<(Money, Place)>,
    numeral: Option<Numeral>,
    link: bool,
    capitals_only: bool,
}

/// Languages whose words are known.
const LANGUAGES: [&str; 15] =
    ["en", "de", "tr", "ja", "zh", "fr", "es", "it", "pt", "nl", "pl", "sv", "ru", "ar", "ko"];

const TURKISH_ENDINGS: &[&str] = &[
    "ya", "yi", "lik", "luk", "dan", "da", "nin", "si", "dir", "ydi", "siydi", "a", "i", "in",
    "lari", "larim", "yla", "ken", "cik",
];
const ARABIC_PREFIXES: &[&str] = &["و", "ب", "ل", "ف", "ال", "بال", "وال"];

impl AmountFinder {
    /// Prepares the currencies and numerals of every language.
    pub(super) fn new() -> Self {
        Self { languages: LANGUAGES.into_iter().map(Language::new).collect() }
    }

    /// Adds the amounts of a text, given with its folded form, to `found`. Linear in the text.
    ///
    /// The value has two decimals, none for yen and won; the attribute `currency` is ISO 4217.
    pub(super) fn find(
        &self,
        text: &str,
        folded: &FoldedText,
        reference: &Reference<'_>,
        found: &mut Vec<Entity>,
    ) {
        let Some(language) = self.language_of(reference.language, folded.scripts()) else { return };
        let mut words = Vec::new();
        language.lexicon.scan(folded, &mut words);
        let reader = Reader {
            original: text,
            text: folded,
            words: &words,
            language,
            region: region_subtag(reference.locale),
        };
        reader.read_all(found);
    }

    /// The language of the text if it is known and the text is in its script, else the first that the script allows.
    fn language_of(&self, language: &str, scripts: Scripts) -> Option<&Language> {
        let primary = primary_subtag(language);
        let by_script = if scripts.kana {
            "ja"
        } else if scripts.hangul {
            "ko"
        } else if scripts.han {
            "zh"
        } else if scripts.arabic {
            "ar"
        } else if scripts.cyrillic {
            "ru"
        } else {
            "en"
        };
        let named = self.languages.iter().find(|known| known.name == primary);
        let fits = match primary {
            "ja" => scripts.kana || scripts.han || by_script == "en",
            "zh" => scripts.han || by_script == "en",
            other => other == by_script || by_script == "en",
        };
        named
            .filter(|_| fits)
            .or_else(|| self.languages.iter().find(|known| known.name == by_script))
    }
}

impl Language {
    fn new(name: &'static str) -> Self {
        let mut meanings: BTreeMap<String, Meaning> = BTreeMap::new();
        let spoken = |languages: &str| {
            languages.is_empty() || languages.split(' ').any(|language| language == name)
        };
        for currency in CURRENCIES.iter().filter(|currency| spoken(currency.languages)) {
            for form in currency.forms.split('|').map(fold_word) {
                let capitals_only = CAPITALS_ONLY.contains(&form.as_str());
                let meaning = meanings.entry(form).or_default();
                // The same form before and after a number stands on either side.
                let place = match meaning.money {
                    Some((_, place)) if place != currency.place => Place::Either,
                    _ => currency.place,
                };
                let money = meaning.money.map_or(currency.money, |(money, _)| money);
                *meaning = Meaning { money: Some((money, place)), capitals_only, ..*meaning };
            }
        }
        let numerals = NUMERALS.into_iter().find(|numerals| numerals.language == name);
        for (form, numeral) in numerals.map(Numerals::words).unwrap_or_default() {
            meanings.entry(fold_word(&form)).or_default().numeral.get_or_insert(numeral);
        }
        let links = numerals.map(|numerals| numerals.links).unwrap_or_default();
        if !links.is_empty() {
            meanings.entry(fold_word(links)).or_default().link = true;
        }
        let joints = match name {
            "tr" => Joints { prefixes: &[], endings: TURKISH_ENDINGS },
            "ar" => Joints { prefixes: ARABIC_PREFIXES, endings: &[] },
            _ => Joints::default(),
        };
        Self { name, lexicon: Lexicon::new(meanings, joints) }
    }

    fn is_unspaced(&self) -> bool {
        matches!(self.name, "ja" | "zh" | "ko")
    }
}

#[cfg(test)]
mod tests;
