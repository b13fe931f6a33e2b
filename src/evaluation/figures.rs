//! The figures by which a model is judged, over a part of the messages.

use super::agreement::quadratic_kappa;
use super::outcomes::{Detection, Outcome};
use super::ranking::{Scored, auroc};
use super::tally::{Tally, mean, ratio, side};

/// One of the figures.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Figure {
    /// Share of messages with the right leading intent.
    PrimaryAccuracy,
    /// Share with the right leading intent among the first three.
    PrimaryTop3,
    /// Share whose leading intent is of the right group.
    GroupAccuracy,
    /// F1 of the intents at their thresholds, over all labels as one.
    IntentsMicroF1,
    /// Mean F1 of the intents at their thresholds.
    IntentsMacroF1,
    /// Share with the mood right as negative, neutral or positive.
    Polarity3Accuracy,
    /// Share with the right one of five steps.
    Polarity5Accuracy,
    /// Share at most one step away.
    PolarityWithin1,
    /// Quadratically weighted kappa of the five steps.
    PolarityQwk,
    /// F1 of the flags at their thresholds, over all flags as one.
    FlagsMicroF1,
    /// Mean F1 of the flags at their thresholds.
    FlagsMacroF1,
    /// Expected calibration error of the leading intent.
    Ece,
    /// Share with the right leading intent among the most confident 90 %.
    Coverage90Accuracy,
    /// Share for which the service abstains.
    Abstained,
    /// Share with the right leading intent among those that it answers.
    AccuracyWhenAnswered,
    /// Share for which it falls back to the group.
    GroupFallback,
    /// Share with the right group among those.
    GroupFallbackAccuracy,
    /// Area under the ROC curve of P(other.out_of_scope) against all other messages.
    OutOfScopeAuroc,
    /// Area under the ROC curve of P(out of scope, spam or no reply) against all other messages.
    NothingToServeAuroc,
    /// Share whose language was told right.
    LanguageAccuracy,
}

/// Which way a figure should go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// More is better.
    Up,
    /// Less is better.
    Down,
    /// Neither.
    None,
}

impl Figure {
    /// How many there are.
    pub const COUNT: usize = 20;

    /// Every figure, in the order in which reports name them.
    pub const ALL: [Self; Self::COUNT] = [
        Self::PrimaryAccuracy,
        Self::PrimaryTop3,
        Self::GroupAccuracy,
        Self::IntentsMicroF1,
        Self::IntentsMacroF1,
        Self::Polarity3Accuracy,
        Self::Polarity5Accuracy,
        Self::PolarityWithin1,
        Self::PolarityQwk,
        Self::FlagsMicroF1,
        Self::FlagsMacroF1,
        Self::Ece,
        Self::Coverage90Accuracy,
        Self::Abstained,
        Self::AccuracyWhenAnswered,
        Self::GroupFallback,
        Self::GroupFallbackAccuracy,
        Self::OutOfScopeAuroc,
        Self::NothingToServeAuroc,
        Self::LanguageAccuracy,
    ];

