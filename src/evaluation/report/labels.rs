//! Each intent, each flag, each step of the mood.

use serde::Serialize;

use super::super::agreement::quadratic_kappa;
use super::super::bootstrap::interval;
use super::super::measurement::{Measured, Measurement};
use super::super::outcomes::Marks;
use super::super::ranking::{Scored, auroc, average_precision, rank, roc_curve};
use super::super::records::Case;
use super::super::tally::{Counts, LabelCounts, STEPS, Tally};
use super::ModelRun;
use super::parts::rounded;
use crate::labels::{LabelId, POLARITY_STEPS};

/// Points of a ROC curve at most.
const ROC_POINTS: usize = 41;

/// How well a label is told, at its threshold or as the leading one.
#[derive(Clone, Debug, Serialize)]
pub struct LabelReport {
    /// Messages that carry it.
    pub support: u64,
    /// Messages that the model says carry it.
    pub predicted: u64,
    /// Share of the predicted that carry it.
    pub precision: Option<f64>,
    /// Share of those that carry it that were predicted.
    pub recall: Option<f64>,
    /// Harmonic mean of both.
    pub f1: Option<f64>,
}

impl LabelReport {
    fn of(counts: &Counts) -> Self {
        Self {
            support: counts.support(),
            predicted: counts.predicted(),
            precision: counts.precision().map(rounded),
            recall: counts.recall().map(rounded),
            f1: counts.f1().map(rounded),
        }
    }
}

/// One intent.
#[derive(Clone, Debug, Serialize)]
pub struct IntentReport {
    /// Its name.
    pub label: String,
    /// Probability from which it counts as present.
    pub threshold: f64,
    /// How well it is told at that threshold.
    #[serde(flatten)]
    pub present: LabelReport,
    /// 95 % interval of the F1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub f1_interval: Option<[f64; 2]>,
    /// How well it is told as the leading intent.
    pub primary: LabelReport,
}

/// One flag.
#[derive(Clone, Debug, Serialize)]
pub struct FlagReport {
    /// Its name.
    pub label: String,
    /// Probability from which it is raised.
    pub threshold: f64,
    /// Messages whose flags are labelled.
    pub labelled: u64,
    /// How well it is told at that threshold.
    #[serde(flatten)]
    pub raised: LabelReport,
    /// 95 % interval of the F1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub f1_interval: Option<[f64; 2]>,
    /// Area under the ROC curve.
    pub auroc: Option<f64>,
    /// Average precision.
    pub average_precision: Option<f64>,
    /// Points (false positive rate, true positive rate) of the ROC curve.
    pub roc: Vec<(f64, f64)>,
}

/// The mood, step against step.
#[derive(Clone, Debug, Serialize)]
pub struct PolarityReport {
    /// Names of the steps, lowest first.
    pub steps: [&'static str; STEPS],
    /// Messages by `[right][predicted]`.
    pub confusion: [[u64; STEPS]; STEPS],
    /// Labelled messages without a prediction, because their text was empty.
    pub unanswered: u64,
    /// Quadratically weighted kappa.
    pub qwk: Option<f64>,
}

/// Reports on each intent in label order.
#[must_use]
pub fn intents(
    cases: &[Case],
    tally: &Tally,
    measured: &Measured,
    run: &ModelRun,
) -> Vec<IntentReport> {
    let vocabulary = &run.vocabulary;
    let mut primary = LabelCounts::new(vocabulary.intents.len());
    for (case, answer) in cases.iter().zip(&run.answers) {
        let predicted: Vec<LabelId> = answer.decision.primary.into_iter().collect();
        primary.add(&Marks::of(&[case.primary], &predicted), 1);
    }
    let counts = tally.verdicts.intents.iter().zip(primary.iter());
    let thresholds = vocabulary.intents.iter().zip(&vocabulary.intent_thresholds);
    thresholds
        .zip(counts)
        .enumerate()
        .map(|(index, ((label, threshold), (present, primary)))| IntentReport {
            label: label.to_owned(),
            threshold: rounded(f64::from(*threshold)),
            present: LabelReport::of(present),
            f1_interval: f1_interval(measured, |draw| {
                draw.intents_f1.get(index).copied().flatten()
            }),
            primary: LabelReport::of(primary),
        })
        .collect()
}

/// Reports on each flag in label order.
#[must_use]
pub fn flags(
    cases: &[Case],
    tally: &Tally,
    measured: &Measured,
    run: &ModelRun,
) -> Vec<FlagReport> {
    let vocabulary = &run.vocabulary;
    let thresholds = vocabulary.flags.iter().zip(&vocabulary.flag_thresholds);
    thresholds
        .zip(tally.verdicts.flags.iter())
        .enumerate()
        .map(|(index, ((label, threshold), counts))| {
            let ranked = ranked(cases, run, LabelId(index));
            let points = roc_curve(&ranked, ROC_POINTS);
            FlagReport {
                label: label.to_owned(),
                threshold: rounded(f64::from(*threshold)),
                labelled: tally.verdicts.flags_labelled,
                raised: LabelReport::of(counts),
                f1_interval: f1_interval(measured, |draw| {
                    draw.flags_f1.get(index).copied().flatten()
                }),
                auroc: auroc(&ranked).map(rounded),
                average_precision: average_precision(&ranked).map(rounded),
                roc: points.into_iter().map(|(x, y)| (rounded(x), rounded(y))).collect(),
            }
        })
        .collect()
}

/// Messages whose flags are labelled, by the probability of one flag. Of an empty text it is 0.
fn ranked(cases: &[Case], run: &ModelRun, flag: LabelId) -> Vec<Scored> {
    let mut ranked: Vec<Scored> = cases
        .iter()
        .zip(&run.answers)
        .filter_map(|(case, answer)| {
            let positive = case.flags.as_ref()?.contains(&flag);
            let score = answer.flags.get(flag.0).copied().unwrap_or_default();
            Some(Scored { score, positive, weight: 1 })
        })
        .collect();
    rank(&mut ranked);
    ranked
}

fn f1_interval(measured: &Measured, f1: impl Fn(&Measurement) -> Option<f64>) -> Option<[f64; 2]> {
    let found = interval(measured.draws.iter().map(f1))?;
    Some([rounded(found.low), rounded(found.high)])
}

/// Reports on the mood; `None` when nothing is labelled.
#[must_use]
pub fn polarity(tally: &Tally) -> Option<PolarityReport> {
    let counts = &tally.verdicts.polarity;
    (counts.labelled() > 0).then(|| PolarityReport {
        steps: POLARITY_STEPS,
        confusion: counts.confusion,
        unanswered: counts.unanswered,
        qwk: quadratic_kappa(&counts.confusion).map(rounded),
    })
}
