//! When calls are meant to begin. The schedule knows nothing of answers: a slow server does not slow it down, and the
//! wait that its slowness causes is measured (coordinated omission, Gil Tene, "How NOT to measure latency", 2013).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::random::Random;

/// How the starts of calls are spread.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrivals {
    /// As many independent customers send: times between calls are exponentially distributed.
    Poisson,
    /// Equally far apart.
    Constant,
}

/// Intended starts of calls, as times since the start of a step, ascending, without end.
#[derive(Clone, Debug)]
pub struct Schedule {
    arrivals: Arrivals,
    /// Calls a second.
    rate: f64,
    random: Random,
    /// Seconds until the last one given out (Poisson), calls given out (constant).
    elapsed: f64,
    given: u64,
}

impl Schedule {
    /// Makes the schedule of a rate, in calls a second, which must be over 0. The same seed and stream give the same one.
    #[must_use]
    pub fn new(arrivals: Arrivals, rate: f64, seed: u64, stream: u64) -> Self {
        debug_assert!(rate > 0.0, "the rate is {rate}");
        Self { arrivals, rate, random: Random::new(seed, stream), elapsed: 0.0, given: 0 }
    }
}

impl Iterator for Schedule {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let seconds = match self.arrivals {
            Arrivals::Poisson => {
                // The inverse of the exponential distribution; 1 − u lies in (0, 1], so that the logarithm is finite.
                self.elapsed -= (1.0 - self.random.unit()).ln() / self.rate;
                self.elapsed
            }
            // Counted, not added up, so that rounding does not drift.
            Arrivals::Constant => self.given as f64 / self.rate,
        };
        self.given += 1;
        Duration::try_from_secs_f64(seconds).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(arrivals: Arrivals, rate: f64, count: usize) -> Vec<f64> {
        let starts: Vec<Duration> = Schedule::new(arrivals, rate, 7, 0).take(count).collect();
        starts.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect()
    }

    #[test]
    fn poisson_gaps_have_mean_and_deviation_of_the_rate() {
        let gaps = gaps(Arrivals::Poisson, 200.0, 50_001);

        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        // The standard error of the mean is 0.45 %, that of the deviation about 0.9 %.
        assert!((mean * 200.0 - 1.0).abs() < 0.02, "mean {mean}");
        assert!((variance.sqrt() * 200.0 - 1.0).abs() < 0.04, "deviation {}", variance.sqrt());
        let over_mean = gaps.iter().filter(|gap| **gap > mean).count() as f64 / gaps.len() as f64;
        assert!(
            (over_mean - (-1.0_f64).exp()).abs() < 0.01,
            "{over_mean} of the gaps are over the mean"
        );
    }

    #[test]
    fn constant_starts_are_equally_far_apart_and_do_not_drift() {
        let mut schedule = Schedule::new(Arrivals::Constant, 3.0, 1, 0);

        assert_eq!(schedule.next(), Some(Duration::ZERO));
        assert_eq!(schedule.nth(29_999_998), Some(Duration::from_secs_f64(29_999_999.0 / 3.0)));
    }

    #[test]
    fn starts_ascend_and_depend_on_the_seed_alone() {
        let starts = |seed| -> Vec<Duration> {
            Schedule::new(Arrivals::Poisson, 1e5, seed, 3).take(1_000).collect()
        };

        assert!(starts(1).is_sorted());
        assert_eq!(starts(1), starts(1));
        assert_ne!(starts(1), starts(2));
    }
}