    /// Returns the name as reports for machines spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PrimaryAccuracy => "primary_accuracy",
            Self::PrimaryTop3 => "primary_top3",
            Self::GroupAccuracy => "group_accuracy",
            Self::IntentsMicroF1 => "intents_micro_f1",
            Self::IntentsMacroF1 => "intents_macro_f1",
            Self::Polarity3Accuracy => "polarity3_accuracy",
            Self::Polarity5Accuracy => "polarity5_accuracy",
            Self::PolarityWithin1 => "polarity_within1",
            Self::PolarityQwk => "polarity_qwk",
            Self::FlagsMicroF1 => "flags_micro_f1",
            Self::FlagsMacroF1 => "flags_macro_f1",
            Self::Ece => "ece",
            Self::Coverage90Accuracy => "coverage90_accuracy",
            Self::Abstained => "abstained",
            Self::AccuracyWhenAnswered => "accuracy_when_answered",
            Self::GroupFallback => "group_fallback",
            Self::GroupFallbackAccuracy => "group_fallback_accuracy",
            Self::OutOfScopeAuroc => "out_of_scope_auroc",
            Self::NothingToServeAuroc => "nothing_to_serve_auroc",
            Self::LanguageAccuracy => "language_accuracy",
        }
    }

    /// Returns the name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::PrimaryAccuracy => "Primary intent right",
            Self::PrimaryTop3 => "Among the first three",
            Self::GroupAccuracy => "Group right",
            Self::IntentsMicroF1 => "Intents, micro F1",
            Self::IntentsMacroF1 => "Intents, macro F1",
            Self::Polarity3Accuracy => "Mood right, 3 steps",
            Self::Polarity5Accuracy => "Mood right, 5 steps",
            Self::PolarityWithin1 => "Mood within one step",
            Self::PolarityQwk => "Mood, weighted kappa",
            Self::FlagsMicroF1 => "Flags, micro F1",
            Self::FlagsMacroF1 => "Flags, macro F1",
            Self::Ece => "Calibration error",
            Self::Coverage90Accuracy => "Right in the surest 90 %",
            Self::Abstained => "Abstained",
            Self::AccuracyWhenAnswered => "Right when answered",
            Self::GroupFallback => "Fell back to the group",
            Self::GroupFallbackAccuracy => "Right when fallen back",
            Self::OutOfScopeAuroc => "Out of scope, AUROC",
            Self::NothingToServeAuroc => "Nothing to serve, AUROC",
            Self::LanguageAccuracy => "Language right",
        }
    }

    /// Tells whether resamples are systematically off, so that an interval is [`super::bootstrap::centred`] first.
    #[must_use]
    pub fn is_shifted_by_resampling(self) -> bool {
        matches!(self, Self::Ece | Self::IntentsMacroF1 | Self::FlagsMacroF1)
    }

    /// Tells which way the figure should go.
    #[must_use]
    pub fn direction(self) -> Direction {
        match self {
            Self::Ece => Direction::Down,
            Self::Abstained | Self::GroupFallback => Direction::None,
            Self::PrimaryAccuracy
            | Self::PrimaryTop3
            | Self::GroupAccuracy
            | Self::IntentsMicroF1
            | Self::IntentsMacroF1
            | Self::Polarity3Accuracy
            | Self::Polarity5Accuracy
            | Self::PolarityWithin1
            | Self::PolarityQwk
            | Self::FlagsMicroF1
            | Self::FlagsMacroF1
            | Self::Coverage90Accuracy
            | Self::AccuracyWhenAnswered
            | Self::GroupFallbackAccuracy
            | Self::OutOfScopeAuroc
            | Self::NothingToServeAuroc
            | Self::LanguageAccuracy => Direction::Up,
        }
    }
}

/// A value for each figure; `None` where there is nothing to measure.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures([Option<f64>; Figure::COUNT]);

impl Figures {
    /// Returns the value of a figure.
    #[must_use]
    pub fn get(&self, figure: Figure) -> Option<f64> {
        self.0.get(figure as usize).copied().flatten()
    }

    /// Computes each figure.
    #[must_use]
    pub fn from_fn(mut value: impl FnMut(Figure) -> Option<f64>) -> Self {
        Self(Figure::ALL.map(&mut value))
    }

    /// Returns the mean of each figure over those that have it: every part counts the same.
    #[must_use]
    pub fn mean(parts: &[Self]) -> Self {
        Self::from_fn(|figure| mean(parts.iter().filter_map(|part| part.get(figure))))
    }
}

/// A part of the messages, prepared so that its figures can be computed again and again.
#[derive(Clone, Debug)]
pub struct Part {
    /// What the messages have in common.
    pub name: String,
    /// Positions of the messages.
    members: Vec<usize>,
    by_confidence: Vec<usize>,
    by_out_of_scope: Vec<usize>,
    by_nothing_to_serve: Vec<usize>,
}

impl Part {
    /// Prepares the messages at these positions.
    #[must_use]
    pub fn new(name: &str, members: Vec<usize>, outcomes: &[Outcome]) -> Self {
        let sorted_by = |score: fn(&Outcome) -> f32| {
            let scored = |index: usize| outcomes.get(index).map_or(0.0, score);
            let mut order = members.clone();
            // Equal scores keep the order of the messages.
            order.sort_by(|a, b| scored(*b).total_cmp(&scored(*a)));
            order
        };
        let by_out_of_scope = sorted_by(|outcome| score(outcome.out_of_scope));
        let by_nothing_to_serve = sorted_by(|outcome| score(outcome.nothing_to_serve));
        Self {
            name: name.to_owned(),
            by_confidence: sorted_by(|outcome| outcome.confidence),
            by_out_of_scope,
            by_nothing_to_serve,
            members,
        }
    }

    /// Returns the positions of the messages.
    #[must_use]
    pub fn members(&self) -> &[usize] {
        &self.members
    }

