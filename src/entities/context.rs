//! Words around a number that tell what it is.

mod carriers;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use serde::Deserialize;

use self::carriers::CARRIERS;
use super::folding::{FoldedText, Folding};

/// The words of all languages.
const WORDS: &str = include_str!("context/words.toml");

/// Signs that mean "number" in every language.
const NUMBER_SIGNS: [&str; 5] = ["#", "№", "nº", "n°", "n.º"];

/// Letters of a word that is short enough to mean something else in another language.
const SHORT_WORD_LETTERS: usize = 4;

/// Arabic letters that are written together with the word that follows.
const ARABIC_PROCLITICS: &str = "والبكلف";

/// Most letters that stand before an Arabic word in one written word: وبال.
const MAX_PROCLITICS: usize = 4;

/// What a word announces.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Topic {
    /// An order number.
    Order,
    /// A tracking number.
    Tracking,
    /// A carrier, by the name that the `carrier` attribute has for it.
    Carrier(&'static str),
    /// An invoice number.
    Invoice,
    /// An article number.
    Article,
    /// A promotion code.
    Promotion,
    /// A postal code.
    Postal,
    /// A place that things are sent to.
    Address,
    /// A phone number.
    Phone,
    /// A bank account or payment card.
    Account,
    /// A number that is none of these.
    Unrelated,
    /// A number of some kind.
    Number,
    /// A code of some kind.
    Code,
}

/// A word with a topic, found in a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Hit {
    /// Where it stands in the folded text, with its ending.
    pub(super) range: Range<usize>,
    /// What it announces.
    pub(super) topic: Topic,
}

/// One meaning of a word.
#[derive(Clone, Debug)]
struct Meaning {
    topic: Topic,
    /// Language, or none where it means this everywhere.
    language: Option<Arc<str>>,
    /// Any ending may follow.
    open: bool,
}

/// The words of one language; the file says what each list is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    order: Vec<String>,
    tracking: Vec<String>,
    invoice: Vec<String>,
    article: Vec<String>,
    promotion: Vec<String>,
    postal: Vec<String>,
    address: Vec<String>,
    phone: Vec<String>,
    account: Vec<String>,
    unrelated: Vec<String>,
    number: Vec<String>,
    code: Vec<String>,
}

#[expect(clippy::expect_used, reason = "the file is a constant; every test reads it")]
fn words() -> BTreeMap<String, Words> {
    toml::from_str(WORDS).expect("the word lists are well-formed")
}

/// Finds words with topics.
#[derive(Debug)]
pub(super) struct ContextFinder {
    automaton: AhoCorasick,
    /// Meanings of each pattern of the automaton.
    meanings: Vec<Vec<Meaning>>,
}

impl ContextFinder {
    /// Prepares the words of all languages.
    pub(super) fn new(folding: &Folding) -> Self {
        let mut patterns = Patterns { folding, places: HashMap::new(), meanings: Vec::new() };
        for sign in NUMBER_SIGNS {
            patterns.add(sign, Topic::Number, None);
        }
        for (name, carrier) in CARRIERS {
            patterns.add(name, Topic::Carrier(carrier), None);
        }
        for (language, words) in words() {
            patterns.add_language(&language.into(), &words);
        }
        patterns.inherit();
        let mut words: Vec<(String, usize)> = patterns.places.into_iter().collect();
        words.sort_by_key(|(_, place)| *place);
        let automaton = build(words.into_iter().map(|(word, _)| word).collect());
        Self { automaton, meanings: patterns.meanings }
    }

    /// Returns the words with topics, in the order of the text, without overlap.
    pub(super) fn hits(&self, text: &FoldedText<'_>, language: &str) -> Vec<Hit> {
        let mut hits = Vec::new();
        for found in self.automaton.find_iter(text.as_str()) {
            if !begins_word(text, found.start()) {
                continue;
            }
            let Some(meanings) = self.meanings.get(found.pattern().as_usize()) else { continue };
            let end = word_end(text, found.end());
            let is_whole = end == found.end();
            let fits = |meaning: &&Meaning| is_whole || meaning.open;
            let own = meanings.iter().filter(fits).find(|meaning| meaning.is_of(language));
            let is_short = found.len() < SHORT_WORD_LETTERS && text.slice(found.range()).is_ascii();
            let meaning = match own {
                None if is_short && language != "und" => None,
                // Endings are those of a language; in another one they make another word: order, ordered.
                None if is_whole => meanings.iter().find(fits),
                own => own,
            };
            if let Some(meaning) = meaning {
                hits.push(Hit { range: found.start()..end, topic: meaning.topic });
            }
        }
        hits
    }
}

impl Meaning {
    fn is_of(&self, language: &str) -> bool {
        self.language.as_deref().is_none_or(|own| own == language)
    }
}

/// Collects words; the same word of two languages is one pattern with two meanings.
struct Patterns<'f> {
    folding: &'f Folding,
    places: HashMap<String, usize>,
    meanings: Vec<Vec<Meaning>>,
}

