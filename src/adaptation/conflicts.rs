//! Examples that say the same and are labelled differently.

use serde::Serialize;

use super::matrix::{Matrix, dot};
use super::standardization::Standardization;
use super::{Example, Purpose, TrainingSet};
use crate::labels::LabelId;

/// Cosine of two standardised sentence vectors from which on two messages say nearly the same.
///
/// Of 1.1 million pairs of messages of 24 intents of a public set, 12 with different labels are that near, and one has to
/// look twice at each.
const NEAR: f64 = 0.85;
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
/// `labelled` names an example; those without labels are passed over. Examples are compared with one another by their
/// sentence vectors, standardised over them alone: beside messages about everything, all that is about one matter looks
/// alike. Kept messages are compared by their tokens.
pub(super) fn find(
    set: &TrainingSet<'_>,
    labelled: impl Fn(&Example) -> Option<(LabelId, Labelled)>,
) -> Vec<Conflict> {
    let known: Vec<(&Example, LabelId, Labelled)> = set
        .examples
        .iter()
        .filter_map(|example| labelled(example).map(|(id, place)| (example, id, place)))
        .take(MAX_COMPARED)
        .collect();
    let unit = unit_rows(&known.iter().map(|(example, ..)| *example).collect::<Vec<_>>());
    let mut conflicts = Vec::new();
    for (index, (first, first_id, first_place)) in known.iter().enumerate() {
        for (other, (second, second_id, second_place)) in known.iter().enumerate().skip(index + 1) {
            if first_id == second_id {
                continue;
            }
            let is_same = first.input_ids == second.input_ids;
            let both_learned = [first, second].iter().all(|one| one.purpose == Purpose::Learn);
            let similarity = dot(unit.row(index), unit.row(other));
            if is_same || (both_learned && similarity >= NEAR) {
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

/// Returns the vectors of examples, standardised over those to learn from, and of length 1.
fn unit_rows(examples: &[&Example]) -> Matrix {
    let width = examples.first().map_or(0, |example| example.pooled.len());
    let (mut all, mut learned) = (Matrix::empty(width), Matrix::empty(width));
    for example in examples {
        let vector = example.pooled.iter().copied().map(f64::from);
        all.push(vector.clone());
        if example.purpose == Purpose::Learn {
            learned.push(vector);
        }
    }
    let mut unit = Standardization::of(&learned).apply(&all);
    for row in unit.rows_mut() {
        let length = dot(row, row).sqrt().max(f64::MIN_POSITIVE);
        row.iter_mut().for_each(|value| *value /= length);
    }
    unit
}
