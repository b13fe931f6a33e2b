//! Probabilities to a prediction: ranking, thresholds, fallback to the group, abstention.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::activation::{ScoringError, sigmoid, sigmoid_log_odds, softmax, softmax_log_odds};
use crate::engine::MessageOutput;
use crate::labels::{HeadKind, HeadName, LabelId, LabelSet, ScoredLabel, group_of};
use crate::model::manifest::{AbstentionRules, Head, Manifest};

/// An intent counts as present from here where a model has no thresholds of its own (softmax heads).
const DEFAULT_THRESHOLD: f32 = 0.5;

/// Both sides of the polarity scale must be this probable for a message to be called mixed.
const MIXED_SIDE: f32 = 0.25;

/// What a model says about a message, after calibration and decision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prediction {
    /// Every intent, the primary one first, then by falling probability.
    pub intents: Vec<RankedIntent>,
    /// The group to fall back to, when it is sure and the primary intent is not.
    pub group_fallback: Option<GroupScore>,
    /// Whether to decline, and why.
    pub abstention: Option<Abstention>,
    /// Mood, if the model has that head.
    pub polarity: Option<PolarityPrediction>,
    /// Flags in label order; empty if the model has no such head.
    pub flags: Vec<ScoredLabel>,
}

/// One intent of a prediction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankedIntent {
    /// Probability that the message carries the intent, with its threshold.
    pub presence: ScoredLabel,
    /// Probability that it is the leading intent, in [0, 1].
    pub leading: f32,
}

/// A group of intents with the probability that the leading intent belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupScore {
    /// Name of the group.
    pub name: Arc<str>,
    /// Probability in [0, 1].
    pub probability: f32,
}

/// Mood on an ordered scale.
#[derive(Clone, Debug, PartialEq)]
pub struct PolarityPrediction {
    /// The most probable step.
    pub label: LabelId,
    /// Expected position: -1 for the lowest step, 1 for the highest.
    pub score: f32,
    /// Probability of each step, lowest first; they add up to 1.
    pub probabilities: Vec<f32>,
    /// Both sides of the scale are probable.
    pub mixed: bool,
}

/// How sure a model is of one label.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LabelStrength {
    /// Calibrated probability in [0, 1].
    pub probability: f32,
    /// The same as log-odds, ln(p / (1 - p)), in [-50, 50].
    pub log_odds: f32,
}

/// Declining to decide.
#[derive(Clone, Debug, PartialEq)]
pub struct Abstention {
    /// Why.
    pub reason: AbstainReason,
    /// The figures behind it, in words.
    pub detail: String,
}

/// Why to decline.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AbstainReason {
    /// No intent and no group is probable enough.
    LowConfidence,
    /// Two intents of different groups are about equally probable.
    Ambiguous,
    /// Unlike anything that the model was trained on.
    OutOfDistribution,
    /// A language that the model does not support.
    UnsupportedLanguage,
    /// Nothing to classify.
    Empty,
}

impl AbstainReason {
    /// Every reason.
    pub const ALL: [Self; 5] = [
        Self::LowConfidence,
        Self::Ambiguous,
        Self::OutOfDistribution,
        Self::UnsupportedLanguage,
        Self::Empty,
    ];

    /// Returns the reason as files and policies spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LowConfidence => "low_confidence",
            Self::Ambiguous => "ambiguous",
            Self::OutOfDistribution => "out_of_distribution",
            Self::UnsupportedLanguage => "unsupported_language",
            Self::Empty => "empty",
        }
    }
}

/// Reads the outputs of one model. Made once per model.
#[derive(Clone, Debug)]
pub struct Scorer {
    heads: Vec<Head>,
    intents: LabelSet,
    /// Group of each intent.
    groups: Vec<Arc<str>>,
    rules: AbstentionRules,
}

/// Probabilities of one intent: (leading, present).
type IntentScores = (Vec<f32>, Vec<f32>);