    /// Returns the number of messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Tells whether there is no message.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Returns the messages with their outcomes from the most to the least confident.
    pub fn by_confidence<'a>(
        &'a self,
        outcomes: &'a [Outcome],
    ) -> impl Iterator<Item = (usize, &'a Outcome)> {
        self.by_confidence
            .iter()
            .filter_map(|index| outcomes.get(*index).map(|outcome| (*index, outcome)))
    }

    /// Counts; each message counts as often as `weights` say.
    #[must_use]
    pub fn tally(&self, sample: &Sample<'_>) -> Tally {
        let mut tally = Tally::new(sample.intents, sample.flags);
        for (outcome, weight) in sample.of(&self.members) {
            tally.add(outcome, weight);
        }
        tally
    }

    /// Computes every figure from counts of the same sample.
    #[must_use]
    pub fn figures(&self, sample: &Sample<'_>, tally: &Tally) -> Figures {
        let verdicts = &tally.verdicts;
        let (messages, polarity) = (verdicts.messages, &verdicts.polarity);
        Figures::from_fn(|figure| match figure {
            Figure::PrimaryAccuracy => ratio(verdicts.right, messages),
            Figure::PrimaryTop3 => ratio(tally.among_first_three, messages),
            Figure::GroupAccuracy => ratio(tally.group_right, messages),
            Figure::IntentsMicroF1 => verdicts.intents.micro_f1(),
            Figure::IntentsMacroF1 => verdicts.intents.macro_f1(),
            Figure::Polarity3Accuracy => polarity.share(|a, b| side(a) == side(b)),
            Figure::Polarity5Accuracy => polarity.share(|a, b| a == b),
            Figure::PolarityWithin1 => polarity.share(|a, b| a.abs_diff(b) <= 1),
            Figure::PolarityQwk => quadratic_kappa(&polarity.confusion),
            Figure::FlagsMicroF1 => verdicts.flags.micro_f1(),
            Figure::FlagsMacroF1 => verdicts.flags.macro_f1(),
            Figure::Ece => tally.confidence.error(),
            Figure::Coverage90Accuracy => self.surest_90(sample, messages),
            Figure::Abstained => ratio(messages - tally.answered, messages),
            Figure::AccuracyWhenAnswered => ratio(tally.answered_right, tally.answered),
            Figure::GroupFallback => ratio(tally.fallback, messages),
            Figure::GroupFallbackAccuracy => ratio(tally.fallback_right, tally.fallback),
            Figure::OutOfScopeAuroc => {
                detection_auroc(sample, &self.by_out_of_scope, |outcome| outcome.out_of_scope)
            }
            Figure::NothingToServeAuroc => {
                detection_auroc(sample, &self.by_nothing_to_serve, |outcome| {
                    outcome.nothing_to_serve
                })
            }
            Figure::LanguageAccuracy => ratio(tally.language_right, messages),
        })
    }

    /// Share of right leading intents among the ⌊0.9 n⌋ most confident messages, at least one.
    fn surest_90(&self, sample: &Sample<'_>, messages: u64) -> Option<f64> {
        let wanted = (messages * 9 / 10).max(1).min(messages);
        let (mut taken, mut right) = (0, 0);
        for (outcome, weight) in sample.of(&self.by_confidence) {
            let weight = u64::from(weight).min(wanted - taken);
            taken += weight;
            right += u64::from(outcome.verdict.right) * weight;
            if taken == wanted {
                break;
            }
        }
        ratio(right, taken)
    }
}

fn score(detection: Option<Detection>) -> f32 {
    detection.map_or(0.0, |detection| detection.score)
}

fn detection_auroc(
    sample: &Sample<'_>,
    order: &[usize],
    detection: fn(&Outcome) -> Option<Detection>,
) -> Option<f64> {
    let ranked: Vec<Scored> = sample
        .of(order)
        .filter_map(|(outcome, weight)| {
            let Detection { score, positive } = detection(outcome)?;
            Some(Scored { score, positive, weight })
        })
        .collect();
    auroc(&ranked)
}

/// Outcomes of all messages, with how often each counts.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// Outcome of each message.
    pub outcomes: &'a [Outcome],
    /// How often each counts; `None` for once each.
    pub weights: Option<&'a [u32]>,
    /// Number of intents that the model has.
    pub intents: usize,
    /// Number of flags that the model has.
    pub flags: usize,
}

impl<'a> Sample<'a> {
    /// Returns the outcomes at these positions that count at all.
    fn of<'b>(&'b self, positions: &'b [usize]) -> impl Iterator<Item = (&'a Outcome, u32)> + 'b {
        positions.iter().filter_map(|&position| {
            let weight = self.weights.map_or(Some(1), |weights| weights.get(position).copied())?;
            let outcome = self.outcomes.get(position)?;
            (weight > 0).then_some((outcome, weight))
        })
    }
}

#[cfg(test)]
mod tests;
