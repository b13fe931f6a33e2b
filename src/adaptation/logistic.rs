//! Logistic regression with an L2 penalty, on top of logits that stay as they are.
//!
//! A label's logit is `offset + weights · features + bias`. Offsets are what a model says already: a new label has none,
//! a label that is adjusted starts from its old logit, and the penalty then pulls it back there.

use super::matrix::{Matrix, add_scaled, dot};
use super::optimizer;

/// How logits become probabilities.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Link {
    /// Exactly one label holds. `rest` has for each example the logarithm of Σ exp(logit) over the labels that are not
    /// fitted; without it there are no others.
    Softmax { rest: Option<Vec<f64>> },
    /// Each label holds or not.
    Sigmoid,
}

/// Examples that a head is fitted to: n of them, with d features, for A labels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Problem {
    /// `[n, d]`, standardised.
    pub(super) features: Matrix,
    /// `[n, A]`.
    pub(super) offsets: Matrix,
    /// Probability that each label should have, `[n, A]`. With [`Link::Softmax`] a row adds up to 1 at most, and what is
    /// missing belongs to the rest.
    pub(super) targets: Matrix,
    pub(super) link: Link,
}

/// What is fitted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rows {
    /// `[A, d]`.
    pub(super) weights: Matrix,
    /// `[A]`.
    pub(super) biases: Vec<f64>,
}

impl Rows {
    fn zeros(labels: usize, features: usize) -> Self {
        Self { weights: Matrix::zeros(labels, features), biases: vec![0.0; labels] }
    }

    fn of_parameters(parameters: &[f64], labels: usize, features: usize) -> Self {
        let (weights, biases) = split(parameters, labels, features);
        let mut rows = Matrix::empty(features);
        for row in weights.chunks_exact(features.max(1)).take(labels) {
            rows.push(row.iter().copied());
        }
        Self { weights: rows, biases: biases.to_vec() }
    }

    fn parameters(&self) -> Vec<f64> {
        [self.weights.values(), &self.biases].concat()
    }
}

fn split(parameters: &[f64], labels: usize, features: usize) -> (&[f64], &[f64]) {
    parameters.split_at_checked(labels * features).unwrap_or_default()
}

/// What is known of one example.
#[derive(Clone, Copy)]
struct Example<'a> {
    features: &'a [f64],
    offsets: &'a [f64],
    targets: &'a [f64],
    /// −∞ without a rest.
    rest: f64,
}

impl Problem {
    /// Fits rows to the examples, each counting as `importance` says; those of importance 0 have no part.
    ///
    /// `penalty` / 2 · Σ weights² is added to the sum of the losses; biases are free. Starts from `start`, or from zeros.
    pub(super) fn fit(&self, importance: &[f64], penalty: f64, start: Option<&Rows>) -> Rows {
        let (labels, features) = (self.targets.columns(), self.features.columns());
        let zeros = || Rows::zeros(labels, features).parameters();
        let start = start.map_or_else(zeros, Rows::parameters);
        let function = |parameters: &[f64], gradient: &mut [f64]| {
            self.objective(importance, penalty, parameters, gradient)
        };
        Rows::of_parameters(&optimizer::minimize(function, start), labels, features)
    }

    /// Returns the logits of every example, `[n, A]`.
    pub(super) fn logits(&self, rows: &Rows) -> Matrix {
        let mut logits = Matrix::empty(self.targets.columns());
        for example in self.examples() {
            logits.push(example.logits(rows.weights.rows(), &rows.biases));
        }
        logits
    }

    /// Returns how badly logits `[n, A]` fit an example: its cross-entropy.
    pub(super) fn losses(&self, logits: &Matrix) -> Vec<f64> {
        let mut residuals = vec![0.0; self.targets.columns()];
        self.examples()
            .zip(logits.rows())
            .map(|(example, logits)| example.loss(&self.link, logits, &mut residuals))
            .collect()
    }

    /// Returns the logarithm of Σ exp(logit) over the labels that are not fitted, for an example; −∞ without any.
    pub(super) fn rest(&self, index: usize) -> f64 {
        match &self.link {
            Link::Softmax { rest: Some(rest) } => {
                rest.get(index).copied().unwrap_or(f64::NEG_INFINITY)
            }
            Link::Softmax { rest: None } | Link::Sigmoid => f64::NEG_INFINITY,
        }
    }

