//! Whether probabilities keep what they promise.

/// Equally wide bins between 0 and 1.
pub const BINS: usize = 15;

/// Probabilities by bin, with what became of them.
///
/// Bin b holds probabilities in (b / 15, (b + 1) / 15]; the first one holds 0 as well (Guo et al., 2017).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reliability {
    bins: [Bin; BINS],
}

/// One bin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// Probabilities in it.
    pub count: u64,
    /// How many of them came true.
    pub came_true: u64,
    /// Their sum.
    pub sum: f64,
}

impl Bin {
    /// Returns the mean probability; `None` when the bin is empty.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }

    /// Returns the share that came true; `None` when the bin is empty.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        (self.count > 0).then(|| self.came_true as f64 / self.count as f64)
    }
}

impl Reliability {
    /// Adds a probability that counts `weight` times.
    pub fn add(&mut self, probability: f32, came_true: bool, weight: u32) {
        let position = (f64::from(probability) * BINS as f64).ceil() - 1.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to the bins"
        )]
        let position = position.clamp(0.0, (BINS - 1) as f64) as usize;
        if let Some(bin) = self.bins.get_mut(position) {
            bin.count += u64::from(weight);
            bin.sum += f64::from(probability) * f64::from(weight);
            if came_true {
                bin.came_true += u64::from(weight);
            }
        }
    }

    /// Returns the bins, lowest first.
    #[must_use]
    pub fn bins(&self) -> &[Bin; BINS] {
        &self.bins
    }

    /// Returns the expected calibration error: the distance between mean probability and share, averaged over all
    /// probabilities. `None` without any.
    #[must_use]
    pub fn error(&self) -> Option<f64> {
        let count: u64 = self.bins.iter().map(|bin| bin.count).sum();
        let gap = |bin: &Bin| (bin.sum - bin.came_true as f64).abs();
        (count > 0).then(|| self.bins.iter().map(gap).sum::<f64>() / count as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn error_is_the_one_computed_with_numpy() {
        let confidence = [0.95, 0.91, 0.85, 0.61, 0.55, 0.41, 0.34, 1.0, 0.21, 0.72];
        let right = [1, 1, 0, 1, 0, 0, 1, 1, 0, 1];
        let mut reliability = Reliability::default();

        for (confidence, right) in confidence.into_iter().zip(right) {
            reliability.add(confidence, right == 1, 1);
        }

        assert!((reliability.error().unwrap() - 0.349).abs() < 1e-6, "{:?}", reliability.error());
    }

    #[test]
    fn edges_belong_to_the_bin_below_and_zero_to_the_first() {
        let mut reliability = Reliability::default();

        for probability in [0.0, 0.2, 1.0] {
            reliability.add(probability, true, 2);
        }

        let counts = reliability.bins().map(|bin| bin.count);
        assert_eq!((counts[0], counts[3], counts[14]), (2, 2, 2), "{counts:?}");
        assert_eq!(Reliability::default().error(), None);
    }

    proptest! {
        #[test]
        fn error_lies_between_zero_and_one(
            items in prop::collection::vec((0.0_f32..=1.0, any::<bool>(), 0_u32..3), 0..50),
        ) {
            let mut reliability = Reliability::default();
            for (probability, came_true, weight) in items {
                reliability.add(probability, came_true, weight);
            }

            prop_assert!(reliability.error().is_none_or(|error| (0.0..=1.0 + 1e-9).contains(&error)));
        }
    }
}
