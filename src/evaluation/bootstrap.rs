//! How much a figure owes to the messages that happened to be there.

use super::tally::mean;
use crate::random::Random;

/// Returns how often each of `messages` counts in a resample: from each stratum as many are drawn, with replacement, as
/// it has.
///
/// Every (seed, draw) gives the same.
#[must_use]
pub fn resample(strata: &[&[usize]], messages: usize, seed: u64, draw: u64) -> Vec<u32> {
    let mut random = Random::new(seed, draw);
    let mut weights = vec![0_u32; messages];
    for stratum in strata {
        for _ in 0..stratum.len() {
            if let Some(weight) = random.pick(stratum).and_then(|&index| weights.get_mut(index)) {
                *weight += 1;
            }
        }
    }
    weights
}

/// An interval, both ends included.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Returns the percentile interval that holds 95 % of the values; `None` when more than half of them are missing.
#[must_use]
pub fn interval(values: impl IntoIterator<Item = Option<f64>>) -> Option<Interval> {
    let (values, all) = sorted(values);
    if values.is_empty() || values.len() * 2 < all {
        return None;
    }
    Some(Interval { low: percentile(&values, 0.025)?, high: percentile(&values, 0.975)? })
}

/// Moves values so that their mean is the value that was measured.
///
/// Some figures come out worse or better in a resample than in the messages themselves, because messages that count
/// twice take the place of others: calibration errors are larger then, and rare labels go missing. What is moved keeps
/// its spread and loses that shift.
#[must_use]
pub fn centred(values: Vec<Option<f64>>, measured: Option<f64>) -> Vec<Option<f64>> {
    let (Some(measured), Some(mean)) = (measured, mean(values.iter().copied().flatten())) else {
        return values;
    };
    values.into_iter().map(|value| value.map(|value| value + (measured - mean))).collect()
}

/// Returns the two-sided p of a difference that should be zero: twice the smaller share of resamples on either side of
/// zero, ties counting for both, and the data themselves counted once. `None` without resamples.
#[must_use]
pub fn p_of_difference(differences: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let (values, _) = sorted(differences);
    let (below, above) = values.iter().fold((1_u32, 1_u32), |(below, above), value| {
        (below + u32::from(*value <= 0.0), above + u32::from(*value >= 0.0))
    });
    let p = 2.0 * f64::from(below.min(above)) / (values.len() + 1) as f64;
    (!values.is_empty()).then(|| p.min(1.0))
}

/// The values that are there, sorted, and how many there should be.
fn sorted(values: impl IntoIterator<Item = Option<f64>>) -> (Vec<f64>, usize) {
    let mut all = 0;
    let mut there: Vec<f64> = values.into_iter().inspect(|_| all += 1).flatten().collect();
    there.sort_by(f64::total_cmp);
    (there, all)
}

/// Returns a percentile with linear interpolation between neighbours, as numpy does. `share` lies in [0, 1].
fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let position = share * sorted.len().checked_sub(1)? as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 or more, within the list"
    )]
    let below = position.floor() as usize;
    let low = *sorted.get(below)?;
    let high = sorted.get(below + 1).copied().unwrap_or(low);
    Some(low + (high - low) * (position - position.floor()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_numpy() {
        let interval = interval([3.0, 1.0, 2.0, 5.0, 4.0, 9.0, 7.0].map(Some)).unwrap();

        assert!((interval.low - 1.15).abs() < 1e-12 && (interval.high - 8.7).abs() < 1e-12);
    }

    #[test]
    fn figure_that_is_mostly_missing_has_no_interval() {
        assert_eq!(interval([Some(1.0), None, None]), None);
        assert_eq!(interval([]), None);
        assert_eq!(interval([Some(0.5), None]), Some(Interval { low: 0.5, high: 0.5 }));
    }

    #[test]
    fn centred_values_keep_their_spread_around_what_was_measured() {
        let moved = centred(vec![Some(0.3), None, Some(0.5)], Some(0.2));

        assert!((moved[0].unwrap() - 0.1).abs() < 1e-12 && (moved[2].unwrap() - 0.3).abs() < 1e-12);
        assert_eq!(moved[1], None);
        assert_eq!(centred(vec![Some(0.0), Some(0.0)], Some(0.0)), [Some(0.0), Some(0.0)]);
        assert_eq!(centred(vec![None], Some(0.5)), [None]);
    }

    #[test]
    fn each_stratum_keeps_its_size_in_every_resample() {
        let (even, odd): (Vec<usize>, Vec<usize>) = (0..100).partition(|index| index % 3 == 0);

        let weights = resample(&[&even, &odd], 100, 7, 3);

        let size = |stratum: &[usize]| stratum.iter().map(|index| weights[*index]).sum::<u32>();
        assert_eq!((size(&even), size(&odd)), (34, 66));
        assert_eq!(weights, resample(&[&even, &odd], 100, 7, 3), "the same seed and draw");
        assert_ne!(weights, resample(&[&even, &odd], 100, 7, 4), "another draw");
        assert_ne!(weights, resample(&[&even, &odd], 100, 8, 3), "another seed");
    }

    #[test]
    fn p_is_small_only_when_zero_is_far() {
        assert_eq!(p_of_difference([0.0; 50].map(Some)), Some(1.0));
        assert!((p_of_difference([0.1; 99].map(Some)).unwrap() - 0.02).abs() < 1e-12);
        assert_eq!(p_of_difference([]), None);
    }

    /// The spread of a mean over resamples is its standard error.
    #[test]
    fn interval_of_a_share_is_about_as_wide_as_theory_says() {
        let members: Vec<usize> = (0..400).collect();
        let shares = (0..500).map(|draw| {
            let weights = resample(&[&members], 400, 1, draw);
            Some(f64::from(weights.iter().take(100).sum::<u32>()) / 400.0)
        });

        let Interval { low, high } = interval(shares).unwrap();

        let expected = 2.0 * 1.96 * (0.25_f64 * 0.75 / 400.0).sqrt();
        assert!(((high - low) / expected - 1.0).abs() < 0.15, "{low} {high}");
        assert!(low < 0.25 && 0.25 < high);
    }
}