impl Patterns<'_> {
    fn add_language(&mut self, language: &Arc<str>, words: &Words) {
        let topics = [
            (&words.order, Topic::Order),
            (&words.tracking, Topic::Tracking),
            (&words.invoice, Topic::Invoice),
            (&words.article, Topic::Article),
            (&words.promotion, Topic::Promotion),
            (&words.postal, Topic::Postal),
            (&words.address, Topic::Address),
            (&words.phone, Topic::Phone),
            (&words.account, Topic::Account),
            (&words.unrelated, Topic::Unrelated),
            (&words.number, Topic::Number),
            (&words.code, Topic::Code),
        ];
        for (entries, topic) in topics {
            for entry in entries {
                self.add(entry, topic, Some(language.clone()));
            }
        }
    }

    /// Gives each word the open meanings of its beginnings: the automaton finds only the longest word, `kodu`, where a
    /// Turkish `kod*` would fit as well.
    fn inherit(&mut self) {
        let own = self.meanings.clone();
        for (word, place) in &self.places {
            let beginnings = word.char_indices().rev().filter_map(|(end, _)| word.get(..end));
            let inherited = beginnings
                .filter_map(|beginning| self.places.get(beginning))
                .filter_map(|other| own.get(*other))
                .flat_map(|meanings| meanings.iter().filter(|meaning| meaning.open).cloned());
            if let Some(meanings) = self.meanings.get_mut(*place) {
                meanings.extend(inherited);
            }
        }
    }

    fn add(&mut self, entry: &str, topic: Topic, language: Option<Arc<str>>) {
        let open = entry.ends_with('*');
        let word = self.folding.fold_word(entry.trim_end_matches('*'));
        let place = *self.places.entry(word).or_insert_with(|| {
            self.meanings.push(Vec::new());
            self.meanings.len() - 1
        });
        if let Some(meanings) = self.meanings.get_mut(place) {
            meanings.push(Meaning { topic, language, open });
        }
    }
}

#[expect(clippy::expect_used, reason = "the patterns are constants; every test builds them")]
fn build(words: Vec<String>) -> AhoCorasick {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .build(words)
        .expect("the word lists fit an automaton")
}

/// How a script separates words.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Writing {
    Latin,
    Cyrillic,
    Arabic,
    /// No letter, or a script that does not separate words.
    Unseparated,
}

fn writing(character: char) -> Writing {
    match character {
        'a'..='z' | 'ß' | 'æ' | 'œ' => Writing::Latin,
        '\u{0400}'..='\u{04FF}' => Writing::Cyrillic,
        '\u{0621}'..='\u{064A}' => Writing::Arabic,
        _ => Writing::Unseparated,
    }
}

/// Tells whether a word can begin at a place.
fn begins_word(text: &FoldedText<'_>, start: usize) -> bool {
    let first = text.char_at(start).map_or(Writing::Unseparated, writing);
    let before = text.char_before(start).map_or(Writing::Unseparated, writing);
    match first {
        Writing::Unseparated => true,
        Writing::Arabic => only_proclitics_before(text, start),
        Writing::Latin | Writing::Cyrillic => before != first,
    }
}

fn only_proclitics_before(text: &FoldedText<'_>, start: usize) -> bool {
    let before = text.slice(0..start);
    let mut letters = before.chars().rev().take_while(|letter| writing(*letter) == Writing::Arabic);
    let proclitics =
        letters.by_ref().take(MAX_PROCLITICS).all(|letter| ARABIC_PROCLITICS.contains(letter));
    proclitics && letters.next().is_none()
}

/// Returns where the word ends whose first part ends at `end`.
fn word_end(text: &FoldedText<'_>, end: usize) -> usize {
    let script = text.char_before(end).map_or(Writing::Unseparated, writing);
    if script == Writing::Unseparated {
        return end;
    }
    let rest = text.slice(end..text.as_str().len());
    let ending = rest.chars().take_while(|letter| writing(*letter) == script);
    end + ending.map(char::len_utf8).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(text: &str, language: &str) -> Vec<Topic> {
        let folding = Folding::new();
        let finder = ContextFinder::new(&folding);
        let folded = folding.fold(text);
        finder.hits(&folded, language).into_iter().map(|hit| hit.topic).collect()
    }

    #[test]
    fn the_longest_entry_counts() {
        assert_eq!(topics("item code", "en"), [Topic::Article]);
        assert_eq!(topics("code", "en"), [Topic::Code]);
    }

    #[test]
    fn endings_match_only_where_the_table_allows_them() {
        assert_eq!(topics("zamówieniem", "pl"), [Topic::Order]);
        assert_eq!(topics("orderly", "en"), []);
    }

    #[test]
    fn a_word_means_what_it_means_in_the_language_of_the_text() {
        assert_eq!(topics("ref", "es"), [Topic::Article]);
        assert_eq!(topics("bel", "nl"), [Topic::Phone]);
        assert_eq!(topics("bel", "en"), []);
    }

    #[test]
    fn a_longer_word_of_another_language_hides_nothing() {
        assert_eq!(topics("kodunu", "tr"), [Topic::Code]);
    }

    #[test]
    fn arabic_words_match_behind_their_proclitics() {
        assert_eq!(topics("وبالطلب", "ar"), [Topic::Order]);
        assert_eq!(topics("مطلب", "ar"), []);
    }

    #[test]
    fn words_of_unseparated_scripts_match_anywhere() {
        assert_eq!(topics("您的订单号是", "zh"), [Topic::Order]);
    }
}
