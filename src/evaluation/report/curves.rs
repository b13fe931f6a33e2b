//! Probabilities against what came true.

use serde::Serialize;

use super::super::answers::Answer;
use super::super::calibration::{BINS, Bin, Reliability};
use super::super::figures::Part;
use super::super::outcomes::Outcome;
use super::super::records::Case;
use super::super::tally::{Tally, ratio};
use super::super::vocabulary::Vocabulary;
use super::parts::rounded;
use crate::labels::LabelId;

/// Points of the coverage curve.
const POINTS: usize = 100;

/// One bin of a reliability diagram.
#[derive(Clone, Debug, Serialize)]
pub struct BinReport {
    /// Probabilities over this one.
    pub from: f64,
    /// Probabilities up to this one.
    pub to: f64,
    /// How many.
    pub count: u64,
    /// Their mean; `None` without any.
    pub mean: Option<f64>,
    /// Share that came true; `None` without any.
    pub share: Option<f64>,
}

/// A reliability diagram.
#[derive(Clone, Debug, Serialize)]
pub struct ReliabilityReport {
    /// Expected calibration error.
    pub ece: Option<f64>,
    /// Its bins, lowest first.
    pub bins: Vec<BinReport>,
}

impl ReliabilityReport {
    fn of(reliability: &Reliability) -> Self {
        let bin = |(index, bin): (usize, &Bin)| BinReport {
            from: rounded(index as f64 / BINS as f64),
            to: rounded((index + 1) as f64 / BINS as f64),
            count: bin.count,
            mean: bin.mean().map(rounded),
            share: bin.share().map(rounded),
        };
        Self {
            ece: reliability.error().map(rounded),
            bins: reliability.bins().iter().enumerate().map(bin).collect(),
        }
    }
}

/// Reliability diagrams.
#[derive(Clone, Debug, Serialize)]
pub struct Reliabilities {
    /// Probability that the leading intent leads.
    pub primary: ReliabilityReport,
    /// Probability that an intent is present, over all messages and intents.
    pub intents: ReliabilityReport,
    /// Probability of a flag, over all labelled messages and flags; missing when the model has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<ReliabilityReport>,
}

impl Reliabilities {
    /// Puts every probability into its bin.
    #[must_use]
    pub fn of(cases: &[Case], answers: &[Answer], tally: &Tally, vocabulary: &Vocabulary) -> Self {
        let (mut intents, mut flags) = (Reliability::default(), Reliability::default());
        for (case, answer) in cases.iter().zip(answers) {
            add_all(&mut intents, &answer.presence, &case.intents);
            if let Some(gold) = &case.flags {
                add_all(&mut flags, &answer.flags, gold);
            }
        }
        Self {
            primary: ReliabilityReport::of(&tally.confidence),
            intents: ReliabilityReport::of(&intents),
            flags: (!vocabulary.flags.is_empty()).then(|| ReliabilityReport::of(&flags)),
        }
    }
}

fn add_all(reliability: &mut Reliability, probabilities: &[f32], gold: &[LabelId]) {
    for (index, probability) in probabilities.iter().enumerate() {
        reliability.add(*probability, gold.contains(&LabelId(index)), 1);
    }
}

/// A point of the coverage curve.
#[derive(Clone, Debug, Serialize)]
pub struct CoveragePoint {
    /// Share of the messages, the most confident ones.
    pub coverage: f64,
    /// Probability of the leading intent of the least confident among them.
    pub min_confidence: f64,
    /// Share of them with the right leading intent.
    pub accuracy: f64,
}

/// Returns how accurate the most confident 1 %, 2 %, … 100 % of the messages are.
#[must_use]
pub fn coverage(part: &Part, outcomes: &[Outcome]) -> Vec<CoveragePoint> {
    let mut points = Vec::with_capacity(POINTS);
    let (mut taken, mut right) = (0, 0);
    let mut order = part.by_confidence(outcomes).map(|(_, outcome)| outcome);
    let mut last = 1.0;
    for percent in 1..=POINTS {
        let wanted = (part.len() * percent / POINTS).max(1);
        for outcome in order.by_ref().take(wanted.saturating_sub(taken)) {
            taken += 1;
            right += u64::from(outcome.verdict.right);
            last = f64::from(outcome.confidence);
        }
        if let Some(accuracy) = ratio(right, taken as u64) {
            points.push(CoveragePoint {
                coverage: rounded(percent as f64 / POINTS as f64),
                min_confidence: rounded(last),
                accuracy: rounded(accuracy),
            });
        }
    }
    points
}
