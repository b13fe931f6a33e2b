//! The words that carried an answer, for people and programs.

use serde::Serialize;

use super::{Sent, excerpt, field_name, name, rounded};
use crate::explanation::{
    Contribution, Explained, Explanation, ExplanationStatus, LabelExplanation,
};
use crate::labels::HeadName;
use crate::message::MessageField;
use crate::triage::Triage;

/// Words that a table shows for each label.
const SHOWN: usize = 4;

/// An explanation as JSON. Words are not repeated: they stand in the message.
#[derive(Serialize)]
pub(super) struct ExplanationLine<'a> {
    status: &'static str,
    word_count: usize,
    variant_count: usize,
    labels: Vec<LabelLine<'a>>,
}

#[derive(Serialize)]
struct LabelLine<'a> {
    part: &'static str,
    name: &'a str,
    words: Vec<WordLine>,
}

#[derive(Serialize)]
struct WordLine {
    field: &'static str,
    start: usize,
    end: usize,
    word_count: usize,
    log_odds_drop: f64,
    probability_drop: f64,
}

impl<'a> ExplanationLine<'a> {
    /// Shows the explanation of a result, if there is one.
    pub(super) fn of(triage: &'a Triage) -> Option<Self> {
        let explanation = triage.explanation.as_ref()?;
        let label = |explained: &LabelExplanation| LabelLine {
            part: explained.explained.as_str(),
            name: label_name(triage, explained),
            words: explained.words.iter().map(word_line).collect(),
        };
        Some(Self {
            status: explanation.status.as_str(),
            word_count: explanation.words,
            variant_count: explanation.variants,
            labels: explanation.labels.iter().map(label).collect(),
        })
    }
}

fn word_line(word: &Contribution) -> WordLine {
    WordLine {
        field: field_name(word.place.field),
        start: word.place.start,
        end: word.place.end,
        word_count: word.words,
        log_odds_drop: rounded(word.log_odds_drop),
        probability_drop: rounded(word.probability_drop),
    }
}

fn label_name<'a>(triage: &'a Triage, explained: &LabelExplanation) -> &'a str {
    let scorer = triage.model.scorer();
    let labels = match explained.explained {
        Explained::PrimaryIntent | Explained::Intent => Some(scorer.intents()),
        Explained::Polarity => scorer.labels(HeadName::Polarity),
        Explained::Flag => scorer.labels(HeadName::Flags),
    };
    name(labels, explained.label)
}

/// Says in a few lines which words carried what, each with the log-odds that it brought.
///
/// That an intent is present is left out where it leads: mostly the same words say both.
pub(super) fn summary(triage: &Triage, sent: &Sent) -> String {
    let Some(explanation) = &triage.explanation else { return String::new() };
    let leading = |other: &LabelExplanation| {
        explanation.labels.iter().any(|known| {
            known.explained == Explained::PrimaryIntent
                && other.explained == Explained::Intent
                && known.label == other.label
        })
    };
    let shown = explanation.labels.iter().filter(|explained| !leading(explained));
    let mut lines: Vec<String> = shown
        .map(|explained| {
            let words: Vec<String> =
                explained.words.iter().take(SHOWN).map(|word| shown_word(word, sent)).collect();
            let words =
                if words.is_empty() { "no single word".to_owned() } else { words.join(", ") };
            format!("{}: {words}", label_name(triage, explained))
        })
        .collect();
    lines.extend(remark(explanation));
    lines.join("\n")
}

fn shown_word(word: &Contribution, sent: &Sent) -> String {
    let field = match word.place.field {
        MessageField::Subject => &sent.subject,
        MessageField::Text => &sent.text,
    };
    let length = word.place.end.saturating_sub(word.place.start);
    let text: String = field.chars().skip(word.place.start).take(length).collect();
    format!("{} {:+.1}", excerpt(&text), word.log_odds_drop)
}

/// Says what an explanation lacks.
fn remark(explanation: &Explanation) -> Option<String> {
    match explanation.status {
        ExplanationStatus::Complete => None,
        ExplanationStatus::PartialBudget
        | ExplanationStatus::PartialDeadline
        | ExplanationStatus::PartialOverload
        | ExplanationStatus::SkippedDeadline
        | ExplanationStatus::SkippedOverload
        | ExplanationStatus::SkippedDisabled
        | ExplanationStatus::Failed => Some(format!("({})", explanation.status.as_str())),
    }
}
