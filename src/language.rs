//! Which language a text is written in, and whether the model supports it.
//!
//! Scripts with one language decide by themselves. Among the 15 languages that Signalbox is made for, n-grams trained on
//! messages to shops decide ([`Ngrams`]): on short texts they are right far more often than libraries that were made
//! for articles. What is outside of those 15 is told by whatlang and by letters and words that none of them has.

mod foreign;
mod letters;
mod ngrams;
mod tags;

use whatlang::{Detector, Lang};

pub use self::ngrams::{Ngrams, NgramsError};

use self::foreign::{ForeignLanguages, Signs, is_known};
use self::letters::{LetterCounts, for_each_word, sample};
use self::ngrams::{Evidence, LANGUAGES};
use self::tags::{canonical, tag_of};

/// Letters that a text needs before its language is told from the text alone: "ok" and "DHL" are in every language, and
/// "5 Ω?" is not Greek.
const MIN_LETTERS: usize = 4;

/// Letters that a text needs before a known language that the model does not support is believed.
const MIN_LETTERS_TO_REFUSE: usize = 8;

/// Probability from which a known language that the model does not support is believed.
const MIN_PROBABILITY_TO_REFUSE: f32 = 0.9;

/// Probability from which the text is believed against the caller's hint.
const MIN_PROBABILITY_AGAINST_HINT: f32 = 0.7;

/// Probability that the language of the hint needs to be chosen.
const MIN_PROBABILITY_OF_HINT: f32 = 0.1;

/// Probability that a language needs to be named at all.
const MIN_PROBABILITY: f32 = 0.3;

/// Probability of a language that is the only known one of its script.
const BY_SCRIPT: f32 = 0.99;

/// Confidence that is reported where the caller's hint decided.
const HINT_CONFIDENCE: f32 = 0.5;

/// Language of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Language {
    /// BCP-47 tag; "und" when it can't be told.
    pub tag: String,
    /// How sure that is, in [0, 1]; half where the hint decided.
    pub confidence: f32,
    /// The model was trained on it, or it can't be told. A script that is nobody's here is "und" and not supported.
    pub supported: bool,
}

/// Tells languages apart for one model.
#[derive(Clone, Debug)]
pub struct LanguageIdentifier {
    /// Primary subtags; empty where every language counts as supported.
    supported: Vec<String>,
    ngrams: Ngrams,
    foreign: ForeignLanguages,
    /// Tells the supported languages that the n-grams don't know from those that they know.
    library: Option<Detector>,
}

/// What is seen in a text in one pass.
#[derive(Default)]
struct Reading {
    letters: LetterCounts,
    evidence: Evidence,
    signs: Signs,
}