    fn examples(&self) -> impl Iterator<Item = Example<'_>> {
        let rows = self.features.rows().zip(self.offsets.rows()).zip(self.targets.rows());
        rows.enumerate().map(|(index, ((features, offsets), targets))| Example {
            features,
            offsets,
            targets,
            rest: self.rest(index),
        })
    }

    fn objective(
        &self,
        importance: &[f64],
        penalty: f64,
        parameters: &[f64],
        gradient: &mut [f64],
    ) -> f64 {
        let (labels, columns) = (self.targets.columns(), self.features.columns());
        let (weights, biases) = split(parameters, labels, columns);
        let Some((weight_slopes, bias_slopes)) = gradient.split_at_mut_checked(labels * columns)
        else {
            return f64::NAN;
        };
        for (slope, weight) in weight_slopes.iter_mut().zip(weights) {
            *slope = penalty * weight;
        }
        bias_slopes.fill(0.0);
        let mut value = 0.5 * penalty * dot(weights, weights);
        let mut residuals = vec![0.0; labels];
        for (example, &importance) in self.examples().zip(importance) {
            if importance <= 0.0 {
                continue;
            }
            let logits = example.logits(weights.chunks_exact(columns.max(1)), biases);
            value += importance * example.loss(&self.link, &logits, &mut residuals);
            let slopes = weight_slopes.chunks_exact_mut(columns.max(1)).zip(&mut *bias_slopes);
            for (residual, (weights, bias)) in residuals.iter().zip(slopes) {
                add_scaled(weights, importance * residual, example.features);
                *bias += importance * residual;
            }
        }
        value
    }
}

impl Example<'_> {
    fn logits<'a>(&self, weights: impl Iterator<Item = &'a [f64]>, biases: &[f64]) -> Vec<f64> {
        let rows = weights.zip(biases).zip(self.offsets);
        rows.map(|((weights, bias), offset)| offset + dot(weights, self.features) + bias).collect()
    }

    /// Returns the cross-entropy; `residuals` becomes its gradient by the logits.
    fn loss(&self, link: &Link, logits: &[f64], residuals: &mut [f64]) -> f64 {
        match link {
            Link::Softmax { .. } => self.softmax_loss(logits, residuals),
            Link::Sigmoid => self.sigmoid_loss(logits, residuals),
        }
    }

    fn softmax_loss(&self, logits: &[f64], residuals: &mut [f64]) -> f64 {
        let total = log_sum_exp(logits, self.rest);
        let mut left = 1.0;
        let mut loss = 0.0;
        for ((residual, logit), target) in residuals.iter_mut().zip(logits).zip(self.targets) {
            *residual = (logit - total).exp() - target;
            loss += target * (total - logit);
            left -= target;
        }
        // Rounding of the targets must not be multiplied with a rest that is not there.
        if left > 1e-9 && self.rest.is_finite() { loss + left * (total - self.rest) } else { loss }
    }

    fn sigmoid_loss(&self, logits: &[f64], residuals: &mut [f64]) -> f64 {
        let mut loss = 0.0;
        for ((residual, logit), target) in residuals.iter_mut().zip(logits).zip(self.targets) {
            *residual = sigmoid(*logit) - target;
            // ln(1 + e^x) without overflow.
            loss += logit.max(0.0) + (-logit.abs()).exp().ln_1p() - target * logit;
        }
        loss
    }
}

/// Returns ln(Σ exp(value) + exp(rest)).
pub(super) fn log_sum_exp(values: &[f64], rest: f64) -> f64 {
    // exp(710) already overflows f64.
    let largest = values.iter().copied().fold(rest, f64::max);
    let sum: f64 = values.iter().map(|value| (value - largest).exp()).sum();
    largest + (sum + (rest - largest).exp()).ln()
}

