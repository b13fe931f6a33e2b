//! Tells whether a sentence speaks of what is over or of what is to come: "Friday" alone does not say which Friday.

use std::collections::HashMap;

use super::words::Words;
use crate::entities::folded::{FoldedText, fold_word};
use crate::entities::lexicon::is_letter;

/// Words of a language that show the tense.
#[derive(Debug)]
pub(super) struct Tense {
    words: HashMap<String, f32>,
    endings: Vec<(String, f32)>,
    /// Words are looked for anywhere, as nothing separates them.
    unspaced: bool,
}

/// Bytes that are looked at on either side; bounds the work for each weekday.
const WINDOW: usize = 160;
/// Letters of the shortest word that can be an inflected verb.
const SHORTEST_VERB: usize = 4;

impl Tense {
    pub(super) fn of(words: &Words) -> Self {
        let forms =
            |list: &'static str| list.split('|').filter(|form| !form.is_empty()).map(fold_word);
        let mut weights = HashMap::new();
        weights.extend(forms(words.future).map(|word| (word, -1.0)));
        weights.extend(forms(words.past).map(|word| (word, 1.0)));
        let past = forms(words.past_endings).map(|ending| (ending, 1.0));
        let future = forms(words.future_endings).map(|ending| (ending, -1.0));
        let mut endings: Vec<_> = past.chain(future).collect();
        // The longest ending decides: "abilir" before "ir".
        endings.sort_by_key(|(ending, _)| std::cmp::Reverse(ending.len()));
        Self { words: weights, endings, unspaced: words.unspaced }
    }

    /// Positive for the past, negative for the future, near 0 when the sentence does not tell.
    pub(super) fn of_sentence(&self, text: &FoldedText, start: usize, end: usize) -> f32 {
        let before = sentence_end(text, start);
        let after = sentence_start(text, end);
        if self.unspaced { self.in_unspaced(before, after) } else { self.in_words(before, after) }
    }

    fn in_words(&self, before: &str, after: &str) -> f32 {
        let not_letter = |character: char| !is_letter(character) && character != '\'';
        let mut score = 0.0;
        let mut distance = 1.0_f32;
        for word in before.rsplit(not_letter).filter(|word| !word.is_empty()) {
            score += self.weight(word) / distance;
            distance += 1.0;
        }
        distance = 1.5;
        for word in after.split(not_letter).filter(|word| !word.is_empty()) {
            score += self.weight(word) / distance;
            distance += 1.0;
        }
        score
    }

    fn weight(&self, word: &str) -> f32 {
        if let Some(weight) = self.words.get(word) {
            return *weight;
        }
        if word.chars().take(SHORTEST_VERB).count() < SHORTEST_VERB {
            return 0.0;
        }
        self.endings
            .iter()
            .find(|(ending, _)| word.ends_with(ending.as_str()))
            .map_or(0.0, |(_, weight)| *weight)
    }

    /// Verbs come late in these languages, or carry a particle: the nearest after the day says most.
    fn in_unspaced(&self, before: &str, after: &str) -> f32 {
        let mut score = 0.0;
        for (cue, weight) in &self.words {
            if let Some(at) = after.find(cue.as_str()) {
                score += weight / (1.0 + distance(after, 0, at));
            }
            if let Some(at) = before.rfind(cue.as_str()) {
                score += 0.5 * weight / (1.0 + distance(before, at + cue.len(), before.len()));
            }
        }
        score
    }
}

/// Tens of characters between two places.
fn distance(text: &str, from: usize, to: usize) -> f32 {
    let characters = text.get(from..to).unwrap_or_default().chars().count();
    f32::from(u16::try_from(characters).unwrap_or(u16::MAX)) / 10.0
}

fn ends_sentence(character: char) -> bool {
    matches!(character, '.' | '!' | '?' | '\n' | '。' | '！' | '？' | '؟' | ';' | '…')
}

/// What of the sentence stands before a place.
fn sentence_end(text: &FoldedText, at: usize) -> &str {
    let mut start = at.saturating_sub(WINDOW);
    while !text.as_str().is_char_boundary(start) {
        start += 1;
    }
    let window = text.part(start..at);
    window.rsplit(ends_sentence).next().unwrap_or_default()
}

/// What of the sentence stands after a place.
fn sentence_start(text: &FoldedText, at: usize) -> &str {
    let mut end = text.as_str().len().min(at + WINDOW);
    while !text.as_str().is_char_boundary(end) {
        end -= 1;
    }
    text.part(at..end).split(ends_sentence).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::words::LANGUAGES;
    use super::*;

    fn score(language: &str, text: &str, day: &str) -> f32 {
        let words = LANGUAGES.iter().find(|words| words.language == language).unwrap();
        let folded = FoldedText::of(text);
        let start = folded.as_str().find(&fold_word(day)).unwrap();
        Tense::of(words).of_sentence(&folded, start, start + fold_word(day).len())
    }

    #[test]
    fn past_and_future_sentences_are_told_apart() {
        assert!(score("en", "It arrived broken on Friday.", "Friday") > 0.0);
        assert!(score("en", "I will be home Friday.", "Friday") < 0.0);
        assert!(score("pl", "W sobotę zamówiłam buty", "sobotę") > 0.0);
        assert!(score("zh", "周五买的", "周五") > 0.0);
    }

    #[test]
    fn other_sentences_do_not_count() {
        assert!(score("en", "It arrived. I was out. Will Friday work?", "Friday") < 0.0);
    }
}
