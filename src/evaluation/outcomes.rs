//! A model's answer beside what is right.

use super::answers::{Answer, Decision};
use super::records::Case;
use super::vocabulary::{NOTHING_TO_SERVE, OUT_OF_SCOPE, Vocabulary};
use crate::labels::LabelId;

/// Labels of one message, told apart by who names them. All sorted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Marks {
    /// Right and predicted.
    pub both: Box<[LabelId]>,
    /// Predicted, but not right.
    pub only_predicted: Box<[LabelId]>,
    /// Right, but not predicted.
    pub only_gold: Box<[LabelId]>,
}

impl Marks {
    /// Compares two sorted lists.
    #[must_use]
    pub fn of(gold: &[LabelId], predicted: &[LabelId]) -> Self {
        let within = |list: &[LabelId], label: &LabelId| list.binary_search(label).is_ok();
        let only = |list: &[LabelId], other: &[LabelId]| {
            list.iter().filter(|label| !within(other, label)).copied().collect()
        };
        Self {
            both: gold.iter().filter(|label| within(predicted, label)).copied().collect(),
            only_predicted: only(predicted, gold),
            only_gold: only(gold, predicted),
        }
    }
}

/// Step of the mood: what is right, and what was predicted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Steps {
    /// What is right.
    pub gold: usize,
    /// What was predicted; `None` when the text was empty.
    pub predicted: Option<usize>,
}

/// What the decision on a message was worth.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// The leading intent is right.
    pub right: bool,
    /// Intents at their thresholds.
    pub intents: Marks,
    /// The mood; `None` when not labelled or the model has no such head.
    pub polarity: Option<Steps>,
    /// Flags at their thresholds; `None` when not labelled or the model has no such head.
    pub flags: Option<Marks>,
}

impl Verdict {
    /// Judges a decision.
    #[must_use]
    pub fn of(case: &Case, decision: &Decision, vocabulary: &Vocabulary) -> Self {
        let has_polarity = vocabulary.has_polarity;
        let steps = |gold| Steps { gold, predicted: decision.polarity };
        Self {
            right: decision.primary == Some(case.primary),
            intents: Marks::of(&case.intents, &decision.intents),
            polarity: case.polarity.filter(|_| has_polarity).map(steps),
            flags: case.flags.as_ref().map(|gold| Marks::of(gold, &decision.flags)),
        }
    }
}

/// A score for a kind of message, and whether the message is of that kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Detection {
    /// Probability of the kind; 0 when the text was empty.
    pub score: f32,
    /// What is right.
    pub positive: bool,
}

/// All that figures are made of, for one message.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// What the decision was worth.
    pub verdict: Verdict,
    /// The right leading intent is among the first three.
    pub among_first_three: bool,
    /// The leading intent is of the right group.
    pub group_right: bool,
    /// Probability of the leading intent; 0 without one.
    pub confidence: f32,
    /// The service did not abstain.
    pub answered: bool,
    /// Whether the group that the service fell back to is right; `None` when it did not fall back.
    pub fallback_right: Option<bool>,
    /// The language was told as the record names it.
    pub language_right: bool,
    /// Out of scope, by the probability that `other.out_of_scope` leads; `None` when the model has no such label.
    pub out_of_scope: Option<Detection>,
    /// Nothing to serve, by the summed probability that one of [`NOTHING_TO_SERVE`] leads; `None` likewise.
    pub nothing_to_serve: Option<Detection>,
}

impl Outcome {
    /// Judges an answer.
    #[must_use]
    pub fn of(case: &Case, answer: &Answer, vocabulary: &Vocabulary) -> Self {
        let group = vocabulary.group(case.primary);
        let detection = |names: &[&str]| {
            let labels: Vec<LabelId> =
                names.iter().filter_map(|name| vocabulary.intent(name)).collect();
            (!labels.is_empty()).then(|| Detection {
                score: labels.iter().map(|label| answer.leads(*label)).sum(),
                positive: labels.contains(&case.primary),
            })
        };
        Self {
            verdict: Verdict::of(case, &answer.decision, vocabulary),
            among_first_three: answer.is_among_first(case.primary, 3),
            group_right: answer
                .decision
                .primary
                .is_some_and(|primary| vocabulary.group(primary) == group),
            confidence: answer.confidence(),
            answered: answer.abstention.is_none(),
            fallback_right: answer.group_fallback.map(|fallback| fallback == group),
            language_right: same_language(&case.language, &answer.language),
            out_of_scope: detection(&[OUT_OF_SCOPE]),
            nothing_to_serve: detection(&NOTHING_TO_SERVE),
        }
    }
}

