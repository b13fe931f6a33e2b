//! One head: its problem, the penalty that suits it, calibrated rows, thresholds.

use super::calibration::{Judged, best_temperature, thresholds};
use super::logistic::{Link, Problem, Rows, log_sum_exp, sigmoid};
use super::matrix::Matrix;
use super::plan::{LabelRole, Plan};
use super::selection::select;
use super::{AdaptedHead, Example, TrainingSet};
use crate::evaluation::records::Case;
use crate::labels::{HeadKind, HeadName, LabelId};
use crate::model::manifest::Head;
use crate::model::weights::Weights;
use crate::model::{ModelError, head_tensors};

/// A head of the model that is adapted.
pub(super) struct BaseHead<'a> {
    head: &'a Head,
    /// `[L, H]`, row-major.
    weights: Vec<f32>,
    /// `[L]`.
    biases: Vec<f32>,
}

impl<'a> BaseHead<'a> {
    pub(super) fn read(weights: &Weights, head: &'a Head) -> Result<Self, ModelError> {
        let [weight, bias] = head_tensors(head.name);
        Ok(Self {
            head,
            weights: weights.tensor(&weight)?.to_f32(),
            biases: weights.tensor(&bias)?.to_f32(),
        })
    }
}

/// A fitted head with what cross-validation says of it.
pub(super) struct HeadFit {
    pub(super) adapted: AdaptedHead,
    /// Calibrated logits of every label for each example, `[n, L]`, from rows that were fitted without it.
    pub(super) held_out: Matrix,
    /// How strongly weights are held back.
    pub(super) penalty: f64,
    /// Temperature of the rows that were fitted.
    pub(super) temperature: f64,
}

impl HeadFit {
    /// Fits a head; `None` when no example says anything about it.
    pub(super) fn of(
        set: &TrainingSet<'_>,
        base: &BaseHead<'_>,
        plan: &Plan,
        roles: &[LabelRole],
    ) -> Option<Self> {
        let context = Context { base, roles, replaced: plan.replaces(base.head.name) };
        let problem = context.problem(set);
        let importance = context.importance(set);
        if importance.iter().all(|importance| *importance <= 0.0) {
            return None;
        }
        let selected = select(&problem, &importance, &set.folds);
        let temperature = context.temperature(&problem, &selected.held_out, &importance);
        let rows = problem.fit(&importance, selected.penalty, None);
        let rows = set.standardization.fold_into(&rows);
        let held_out = context.all_logits(set, &problem, &selected.held_out, temperature);
        let plan_head = plan.manifest().head(base.head.name)?;
        let mut head = plan_head.clone();
        head.thresholds = context.thresholds(set, &head, &held_out, &importance);
        Some(Self {
            adapted: context.adapted(head, &rows, temperature),
            held_out,
            penalty: selected.penalty,
            temperature,
        })
    }

    pub(super) fn is_finite(&self) -> bool {
        self.adapted.weights.iter().chain(&self.adapted.biases).all(|value| value.is_finite())
    }
}

/// What the parts of a fit share.
struct Context<'a> {
    base: &'a BaseHead<'a>,
    roles: &'a [LabelRole],
    /// Whether the head is made anew.
    replaced: bool,
}

