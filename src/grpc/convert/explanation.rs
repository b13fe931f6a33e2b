//! Explanations on the wire. This can't fail.

use super::reply::{message_field, name_of, us};
use crate::explanation::{
    Contribution, Explained, Explanation, ExplanationStatus, LabelExplanation,
};
use crate::grpc::{pb, to_u32};
use crate::labels::HeadName;
use crate::scoring::Scorer;

pub(super) fn explanation(explanation: &Explanation, scorer: &Scorer) -> pb::WordExplanation {
    pb::WordExplanation {
        status: status(explanation.status).into(),
        labels: explanation.labels.iter().map(|explained| label(explained, scorer)).collect(),
        word_count: to_u32(explanation.words),
        variant_count: to_u32(explanation.variants),
        engine_us: us(explanation.engine),
    }
}

fn status(status: ExplanationStatus) -> pb::ExplanationStatus {
    match status {
        ExplanationStatus::Complete => pb::ExplanationStatus::Complete,
        ExplanationStatus::PartialBudget => pb::ExplanationStatus::PartialBudget,
        ExplanationStatus::PartialDeadline => pb::ExplanationStatus::PartialDeadline,
        ExplanationStatus::PartialOverload => pb::ExplanationStatus::PartialOverload,
        ExplanationStatus::SkippedDeadline => pb::ExplanationStatus::SkippedDeadline,
        ExplanationStatus::SkippedOverload => pb::ExplanationStatus::SkippedOverload,
        ExplanationStatus::SkippedDisabled => pb::ExplanationStatus::SkippedDisabled,
        ExplanationStatus::Failed => pb::ExplanationStatus::Failed,
    }
}

fn label(explained: &LabelExplanation, scorer: &Scorer) -> pb::LabelExplanation {
    let (part, labels) = match explained.explained {
        Explained::PrimaryIntent => (pb::ExplainedPart::PrimaryIntent, Some(scorer.intents())),
        Explained::Intent => (pb::ExplainedPart::Intent, Some(scorer.intents())),
        Explained::Polarity => (pb::ExplainedPart::Polarity, scorer.labels(HeadName::Polarity)),
        Explained::Flag => (pb::ExplainedPart::Flag, scorer.labels(HeadName::Flags)),
    };
    pb::LabelExplanation {
        part: part.into(),
        name: labels.map_or_else(String::new, |labels| name_of(labels, explained.label)),
        words: explained.words.iter().map(word).collect(),
    }
}

fn word(word: &Contribution) -> pb::WordContribution {
    pb::WordContribution {
        field: message_field(word.place.field).into(),
        start: to_u32(word.place.start),
        end: to_u32(word.place.end),
        word_count: to_u32(word.words),
        log_odds_drop: word.log_odds_drop,
        probability_drop: word.probability_drop,
    }
}
