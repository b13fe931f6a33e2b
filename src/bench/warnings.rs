//! What a reader has to mind about the figures of a run.

use super::plan::Loop;
use super::report::{Report, StepReport};

/// Calls on one connection that our server takes at once by default (`server.max_concurrent_streams`).
const STREAMS: usize = 256;

/// Calls that a 99th percentile should rest on.
const FEW: u64 = 1_000;

/// Returns every warning, the gravest first.
#[must_use]
pub fn of(report: &Report) -> Vec<String> {
    let mut warnings = Vec::new();
    for step in &report.steps {
        of_step(step, report, &mut warnings);
    }
    let load = &report.load;
    if load.concurrency > STREAMS {
        warnings.push(format!(
            "{} calls may be under way on each connection, and a Signalbox server takes {STREAMS} by default: further \
             ones wait inside the client, which counts as time outside of the server",
            load.concurrency
        ));
    }
    if load.kind == Loop::Closed {
        warnings.push(
            "closed loop: a slow server is sent less, so that these latencies say nothing about a fixed rate \
             (coordinated omission); take --rate for that"
                .to_owned(),
        );
    }
    if report.interrupted {
        warnings.push("the run was ended before its time".to_owned());
    }
    warnings
}

fn of_step(step: &StepReport, report: &Report, warnings: &mut Vec<String>) {
    let title = step.title();
    if step.unsent_calls > 0 {
        warnings.push(format!(
            "{title}: {} calls of the schedule were never sent, because {} others were under way until the end; the \
             latencies leave them out and are too low",
            step.unsent_calls,
            report.load.connections.saturating_mul(report.load.concurrency)
        ));
    }
    if let Some(lateness) = step.lateness.as_ref().filter(|_| !step.is_on_time()) {
        warnings.push(format!(
            "{title}: the generator itself was late (99th percentile {} ms); it is short of processor time, and its \
             lateness is part of the latency",
            lateness.p99_ms
        ));
    }
    if step.held_calls > 0 {
        warnings.push(format!(
            "{title}: {} calls waited for others to end before they were sent; their wait is part of the latency \
             (more --concurrency or --connections lets the server see them)",
            step.held_calls
        ));
    }
    if step.timeouts > 0 {
        warnings.push(format!(
            "{title}: {} messages timed out; they count with the timeout of {} s, and would have taken longer",
            step.timeouts, report.load.timeout_s
        ));
    }
    let count = step.latency.as_ref().map_or(0, |latency| latency.count);
    if (1..FEW).contains(&count) {
        warnings.push(format!(
            "{title}: {count} calls only; the 99th percentile rests on {} of them",
            count.div_ceil(100)
        ));
    }
}
