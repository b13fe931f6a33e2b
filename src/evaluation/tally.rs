//! Counts over many messages.

use super::calibration::Reliability;
use super::outcomes::{Marks, Outcome, Steps, Verdict};
use crate::labels::{LabelId, POLARITY_STEPS};

/// Returns part / whole; `None` when there is no whole.
#[must_use]
pub fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// How often a label was right and how often it was predicted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Right and predicted.
    pub both: u64,
    /// Predicted, but not right.
    pub only_predicted: u64,
    /// Right, but not predicted.
    pub only_gold: u64,
}

impl Counts {
    /// Returns how often the label is right.
    #[must_use]
    pub fn support(&self) -> u64 {
        self.both + self.only_gold
    }

    /// Returns how often it was predicted.
    #[must_use]
    pub fn predicted(&self) -> u64 {
        self.both + self.only_predicted
    }

    /// Returns the share of predictions that are right; `None` without any.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        ratio(self.both, self.predicted())
    }

    /// Returns the share of what is right that was predicted; `None` without any.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        ratio(self.both, self.support())
    }

    /// Returns the harmonic mean of precision and recall; `None` when the label is neither right nor predicted.
    #[must_use]
    pub fn f1(&self) -> Option<f64> {
        ratio(2 * self.both, self.support() + self.predicted())
    }
}

/// Counts for each label.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LabelCounts(Vec<Counts>);

impl LabelCounts {
    /// Starts counting for so many labels.
    #[must_use]
    pub fn new(labels: usize) -> Self {
        Self(vec![Counts::default(); labels])
    }

    /// Adds a message that counts `weight` times.
    pub fn add(&mut self, marks: &Marks, weight: u32) {
        let weight = u64::from(weight);
        self.each(&marks.both, |counts| counts.both += weight);
        self.each(&marks.only_predicted, |counts| counts.only_predicted += weight);
        self.each(&marks.only_gold, |counts| counts.only_gold += weight);
    }

    fn each(&mut self, labels: &[LabelId], mut change: impl FnMut(&mut Counts)) {
        for label in labels {
            if let Some(counts) = self.0.get_mut(label.0) {
                change(counts);
            }
        }
    }

    /// Returns the counts in label order.
    pub fn iter(&self) -> impl Iterator<Item = &Counts> {
        self.0.iter()
    }

    /// Returns the F1 over all labels as if they were one; `None` when no label is right or predicted.
    #[must_use]
    pub fn micro_f1(&self) -> Option<f64> {
        let sum = self.0.iter().fold(Counts::default(), |sum, counts| Counts {
            both: sum.both + counts.both,
            only_predicted: sum.only_predicted + counts.only_predicted,
            only_gold: sum.only_gold + counts.only_gold,
        });
        sum.f1()
    }

    /// Returns the mean F1 of the labels that are right or predicted at least once; `None` without any.
    #[must_use]
    pub fn macro_f1(&self) -> Option<f64> {
        mean(self.0.iter().filter_map(Counts::f1))
    }
}

/// Returns the mean; `None` without any value.
pub fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (sum, count) =
        values.into_iter().fold((0.0, 0_u64), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

/// Steps of the mood.
pub const STEPS: usize = POLARITY_STEPS.len();

/// Moods, what is right against what was predicted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PolarityCounts {
    /// `[gold][predicted]`.
    pub confusion: [[u64; STEPS]; STEPS],
    /// Labelled messages without a prediction.
    pub unanswered: u64,
}

impl PolarityCounts {
    /// Adds a message that counts `weight` times.
    pub fn add(&mut self, steps: Steps, weight: u32) {
        let cell = steps
            .predicted
            .and_then(|predicted| self.confusion.get_mut(steps.gold)?.get_mut(predicted));
        match cell {
            Some(cell) => *cell += u64::from(weight),
            None => self.unanswered += u64::from(weight),
        }
    }

    /// Returns how many messages are labelled.
    #[must_use]
    pub fn labelled(&self) -> u64 {
        self.confusion.iter().flatten().sum::<u64>() + self.unanswered
    }

    /// Returns the share of labelled messages for which `agree(gold, predicted)` holds; those without a prediction
    /// count as wrong.
    pub fn share(&self, agree: impl Fn(usize, usize) -> bool) -> Option<f64> {
        let cells = self.confusion.iter().enumerate().flat_map(|(gold, row)| {
            row.iter().enumerate().map(move |(predicted, count)| (gold, predicted, *count))
        });
        let right = cells.filter(|(gold, predicted, _)| agree(*gold, *predicted));
        ratio(right.map(|(.., count)| count).sum(), self.labelled())
    }
}

/// Returns where a step lies: below, in or above the middle.
#[must_use]
pub fn side(step: usize) -> std::cmp::Ordering {
    step.cmp(&(STEPS / 2))
}