/// Returns the logistic function.
pub(super) fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn matrix(rows: &[&[f64]]) -> Matrix {
        let mut matrix = Matrix::empty(rows[0].len());
        rows.iter().for_each(|row| matrix.push(row.iter().copied()));
        matrix
    }

    /// Six examples of three labels with two features.
    fn problem(link: Link) -> Problem {
        Problem {
            features: matrix(&[
                &[1.0, 0.2],
                &[0.8, -0.1],
                &[-0.5, 1.0],
                &[-0.2, 1.4],
                &[-1.0, -0.9],
                &[0.1, -1.2],
            ]),
            offsets: Matrix::zeros(6, 3),
            targets: matrix(&[
                &[1.0, 0.0, 0.0],
                &[1.0, 0.0, 0.0],
                &[0.0, 1.0, 0.0],
                &[0.0, 1.0, 0.0],
                &[0.0, 0.0, 1.0],
                &[0.0, 0.0, 1.0],
            ]),
            link,
        }
    }

    fn assert_gradient(problem: &Problem, importance: &[f64]) {
        let count = problem.targets.columns() * (problem.features.columns() + 1);
        let mut random = Random::new(7, 0);
        let at: Vec<f64> = (0..count).map(|_| random.unit() - 0.5).collect();
        let mut gradient = vec![0.0; count];
        let mut unused = vec![0.0; count];
        problem.objective(importance, 0.7, &at, &mut gradient);
        for index in 0..count {
            let mut shifted = |by: f64| {
                let mut point = at.clone();
                point[index] += by;
                problem.objective(importance, 0.7, &point, &mut unused)
            };
            let slope = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
            assert!((slope - gradient[index]).abs() < 1e-6, "{index}: {slope} {}", gradient[index]);
        }
    }

    #[test]
    fn gradient_is_the_slope_of_the_objective() {
        let importance = [1.0, 2.0, 0.5, 0.0, 1.0, 3.0];
        let mut with_rest =
            problem(Link::Softmax { rest: Some(vec![0.3, -1.0, 2.0, 0.0, 1.0, -4.0]) });
        with_rest.offsets = matrix(&[&[0.1, -0.2, 1.5][..]; 6]);
        with_rest.targets = matrix(&[&[0.2, 0.0, 0.3][..]; 6]);

        assert_gradient(&with_rest, &importance);
        assert_gradient(&problem(Link::Softmax { rest: None }), &importance);
        assert_gradient(&problem(Link::Sigmoid), &importance);
    }

    #[test]
    fn rows_are_those_of_scikit_learn() {
        // LogisticRegression(C=0.5, tol=1e-10): λ = 1 / C.
        let rows = problem(Link::Softmax { rest: None }).fit(&[1.0; 6], 2.0, None);

        let expected = [
            [0.567_045_007, -0.007_806_942],
            [-0.264_649_462, 0.613_629_823],
            [-0.302_395_545, -0.605_822_881],
        ];
        for (row, expected) in rows.weights.rows().zip(expected) {
            for (weight, expected) in row.iter().zip(expected) {
                assert!((weight - expected).abs() < 1e-4, "{weight} {expected}");
            }
        }
    }

    #[test]
    fn example_of_no_importance_has_no_part() {
        let whole = problem(Link::Sigmoid);
        let mut importance = [1.0; 6];
        importance[5] = 0.0;
        let mut without = whole.clone();
        without.features = matrix(&whole.features.rows().take(5).collect::<Vec<_>>());
        without.offsets = Matrix::zeros(5, 3);
        without.targets = matrix(&whole.targets.rows().take(5).collect::<Vec<_>>());

        let (a, b) = (whole.fit(&importance, 1.0, None), without.fit(&[1.0; 5], 1.0, None));

        for (a, b) in a.weights.values().iter().zip(b.weights.values()) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }

    #[test]
    fn strong_penalty_leaves_offsets_as_they_are() {
        let mut problem = problem(Link::Softmax { rest: None });
        problem.offsets = matrix(&[&[3.0, 0.0, -1.0][..]; 6]);

        let rows = problem.fit(&[1.0; 6], 1e9, None);

        assert!(rows.weights.values().iter().all(|weight| weight.abs() < 1e-6));
    }

    #[test]
    fn what_is_not_fitted_competes_through_the_rest() {
        // A new label beside labels whose logits are known: where these are sure, it has to be surer.
        let problem = Problem {
            features: matrix(&[&[1.0], &[0.9], &[-1.0], &[-0.8]]),
            offsets: Matrix::zeros(4, 1),
            targets: matrix(&[&[1.0], &[1.0], &[0.0], &[0.0]]),
            link: Link::Softmax { rest: Some(vec![5.0, 5.0, 5.0, 5.0]) },
        };

        let rows = problem.fit(&[1.0; 4], 0.1, None);
        let logits = problem.logits(&rows);

        assert!(logits.row(0)[0] > 5.0 && logits.row(1)[0] > 5.0, "{logits:?}");
        assert!(logits.row(2)[0] < 5.0 && logits.row(3)[0] < 5.0, "{logits:?}");
    }

    #[test]
    fn sums_of_exponentials_survive_extremes() {
        assert!((log_sum_exp(&[1e3, 1e3], f64::NEG_INFINITY) - (1e3 + 2.0_f64.ln())).abs() < 1e-9);
        assert!((log_sum_exp(&[-1e3], 0.0) - 0.0).abs() < 1e-9);
        assert!((sigmoid(-1e4) - 0.0).abs() < 1e-12 && (sigmoid(1e4) - 1.0).abs() < 1e-12);
    }
}
