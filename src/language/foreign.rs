//! Signs of languages that the n-grams don't know: letters and words that none of the known languages uses.
//!
//! They are there because the library alone either misses every fourth of such messages or refuses one in fifty of the
//! known ones: `models/language/README.md` has the figures.

use whatlang::{Detector, Lang};

use super::letters::LetterCounts;
use super::ngrams::{LANGUAGES, hash_of};
use super::tags::tag_of;

/// Languages of the library that customers of shops hardly write, but that it takes Dutch, and Japanese and Arabic in
/// Latin letters, for.
const MISTAKEN: [Lang; 7] =
    [Lang::Afr, Lang::Aka, Lang::Epo, Lang::Jav, Lang::Lat, Lang::Sna, Lang::Zul];

/// Letters that a text needs before it can be in a language that the n-grams don't know.
const MIN_LETTERS: usize = 12;

/// Letters that a text needs before the library is believed alone.
const MIN_LETTERS_FOR_LIBRARY: usize = 24;

/// Confidence from which the library is believed alone.
const MIN_LIBRARY_CONFIDENCE: f64 = 0.4;

/// Words of another language that a text needs; fewer of them are names, quotations or slips.
const MIN_WORDS: usize = 2;

/// One word in so many has to be of another language: mixed messages stay with the language of most of their words.
const WORDS_PER_FOREIGN_WORD: usize = 10;

/// One word in so many has to have letters that no known language uses; in German, they are in the names of people.
const WORDS_PER_WORD_WITH_FOREIGN_LETTER: usize = 3;

/// Probability from which the n-grams are believed against the library.
const MAX_PROBABILITY: f32 = 0.99;

/// One letter in so many of the Arabic script has to be Persian or Urdu; Arabic borrows some.
const ARABIC_LETTERS_PER_FOREIGN_LETTER: usize = 12;

/// Room for the votes of the languages in `foreign-words.txt`.
const VOTED: usize = 40;

/// Signs of other languages in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signs {
    words: usize,
    /// Words that are frequent in other languages.
    foreign_words: usize,
    /// How many of them each language has, in the order of `foreign-words.txt`.
    votes: [u16; VOTED],
    /// Words with Latin letters that no known language uses.
    latin_words: usize,
    /// Such letters of the Cyrillic and Arabic scripts.
    cyrillic: usize,
    arabic: usize,
}

/// Finds signs of languages that the n-grams don't know.
#[derive(Clone, Debug)]
pub(super) struct ForeignLanguages {
    /// Tags of the languages with words.
    tags: Vec<&'static str>,
    /// Hash of each frequent word with the place of its language in `tags`, sorted.
    words: Vec<(u64, usize)>,
    /// Tells all languages apart.
    library: Detector,
    /// Tells those apart that the n-grams don't know.
    names: Detector,
}

impl ForeignLanguages {
    pub(super) fn new() -> Self {
        let lines = include_str!("foreign-words.txt").lines().filter(|line| !line.starts_with('#'));
        let (mut tags, mut words) = (Vec::new(), Vec::new());
        for (language, (tag, listed)) in lines.filter_map(|line| line.split_once(": ")).enumerate()
        {
            tags.push(tag);
            words.extend(listed.split(' ').map(|word| {
                (hash_of([' '].into_iter().chain(word.chars()).chain([' '])), language)
            }));
        }
        words.sort_unstable();
        let unknown =
            Lang::all().iter().copied().filter(|lang| !is_known(*lang) && !MISTAKEN.contains(lang));
        Self {
            tags,
            words,
            library: Detector::with_denylist(MISTAKEN.to_vec()),
            names: Detector::with_allowlist(unknown.collect()),
        }
    }

    /// Counts the signs in a word, given in lower case with a space before and after it.
    pub(super) fn read(&self, word: &[char], signs: &mut Signs) {
        signs.words += 1;
        let hash = hash_of(word.iter().copied());
        let first = self.words.partition_point(|(known, _)| *known < hash);
        let languages = self.words.iter().skip(first).take_while(|(known, _)| *known == hash);
        let mut is_listed = false;
        for (_, language) in languages {
            is_listed = true;
            if let Some(votes) = signs.votes.get_mut(*language) {
                *votes += 1;
            }
        }
        signs.foreign_words += usize::from(is_listed);
        signs.latin_words += usize::from(word.iter().any(|letter| is_foreign_latin(*letter)));
        let followers = word.iter().copied().skip(1);
        for (character, follower) in word.iter().copied().zip(followers) {
            signs.cyrillic += usize::from(is_foreign_cyrillic(character, follower));
            signs.arabic += usize::from(is_foreign_arabic(character));
        }
    }

    /// Returns the language of a text if it is one that the n-grams don't know.
    ///
    /// `probability` is that of the likeliest known language of the same script. Where several languages are as likely,
    /// one that `is_preferred` is named.
    pub(super) fn identify(
        &self,
        sample: &str,
        letters: &LetterCounts,
        signs: &Signs,
        probability: f32,
        is_preferred: impl Fn(&str) -> bool,
    ) -> Option<(&'static str, f64)> {
        let total = letters.total();
        let is_shown = signs.shown_by_letters(letters)
            || (total >= MIN_LETTERS && signs.shown_by_words())
            || (total >= MIN_LETTERS
                && probability < MAX_PROBABILITY
                && self.library_agrees(sample, letters, signs));
        is_shown.then(|| self.name(sample, signs, is_preferred))
    }

