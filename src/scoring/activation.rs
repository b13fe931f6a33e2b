//! Logits to probabilities.

use crate::labels::HeadName;

/// Why outputs can't be turned into a prediction.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ScoringError {
    /// A logit is NaN or infinite.
    #[error("head {head} returned a value that is not finite at output {index}")]
    NotFinite {
        /// Which head.
        head: HeadName,
        /// Position in the head's labels.
        index: usize,
    },
    /// A head of the model is missing in the outputs, or has another number of labels.
    #[error("head {head} returned {found} values, expected {expected}")]
    Shape {
        /// Which head.
        head: HeadName,
        /// Number of labels.
        expected: usize,
        /// Number of values found.
        found: usize,
    },
}

/// Returns softmax(logits / temperature); the values add up to 1 ± 1e-5.
///
/// `temperature` is over 0. An empty input gives an empty result.
#[must_use]
pub fn softmax(logits: &[f32], temperature: f32) -> Vec<f32> {
    debug_assert!(temperature > 0.0, "temperature {temperature} is not over 0");
    // Subtract the row maximum first: exp(89) already overflows f32.
    let maximum = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut values: Vec<f32> =
        logits.iter().map(|logit| ((logit - maximum) / temperature).exp()).collect();
    let sum: f32 = values.iter().sum();
    for value in &mut values {
        *value /= sum;
    }
    values
}

/// Returns the logistic function of each logit / temperature; every value lies in [0, 1].
///
/// `temperature` is over 0.
#[must_use]
pub fn sigmoid(logits: &[f32], temperature: f32) -> Vec<f32> {
    debug_assert!(temperature > 0.0, "temperature {temperature} is not over 0");
    // exp(-x) of a large negative x is infinite, and 1 / (1 + inf) is the right answer, 0.
    logits.iter().map(|logit| 1.0 / (1.0 + (-logit / temperature).exp())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn softmax_survives_extreme_logits() {
        let far_apart = softmax(&[-100.0, 1.0], 1.0);
        assert!(far_apart[0] >= 0.0 && far_apart[0] < 1e-40, "{far_apart:?}");
        assert!((far_apart[1] - 1.0).abs() < 1e-6);
        assert_eq!(softmax(&[1e30, -1e30], 1.0), [1.0, 0.0]);
        assert_eq!(softmax(&[f32::MAX, f32::MAX], 0.01), [0.5, 0.5]);
    }

    #[test]
    fn sigmoid_survives_extreme_logits() {
        assert_eq!(sigmoid(&[-1e30, 0.0, 1e30], 1.0), [0.0, 0.5, 1.0]);
    }

    #[test]
    fn temperature_flattens() {
        let sharp = softmax(&[2.0, 0.0], 0.5);
        let flat = softmax(&[2.0, 0.0], 2.0);

        assert!(sharp[0] > flat[0] && flat[0] > 0.5);
    }

    proptest! {
        #[test]
        fn softmax_adds_up_to_one(
            logits in prop::collection::vec(-80.0_f32..80.0, 1..60),
            temperature in 0.05_f32..20.0,
        ) {
            let probabilities = softmax(&logits, temperature);

            let sum: f32 = probabilities.iter().sum();
            prop_assert!((sum - 1.0).abs() < 1e-5, "{sum}");
            prop_assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
        }
    }
}
