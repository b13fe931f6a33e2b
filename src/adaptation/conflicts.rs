//! Examples that say the same and are labelled differently.

use serde::Serialize;

use super::matrix::{Matrix, dot};
use super::{Example, TrainingSet};
use crate::labels::LabelId;

/// Cosine of two standardised sentence vectors from which on two messages say nearly the same.
const NEAR: f64 = 0.9;
/// Examples that are compared pair by pair; more take too long.
const MAX_COMPARED: usize = 5_000;
/// Pairs that are told.
const MAX_TOLD: usize = 50;

/// Two messages with different leading intents.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Conflict {
    /// One message.
    pub first: Labelled,
    /// The other.
    pub second: Labelled,
    /// How alike they are: the cosine of their standardised sentence vectors, or `None` where the model reads the same.
    pub similarity: Option<f64>,
}

/// Where a message stands and what leads it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Labelled {
    /// File.
    pub file: String,
    /// Line, counted from 1.
    pub line: u64,
    /// Leading intent.
    pub intent: String,
}

/// Finds pairs of examples that are the same or nearly so, and have different leading intents. The most alike go first.
///
/// `labelled` names an example; those without labels are passed over.
pub(super) fn find(
    set: &TrainingSet<'_>,
    labelled: impl Fn(&Example) -> Option<(LabelId, Labelled)>,
) -> Vec<Conflict> {
    let unit = unit_rows(&set.features);
    let known: Vec<_> = set
        .examples
        .iter()
        .zip(unit.rows())
        .filter_map(|(example, vector)| labelled(example).map(|of| (example, vector, of)))
        .take(MAX_COMPARED)
        .collect();
    let mut conflicts = Vec::new();
    for (index, (first, first_vector, (first_id, first_place))) in known.iter().enumerate() {
        for (second, second_vector, (second_id, second_place)) in known.iter().skip(index + 1) {
            if first_id == second_id {
                continue;
            }
            let is_same = first.input_ids == second.input_ids;
            let similarity = dot(first_vector, second_vector);
            if is_same || similarity >= NEAR {
                conflicts.push(Conflict {
                    first: first_place.clone(),
                    second: second_place.clone(),
                    similarity: (!is_same).then_some(similarity),
                });
            }
        }
    }
    let alike = |conflict: &Conflict| conflict.similarity.unwrap_or(f64::INFINITY);
    conflicts.sort_by(|a, b| alike(b).total_cmp(&alike(a)));
    conflicts.truncate(MAX_TOLD);
    conflicts
}

/// Returns rows of length 1.
fn unit_rows(features: &Matrix) -> Matrix {
    let mut unit = features.clone();
    for row in unit.rows_mut() {
        let length = dot(row, row).sqrt().max(f64::MIN_POSITIVE);
        row.iter_mut().for_each(|value| *value /= length);
    }
    unit
}