/// Counts of what decisions were worth.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VerdictTally {
    /// Messages.
    pub messages: u64,
    /// Messages with the right leading intent.
    pub right: u64,
    /// Intents at their thresholds.
    pub intents: LabelCounts,
    /// Moods.
    pub polarity: PolarityCounts,
    /// Messages whose flags are labelled.
    pub flags_labelled: u64,
    /// Flags at their thresholds.
    pub flags: LabelCounts,
}

impl VerdictTally {
    /// Starts counting for so many intents and flags.
    #[must_use]
    pub fn new(intents: usize, flags: usize) -> Self {
        let (intents, flags) = (LabelCounts::new(intents), LabelCounts::new(flags));
        Self { intents, flags, ..Self::default() }
    }

    /// Adds a message that counts `weight` times.
    pub fn add(&mut self, verdict: &Verdict, weight: u32) {
        self.messages += u64::from(weight);
        self.right += u64::from(verdict.right) * u64::from(weight);
        self.intents.add(&verdict.intents, weight);
        if let Some(steps) = verdict.polarity {
            self.polarity.add(steps, weight);
        }
        if let Some(marks) = &verdict.flags {
            self.flags_labelled += u64::from(weight);
            self.flags.add(marks, weight);
        }
    }
}

/// Counts of outcomes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// What decisions were worth.
    pub verdicts: VerdictTally,
    /// Messages with the right leading intent among the first three.
    pub among_first_three: u64,
    /// Messages with the right group.
    pub group_right: u64,
    /// Messages that the service answers.
    pub answered: u64,
    /// Of those, messages with the right leading intent.
    pub answered_right: u64,
    /// Messages for which the service fell back to the group.
    pub fallback: u64,
    /// Of those, messages with the right group.
    pub fallback_right: u64,
    /// Messages whose language was told right.
    pub language_right: u64,
    /// Probability of the leading intent.
    pub confidence: Reliability,
}

impl Tally {
    /// Starts counting for so many intents and flags.
    #[must_use]
    pub fn new(intents: usize, flags: usize) -> Self {
        Self { verdicts: VerdictTally::new(intents, flags), ..Self::default() }
    }

    /// Adds a message that counts `weight` times.
    pub fn add(&mut self, outcome: &Outcome, weight: u32) {
        self.verdicts.add(&outcome.verdict, weight);
        self.confidence.add(outcome.confidence, outcome.verdict.right, weight);
        let count = |holds: bool| u64::from(holds) * u64::from(weight);
        self.among_first_three += count(outcome.among_first_three);
        self.group_right += count(outcome.group_right);
        self.answered += count(outcome.answered);
        self.answered_right += count(outcome.answered && outcome.verdict.right);
        self.fallback += count(outcome.fallback_right.is_some());
        self.fallback_right += count(outcome.fallback_right == Some(true));
        self.language_right += count(outcome.language_right);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f1_is_that_of_scikit_learn() {
        let gold = [[1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 0], [1, 0, 0]];
        let predicted = [[1, 0, 0], [0, 1, 1], [1, 0, 0], [1, 0, 0], [0, 0, 0]];
        let labels = |row: [i32; 3]| {
            (0..3).filter(|index| row[*index] == 1).map(LabelId).collect::<Vec<_>>()
        };
        let mut counts = LabelCounts::new(3);

        for (gold, predicted) in gold.into_iter().zip(predicted) {
            counts.add(&Marks::of(&labels(gold), &labels(predicted)), 1);
        }

        assert!((counts.micro_f1().unwrap() - 0.545_454_545_454_545_4).abs() < 1e-12);
        assert!((counts.macro_f1().unwrap() - 0.444_444_444_444_444_4).abs() < 1e-12);
        let first = counts.iter().next().unwrap();
        assert_eq!((first.precision(), first.recall()), (Some(2.0 / 3.0), Some(2.0 / 3.0)));
        assert_eq!((first.support(), first.predicted()), (3, 3));
    }

    #[test]
    fn labels_that_nobody_names_have_no_f1_and_no_part_in_the_mean() {
        let mut counts = LabelCounts::new(2);
        assert_eq!((counts.micro_f1(), counts.macro_f1()), (None, None));

        counts.add(&Marks::of(&[LabelId(0)], &[LabelId(0)]), 2);

        assert_eq!((counts.macro_f1(), counts.iter().nth(1).unwrap().f1()), (Some(1.0), None));
        assert_eq!(counts.iter().nth(1).unwrap().precision(), None);
    }

    #[test]
    fn mood_without_prediction_is_wrong() {
        let mut counts = PolarityCounts::default();
        counts.add(Steps { gold: 0, predicted: Some(1) }, 1);
        counts.add(Steps { gold: 2, predicted: Some(2) }, 2);
        counts.add(Steps { gold: 2, predicted: None }, 1);

        assert_eq!(counts.share(|gold, predicted| gold == predicted), Some(0.5));
        assert_eq!(counts.share(|gold, predicted| side(gold) == side(predicted)), Some(0.75));
        assert_eq!((counts.unanswered, counts.labelled()), (1, 4));
    }
}
