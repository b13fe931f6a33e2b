//! New and changed labels from a few examples: heads are fitted to the sentence vectors of a model, its encoder stays.
//!
//! A label that the model does not know becomes a new output of its heads. A label that it knows is adjusted when there
//! are enough examples of it: what is added to its row is held back by the same penalty as the row of a new label, so
//! that it starts from what the model knew. All other rows stay as they are, to the bit. Messages that are kept in mind
//! (see [`Purpose::Keep`]) say what must not be taken over.

mod calibration;
pub mod card;
pub mod conflicts;
mod folds;
mod head;
pub mod html;
mod logistic;
mod matrix;
mod optimizer;
mod plan;
pub mod report;
pub mod sample;
mod selection;
mod standardization;
pub mod taxonomy_file;

use std::collections::HashMap;

use crate::engine::MessageOutput;
use crate::evaluation::records::Case;
use crate::labels::{HeadName, LabelId, LabelSet};
use crate::model::manifest::{Head, Manifest};
use crate::model::weights::Weights;
use crate::model::{ModelError, SelfCheck, head_tensors};
use folds::Folds;
use head::{BaseHead, HeadFit};
use matrix::Matrix;
pub use plan::{LabelRole, Mode, NamedLabels, Plan, PlanError};
use report::Report;
use standardization::Standardization;

/// Examples of a label that are enough to learn it from.
pub const ENOUGH_EXAMPLES: usize = 8;
/// Examples that a new label needs at least: with fewer, nothing is left to judge by once one is held out.
pub const LEAST_EXAMPLES: usize = 3;

/// What an example is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// It shows its labels.
    Learn,
    /// It shows what the model already answers well: labels that are learned must not take it over.
    Keep,
}

/// A message with its labels and what the model makes of it.
#[derive(Clone, Debug)]
pub struct Example {
    /// What it is for.
    pub purpose: Purpose,
    /// Its labels, counted in the labels of [`Plan`]; `None` where nobody labelled it, which only a kept one may be.
    pub case: Option<Case>,
    /// What was read of it.
    pub input_ids: Vec<u32>,
    /// Its sentence vector, `[H]`.
    pub pooled: Vec<f32>,
    /// What the model's heads said.
    pub output: MessageOutput,
    /// The text, where the model can be tried with it as it stands.
    pub sample: Option<String>,
}

