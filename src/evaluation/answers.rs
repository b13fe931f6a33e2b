//! What a model said about a message, as far as it is judged.

use super::vocabulary::Vocabulary;
use crate::labels::LabelId;
use crate::scoring::{AbstainReason, Prediction};

/// What was decided about a message: all that is needed to tell right from wrong.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Decision {
    /// The leading intent, even where the service abstains; `None` when the text was empty.
    pub primary: Option<LabelId>,
    /// Intents at or over their thresholds, sorted.
    pub intents: Vec<LabelId>,
    /// The most probable step of the mood; `None` when the text was empty or the model has no such head.
    pub polarity: Option<usize>,
    /// Flags at or over their thresholds, sorted.
    pub flags: Vec<LabelId>,
}

impl Decision {
    /// Reads off what was decided.
    #[must_use]
    pub fn of(prediction: &Prediction) -> Self {
        let present = prediction.intents.iter().filter(|intent| intent.presence.above());
        let mut intents: Vec<LabelId> = present.map(|intent| intent.presence.id).collect();
        intents.sort_unstable();
        let raised = prediction.flags.iter().filter(|flag| flag.above());
        let mut flags: Vec<LabelId> = raised.map(|flag| flag.id).collect();
        flags.sort_unstable();
        Self {
            primary: prediction.intents.first().map(|intent| intent.presence.id),
            intents,
            polarity: prediction.polarity.as_ref().map(|polarity| polarity.label.0),
            flags,
        }
    }
}

/// What a model said about a message. Holds the probabilities, which is what memory goes to: 4 bytes for each output.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// What was decided.
    pub decision: Decision,
    /// Probability that each intent leads, in label order; empty when the text was empty.
    pub leading: Box<[f32]>,
    /// Probability that each intent is present, in label order; empty when the text was empty.
    pub presence: Box<[f32]>,
    /// Probability of each flag, in label order; empty when the text was empty or the model has no such head.
    pub flags: Box<[f32]>,
    /// Why the service declined, if it did.
    pub abstention: Option<AbstainReason>,
    /// Position of the group that the service fell back to, if it did.
    pub group_fallback: Option<usize>,
    /// Tokens that the model read, special tokens included.
    pub tokens: usize,
    /// Language as it was told from the text, a BCP-47 tag.
    pub language: Box<str>,
}

impl Answer {
    /// Keeps what is judged of a prediction.
    #[must_use]
    pub fn of(
        prediction: &Prediction,
        vocabulary: &Vocabulary,
        tokens: usize,
        language: &str,
    ) -> Self {
        let mut ranked: Vec<_> = prediction.intents.iter().collect();
        ranked.sort_unstable_by_key(|intent| intent.presence.id);
        let group = |name: &str| vocabulary.groups.iter().position(|group| group == name);
        Self {
            decision: Decision::of(prediction),
            leading: ranked.iter().map(|intent| intent.leading).collect(),
            presence: ranked.iter().map(|intent| intent.presence.probability).collect(),
            flags: prediction.flags.iter().map(|flag| flag.probability).collect(),
            abstention: prediction.abstention.as_ref().map(|abstention| abstention.reason),
            group_fallback: prediction.group_fallback.as_ref().and_then(|found| group(&found.name)),
            tokens,
            language: language.into(),
        }
    }

    /// Returns the probability of the leading intent; 0 without one.
    #[must_use]
    pub fn confidence(&self) -> f32 {
        self.decision.primary.map_or(0.0, |primary| self.leads(primary))
    }

    /// Returns the probability that an intent leads; 0 past the end.
    #[must_use]
    pub fn leads(&self, intent: LabelId) -> f32 {
        self.leading.get(intent.0).copied().unwrap_or_default()
    }

    /// Tells whether an intent is among the first `count` by the probability to lead. Of equals, the earlier label
    /// wins.
    #[must_use]
    pub fn is_among_first(&self, intent: LabelId, count: usize) -> bool {
        let Some(own) = self.leading.get(intent.0) else { return false };
        let before = self.leading.iter().enumerate().filter(|(index, other)| {
            let order = other.total_cmp(own);
            order.is_gt() || (order.is_eq() && *index < intent.0)
        });
        before.count() < count
    }
}

#[cfg(test)]
mod tests {
    use super::super::vocabulary::tests::vocabulary;
    use super::*;
    use crate::labels::ScoredLabel;
    use crate::scoring::{GroupScore, RankedIntent};

    fn ranked(id: usize, leading: f32, probability: f32) -> RankedIntent {
        let presence = ScoredLabel { id: LabelId(id), probability, threshold: 0.5 };
        RankedIntent { presence, leading }
    }

    #[test]
    fn answer_puts_ranked_intents_back_into_label_order() {
        let prediction = Prediction {
            intents: vec![ranked(2, 0.6, 0.7), ranked(0, 0.3, 0.9), ranked(1, 0.1, 0.2)],
            group_fallback: Some(GroupScore { name: "b".into(), probability: 0.6 }),
            flags: vec![ScoredLabel { id: LabelId(0), probability: 0.5, threshold: 0.5 }],
            ..Prediction::default()
        };

        let answer = Answer::of(&prediction, &vocabulary(&["a.x", "a.y", "b.z"], &["f"]), 9, "en");

        assert_eq!(&*answer.leading, [0.3, 0.1, 0.6]);
        assert_eq!(&*answer.presence, [0.9, 0.2, 0.7]);
        assert_eq!(answer.decision.primary, Some(LabelId(2)));
        assert_eq!(answer.decision.intents, [LabelId(0), LabelId(2)]);
        assert_eq!(answer.decision.flags, [LabelId(0)], "at the threshold counts");
        assert_eq!((answer.group_fallback, answer.tokens), (Some(1), 9));
        assert!((answer.confidence() - 0.6).abs() < 1e-6);
    }

    #[test]
    fn ties_are_ranked_by_label_order() {
        let answer = Answer { leading: [0.2, 0.4, 0.2, 0.2].into(), ..Answer::default() };

        assert!(answer.is_among_first(LabelId(1), 1));
        assert!(answer.is_among_first(LabelId(0), 2) && !answer.is_among_first(LabelId(2), 2));
        assert!(!answer.is_among_first(LabelId(4), 3), "past the end");
    }

    #[test]
    fn empty_text_gives_nothing() {
        let answer = Answer::of(&Prediction::default(), &vocabulary(&["a"], &[]), 0, "und");

        assert_eq!(answer.decision, Decision::default());
        assert!(answer.confidence().abs() < f32::EPSILON);
        assert!(!answer.is_among_first(LabelId(0), 3));
    }
}