/// Compares primary subtags: "pt-BR" is "pt".
fn same_language(one: &str, other: &str) -> bool {
    let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    primary(one) == primary(other)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::vocabulary::tests::vocabulary;
    use super::*;
    use crate::message::Channel;

    /// A labelled message.
    pub(crate) fn case(language: &str, intents: &[usize]) -> Case {
        let mut labels: Vec<LabelId> = intents.iter().copied().map(LabelId).collect();
        let primary = labels[0];
        labels.sort_unstable();
        Case {
            file: 0,
            line: 1,
            language: language.to_owned(),
            channel: Channel::Chat,
            batch: String::new(),
            primary,
            intents: labels,
            polarity: Some(2),
            flags: Some(vec![]),
        }
    }

    /// An answer that gives each intent the probability to lead and be present, and each flag.
    pub(crate) fn answer(leading: &[f32], polarity: usize, flags: &[f32]) -> Answer {
        let above = |values: &[f32]| {
            let over = values.iter().enumerate().filter(|(_, value)| **value >= 0.5);
            over.map(|(index, _)| LabelId(index)).collect::<Vec<_>>()
        };
        let best = (0..leading.len()).max_by(|a, b| leading[*a].total_cmp(&leading[*b]));
        Answer {
            decision: Decision {
                primary: best.map(LabelId),
                intents: above(leading),
                polarity: Some(polarity),
                flags: above(flags),
            },
            leading: leading.into(),
            presence: leading.into(),
            flags: flags.into(),
            tokens: 10,
            language: "en".into(),
            ..Answer::default()
        }
    }

    #[test]
    fn marks_tell_right_from_missed_and_made_up() {
        let labels = |ids: &[usize]| ids.iter().copied().map(LabelId).collect::<Vec<_>>();

        let marks = Marks::of(&labels(&[1, 3, 5]), &labels(&[2, 3]));

        assert_eq!(*marks.both, labels(&[3]));
        assert_eq!(*marks.only_predicted, labels(&[2]));
        assert_eq!(*marks.only_gold, labels(&[1, 5]));
    }

    #[test]
    fn empty_text_is_wrong_and_sure_of_nothing() {
        let vocabulary = vocabulary(&["order.status", OUT_OF_SCOPE], &["angry"]);

        let outcome = Outcome::of(&case("en", &[0]), &Answer::default(), &vocabulary);

        assert!(!outcome.verdict.right && !outcome.among_first_three && !outcome.group_right);
        assert!(outcome.confidence.abs() < f32::EPSILON);
        assert_eq!(outcome.verdict.polarity, Some(Steps { gold: 2, predicted: None }));
        assert_eq!(outcome.verdict.intents.only_gold.len(), 1);
        assert_eq!(outcome.out_of_scope, Some(Detection { score: 0.0, positive: false }));
    }

    #[test]
    fn scores_are_sums_over_the_labels_that_the_model_has() {
        let vocabulary = vocabulary(&["system.spam", "order.status", OUT_OF_SCOPE], &[]);
        let answer = answer(&[0.2, 0.5, 0.3], 2, &[]);

        let outcome = Outcome::of(&case("pt-BR", &[0]), &answer, &vocabulary);

        let (scope, nothing) = (outcome.out_of_scope.unwrap(), outcome.nothing_to_serve.unwrap());
        assert!((scope.score - 0.3).abs() < 1e-6 && !scope.positive);
        assert!((nothing.score - 0.5).abs() < 1e-6 && nothing.positive);
        assert!(same_language("pt-BR", "pt") && !outcome.language_right);
    }
}
