//! Which rates a server sustains, and where its latency begins to rise faster than its throughput.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When a rate counts as sustained.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// Share of the offered messages that has to be answered at least.
    pub min_goodput: f64,
    /// Share of the messages that may fail at most.
    pub max_errors: f64,
    /// 99th percentile of latency at most.
    pub max_p99: Option<Duration>,
}

impl Default for Rule {
    fn default() -> Self {
        Self { min_goodput: 0.95, max_errors: 0.01, max_p99: None }
    }
}

/// Why a rate is not sustained.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Fewer messages are answered than offered.
    Goodput,
    /// Too many messages fail.
    Errors,
    /// The 99th percentile of latency is too high.
    Latency,
}

impl Reason {
    /// Says it in words.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Goodput => "goodput falls behind the offered rate",
            Self::Errors => "too many errors",
            Self::Latency => "the 99th percentile of latency is over its limit",
        }
    }
}

/// What the rule looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Messages a second that were meant to be sent.
    pub offered: f64,
    /// Messages a second that were answered.
    pub goodput: f64,
    /// Share of the messages that failed.
    pub error_share: f64,
    /// 99th percentile of latency in milliseconds; `None` without an answer.
    pub p99_ms: Option<f64>,
}

impl Rule {
    /// Returns everything that speaks against a rate; nothing when it is sustained.
    #[must_use]
    pub fn faults(&self, measured: &Measured) -> Vec<Reason> {
        let mut faults = Vec::new();
        if measured.goodput < measured.offered * self.min_goodput {
            faults.push(Reason::Goodput);
        }
        if measured.error_share > self.max_errors {
            faults.push(Reason::Errors);
        }
        if let (Some(limit), Some(p99_ms)) = (self.max_p99, measured.p99_ms)
            && p99_ms > limit.as_secs_f64() * 1e3
        {
            faults.push(Reason::Latency);
        }
        faults
    }
}

/// One step of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Rate that was asked for. Calls a second.
    pub rate: f64,
    /// Messages a second that were answered.
    pub goodput: f64,
    /// Mean latency. Milliseconds.
    pub mean_ms: f64,
    /// Whether the rule holds.
    pub is_sustained: bool,
}

/// Returns the highest rate up to which every one is sustained.
#[must_use]
pub fn highest_sustained(points: &[Point]) -> Option<f64> {
    points.iter().take_while(|point| point.is_sustained).last().map(|point| point.rate)
}

/// Returns the knee: the rate with the largest power, goodput divided by mean latency (Kleinrock, "Power and
/// deterministic rules of thumb for probabilistic problems in computer communications", 1979). Beyond it, latency rises
/// by a larger factor than goodput. `None` for fewer than three steps: an end of the range is no bend.
#[must_use]
pub fn knee(points: &[Point]) -> Option<f64> {
    if points.len() < 3 {
        return None;
    }
    let power = |point: &Point| point.goodput / point.mean_ms.max(1e-3);
    let best = points.iter().max_by(|one, other| power(one).total_cmp(&power(other)))?;
    Some(best.rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Measured =
        Measured { offered: 100.0, goodput: 99.0, error_share: 0.0, p99_ms: Some(20.0) };

    #[test]
    fn rate_is_sustained_up_to_its_limits() {
        let rule = Rule { max_p99: Some(Duration::from_millis(20)), ..Rule::default() };

        assert_eq!(rule.faults(&GOOD), []);
        assert_eq!(rule.faults(&Measured { goodput: 95.0, error_share: 0.01, ..GOOD }), []);
        assert_eq!(rule.faults(&Measured { goodput: 94.9, ..GOOD }), [Reason::Goodput]);
        assert_eq!(rule.faults(&Measured { error_share: 0.011, ..GOOD }), [Reason::Errors]);
        assert_eq!(rule.faults(&Measured { p99_ms: Some(20.1), ..GOOD }), [Reason::Latency]);
    }

    #[test]
    fn server_that_answers_nothing_sustains_nothing() {
        let nothing = Measured { goodput: 0.0, error_share: 1.0, p99_ms: None, ..GOOD };

        assert_eq!(Rule::default().faults(&nothing), [Reason::Goodput, Reason::Errors]);
    }

    /// An M/M/1 queue that serves 1,000 messages a second: mean latency 1 / (1000 − rate).
    fn queue(rate: f64) -> Point {
        let mean_ms = if rate < 1_000.0 { 1e3 / (1_000.0 - rate) } else { 5_000.0 };
        Point { rate, goodput: rate.min(1_000.0), mean_ms, is_sustained: rate < 1_000.0 }
    }

    #[test]
    fn knee_of_a_queue_lies_at_half_of_its_capacity() {
        // Kleinrock's result: power of M/M/1 is largest at a load of 0.5.
        let points: Vec<Point> = (1..=11).map(|step| queue(f64::from(step) * 100.0)).collect();

        assert_eq!(knee(&points), Some(500.0));
        assert_eq!(highest_sustained(&points), Some(900.0));
    }

    #[test]
    fn too_few_steps_have_no_knee_and_a_lucky_one_after_a_fault_does_not_count() {
        assert_eq!(knee(&[queue(100.0), queue(200.0)]), None);
        let mut points = [queue(100.0), queue(200.0), queue(300.0)];
        points[1].is_sustained = false;

        assert_eq!(highest_sustained(&points), Some(100.0));
        points[0].is_sustained = false;
        assert_eq!(highest_sustained(&points), None);
    }
}