/// A head after adaptation.
#[derive(Clone, Debug)]
pub struct AdaptedHead {
    /// Labels, temperature and thresholds.
    pub head: Head,
    /// Rows of the output layer, `[L, H]`, row-major.
    pub weights: Vec<f32>,
    /// `[L]`.
    pub biases: Vec<f32>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Adaptation {
    /// Heads that have changed.
    pub heads: Vec<AdaptedHead>,
    /// How good they are, and what they cost.
    pub report: Report,
    /// Messages to try the new model with: those of the old one that it still answers in the same way, and the surest
    /// example of each new intent.
    pub self_check: Vec<SelfCheck>,
    /// Samples of the old model that are answered in another way now.
    pub dropped_checks: usize,
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub enum AdaptationError {
    /// The labels can't be learned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A head of the model can't be read.
    #[error("a head of the model can't be read")]
    Model(#[from] ModelError),
    /// A sentence vector or a logit is not a number.
    #[error("the engine returned values that are not finite for {place}")]
    NotFinite {
        /// The message.
        place: String,
    },
    /// A fit came to values that are not numbers.
    #[error("head {head} could not be fitted: its weights are not finite")]
    Diverged {
        /// The head.
        head: HeadName,
    },
}

/// The model that is adapted.
#[derive(Clone, Copy, Debug)]
pub struct Base<'a> {
    /// What it is; labels are named as the taxonomy names them.
    pub manifest: &'a Manifest,
    /// Its weights.
    pub weights: &'a Weights,
    /// Its own samples with what it makes of them.
    pub self_check: &'a [(SelfCheck, Example)],
}

/// Fits heads to examples.
///
/// `seed` decides which examples are held out together. Blocks; uses as many threads as there are folds.
///
/// # Errors
/// [`AdaptationError`] when a label has too few examples, nothing is to be learned, or something is not finite.
pub fn adapt(
    base: &Base<'_>,
    plan: &Plan,
    examples: &[Example],
    seed: u64,
) -> Result<Adaptation, AdaptationError> {
    plan.check(examples)?;
    check_finite(examples)?;
    let set = TrainingSet::of(plan, examples, seed);
    let mut fits = Vec::new();
    for head in &base.manifest.heads {
        let Some(roles) = plan.roles(head.name) else { continue };
        let base_head = BaseHead::read(base.weights, head)?;
        if let Some(fit) = HeadFit::of(&set, &base_head, plan, roles) {
            fits.push(fit);
        }
    }
    if let Some(fit) = fits.iter().find(|fit| !fit.is_finite()) {
        return Err(AdaptationError::Diverged { head: fit.adapted.head.name });
    }
    let report = Report::of(base.manifest, plan, &set, &fits);
    let mut self_check = still_right(base, &fits);
    let dropped_checks = base.self_check.len() - self_check.len();
    self_check.extend(surest(plan, &set, &fits));
    let heads = fits.into_iter().map(|fit| fit.adapted).collect();
    Ok(Adaptation { heads, report, self_check, dropped_checks })
}

/// Examples as every head needs them.
struct TrainingSet<'a> {
    examples: &'a [Example],
    /// How much each example counts.
    importance: Vec<f64>,
    standardization: Standardization,
    /// `[n, H]`, standardised.
    features: Matrix,
    folds: Folds,
}

impl<'a> TrainingSet<'a> {
    fn of(plan: &Plan, examples: &'a [Example], seed: u64) -> Self {
        let width = examples.first().map_or(0, |example| example.pooled.len());
        let mut pooled = Matrix::empty(width);
        for example in examples {
            pooled.push(example.pooled.iter().copied().map(f64::from));
        }
        let standardization = Standardization::of(&pooled);
        // Kept messages that nobody labelled are a stratum of their own, before all labels.
        let stratum =
            |example: &Example| example.case.as_ref().map_or(0, |case| case.primary.0 + 1);
        let strata: Vec<usize> = examples.iter().map(stratum).collect();
        let learned: Vec<usize> = plan.learned_intents().map(|id| id.0 + 1).collect();
        let folds = Folds::deal(&strata, &groups(examples), &learned, seed);
        Self {
            examples,
            importance: importance(examples),
            features: standardization.apply(&pooled),
            standardization,
            folds,
        }
    }
}

/// Kept messages count together this many times as much as examples: most of what comes in is of the old intents.
const KEPT_SHARE: f64 = 4.0;
/// No kept message counts more than this many examples.
const MOST_IMPORTANT: f64 = 10.0;

/// Returns how much each example counts.
fn importance(examples: &[Example]) -> Vec<f64> {
    let kept = examples.iter().filter(|example| example.purpose == Purpose::Keep).count();
    let learned = examples.len() - kept;
    let of_kept = (KEPT_SHARE * learned as f64 / kept.max(1) as f64).clamp(1.0, MOST_IMPORTANT);
    let importance = |example: &Example| match example.purpose {
        Purpose::Learn => 1.0,
        Purpose::Keep => of_kept,
    };
    examples.iter().map(importance).collect()
}

/// Gives every example a number that it shares with those of the same tokens.
fn groups(examples: &[Example]) -> Vec<usize> {
    let mut numbers: HashMap<&[u32], usize> = HashMap::new();
    examples
        .iter()
        .map(|example| {
            let next = numbers.len();
            *numbers.entry(&example.input_ids).or_insert(next)
        })
        .collect()
}

fn check_finite(examples: &[Example]) -> Result<(), AdaptationError> {
    let is_finite = |example: &&Example| {
        let logits = example.output.heads.iter().flat_map(|(_, logits)| logits);
        example.pooled.iter().chain(logits).all(|value| value.is_finite())
    };
    match examples.iter().find(|example| !is_finite(example)) {
        None => Ok(()),
        Some(example) => {
            let line =
                example.case.as_ref().map(|case| format!("the message on line {}", case.line));
            let place = line.unwrap_or_else(|| "a message that is kept in mind".to_owned());
            Err(AdaptationError::NotFinite { place })
        }
    }
}

/// Returns the head that says which intent leads, if it was fitted.
fn leading_head(fits: &[HeadFit]) -> Option<&AdaptedHead> {
    let heads = || fits.iter().map(|fit| &fit.adapted);
    let primary = heads().find(|adapted| adapted.head.name == HeadName::Primary);
    primary.or_else(|| heads().find(|adapted| adapted.head.name == HeadName::Intent))
}

/// Returns the samples of the old model that are answered as before.
fn still_right(base: &Base<'_>, fits: &[HeadFit]) -> Vec<SelfCheck> {
    let leading = leading_head(fits);
    let is_right = |check: &SelfCheck, example: &Example| {
        leading.is_none_or(|adapted| {
            let (found, _) = adapted.leading(&example.pooled);
            adapted.head.labels.get(found) == Some(check.primary.as_str())
        })
    };
    let samples = base.self_check.iter();
    samples.filter(|(check, example)| is_right(check, example)).map(|(c, _)| c.clone()).collect()
}

/// Finds for each new intent the example that leaves the new model in the least doubt.
fn surest(plan: &Plan, set: &TrainingSet<'_>, fits: &[HeadFit]) -> Vec<SelfCheck> {
    let Some(adapted) = leading_head(fits) else { return vec![] };
    let mut checks = Vec::new();
    for label in plan.learned_intents() {
        let mut surest: Option<(f64, &String)> = None;
        for example in set.examples {
            let holds = example.case.as_ref().is_some_and(|case| case.primary == label);
            let (Some(text), true) = (&example.sample, holds) else { continue };
            let (found, margin) = adapted.leading(&example.pooled);
            if found == label && surest.is_none_or(|(most, _)| margin > most) {
                surest = Some((margin, text));
            }
        }
        if let (Some((_, text)), Some(primary)) = (surest, adapted.head.labels.get(label)) {
            checks.push(SelfCheck { text: text.clone(), primary: primary.to_owned() });
        }
    }
    checks
}

impl AdaptedHead {
    /// Returns the label with the largest logit for a sentence vector `[H]`, and how far it lies before the next.
    #[must_use]
    pub fn leading(&self, pooled: &[f32]) -> (LabelId, f64) {
        let rows = self.weights.chunks_exact(pooled.len().max(1)).zip(&self.biases);
        let logits = rows.map(|(row, bias)| {
            let products = row.iter().zip(pooled).map(|(a, b)| f64::from(*a) * f64::from(*b));
            f64::from(*bias) + products.sum::<f64>()
        });
        leading(logits)
    }
}

/// Returns the position of the largest value and its distance to the next; the earlier of equals goes first.
fn leading(logits: impl Iterator<Item = f64>) -> (LabelId, f64) {
    let (mut best, mut second) = ((0, f64::NEG_INFINITY), f64::NEG_INFINITY);
    for (index, logit) in logits.enumerate() {
        if logit > best.1 {
            second = best.1;
            best = (index, logit);
        } else {
            second = second.max(logit);
        }
    }
    (LabelId(best.0), best.1 - second)
}

/// Puts the changed heads into a manifest and returns it.
#[must_use]
pub fn adapted_manifest(base: &Manifest, heads: &[AdaptedHead]) -> Manifest {
    let mut manifest = base.clone();
    for head in &mut manifest.heads {
        if let Some(adapted) = heads.iter().find(|adapted| adapted.head.name == head.name) {
            *head = adapted.head.clone();
        }
    }
    manifest
}

/// Returns names, shapes and values of the tensors of a head.
#[must_use]
pub fn tensors_of(adapted: &AdaptedHead) -> [(String, Vec<usize>, &[f32]); 2] {
    let labels = adapted.head.labels.len();
    let width = adapted.weights.len().checked_div(labels).unwrap_or_default();
    let [weight, bias] = head_tensors(adapted.head.name);
    [(weight, vec![labels, width], &adapted.weights), (bias, vec![labels], &adapted.biases)]
}

/// Returns labels with more of them at the end.
fn extended(labels: &LabelSet, more: &[String]) -> LabelSet {
    LabelSet::new(labels.iter().chain(more.iter().map(String::as_str)))
}
