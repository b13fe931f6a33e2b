//! Which words carried an answer: leave each out and see by how much the model is less sure (occlusion).
//!
//! Nothing here computes a model: [`words`] finds the words of a text and the tokens of each, [`plan`] says which of them
//! are left out together when there are more than may be tried.

pub mod plan;
pub mod words;

use std::ops::Range;
use std::time::Duration;

use crate::labels::LabelId;
use crate::message::MessageField;
use crate::scoring::LabelStrength;

pub use self::words::Word;

/// Log-odds that a label must lose for a word to count as carrying it.
///
/// Drops of the int8 engine and of the f32 one were 0.09 apart in the mean, 0.29 at most (106 words of 7 messages in 6
/// languages, the model of the program): what is smaller is as likely rounding.
const MIN_DROP: f32 = 0.1;

/// How much of an explanation there is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ExplanationStatus {
    /// Every word was left out once.
    Complete,
    /// There are more words than may be tried: some were left out only together with their neighbours.
    PartialBudget,
    /// Time ran out on the way.
    PartialDeadline,
    /// The server became too full on the way.
    PartialOverload,
    /// Time ran out before anything was tried.
    SkippedDeadline,
    /// The server was too full to try anything.
    SkippedOverload,
    /// The operator has switched explanations off.
    SkippedDisabled,
    /// A fault of the server; the log says more.
    Failed,
}

impl ExplanationStatus {
    /// Returns the status as files spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::PartialBudget => "partial_budget",
            Self::PartialDeadline => "partial_deadline",
            Self::PartialOverload => "partial_overload",
            Self::SkippedDeadline => "skipped_deadline",
            Self::SkippedOverload => "skipped_overload",
            Self::SkippedDisabled => "skipped_disabled",
            Self::Failed => "failed",
        }
    }
}

/// The words that carried what a message was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// How much of it there is.
    pub status: ExplanationStatus,
    /// What is explained, with its words; empty when nothing was tried.
    pub labels: Vec<LabelExplanation>,
    /// Words that the model read.
    pub words: usize,
    /// How often the model computed the message with something left out.
    pub variants: usize,
    /// Time that the engine took for that: of each batch its share by messages.
    pub engine: Duration,
}

impl Explanation {
    /// Makes an explanation that says only why there is none.
    #[must_use]
    pub fn without_words(status: ExplanationStatus) -> Self {
        let (words, variants, engine) = (0, 0, Duration::ZERO);
        Self { status, labels: Vec::new(), words, variants, engine }
    }
}

/// Which part of an answer is explained.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Explained {
    /// That an intent leads.
    PrimaryIntent,
    /// That an intent is present.
    Intent,
    /// The step of the polarity.
    Polarity,
    /// That a flag is set.
    Flag,
}

impl Explained {
    /// Returns the name as files spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PrimaryIntent => "primary_intent",
            Self::Intent => "intent",
            Self::Polarity => "polarity",
            Self::Flag => "flag",
        }
    }
}

/// A label and the words that carried it.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelExplanation {
    /// Which part of the answer.
    pub explained: Explained,
    /// Which label of its head.
    pub label: LabelId,
    /// Its words, the one that carried most first.
    pub words: Vec<Contribution>,
}

/// Where something stands in the message as it was sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// Field that it stands in.
    pub field: MessageField,
    /// First character, in the encoding that the caller chose.
    pub start: usize,
    /// Position after the last character, counted like `start`.
    pub end: usize,
}

/// A word, or a stretch of words, with what is lost without it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contribution {
    /// Where it stands.
    pub place: Place,
    /// Words in it; more than one for a stretch that was left out as a whole.
    pub words: usize,
    /// Probability of the label less that without the word, in [-1, 1].
    pub probability_drop: f32,
    /// Log-odds of the label less those without the word, over 0.
    pub log_odds_drop: f32,
}

/// A stretch of words that was left out, with how sure the model was of each explained label without it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// Positions in the list of words.
    pub words: Range<usize>,
    /// One for each explained label.
    pub without: Vec<LabelStrength>,
}

impl Tried {
    /// Returns the log-odds that label number `index` loses, `whole` being its strength in the whole message.
    #[must_use]
    pub fn log_odds_drop(&self, index: usize, whole: &LabelStrength) -> f32 {
        self.without.get(index).map_or(0.0, |without| whole.log_odds - without.log_odds)
    }
}

/// Returns the words that carried label number `index`, at most `top_k`, the one that carried most first.
///
/// `places` are those of the words, in order. Log-odds rank them: near 0 and 1 a probability hardly moves whatever is left
/// out, and a word would seem to carry nothing just because another says the same.
#[must_use]
pub fn carriers(
    tried: &[Tried],
    index: usize,
    whole: &LabelStrength,
    places: &[Option<Place>],
    top_k: usize,
) -> Vec<Contribution> {
    let mut found: Vec<Contribution> = tried
        .iter()
        .filter_map(|stretch| {
            let log_odds_drop = stretch.log_odds_drop(index, whole);
            let without = stretch.without.get(index)?;
            (log_odds_drop >= MIN_DROP).then_some(())?;
            Some(Contribution {
                place: joined(places.get(stretch.words.clone())?)?,
                words: stretch.words.len(),
                probability_drop: whole.probability - without.probability,
                log_odds_drop,
            })
        })
        .collect();
    // Ties keep the order of the text, so that a reply is the same every time.
    found.sort_by(|a, b| b.log_odds_drop.total_cmp(&a.log_odds_drop));
    found.truncate(top_k);
    found
}

/// Returns the place from the first to the last of some; of those in two fields, the part in the first.
fn joined(places: &[Option<Place>]) -> Option<Place> {
    let mut known = places.iter().flatten();
    let mut whole = *known.next()?;
    for place in known.filter(|place| place.field == whole.field) {
        whole.end = whole.end.max(place.end);
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strength(log_odds: f32) -> LabelStrength {
        LabelStrength { probability: 1.0 / (1.0 + (-log_odds).exp()), log_odds }
    }

    fn place(field: MessageField, start: usize, end: usize) -> Option<Place> {
        Some(Place { field, start, end })
    }

    #[test]
    fn words_are_ranked_by_log_odds_and_those_without_weight_are_left_out() {
        let tried = [(0..1, 2.0), (1..2, 3.99), (2..4, -1.0), (4..5, 5.0), (5..6, 2.0)];
        let tried = tried.map(|(words, without)| Tried { words, without: vec![strength(without)] });
        let places: Vec<Option<Place>> =
            (0..6).map(|at| place(MessageField::Text, 10 * at, 10 * at + 5)).collect();

        let found = carriers(&tried, 0, &strength(4.0), &places, 2);

        let starts: Vec<(usize, usize)> = found.iter().map(|c| (c.place.start, c.words)).collect();
        assert_eq!(starts, [(20, 2), (0, 1)]);
        assert_eq!(found[0].place.end, 35);
        assert!((found[0].log_odds_drop - 5.0).abs() < 1e-6);
        assert!((found[0].probability_drop - 0.713).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn a_stretch_over_both_fields_is_shown_in_the_first() {
        let places =
            [place(MessageField::Subject, 3, 5), None, place(MessageField::Text, 0, 90), None];

        assert_eq!(joined(&places), place(MessageField::Subject, 3, 5));
        assert_eq!(joined(&places[1..2]), None);
    }
}