impl Scorer {
    /// Prepares to read the outputs of a model.
    #[must_use]
    pub fn new(manifest: &Manifest) -> Self {
        let intents = manifest
            .head(HeadName::Primary)
            .or_else(|| manifest.head(HeadName::Intent))
            .map_or_else(|| LabelSet::new::<&str>([]), |head| head.labels.clone());
        let mut known: BTreeMap<&str, Arc<str>> = BTreeMap::new();
        let groups = intents
            .iter()
            .map(|label| {
                let group = group_of(label);
                Arc::clone(known.entry(group).or_insert_with(|| Arc::from(group)))
            })
            .collect();
        let heads = manifest.heads.clone();
        Self { heads, groups, rules: manifest.abstention, intents: intents.clone() }
    }

    /// Returns the intents in the order of [`LabelId`].
    #[must_use]
    pub fn intents(&self) -> &LabelSet {
        &self.intents
    }

    /// Returns the labels of a head, if the model has it.
    #[must_use]
    pub fn labels(&self, name: HeadName) -> Option<&LabelSet> {
        self.head(name).map(|head| &head.labels)
    }

    /// Returns the group of an intent.
    #[must_use]
    pub fn group(&self, intent: LabelId) -> &str {
        self.groups.get(intent.0).map_or("", AsRef::as_ref)
    }

    /// Returns the probability from which a label of a head counts as present.
    #[must_use]
    pub fn threshold(&self, head: HeadName, label: LabelId) -> f32 {
        let thresholds = self.head(head).map_or(&[][..], |head| &head.thresholds);
        thresholds.get(label.0).copied().unwrap_or(DEFAULT_THRESHOLD)
    }

    fn head(&self, name: HeadName) -> Option<&Head> {
        self.heads.iter().find(|head| head.name == name)
    }

    /// Turns raw outputs into a prediction.
    ///
    /// `unknown_share` is the share of the message's tokens that the vocabulary does not know, in [0, 1].
    ///
    /// # Errors
    /// [`ScoringError`] when a head is missing, has another number of values, or a value is not finite.
    pub fn predict(
        &self,
        output: &MessageOutput,
        unknown_share: f32,
    ) -> Result<Prediction, ScoringError> {
        let scores = self.intent_scores(output)?;
        let intents = self.rank(&scores);
        let groups = self.group_scores(&scores.0);
        let (group_fallback, abstention) = self.decide(&intents, &groups, unknown_share);
        let polarity = match self.head(HeadName::Polarity) {
            Some(head) => Some(polarity_of(&probabilities(head, output)?)),
            None => None,
        };
        let flags = match self.head(HeadName::Flags) {
            Some(head) => scored(head, &probabilities(head, output)?),
            None => Vec::new(),
        };
        Ok(Prediction { intents, group_fallback, abstention, polarity, flags })
    }

    /// Reads how sure a model is of one label of a head.
    ///
    /// # Errors
    /// [`ScoringError`] when the head is missing, has another number of values, or a value is not finite.
    pub fn strength(
        &self,
        output: &MessageOutput,
        head: HeadName,
        label: LabelId,
    ) -> Result<LabelStrength, ScoringError> {
        let missing = ScoringError::Shape { head, expected: label.0 + 1, found: 0 };
        let head = self.head(head).ok_or_else(|| missing.clone())?;
        let probability = probabilities(head, output)?.get(label.0).copied().ok_or(missing)?;
        let logits = output.logits(head.name).unwrap_or_default();
        let log_odds = match head.kind {
            HeadKind::SingleLabel | HeadKind::Ordinal => {
                softmax_log_odds(logits, label.0, head.temperature)
            }
            HeadKind::MultiLabel => sigmoid_log_odds(logits, label.0, head.temperature),
        };
        Ok(LabelStrength { probability, log_odds })
    }

