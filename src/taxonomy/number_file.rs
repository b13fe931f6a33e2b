//! Reads the numbers of a view.

use super::file::unknown;
use super::view::{Number, round, step_index};
use crate::labels::POLARITY_STEPS;
use crate::yaml::{Entry, Faults, Fields, Node};

/// Weight of what is both negative and positive.
const OVERLAP: &str = "overlap";
/// Largest bound and weight, and most decimals: a value times its scale stays exact in an `f64`.
const MAX_MAGNITUDE: f64 = 1e9;
const MAX_DECIMALS: i64 = 6;

/// Reads the section `numbers` of a sentiment; numbers with faults may be missing from the result.
pub(super) fn numbers(node: &Node, faults: &mut Faults) -> Vec<Number> {
    let entries = node.entries(faults).unwrap_or_default();
    if entries.is_empty() {
        faults.add(node.position, "expected at least one number");
    }
    entries.iter().filter_map(|entry| number(entry, faults)).collect()
}

fn number(entry: &Entry, faults: &mut Faults) -> Option<Number> {
    let mut fields = Fields::of(&entry.value, faults)?;
    let minimum = fields.required("minimum", faults);
    let maximum = fields.required("maximum", faults);
    let decimals = fields.required("decimals", faults);
    let weights = fields.required("weights", faults);
    fields.finish(faults);
    let scale = decimals.and_then(|node| scale(node, faults)).unwrap_or(1.0);
    let mut bound = |node: Option<&Node>| bound(node?, scale, faults);
    let bounds = (bound(minimum), bound(maximum));
    let (step_weights, overlap) =
        weights.map(|node| self::weights(node, faults)).unwrap_or_default();
    // A number with faults stays known, without bounds, so that what refers to it is not reported as well.
    let (minimum, maximum) = match bounds {
        (Some(low), Some(high)) if low < high => (low, high),
        (Some(low), Some(high)) => {
            let message = format!("the minimum, {low}, is not less than the maximum, {high}");
            faults.add(entry.key.position, message);
            (f64::NEG_INFINITY, f64::INFINITY)
        }
        (Some(_) | None, _) => (f64::NEG_INFINITY, f64::INFINITY),
    };
    let name = entry.key.text.clone();
    Some(Number { name, minimum, maximum, scale, weights: step_weights, overlap })
}

/// Reads the decimals as the power of 10 that makes them whole.
fn scale(node: &Node, faults: &mut Faults) -> Option<f64> {
    let decimals = node.integer(faults)?;
    match i32::try_from(decimals) {
        Ok(power) if (0..=MAX_DECIMALS).contains(&decimals) => Some(10_f64.powi(power)),
        _ => node.refuse(&format!("a whole number from 0 to {MAX_DECIMALS}"), faults),
    }
}

/// A bound with more digits than are kept would be passed by rounding.
fn bound(node: &Node, scale: f64, faults: &mut Faults) -> Option<f64> {
    let bound = magnitude(node, faults)?;
    let rounded = round(bound, scale);
    if (rounded - bound).abs() > 1e-9 {
        return node.refuse("no more digits than decimals says", faults);
    }
    Some(rounded)
}

fn magnitude(node: &Node, faults: &mut Faults) -> Option<f64> {
    let number = node.number(faults)?;
    if number.abs() > MAX_MAGNITUDE {
        return node.refuse(&format!("a number from -{MAX_MAGNITUDE} to {MAX_MAGNITUDE}"), faults);
    }
    Some(number)
}

/// Reads the weights of the steps and of the overlap.
fn weights(node: &Node, faults: &mut Faults) -> ([f64; POLARITY_STEPS.len()], f64) {
    let (mut steps, mut overlap) = ([0.0; POLARITY_STEPS.len()], 0.0);
    let entries = node.entries(faults).unwrap_or_default();
    if entries.is_empty() {
        faults.add(node.position, "expected at least one weight");
    }
    for entry in entries {
        let weight = magnitude(&entry.value, faults).unwrap_or_default();
        match step_index(&entry.key.text).and_then(|index| steps.get_mut(index)) {
            Some(step) => *step = weight,
            None if entry.key.text == OVERLAP => overlap = weight,
            None => {
                let names = POLARITY_STEPS.into_iter().chain([OVERLAP]);
                unknown(entry, "value", names, faults);
            }
        }
    }
    (steps, overlap)
}