/// Known languages that a text may be in, likeliest first, with probabilities that sum to 1 where there are several.
type Candidates = Vec<(&'static str, f32)>;

impl LanguageIdentifier {
    /// Prepares for a model's languages (BCP-47 tags). Empty means that every language counts as supported.
    #[must_use]
    pub fn new(supported: &[String]) -> Self {
        Self::with_ngrams(supported, Ngrams::embedded())
    }

    /// Prepares for a model's languages with other weights than those inside the program.
    #[must_use]
    pub fn with_ngrams(supported: &[String], ngrams: Ngrams) -> Self {
        let supported: Vec<String> = supported.iter().map(|tag| canonical(tag)).collect();
        let is_listed = |lang: Lang| supported.iter().any(|tag| tag == tag_of(lang));
        let beyond = Lang::all().iter().any(|lang| !is_known(*lang) && is_listed(*lang));
        let library = beyond.then(|| {
            let told = Lang::all().iter().copied();
            Detector::with_allowlist(
                told.filter(|lang| is_known(*lang) || is_listed(*lang)).collect(),
            )
        });
        Self { supported, ngrams, foreign: ForeignLanguages::new(), library }
    }

    /// Identifies the language of a text; `hint` is a BCP-47 tag or empty and decides for short texts.
    ///
    /// Looks at the first 1,000 code points. A hint alone never makes a text unsupported: it says what the caller
    /// expects, not what the customer wrote.
    #[must_use]
    pub fn identify(&self, text: &str, hint: &str) -> Language {
        let hint = canonical(hint);
        let reading = self.read(text);
        let candidates = self.candidates(&reading);
        if let Some(language) = self.beyond_the_known(text, &reading, &candidates) {
            return language;
        }
        self.among_the_known(&reading, &candidates, &hint)
    }

    fn read(&self, text: &str) -> Reading {
        let mut evidence = Evidence::default();
        let mut signs = Signs::default();
        let letters = for_each_word(text, |word| {
            self.ngrams.add(word, &mut evidence);
            self.foreign.read(word, &mut signs);
        });
        Reading { letters, evidence, signs }
    }

    /// Returns the known languages that the script leaves open.
    fn candidates(&self, reading: &Reading) -> Candidates {
        let letters = &reading.letters;
        let chinese_or_kana = letters.han + letters.kana;
        let alphabetic = letters.latin.max(letters.cyrillic).max(letters.arabic).max(letters.other);
        // One such character says as much as a syllable or a word.
        if letters.hangul > 0 && letters.hangul * 2 >= alphabetic.max(chinese_or_kana) {
            return vec![("ko", BY_SCRIPT)];
        }
        if chinese_or_kana > 0 && chinese_or_kana * 3 >= alphabetic {
            if letters.kana * 10 >= chinese_or_kana || !self.supports("zh") {
                return vec![("ja", BY_SCRIPT)];
            }
            return self.weighed(reading, |tag| matches!(tag, "ja" | "zh"));
        }
        if letters.other == alphabetic || letters.total() - letters.other < MIN_LETTERS {
            return Vec::new();
        }
        if letters.cyrillic == alphabetic {
            return vec![("ru", BY_SCRIPT)];
        }
        if letters.arabic == alphabetic {
            return vec![("ar", BY_SCRIPT)];
        }
        self.weighed(reading, |tag| !matches!(tag, "ja" | "zh" | "ko"))
    }

    fn weighed(&self, reading: &Reading, is_open: impl Fn(&str) -> bool) -> Candidates {
        let probabilities = self.ngrams.probabilities(&reading.evidence).unwrap_or_default();
        let mut open: Candidates =
            LANGUAGES.into_iter().zip(probabilities).filter(|(tag, _)| is_open(tag)).collect();
        let total: f32 = open.iter().map(|(_, probability)| probability).sum();
        for (_, probability) in &mut open {
            *probability /= total.max(f32::MIN_POSITIVE);
        }
        open.sort_by(|(_, one), (_, other)| other.total_cmp(one));
        open
    }

    /// Identifies languages that the n-grams don't know.
    fn beyond_the_known(
        &self,
        text: &str,
        reading: &Reading,
        candidates: &Candidates,
    ) -> Option<Language> {
        let letters = &reading.letters;
        let Some((first, probability)) = candidates.first().copied() else {
            let is_other = letters.other >= MIN_LETTERS && letters.other * 2 > letters.total();
            return is_other.then(|| self.in_other_script(text));
        };
        if matches!(first, "ja" | "zh" | "ko") || letters.total() < MIN_LETTERS {
            return None;
        }
        let has_choice = candidates.len() > 1;
        let sample = sample(text);
        if let Some(info) = self.library.as_ref().and_then(|library| library.detect(sample))
            && !is_known(info.lang())
            && (info.is_reliable() || (has_choice && probability < MIN_PROBABILITY_TO_REFUSE))
        {
            return Some(self.language(tag_of(info.lang()), confidence_of(info.confidence())));
        }
        // A script with one known language says nothing about the others that are written in it.
        let probability = if has_choice { probability } else { 0.0 };
        self.foreign
            .identify(sample, letters, &reading.signs, probability, |tag| self.is_listed(tag))
            .map(|(tag, confidence)| self.language(tag, confidence_of(confidence)))
    }

    fn in_other_script(&self, text: &str) -> Language {
        match whatlang::detect(sample(text)) {
            Some(info) if !is_known(info.lang()) => {
                self.language(tag_of(info.lang()), confidence_of(info.confidence()))
            }
            _ => self.language("und", 0.0),
        }
    }

    fn among_the_known(&self, reading: &Reading, candidates: &Candidates, hint: &str) -> Language {
        let supported = || candidates.iter().filter(|(tag, _)| self.supports(tag));
        let share: f32 = supported().map(|(_, probability)| probability).sum();
        if let Some((tag, probability)) = candidates.first()
            && share <= 1.0 - MIN_PROBABILITY_TO_REFUSE
            && reading.letters.total() >= letters_to_refuse(tag, candidates.len())
        {
            return self.language(tag, *probability);
        }
        let Some((tag, probability)) = supported().next().copied() else {
            return self.by_hint(hint);
        };
        let of_hint = candidates.iter().find(|(tag, _)| *tag == hint);
        let is_hint_likely =
            of_hint.is_some_and(|(_, of_hint)| *of_hint >= MIN_PROBABILITY_OF_HINT);
        if probability < MIN_PROBABILITY
            || (probability < MIN_PROBABILITY_AGAINST_HINT && tag != hint && is_hint_likely)
        {
            return self.by_hint(hint);
        }
        self.language(tag, probability)
    }

    fn by_hint(&self, hint: &str) -> Language {
        let (tag, confidence) = match hint {
            hint if !hint.is_empty() && self.supports(hint) => (hint, HINT_CONFIDENCE),
            _ => ("und", 0.0),
        };
        Language { tag: tag.to_owned(), confidence, supported: true }
    }

    fn supports(&self, tag: &str) -> bool {
        self.supported.is_empty() || self.is_listed(tag)
    }

    fn is_listed(&self, tag: &str) -> bool {
        self.supported.iter().any(|known| known == tag)
    }

    fn language(&self, tag: &str, confidence: f32) -> Language {
        let confidence = confidence.clamp(0.0, 1.0);
        Language { tag: tag.to_owned(), confidence, supported: self.supports(tag) }
    }
}

/// Returns the letters that a text needs before it is believed to be in a known language without support.
fn letters_to_refuse(tag: &str, candidates: usize) -> usize {
    match tag {
        "ja" | "zh" | "ko" => 2,
        _ if candidates == 1 => MIN_LETTERS,
        _ => MIN_LETTERS_TO_REFUSE,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a value in [0, 1]")]
fn confidence_of(confidence: f64) -> f32 {
    confidence as f32
}

#[cfg(test)]
mod tests;