    /// Tells whether whatlang is for a language that the n-grams don't know, and believed.
    fn library_agrees(&self, sample: &str, letters: &LetterCounts, signs: &Signs) -> bool {
        // Outside of the Latin script nothing but whatlang would speak against the one known language, and it takes every
        // thirtieth long Russian message for another language.
        let total = letters.total();
        let is_long = total >= MIN_LETTERS_FOR_LIBRARY && letters.latin * 2 >= total;
        // A single word with a letter of another language may be a name.
        let has_sign = signs.foreign_words > 0 || signs.latin_words >= MIN_WORDS;
        if !has_sign && !is_long {
            return false;
        }
        self.library.detect(sample).is_some_and(|info| {
            !is_known(info.lang()) && (has_sign || info.confidence() >= MIN_LIBRARY_CONFIDENCE)
        })
    }

    /// Names the likeliest of the languages that the n-grams don't know: the one with most frequent words or, if there
    /// are several, whatlang's choice.
    fn name(
        &self,
        sample: &str,
        signs: &Signs,
        is_preferred: impl Fn(&str) -> bool,
    ) -> (&'static str, f64) {
        let most = signs.votes.iter().copied().max().unwrap_or_default();
        let mut voted = self.tags.iter().copied().zip(signs.votes);
        let mut leading = voted.clone().filter(|(_, votes)| most > 0 && *votes == most);
        let by_library =
            self.names.detect(sample).map(|info| (tag_of(info.lang()), info.confidence()));
        let confidence = by_library.map_or(0.0, |(_, confidence)| confidence);
        if let Some((tag, _)) = leading.clone().find(|(tag, _)| is_preferred(tag)) {
            return (tag, confidence);
        }
        let has_choice = by_library.is_some_and(|(tag, _)| voted.any(|vote| vote == (tag, most)));
        match leading.next() {
            Some((tag, _)) if most >= 2 && !has_choice => (tag, confidence),
            _ => by_library.unwrap_or(("und", 0.0)),
        }
    }
}

impl Default for Signs {
    fn default() -> Self {
        Self {
            words: 0,
            foreign_words: 0,
            votes: [0; VOTED],
            latin_words: 0,
            cyrillic: 0,
            arabic: 0,
        }
    }
}

impl Signs {
    /// Tells whether the letters alone show another language.
    fn shown_by_letters(&self, letters: &LetterCounts) -> bool {
        (self.cyrillic > 0 && letters.cyrillic > letters.latin)
            || (self.arabic >= 2
                && self.arabic * ARABIC_LETTERS_PER_FOREIGN_LETTER >= letters.arabic)
            || (self.latin_words >= MIN_WORDS
                && self.latin_words * WORDS_PER_WORD_WITH_FOREIGN_LETTER >= self.words)
    }

    /// Tells whether the words alone show another language.
    fn shown_by_words(&self) -> bool {
        self.foreign_words >= MIN_WORDS && self.foreign_words * WORDS_PER_FOREIGN_WORD >= self.words
    }
}

/// Tells whether the n-grams know a language.
pub(super) fn is_known(lang: Lang) -> bool {
    LANGUAGES.contains(&tag_of(lang))
}

/// Letters of Czech, Slovak, Hungarian, Romanian, Croatian, Danish, the Baltic languages, Vietnamese and others that are
/// in no word of English, German, Turkish, French, Spanish, Italian, Portuguese, Dutch, Polish and Swedish.
fn is_foreign_latin(character: char) -> bool {
    matches!(
        character,
        'ā' | 'ă'
            | 'č'
            | 'ď'
            | 'đ'
            | 'ē'
            | 'ě'
            | 'ė'
            | 'ģ'
            | 'ī'
            | 'į'
            | 'ķ'
            | 'ļ'
            | 'ľ'
            | 'ĺ'
            | 'ņ'
            | 'ň'
            | 'ő'
            | 'ơ'
            | 'ø'
            | 'æ'
            | 'ř'
            | 'ŕ'
            | 'š'
            | 'ș'
            | 'ț'
            | 'ť'
            | 'ů'
            | 'ű'
            | 'ų'
            | 'ư'
            | 'ž'
            | 'ə'
            | 'ð'
            | 'þ'
            | '\u{1ea0}'..='\u{1ef9}'
    )
}

/// Letters of Ukrainian, Belarusian, Serbian, Macedonian and Kazakh, and the Bulgarian use of ъ: Russian writes it
/// before vowels only.
fn is_foreign_cyrillic(character: char, follower: char) -> bool {
    match character {
        'і' | 'ї' | 'є' | 'ґ' | 'ў' | 'ђ' | 'ј' | 'љ' | 'њ' | 'ћ' | 'џ' | 'ѓ' | 'ќ' | 'ѕ' | 'ә'
        | 'ғ' | 'қ' | 'ң' | 'ө' | 'ұ' | 'ү' | 'һ' => true,
        'ъ' => !matches!(follower, 'е' | 'ё' | 'ю' | 'я' | 'э' | 'и' | ' '),
        _ => false,
    }
}

/// Letters of Persian and Urdu that Arabic does not have.
fn is_foreign_arabic(character: char) -> bool {
    matches!(
        character,
        'پ' | 'چ' | 'ژ' | 'گ' | 'ک' | 'ی' | 'ٹ' | 'ڈ' | 'ڑ' | 'ں' | 'ہ' | 'ھ' | 'ے' | 'ۀ' | 'ۓ'
    )
}
