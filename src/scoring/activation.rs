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

/// Log-odds at most, either way: a probability of 1 - 2e-22. What lies beyond is no knowledge, and differences of these
/// stay finite.
const MAX_LOG_ODDS: f32 = 50.0;

/// Returns the log-odds of output number `index` under [`sigmoid`], in [-50, 50]; 0 past the end.
///
/// `temperature` is over 0. Made from logits, because a probability near 1 has no digits left to tell them from.
#[must_use]
pub fn sigmoid_log_odds(logits: &[f32], index: usize, temperature: f32) -> f32 {
    debug_assert!(temperature > 0.0, "temperature {temperature} is not over 0");
    let logit = logits.get(index).copied().unwrap_or_default();
    (logit / temperature).clamp(-MAX_LOG_ODDS, MAX_LOG_ODDS)
}

/// Returns the log-odds of output number `index` under [`softmax`], in [-50, 50]; 0 past the end.
///
/// They are what the logit of a sigmoid is: the logit less the logarithm of the sum of the others' exponentials. A single
/// logit of a softmax says nothing, for adding a number to all of them changes no probability.
#[must_use]
pub fn softmax_log_odds(logits: &[f32], index: usize, temperature: f32) -> f32 {
    debug_assert!(temperature > 0.0, "temperature {temperature} is not over 0");
    let Some(own) = logits.get(index) else { return 0.0 };
    let others = logits.iter().enumerate().filter(|(other, _)| *other != index);
    let maximum = others.clone().map(|(_, logit)| *logit).fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = others.map(|(_, logit)| ((logit - maximum) / temperature).exp()).sum();
    // Of a single output there are no others: the difference is infinite and the bound holds.
    ((own - maximum) / temperature - sum.ln()).clamp(-MAX_LOG_ODDS, MAX_LOG_ODDS)
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

    #[test]
    fn log_odds_survive_extreme_logits_and_stay_within_their_bounds() {
        let far = |logits: [f32; 2]| {
            let of = |index| softmax_log_odds(&logits, index, 0.01);
            vec![of(0), of(1), sigmoid_log_odds(&logits, 1, 0.01)]
        };
        assert_eq!(far([f32::MAX, -f32::MAX]), [50.0, -50.0, -50.0]);
        assert_eq!(far([1e30, -1e30]), [50.0, -50.0, -50.0]);
        assert_eq!(far([f32::MAX, f32::MAX]), [0.0, 0.0, 50.0]);
        let alone = vec![softmax_log_odds(&[-3.0], 0, 1.0), softmax_log_odds(&[1.0], 1, 1.0)];
        assert_eq!(alone, [50.0, 0.0]);
    }

    proptest! {
        #[test]
        fn log_odds_are_those_of_the_probability(
            logits in prop::collection::vec(-8.0_f32..8.0, 2..60),
            temperature in 0.5_f32..4.0,
        ) {
            // In f64, for in f32 a probability near 1 has no digits left to tell it from 1.
            let scaled = logits.iter().map(|logit| f64::from(*logit) / f64::from(temperature));
            let shares: Vec<f64> = scaled.map(f64::exp).collect();
            for (index, share) in shares.iter().enumerate() {
                let others: f64 =
                    shares.iter().enumerate().filter(|(i, _)| *i != index).map(|(_, s)| s).sum();
                let expected = (share / others).ln();
                let found = f64::from(softmax_log_odds(&logits, index, temperature));
                prop_assert!((found - expected).abs() < 1e-4 * expected.abs().max(1.0));
            }
            for (index, probability) in sigmoid(&logits, temperature).iter().enumerate() {
                let found = 1.0 / (1.0 + (-sigmoid_log_odds(&logits, index, temperature)).exp());
                prop_assert!((found - probability).abs() < 1e-6);
            }
        }

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
