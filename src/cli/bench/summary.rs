//! What was found, on one screen.

use comfy_table::{CellAlignment, Table};

use crate::bench::comparison::{Comparison, Ratio};
use crate::bench::report::{Report, SaturationReport, StepReport};
use crate::cli::table::empty;

/// Puts what matters most into tables. Times are in milliseconds.
pub(super) fn of(report: &Report) -> String {
    let server = &report.server;
    let mut text = format!(
        "{} ({}) at {}, Signalbox {}\n\n{}\n",
        server.model,
        server.engine,
        server.address,
        server.version,
        steps(report)
    );
    if let Some(step) = report.best() {
        text.push_str(&format!("\n{}\n", stages(step)));
    }
    if report.steps.iter().any(|step| !step.errors.is_empty()) {
        text.push_str(&format!("\n{}\n", errors(report)));
    }
    if let Some(saturation) = report.saturation.as_ref().filter(|_| report.steps.len() > 1) {
        text.push_str(&format!("\n{}\n", sustained(saturation)));
    }
    if !report.warnings.is_empty() {
        text.push('\n');
    }
    for warning in &report.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    text.trim_end().to_owned()
}

/// Two runs and their ratios.
pub(super) fn of_comparison(comparison: &Comparison) -> String {
    let mut text =
        format!("first: {}\nsecond: {}\n", comparison.first.name, comparison.second.name);
    for difference in &comparison.differences {
        text.push_str(&format!("warning: the loads differ: {difference}\n"));
    }
    if !comparison.saturation.is_empty() {
        text.push_str(&format!("\n{}\n", ratios("sustained", &comparison.saturation)));
    }
    for pair in &comparison.pairs {
        let title =
            pair.rate.map_or_else(|| "closed loop".to_owned(), |rate| format!("{rate} calls/s"));
        text.push_str(&format!("\n{}\n", ratios(&title, &pair.figures)));
    }
    if comparison.pairs.is_empty() {
        text.push_str("\nthe runs have no load in common\n");
    }
    if !comparison.unpaired.is_empty() {
        let rates: Vec<String> = comparison.unpaired.iter().map(f64::to_string).collect();
        text.push_str(&format!("\nonly one of the runs has {} calls/s\n", rates.join(", ")));
    }
    text.trim_end().to_owned()
}

fn time(milliseconds: Option<f64>) -> String {
    milliseconds.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))
}

fn steps(report: &Report) -> Table {
    let mut table = empty(&[
        "step",
        "offered/s",
        "goodput/s",
        "calls",
        "failed %",
        "p50 ms",
        "p90",
        "p99",
        "p99.9",
        "max",
        "late p99",
        "",
    ]);
    for step in &report.steps {
        let latency = step.latency.as_ref();
        table.add_row([
            step.title(),
            format!("{:.1}", step.offered),
            format!("{:.1}", step.goodput),
            step.calls.sent.to_string(),
            format!("{:.2}", step.error_share * 100.0),
            time(latency.map(|time| time.p50_ms)),
            time(latency.map(|time| time.p90_ms)),
            time(latency.map(|time| time.p99_ms)),
            time(latency.map(|time| time.p999_ms)),
            time(latency.map(|time| time.max_ms)),
            time(step.lateness.as_ref().map(|time| time.p99_ms)),
            if step.faults.is_empty() { String::new() } else { "saturated".to_owned() },
        ]);
    }
    table
}

fn stages(step: &StepReport) -> Table {
    let title = format!("{}: part", step.title());
    let mut table = empty(&[&title, "mean ms", "p50", "p99"]);
    let whole = [("latency", &step.latency), ("sent → answered", &step.service)];
    let outside = [("outside of the server", &step.outside), ("on the server", &step.server)];
    for (name, time_of) in whole.into_iter().chain(outside) {
        let time_of = time_of.as_ref();
        table.add_row([
            name.to_owned(),
            time(time_of.map(|time| time.mean_ms)),
            time(time_of.map(|time| time.p50_ms)),
            time(time_of.map(|time| time.p99_ms)),
        ]);
    }
    for stage in &step.stages {
        table.add_row([
            format!("  {}", stage.stage),
            time(Some(stage.time.mean_ms)),
            time(Some(stage.time.p50_ms)),
            time(Some(stage.time.p99_ms)),
        ]);
    }
    table
}

fn errors(report: &Report) -> Table {
    let mut table = empty(&["step", "error", "messages"]);
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Left);
    }
    for step in &report.steps {
        for (name, count) in &step.errors {
            table.add_row([step.title(), name.clone(), count.to_string()]);
        }
    }
    table
}

fn sustained(saturation: &SaturationReport) -> String {
    let rate = |rate: Option<f64>| {
        rate.map_or_else(|| "none".to_owned(), |rate| format!("{rate} calls/s"))
    };
    let mut text = format!("highest sustained rate: {}", rate(saturation.highest_sustained));
    match saturation.saturated_at {
        Some(at) => {
            let reasons: Vec<&str> =
                saturation.reasons.iter().map(|reason| reason.as_str()).collect();
            text.push_str(&format!("; not sustained at {at}: {}", reasons.join("; ")));
        }
        None => text.push_str("; every step was sustained, the limit lies higher"),
    }
    if saturation.knee.is_some() {
        text.push_str(&format!(
            "\nknee (largest goodput / mean latency): {}",
            rate(saturation.knee)
        ));
    }
    text
}

fn ratios(title: &str, ratios: &[Ratio]) -> Table {
    let mut table = empty(&[title, "first", "second", "second / first"]);
    let value =
        |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"));
    for ratio in ratios {
        table.add_row([
            ratio.figure.to_owned(),
            value(ratio.first),
            value(ratio.second),
            ratio.ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}")),
        ]);
    }
    table
}
