//! Features with mean 0 and deviation 1: sentence vectors all point nearly the same way, and a penalty on weights treats
//! every direction alike.

use super::logistic::Rows;
use super::matrix::{Matrix, dot};

/// Shift and scale of each feature.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standardization {
    means: Vec<f64>,
    deviations: Vec<f64>,
}

impl Standardization {
    /// Measures the features of examples `[n, d]`. A feature that never changes is left as it is, but for its mean.
    pub(super) fn of(features: &Matrix) -> Self {
        let count = features.len().max(1) as f64;
        let mut means = vec![0.0; features.columns()];
        for row in features.rows() {
            means.iter_mut().zip(row).for_each(|(mean, value)| *mean += value / count);
        }
        let mut deviations = vec![0.0; features.columns()];
        for row in features.rows() {
            for ((deviation, value), mean) in deviations.iter_mut().zip(row).zip(&means) {
                *deviation += (value - mean) * (value - mean) / count;
            }
        }
        for deviation in &mut deviations {
            *deviation = deviation.sqrt();
            if *deviation < 1e-9 {
                *deviation = 1.0;
            }
        }
        Self { means, deviations }
    }

    /// Returns standardised features.
    pub(super) fn apply(&self, features: &Matrix) -> Matrix {
        let mut standardised = Matrix::empty(features.columns());
        for row in features.rows() {
            let scales = self.means.iter().zip(&self.deviations);
            standardised
                .push(row.iter().zip(scales).map(|(value, (mean, by))| (value - mean) / by));
        }
        standardised
    }

    /// Returns rows that give for features as they come what `rows` give for standardised ones.
    pub(super) fn fold_into(&self, rows: &Rows) -> Rows {
        let mut weights = Matrix::empty(rows.weights.columns());
        let mut biases = Vec::with_capacity(rows.biases.len());
        for (row, bias) in rows.weights.rows().zip(&rows.biases) {
            let scaled: Vec<f64> =
                row.iter().zip(&self.deviations).map(|(weight, by)| weight / by).collect();
            biases.push(bias - dot(&scaled, &self.means));
            weights.push(scaled);
        }
        Rows { weights, biases }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix(rows: &[[f64; 3]]) -> Matrix {
        let mut matrix = Matrix::empty(3);
        rows.iter().for_each(|row| matrix.push(*row));
        matrix
    }

    #[test]
    fn features_get_mean_0_and_deviation_1() {
        let features = matrix(&[[1.0, 10.0, 5.0], [3.0, 30.0, 5.0]]);

        let standardised = Standardization::of(&features).apply(&features);

        assert_eq!(standardised, matrix(&[[-1.0, -1.0, 0.0], [1.0, 1.0, 0.0]]));
    }

    #[test]
    fn folded_rows_give_the_same_logits() {
        let features = matrix(&[[1.0, 10.0, 5.0], [3.0, 30.0, 5.0], [2.5, -4.0, 5.0]]);
        let rows =
            Rows { weights: matrix(&[[0.5, -2.0, 1.0], [0.0, 1.0, 3.0]]), biases: vec![0.1, 2.0] };
        let standardization = Standardization::of(&features);

        let folded = standardization.fold_into(&rows);

        for (raw, standardised) in features.rows().zip(standardization.apply(&features).rows()) {
            for (((a, a_bias), b), b_bias) in
                folded.weights.rows().zip(&folded.biases).zip(rows.weights.rows()).zip(&rows.biases)
            {
                let (a, b) = (dot(a, raw) + a_bias, dot(b, standardised) + b_bias);
                assert!((a - b).abs() < 1e-9, "{a} {b}");
            }
        }
    }
}
