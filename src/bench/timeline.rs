//! How a step went over time: one entry for each short stretch.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::figures::milliseconds;

/// Widths of a stretch to choose from, in milliseconds.
const WIDTHS: [u64; 9] = [100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];

/// Stretches that a step has about, at most: many narrow ones show little but chance.
const STRETCHES: u64 = 30;

/// Stretches that are kept at most: a run whose answers come for ever must not fill the memory.
const MAX_STRETCHES: usize = 10_000;

/// What happened in one stretch.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Stretch {
    /// Calls that were sent.
    pub sent: u64,
    /// Calls that were answered.
    pub ok: u64,
    /// Calls that failed.
    pub errors: u64,
    /// Median latency of the calls answered in it. Milliseconds.
    pub p50_ms: Option<f64>,
    /// 99th percentile of the same.
    pub p99_ms: Option<f64>,
    /// Largest of the same.
    pub max_ms: Option<f64>,
}

/// Collects stretches. Calls come nearly in the order in which they ended.
#[derive(Debug)]
pub struct Timeline {
    width: Duration,
    stretches: Vec<Stretch>,
    /// The stretch whose latencies are in `latency`.
    open: usize,
    latency: Histogram<u32>,
}

impl Timeline {
    /// Makes one for a step that takes about so long; `latency` is an empty histogram.
    #[must_use]
    pub fn new(duration: Duration, latency: Histogram<u32>) -> Self {
        Self { width: width(duration), stretches: Vec::new(), open: 0, latency }
    }

    /// Counts a call that is sent.
    pub fn sent(&mut self, at: Duration) {
        if let Some((_, stretch)) = self.stretch(at) {
            stretch.sent += 1;
        }
    }

    /// Counts a call that has ended, and its latency in microseconds if that counts.
    pub fn ended(&mut self, at: Duration, is_ok: bool, latency: Option<u64>) {
        let Some((index, stretch)) = self.stretch(at) else { return };
        if is_ok {
            stretch.ok += 1;
        } else {
            stretch.errors += 1;
        }
        if index > self.open {
            self.close();
            self.open = index;
        }
        if let Some(latency) = latency {
            // One that comes late by a hair goes to the stretch that is open.
            self.latency.saturating_record(latency);
        }
    }

    /// Returns the width of a stretch, and the stretches.
    #[must_use]
    pub fn finish(mut self) -> (Duration, Vec<Stretch>) {
        self.close();
        (self.width, self.stretches)
    }

    fn stretch(&mut self, at: Duration) -> Option<(usize, &mut Stretch)> {
        let index = usize::try_from(at.as_micros() / self.width.as_micros().max(1)).ok()?;
        if index >= MAX_STRETCHES {
            return None;
        }
        if index >= self.stretches.len() {
            self.stretches.resize(index + 1, Stretch::default());
        }
        self.stretches.get_mut(index).map(|stretch| (index, stretch))
    }

    fn close(&mut self) {
        if self.latency.is_empty() {
            return;
        }
        if let Some(stretch) = self.stretches.get_mut(self.open) {
            stretch.p50_ms = Some(milliseconds(self.latency.value_at_quantile(0.5)));
            stretch.p99_ms = Some(milliseconds(self.latency.value_at_quantile(0.99)));
            stretch.max_ms = Some(milliseconds(self.latency.max()));
        }
        self.latency.reset();
    }
}

fn width(duration: Duration) -> Duration {
    let fits = |width: &&u64| duration.as_millis() <= u128::from(**width * STRETCHES);
    let widest = WIDTHS.last().copied().unwrap_or(1_000);
    Duration::from_millis(WIDTHS.iter().find(fits).copied().unwrap_or(widest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_are_as_wide_as_keeps_them_few() {
        assert_eq!(width(Duration::from_secs(10)), Duration::from_millis(500));
        assert_eq!(width(Duration::from_secs(60)), Duration::from_secs(2));
        assert_eq!(width(Duration::from_secs(1 << 40)), Duration::from_secs(60));
    }

    #[test]
    fn each_stretch_has_its_own_percentiles() {
        let mut timeline = Timeline::new(
            Duration::from_secs(1),
            Histogram::new_with_bounds(1, 60_000_000, 3).unwrap(),
        );
        timeline.sent(Duration::from_millis(5));
        timeline.sent(Duration::from_millis(250));
        timeline.ended(Duration::from_millis(20), true, Some(15_000));
        timeline.ended(Duration::from_millis(260), true, Some(10_000));
        timeline.ended(Duration::from_millis(270), false, None);

        let (width, stretches) = timeline.finish();

        assert_eq!((width.as_millis(), stretches.len()), (100, 3));
        assert_eq!(stretches[0].p99_ms.map(f64::round), Some(15.0));
        assert_eq!(stretches[1], Stretch::default());
        assert_eq!((stretches[2].sent, stretches[2].ok, stretches[2].errors), (1, 1, 1));
        assert_eq!(stretches[2].max_ms.map(f64::round), Some(10.0));
    }
}