    /// Turns the raw outputs of one head into calibrated probabilities in [0, 1], in label order.
    ///
    /// # Errors
    /// [`ScoringError`] when the head is missing, has another number of values, or a value is not finite.
    pub fn probabilities(
        &self,
        output: &MessageOutput,
        head: HeadName,
    ) -> Result<Vec<f32>, ScoringError> {
        let missing = ScoringError::Shape { head, expected: 1, found: 0 };
        probabilities(self.head(head).ok_or(missing)?, output)
    }

    /// Probabilities to lead and to be present, in the order of the intents.
    fn intent_scores(&self, output: &MessageOutput) -> Result<IntentScores, ScoringError> {
        match (self.head(HeadName::Primary), self.head(HeadName::Intent)) {
            (Some(primary), Some(intent)) => {
                let present = probabilities(intent, output)?;
                Ok((probabilities(primary, output)?, present))
            }
            (Some(only), None) | (None, Some(only)) => {
                let values = probabilities(only, output)?;
                Ok((values.clone(), values))
            }
            (None, None) => Ok((Vec::new(), Vec::new())),
        }
    }

    fn rank(&self, (leading, present): &IntentScores) -> Vec<RankedIntent> {
        let mut intents: Vec<RankedIntent> = leading
            .iter()
            .zip(present)
            .enumerate()
            .map(|(index, (&leading, &probability))| {
                let id = LabelId(index);
                let threshold = self.threshold(HeadName::Intent, id);
                RankedIntent { presence: ScoredLabel { id, probability, threshold }, leading }
            })
            .collect();
        // Ties keep label order, so that a reply is the same every time.
        intents.sort_by(|a, b| b.presence.probability.total_cmp(&a.presence.probability));
        let primary = intents
            .iter()
            .enumerate()
            .max_by(|(i, a), (j, b)| a.leading.total_cmp(&b.leading).then(j.cmp(i)))
            .map_or(0, |(position, _)| position);
        if let Some(front) = intents.get_mut(..=primary) {
            front.rotate_right(1);
        }
        intents
    }

    /// Probability that the leading intent belongs to each group. Sigmoid-only models: the best of the group.
    fn group_scores(&self, leading: &[f32]) -> Vec<GroupScore> {
        let exclusive = self.head(HeadName::Primary).is_some();
        let mut groups: Vec<GroupScore> = Vec::new();
        for (name, &probability) in self.groups.iter().zip(leading) {
            match groups.iter_mut().find(|group| group.name == *name) {
                Some(group) if exclusive => group.probability += probability,
                Some(group) => group.probability = group.probability.max(probability),
                None => groups.push(GroupScore { name: Arc::clone(name), probability }),
            }
        }
        for group in &mut groups {
            group.probability = group.probability.min(1.0);
        }
        groups
    }

    fn decide(
        &self,
        intents: &[RankedIntent],
        groups: &[GroupScore],
        unknown_share: f32,
    ) -> (Option<GroupScore>, Option<Abstention>) {
        let rules = &self.rules;
        let Some(primary) = intents.first() else {
            return (None, None);
        };
        if let Some(abstention) = self.out_of_distribution(intents, unknown_share) {
            return (None, Some(abstention));
        }
        if primary.leading >= rules.min_primary {
            return (None, None);
        }
        let best = groups.iter().max_by(|a, b| a.probability.total_cmp(&b.probability));
        if let Some(group) = best.filter(|group| group.probability >= rules.min_group) {
            return (Some(group.clone()), None);
        }
        (None, Some(self.unsure(primary, intents)))
    }

    fn out_of_distribution(
        &self,
        intents: &[RankedIntent],
        unknown_share: f32,
    ) -> Option<Abstention> {
        let rules = &self.rules;
        let reason = AbstainReason::OutOfDistribution;
        if unknown_share > rules.max_unknown_share {
            let detail = format!(
                "{:.0} % of the tokens are unknown to the model, at most {:.0} % are trusted",
                unknown_share * 100.0,
                rules.max_unknown_share * 100.0
            );
            return Some(Abstention { reason, detail });
        }
        let has_presence = self
            .head(HeadName::Intent)
            .is_some_and(|head| matches!(head.kind, HeadKind::MultiLabel));
        let best = intents.iter().map(|i| i.presence.probability).fold(0.0, f32::max);
        (has_presence && best < rules.min_presence).then(|| {
            let detail = format!(
                "no intent is more probable than {best:.3}, {:.3} is needed",
                rules.min_presence
            );
            Abstention { reason, detail }
        })
    }

