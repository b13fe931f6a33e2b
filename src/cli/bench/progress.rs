//! Where a run stands, on a terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::bench::runner::{Phase, Progress};

/// A bar over the time of the step.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// Makes one that is hidden when nobody would see it.
    pub(super) fn new(is_quiet: bool) -> Self {
        if is_quiet || !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new(0);
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(super) fn show(&self, progress: &Progress) {
        let milliseconds =
            |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.0.set_length(milliseconds(progress.duration));
        self.0.set_position(milliseconds(progress.elapsed.min(progress.duration)));
        let phase = match progress.phase {
            Phase::WarmUp => "warm-up".to_owned(),
            Phase::Step { rate: None, .. } => "closed loop".to_owned(),
            Phase::Step { number, of, rate: Some(rate) } if of > 1 => {
                format!("step {number}/{of}, {rate} calls/s")
            }
            Phase::Step { rate: Some(rate), .. } => format!("{rate} calls/s"),
        };
        let snapshot = progress.snapshot;
        let calls = snapshot.calls;
        let under_way = calls.sent.saturating_sub(calls.ok + calls.errors);
        self.0.set_message(format!(
            "{phase}: {} sent, {under_way} under way, {} failed, p50 {:.1} ms, p99 {:.1} ms",
            calls.sent, calls.errors, snapshot.p50_ms, snapshot.p99_ms
        ));
    }

    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }
}
