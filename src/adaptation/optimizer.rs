//! The least value of a smooth convex function: L-BFGS (Liu and Nocedal, 1989) with a line search for the weak Wolfe
//! conditions by bisection (Lewis and Overton, 2013).

use std::collections::VecDeque;

use super::matrix::{add_scaled, dot};

/// Steps that the curvature is estimated from.
const MEMORY: usize = 10;
const MAX_ITERATIONS: usize = 500;
/// Points that are tried in one direction.
const MAX_TRIALS: usize = 40;
/// A slope of this share of the first one counts as none.
const TOLERANCE: f64 = 1e-5;
/// The function has to fall by this share of what the slope promises.
const SUFFICIENT_DECREASE: f64 = 1e-4;
/// The slope has to lose this share at least.
const CURVATURE: f64 = 0.9;

/// A step that was taken: the way, the change of the gradient, and 1 / (way · change).
struct Step {
    way: Vec<f64>,
    change: Vec<f64>,
    curvature: f64,
}

/// Returns the point with the least value, or the best one after 500 steps. `function` returns the value at a point and
/// writes the gradient there.
pub(super) fn minimize(
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
    start: Vec<f64>,
) -> Vec<f64> {
    let mut point = start;
    let mut gradient = vec![0.0; point.len()];
    let mut value = function(&point, &mut gradient);
    let enough = TOLERANCE * largest(&gradient).max(f64::MIN_POSITIVE);
    let mut steps: VecDeque<Step> = VecDeque::with_capacity(MEMORY);
    for _ in 0..MAX_ITERATIONS {
        if largest(&gradient) <= enough {
            break;
        }
        let direction = direction(&gradient, &steps);
        let first = if steps.is_empty() { 1.0 / dot(&gradient, &gradient).sqrt() } else { 1.0 };
        let from = Place { point: &point, value, gradient: &gradient };
        let Some(found) = search(&mut function, &from, &direction, first) else {
            // Nearer than rounding lets us tell.
            break;
        };
        remember(
            &mut steps,
            difference(&found.point, &point),
            difference(&found.gradient, &gradient),
        );
        (point, value, gradient) = (found.point, found.value, found.gradient);
    }
    point
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |largest, value| value.abs().max(largest))
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

fn remember(steps: &mut VecDeque<Step>, way: Vec<f64>, change: Vec<f64>) {
    let product = dot(&way, &change);
    // Without curvature the estimate would point uphill.
    if product <= f64::EPSILON * dot(&change, &change) {
        return;
    }
    if steps.len() == MEMORY {
        steps.pop_front();
    }
    steps.push_back(Step { way, change, curvature: 1.0 / product });
}

/// Returns −H · gradient, H being the inverse curvature that the steps show: the two loops of L-BFGS.
fn direction(gradient: &[f64], steps: &VecDeque<Step>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|slope| -slope).collect();
    let mut shares = Vec::with_capacity(steps.len());
    for step in steps.iter().rev() {
        let share = step.curvature * dot(&step.way, &direction);
        add_scaled(&mut direction, -share, &step.change);
        shares.push(share);
    }
    if let Some(Step { change, curvature, .. }) = steps.back() {
        let scale = 1.0 / (curvature * dot(change, change));
        direction.iter_mut().for_each(|value| *value *= scale);
    }
    for (step, share) in steps.iter().zip(shares.into_iter().rev()) {
        let back = step.curvature * dot(&step.change, &direction);
        add_scaled(&mut direction, share - back, &step.way);
    }
    direction
}

struct Place<'a> {
    point: &'a [f64],
    value: f64,
    gradient: &'a [f64],
}

struct Found {
    point: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

/// Looks for a point where the function has fallen enough and its slope has flattened; `None` when there is none that
/// numbers can tell.
fn search(
    function: &mut impl FnMut(&[f64], &mut [f64]) -> f64,
    from: &Place<'_>,
    direction: &[f64],
    first: f64,
) -> Option<Found> {
    let slope = dot(from.gradient, direction);
    if slope >= 0.0 || !slope.is_finite() {
        return None;
    }
    let (mut low, mut high, mut length) = (0.0, f64::INFINITY, first);
    let mut gradient = vec![0.0; from.point.len()];
    for _ in 0..MAX_TRIALS {
        let mut point = from.point.to_vec();
        add_scaled(&mut point, length, direction);
        let value = function(&point, &mut gradient);
        let falls = value <= from.value + SUFFICIENT_DECREASE * length * slope;
        if !falls {
            high = length;
        } else if dot(&gradient, direction) < CURVATURE * slope {
            low = length;
        } else {
            return Some(Found { point, value, gradient });
        }
        length = if high.is_finite() { f64::midpoint(low, high) } else { 2.0 * length };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quadratic_with_very_different_curvatures_is_solved() {
        let scales: Vec<f64> = (0..30).map(|index| 10_f64.powf(f64::from(index) / 10.0)).collect();
        let function = |point: &[f64], gradient: &mut [f64]| {
            let mut value = 0.0;
            for ((x, slope), scale) in point.iter().zip(gradient).zip(&scales) {
                *slope = scale * (x - 3.0);
                value += 0.5 * scale * (x - 3.0) * (x - 3.0);
            }
            value
        };

        let minimum = minimize(function, vec![-7.0; 30]);

        assert!(minimum.iter().all(|x| (x - 3.0).abs() < 0.5), "{:?}", minimum);
        // The slope decides: where it is steep, the place is exact.
        assert!((minimum[29] - 3.0).abs() < 1e-3, "{minimum:?}");
    }

    #[test]
    fn bent_valley_is_followed_to_its_end() {
        // Rosenbrock's function: not convex, but its only minimum lies at (1, 1).
        let function = |point: &[f64], gradient: &mut [f64]| {
            let (x, y) = (point[0], point[1]);
            gradient[0] = -2.0 * (1.0 - x) - 400.0 * x * (y - x * x);
            gradient[1] = 200.0 * (y - x * x);
            (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2)
        };

        let minimum = minimize(function, vec![-1.2, 1.0]);

        assert!(minimum.iter().all(|x| (x - 1.0).abs() < 1e-4), "{:?}", minimum);
    }

    #[test]
    fn start_at_the_minimum_stays() {
        let minimum = minimize(
            |point, gradient| {
                gradient[0] = 2.0 * point[0];
                point[0] * point[0]
            },
            vec![0.0],
        );

        assert_eq!(minimum, [0.0]);
    }

    #[test]
    fn function_without_a_minimum_ends() {
        let minimum = minimize(
            |point, gradient| {
                gradient[0] = -1.0;
                -point[0]
            },
            vec![0.0],
        );

        assert!(minimum[0].is_finite(), "{minimum:?}");
    }
}
