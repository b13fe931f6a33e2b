//! The steps of a run as CSV, one row each.

use super::figures::Distribution;
use super::outcome::Stage;
use super::report::{Report, StepReport};

/// Columns before those of the stages.
const HEADER: [&str; 30] = [
    "step",
    "rate",
    "duration_s",
    "offered",
    "goodput",
    "sustained",
    "calls_sent",
    "calls_ok",
    "calls_errors",
    "messages_sent",
    "messages_ok",
    "messages_errors",
    "shed",
    "timeouts",
    "unsent_calls",
    "held_calls",
    "latency_min_ms",
    "latency_mean_ms",
    "latency_p50_ms",
    "latency_p90_ms",
    "latency_p95_ms",
    "latency_p99_ms",
    "latency_p999_ms",
    "latency_max_ms",
    "service_p50_ms",
    "service_p99_ms",
    "lateness_p99_ms",
    "server_mean_ms",
    "server_p99_ms",
    "outside_mean_ms",
];

/// Returns the table. A value that there is none of is empty.
///
/// # Errors
/// Never; it is written to memory.
pub fn table(report: &Report) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let stages: Vec<&str> =
        Stage::ALL.iter().map(|stage| stage.as_str()).chain(std::iter::once("other")).collect();
    let header = HEADER.iter().map(|name| (*name).to_owned());
    let of_stages =
        stages.iter().flat_map(|stage| [format!("{stage}_mean_ms"), format!("{stage}_p99_ms")]);
    writer.write_record(header.chain(of_stages))?;
    for (index, step) in report.steps.iter().enumerate() {
        let mut row = row(index + 1, step);
        for stage in &stages {
            let found = step.stages.iter().find(|other| other.stage == *stage);
            let time = found.map(|stage| &stage.time);
            row.push(cell(time, |time| time.mean_ms));
            row.push(cell(time, |time| time.p99_ms));
        }
        writer.write_record(row)?;
    }
    writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))
}

fn row(number: usize, step: &StepReport) -> Vec<String> {
    let latency = |value: fn(&Distribution) -> f64| cell(step.latency.as_ref(), value);
    // A closed loop has no rate to sustain.
    let sustained = step.rate.map(|_| step.faults.is_empty().to_string());
    vec![
        number.to_string(),
        step.rate.map(|rate| rate.to_string()).unwrap_or_default(),
        step.duration_s.to_string(),
        step.offered.to_string(),
        step.goodput.to_string(),
        sustained.unwrap_or_default(),
        step.calls.sent.to_string(),
        step.calls.ok.to_string(),
        step.calls.errors.to_string(),
        step.messages.sent.to_string(),
        step.messages.ok.to_string(),
        step.messages.errors.to_string(),
        step.shed.to_string(),
        step.timeouts.to_string(),
        step.unsent_calls.to_string(),
        step.held_calls.to_string(),
        latency(|time| time.min_ms),
        latency(|time| time.mean_ms),
        latency(|time| time.p50_ms),
        latency(|time| time.p90_ms),
        latency(|time| time.p95_ms),
        latency(|time| time.p99_ms),
        latency(|time| time.p999_ms),
        latency(|time| time.max_ms),
        cell(step.service.as_ref(), |time| time.p50_ms),
        cell(step.service.as_ref(), |time| time.p99_ms),
        cell(step.lateness.as_ref(), |time| time.p99_ms),
        cell(step.server.as_ref(), |time| time.mean_ms),
        cell(step.server.as_ref(), |time| time.p99_ms),
        cell(step.outside.as_ref(), |time| time.mean_ms),
    ]
}

fn cell(time: Option<&Distribution>, value: fn(&Distribution) -> f64) -> String {
    time.map(|time| value(time).to_string()).unwrap_or_default()
}