impl Context<'_> {
    fn name(&self) -> HeadName {
        self.base.head.name
    }

    fn learned(&self) -> impl Iterator<Item = LabelId> + Clone {
        let roles = self.roles.iter().enumerate();
        roles.filter_map(|(index, role)| (*role != LabelRole::Kept).then_some(LabelId(index)))
    }

    /// Returns what the model's own head says of an example, divided by its temperature; empty for a head that is made
    /// anew.
    fn base_logits(&self, example: &Example) -> Vec<f64> {
        if self.replaced {
            return vec![];
        }
        let temperature = f64::from(self.base.head.temperature);
        let logits = example.output.logits(self.name()).unwrap_or_default();
        logits.iter().map(|logit| f64::from(*logit) / temperature).collect()
    }

    fn problem(&self, set: &TrainingSet<'_>) -> Problem {
        let count = self.learned().count();
        let (mut offsets, mut targets) = (Matrix::empty(count), Matrix::empty(count));
        let mut rests = Vec::with_capacity(set.examples.len());
        for example in set.examples {
            let base = self.base_logits(example);
            let offset = |id: LabelId| base.get(id.0).copied().unwrap_or_default();
            offsets.push(self.learned().map(offset));
            targets.push(self.learned().map(|id| self.target(example, &base, id)));
            rests.push(log_sum_exp(&self.kept(&base), f64::NEG_INFINITY));
        }
        let link = match self.base.head.kind {
            HeadKind::MultiLabel => Link::Sigmoid,
            HeadKind::SingleLabel | HeadKind::Ordinal => {
                let rest = rests.iter().any(|rest| rest.is_finite()).then_some(rests);
                Link::Softmax { rest }
            }
        };
        Problem { features: set.features.clone(), offsets, targets, link }
    }

    /// Returns the logits of the labels that stay as they are.
    fn kept(&self, base: &[f64]) -> Vec<f64> {
        let pairs = base.iter().zip(self.roles);
        pairs.filter_map(|(logit, role)| (*role == LabelRole::Kept).then_some(*logit)).collect()
    }

    /// Returns the probability that a label should have. A kept message that nobody labelled should get what the model
    /// says of it.
    fn target(&self, example: &Example, base: &[f64], id: LabelId) -> f64 {
        let Some(case) = &example.case else {
            return match (base.get(id.0), self.base.head.kind) {
                (None, _) => 0.0,
                (Some(logit), HeadKind::MultiLabel) => sigmoid(*logit),
                (Some(logit), HeadKind::SingleLabel | HeadKind::Ordinal) => {
                    (logit - log_sum_exp(base, f64::NEG_INFINITY)).exp()
                }
            };
        };
        if holds(case, self.name(), id) == Some(true) { 1.0 } else { 0.0 }
    }

    /// Returns how much each example counts; nothing where it says nothing about this head.
    fn importance(&self, set: &TrainingSet<'_>) -> Vec<f64> {
        let says = |example: &Example| match &example.case {
            Some(case) => self.name() != HeadName::Flags || case.flags.is_some(),
            None => !self.replaced,
        };
        set.examples
            .iter()
            .zip(&set.importance)
            .map(|(example, importance)| if says(example) { *importance } else { 0.0 })
            .collect()
    }

    /// Returns the temperature of fitted rows that suits examples which were held out.
    fn temperature(&self, problem: &Problem, held_out: &Matrix, importance: &[f64]) -> f64 {
        best_temperature(|temperature| {
            let calibrated = tempered(problem, held_out, temperature);
            let losses = problem.losses(&calibrated);
            losses.iter().zip(importance).map(|(loss, importance)| loss * importance).sum()
        })
    }

    /// Returns calibrated logits of all labels, `[n, L]`.
    fn all_logits(
        &self,
        set: &TrainingSet<'_>,
        problem: &Problem,
        held_out: &Matrix,
        temperature: f64,
    ) -> Matrix {
        let calibrated = tempered(problem, held_out, temperature);
        let mut all = Matrix::empty(self.roles.len());
        for (example, fitted) in set.examples.iter().zip(calibrated.rows()) {
            let mut row = self.base_logits(example);
            row.resize(self.roles.len(), 0.0);
            for (id, logit) in self.learned().zip(fitted) {
                if let Some(place) = row.get_mut(id.0) {
                    *place = *logit;
                }
            }
            all.push(row);
        }
        all
    }

    /// Returns a threshold for each label of a head with independent labels: the old one where a label was there before.
    fn thresholds(
        &self,
        set: &TrainingSet<'_>,
        head: &Head,
        held_out: &Matrix,
        importance: &[f64],
    ) -> Vec<f32> {
        if head.kind != HeadKind::MultiLabel {
            return vec![];
        }
        let new: Vec<LabelId> = (0..)
            .map(LabelId)
            .zip(self.roles)
            .filter_map(|(id, role)| (*role == LabelRole::New).then_some(id))
            .collect();
        let judged = |id: &LabelId| -> Judged {
            let examples = set.examples.iter().zip(held_out.rows()).zip(importance);
            examples
                .filter(|(_, importance)| **importance > 0.0)
                .map(|((example, logits), _)| {
                    let probability = logits.get(id.0).map_or(0.0, |logit| sigmoid(*logit));
                    let case = example.case.as_ref();
                    let holds = case.and_then(|case| holds(case, head.name, *id));
                    (probability, holds == Some(true))
                })
                .collect()
        };
        let found = thresholds(&new.iter().map(judged).collect::<Vec<_>>());
        let mut all = head.thresholds.clone();
        for (id, threshold) in new.iter().zip(found) {
            if let Some(place) = all.get_mut(id.0) {
                #[expect(clippy::cast_possible_truncation, reason = "lies in 0.1 to 0.9")]
                let threshold = threshold as f32;
                *place = threshold;
            }
        }
        all
    }

    /// Puts fitted rows beside or onto those of the model.
    fn adapted(&self, mut head: Head, rows: &Rows, temperature: f64) -> AdaptedHead {
        let width = rows.weights.columns();
        let scale = if self.replaced {
            #[expect(clippy::cast_possible_truncation, reason = "lies in 0.25 to 4")]
            let temperature = temperature as f32;
            head.temperature = temperature;
            1.0
        } else {
            // The service divides all rows by the head's temperature.
            f64::from(head.temperature) / temperature
        };
        let labels = head.labels.len();
        let (mut weights, mut biases) = if self.replaced {
            (vec![], vec![])
        } else {
            (self.base.weights.clone(), self.base.biases.clone())
        };
        weights.resize(labels * width, 0.0);
        biases.resize(labels, 0.0);
        let fitted = self.learned().zip(rows.weights.rows().zip(&rows.biases));
        for (id, (row, bias)) in fitted {
            let place = weights.chunks_exact_mut(width.max(1)).nth(id.0);
            for (weight, more) in place.into_iter().flatten().zip(row) {
                *weight = sum(*weight, scale * more);
            }
            if let Some(place) = biases.get_mut(id.0) {
                *place = sum(*place, scale * bias);
            }
        }
        AdaptedHead { head, weights, biases }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "weights are f32; checked to be finite")]
fn sum(old: f32, more: f64) -> f32 {
    (f64::from(old) + more) as f32
}

/// Divides what was fitted by a temperature, and leaves what the model said before.
fn tempered(problem: &Problem, logits: &Matrix, temperature: f64) -> Matrix {
    let mut calibrated = Matrix::empty(logits.columns());
    for (logits, offsets) in logits.rows().zip(problem.offsets.rows()) {
        let pairs = logits.iter().zip(offsets);
        calibrated.push(pairs.map(|(logit, offset)| offset + (logit - offset) / temperature));
    }
    calibrated
}

/// Tells whether a label holds for a message; `None` where nobody labelled that.
pub(super) fn holds(case: &Case, head: HeadName, id: LabelId) -> Option<bool> {
    match head {
        HeadName::Primary => Some(case.primary == id),
        HeadName::Intent => Some(case.intents.contains(&id)),
        HeadName::Flags => case.flags.as_ref().map(|flags| flags.contains(&id)),
        HeadName::Polarity => None,
    }
}
