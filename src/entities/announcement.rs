//! What the words before and after a number say that it is.

use super::context::{Hit, Topic};
use super::reading::Reading;

/// How far before a number a word can announce it, in bytes.
const REACH_BEFORE: usize = 96;

/// How far after a number a word can tell what it was, in bytes.
const REACH_AFTER: usize = 40;

/// Most words with topics that are looked at on one side.
const MAX_ANNOUNCEMENTS: usize = 4;

/// Most words with topics, "number" and the like among them, that are passed on one side.
const MAX_HITS: usize = 8;

/// Letters up to which a word before a full stop is taken for an abbreviation.
const ABBREVIATION_LETTERS: usize = 5;

/// A word that tells what a number is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Announcement {
    /// What it says.
    pub(super) topic: Topic,
    /// Words and numbers that stand between it and the number.
    pub(super) words: usize,
    /// Numbers of three digits and more that stand between them.
    pub(super) numbers: usize,
    /// "No.", `#` or the like stands between them.
    pub(super) numbered: bool,
    /// It stands after the number.
    pub(super) after: bool,
}

/// Returns what the words before a place announce, nearest first, as far as the sentence goes.
pub(super) fn before(reading: &Reading<'_>, at: usize) -> Vec<Announcement> {
    let mut announcements = Vec::new();
    let mut cursor = at;
    let mut walk = Walk::default();
    for hit in
        reading.hits_before(at).take(MAX_HITS).take_while(|hit| at - hit.range.end <= REACH_BEFORE)
    {
        let between = reading.text.slice(hit.range.end..cursor);
        if ends_sentence(between, last_word_length(reading.text.slice(hit.range.clone())))
            || announcements.len() == MAX_ANNOUNCEMENTS
        {
            break;
        }
        walk.pass(between);
        cursor = hit.range.start;
        announcements.extend(walk.announce(hit, false));
    }
    announcements
}

/// Returns what the words after a place say, nearest first, as far as the sentence goes.
pub(super) fn after(reading: &Reading<'_>, at: usize) -> Vec<Announcement> {
    let mut announcements = Vec::new();
    let mut cursor = at;
    let mut walk = Walk::default();
    for hit in
        reading.hits_after(at).take(MAX_HITS).take_while(|hit| hit.range.start - at <= REACH_AFTER)
    {
        let between = reading.text.slice(cursor..hit.range.start);
        if ends_sentence(between, usize::MAX) || announcements.len() == MAX_ANNOUNCEMENTS {
            break;
        }
        walk.pass(between);
        cursor = hit.range.end;
        announcements.extend(walk.announce(hit, true));
    }
    announcements
}

/// What has been passed on the way from a number to a word.
#[derive(Default)]
struct Walk {
    words: usize,
    numbers: usize,
    numbered: bool,
}

impl Walk {
    fn pass(&mut self, between: &str) {
        self.words += count_words(between);
        let runs = between.split(|character: char| !character.is_ascii_digit());
        self.numbers += runs.filter(|run| run.len() >= 3).count();
    }

    /// Makes an announcement of a word, or remembers it where it only says "number".
    fn announce(&mut self, hit: &Hit, after: bool) -> Option<Announcement> {
        if hit.topic == Topic::Number {
            self.numbered = true;
            return None;
        }
        let announcement = Announcement {
            topic: hit.topic,
            words: self.words,
            numbers: self.numbers,
            numbered: self.numbered,
            after,
        };
        self.words += 1;
        Some(announcement)
    }
}

/// Returns the length of the last word of a phrase; that of an abbreviation of "number" is short.
fn last_word_length(phrase: &str) -> usize {
    let word = phrase.rsplit([' ', '-', '.']).next().unwrap_or_default();
    if word.ends_with("nr") { "nr".len() } else { word.len() }
}

/// Counts words and numbers; two characters of a script without spaces count as a word, and so does a comma.
fn count_words(text: &str) -> usize {
    let mut words = 0;
    let mut unseparated = 0;
    let mut in_word = false;
    for character in text.chars() {
        let is_unseparated = matches!(character, '\u{2E80}'..='\u{D7FF}');
        unseparated += usize::from(is_unseparated && character.is_alphanumeric());
        let is_part = !is_unseparated && (character.is_alphanumeric() || character == '\'');
        words += usize::from((is_part && !in_word) || matches!(character, ',' | '、' | '，'));
        in_word = is_part;
    }
    words + unseparated / 2
}

/// Tells whether a sentence ends in a stretch that follows a word of `letters` bytes.
pub(super) fn ends_sentence(text: &str, letters: usize) -> bool {
    let mut word = letters;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '!' | '?' | ';' | '\n' | '。' | '؟' | '؛' => return true,
            '.' if word > ABBREVIATION_LETTERS
                && characters.peek().is_none_or(|next| next.is_whitespace()) =>
            {
                return true;
            }
            _ if character.is_alphanumeric() => {
                word = if word == usize::MAX { 1 } else { word + 1 }
            }
            _ => word = 0,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abbreviations_end_no_sentence() {
        assert!(!ends_sentence(". 88120", 5));
        assert!(!ends_sentence(" nr. 88120", 5));
        assert!(ends_sentence(" verschickt. 88120", 5));
        assert!(ends_sentence(" da?\n", 5));
    }

    #[test]
    fn words_numbers_and_commas_count() {
        assert_eq!(count_words(" is the one, 12 "), 5);
        assert_eq!(count_words("これはですね"), 3);
    }
}