    fn unsure(&self, primary: &RankedIntent, intents: &[RankedIntent]) -> Abstention {
        let rival = intents.iter().skip(1).max_by(|a, b| a.leading.total_cmp(&b.leading));
        let rules = &self.rules;
        if let Some(rival) = rival {
            let margin = primary.leading - rival.leading;
            let same_group = self.group(primary.presence.id) == self.group(rival.presence.id);
            if margin < rules.min_margin && !same_group {
                let name = |intent: &RankedIntent| self.intents.get(intent.presence.id);
                let detail = format!(
                    "{} and {} are {margin:.2} apart, {:.2} is needed",
                    name(primary).unwrap_or_default(),
                    name(rival).unwrap_or_default(),
                    rules.min_margin
                );
                return Abstention { reason: AbstainReason::Ambiguous, detail };
            }
        }
        let detail = format!(
            "the primary intent has {:.2}, {:.2} is needed",
            primary.leading, rules.min_primary
        );
        Abstention { reason: AbstainReason::LowConfidence, detail }
    }
}

/// Calibrated probabilities of one head in label order.
fn probabilities(head: &Head, output: &MessageOutput) -> Result<Vec<f32>, ScoringError> {
    let logits = output.logits(head.name).unwrap_or_default();
    if logits.len() != head.labels.len() {
        return Err(ScoringError::Shape {
            head: head.name,
            expected: head.labels.len(),
            found: logits.len(),
        });
    }
    if let Some(index) = logits.iter().position(|logit| !logit.is_finite()) {
        return Err(ScoringError::NotFinite { head: head.name, index });
    }
    Ok(match head.kind {
        HeadKind::SingleLabel | HeadKind::Ordinal => softmax(logits, head.temperature),
        HeadKind::MultiLabel => sigmoid(logits, head.temperature),
    })
}

fn scored(head: &Head, probabilities: &[f32]) -> Vec<ScoredLabel> {
    probabilities
        .iter()
        .enumerate()
        .map(|(index, &probability)| {
            let threshold = head.thresholds.get(index).copied().unwrap_or(DEFAULT_THRESHOLD);
            ScoredLabel { id: LabelId(index), probability, threshold }
        })
        .collect()
}

/// Reads an ordered scale of n steps; step i stands at -1 + 2 i / (n - 1).
fn polarity_of(probabilities: &[f32]) -> PolarityPrediction {
    let label = probabilities
        .iter()
        .enumerate()
        .max_by(|(i, a), (j, b)| a.total_cmp(b).then(j.cmp(i)))
        .map_or(0, |(index, _)| index);
    let (mut score, mut negative, mut positive) = (0.0, 0.0, 0.0);
    #[expect(clippy::cast_precision_loss, reason = "a scale has a handful of steps")]
    let last = probabilities.len().saturating_sub(1).max(1) as f32;
    for (index, &probability) in probabilities.iter().enumerate() {
        #[expect(clippy::cast_precision_loss, reason = "a scale has a handful of steps")]
        let position = -1.0 + 2.0 * index as f32 / last;
        score += position * probability;
        if position < 0.0 {
            negative += probability;
        } else if position > 0.0 {
            positive += probability;
        }
    }
    PolarityPrediction {
        label: LabelId(label),
        score: score.clamp(-1.0, 1.0),
        probabilities: probabilities.to_vec(),
        mixed: negative >= MIXED_SIDE && positive >= MIXED_SIDE,
    }
}

#[cfg(test)]
mod tests;
