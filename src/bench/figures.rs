//! Numbers of a distribution. Times are in milliseconds, to the microsecond.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Longest time that is told apart: 10 minutes, the longest timeout. Microseconds.
const LONGEST: u64 = 600_000_000;

/// Significant digits: every value is off by less than 0.1 %.
const DIGITS: u8 = 3;

/// Points of a curve for each halving of the rest.
const TICKS: u32 = 4;

/// A histogram can't be made.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a histogram can't be made")]
pub struct HistogramError(#[from] hdrhistogram::CreationError);

/// Makes a histogram of microseconds (HdrHistogram, Gil Tene).
///
/// # Errors
/// Never; its bounds are constants.
pub fn histogram() -> Result<Histogram<u32>, HistogramError> {
    Ok(Histogram::new_with_bounds(1, LONGEST, DIGITS)?)
}

/// Microseconds of a duration, as histograms keep them.
#[must_use]
pub fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(LONGEST)
}

/// Microseconds as milliseconds.
#[must_use]
pub fn milliseconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1e3
}

/// Rounds to three digits after the point.
#[must_use]
pub fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3 + 0.0
}

/// Where the values of a histogram lie.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Distribution {
    /// How many values there are.
    pub count: u64,
    /// Least.
    pub min_ms: f64,
    /// Mean.
    pub mean_ms: f64,
    /// Standard deviation.
    pub deviation_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 90th percentile.
    pub p90_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// 99.9th percentile.
    pub p999_ms: f64,
    /// Largest.
    pub max_ms: f64,
}

impl Distribution {
    /// Describes a histogram; `None` when it is empty.
    #[must_use]
    pub fn of(histogram: &Histogram<u32>) -> Option<Self> {
        if histogram.is_empty() {
            return None;
        }
        // The highest value of a bucket may lie over the largest that was recorded.
        let max = histogram.max();
        let at = |quantile| milliseconds(histogram.value_at_quantile(quantile).min(max));
        Some(Self {
            count: histogram.len(),
            min_ms: milliseconds(histogram.min()),
            mean_ms: rounded(histogram.mean() / 1e3),
            deviation_ms: rounded(histogram.stdev() / 1e3),
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: milliseconds(max),
        })
    }
}

/// Points of the curve of percentiles: share of values at or below, and the value in milliseconds. The share comes ever
/// nearer to 1, four points for each halving of the rest, as HdrHistogram's own tables have it.
#[must_use]
pub fn curve(histogram: &Histogram<u32>) -> Vec<(f64, f64)> {
    let max = histogram.max();
    histogram
        .iter_quantiles(TICKS)
        .map(|point| {
            let value = milliseconds(point.value_iterated_to().min(max));
            ((point.quantile_iterated_to() * 1e7).round() / 1e7, value)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_values_to_a_thousandth() {
        let mut histogram = histogram().unwrap();
        for value in 1..=10_000_u64 {
            histogram.record(value * 100).unwrap();
        }

        let figures = Distribution::of(&histogram).unwrap();

        assert_eq!(figures.count, 10_000);
        let expected = [
            (figures.p50_ms, 500.0),
            (figures.p90_ms, 900.0),
            (figures.p99_ms, 990.0),
            (figures.p999_ms, 999.0),
            (figures.max_ms, 1_000.0),
            (figures.mean_ms, 500.05),
        ];
        for (value, expected) in expected {
            assert!((value / expected - 1.0).abs() < 0.001, "{value} instead of {expected}");
        }
        assert!((figures.min_ms - 0.1).abs() < 1e-9);
    }

    #[test]
    fn nothing_recorded_has_no_figures() {
        let histogram = histogram().unwrap();

        assert_eq!(Distribution::of(&histogram), None);
        assert_eq!(curve(&histogram), []);
    }

    #[test]
    fn values_over_the_longest_count_as_the_longest() {
        let mut histogram = histogram().unwrap();
        histogram.saturating_record(u64::MAX);

        assert!(Distribution::of(&histogram).unwrap().max_ms >= 600_000.0);
    }

    #[test]
    fn curve_ascends_to_the_largest_value() {
        let mut histogram = histogram().unwrap();
        for value in 1..=1_000_u64 {
            histogram.record(value).unwrap();
        }

        let curve = curve(&histogram);

        assert!(curve.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1));
        let last = curve.last().unwrap();
        assert!((last.0 - 1.0).abs() < 1e-9 && (last.1 - 1.0).abs() < 1e-9, "{last:?}");
    }
}
