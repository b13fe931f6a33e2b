//! The headline figures, what to mind about them, and the load in a sentence.

use maud::{Markup, html};

use super::super::plan::Loop;
use super::super::report::{LoadReport, Report, StepReport};
use super::super::schedule::Arrivals;
use super::axes::number;
use crate::page::numbers::{NOTHING, count, counted, percent};

/// Milliseconds with as many digits as matter.
pub(super) fn time(milliseconds: f64) -> String {
    let text = match milliseconds {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    };
    format!("{text}\u{a0}ms")
}

/// A value of a distribution that may be missing.
pub(super) fn or_nothing(value: Option<f64>, show: fn(f64) -> String) -> String {
    value.map_or_else(|| NOTHING.to_owned(), show)
}

fn tile(title: &str, value: &str, note: &str) -> Markup {
    html! {
        div.tile {
            h3 { (title) }
            p.big { (value) }
            @if !note.is_empty() { p.muted { (note) } }
        }
    }
}

/// The figures of the run, and of the step that speaks for it.
pub(super) fn tiles(report: &Report) -> Markup {
    let Some(step) = report.best() else { return html! {} };
    let batch = report.load.batch.unwrap_or(1);
    let latency = |value: fn(&StepReport) -> Option<f64>| or_nothing(value(step), time);
    let sent: u64 = report.steps.iter().map(|step| step.messages.sent).sum();
    let errors: u64 = report.steps.iter().map(|step| step.messages.errors).sum();
    let rates = report.saturation.as_ref().filter(|_| report.steps.len() > 1);
    html! {
        div.tiles {
            @if let Some(saturation) = rates {
                @let shown = or_nothing(saturation.highest_sustained, number);
                (tile("Highest sustained rate", &shown, "calls/s"))
                (tile("Knee", &or_nothing(saturation.knee, number), "calls/s"))
            }
            (tile("Goodput", &number(step.goodput), &format!("messages/s, {}", step.title())))
            (tile("Median latency", &latency(|step| Some(step.latency.as_ref()?.p50_ms)), &step.title()))
            (tile("99th percentile", &latency(|step| Some(step.latency.as_ref()?.p99_ms)), &step.title()))
            (tile("Inference, mean", &or_nothing(stage(step, "inference"), time), &format!("batches of {:.1}", step.batch_size)))
            (tile("Messages sent", &count(sent), &if batch > 1 { format!("{batch} in a call") } else { String::new() }))
            (tile("Failed", &percent(errors as f64 / sent.max(1) as f64), &format!("{} messages", count(errors))))
        }
        @if let Some(saturation) = rates {
            p {
                @match saturation.saturated_at {
                    Some(rate) => {
                        "Not sustained at " b { (number(rate)) " calls/s" } ": "
                        (saturation.reasons.iter().map(|reason| reason.as_str()).collect::<Vec<_>>().join("; ")) "."
                    }
                    None => "Every step was sustained: the limit of the server lies higher.",
                }
            }
        }
    }
}

fn stage(step: &StepReport, name: &str) -> Option<f64> {
    step.stages.iter().find(|stage| stage.stage == name).map(|stage| stage.time.mean_ms)
}

/// What to mind.
pub(super) fn warnings(warnings: &[String]) -> Markup {
    html! {
        @if !warnings.is_empty() {
            ul.warnings { @for warning in warnings { li { (warning) } } }
        }
    }
}

/// The load in a sentence.
pub(super) fn load(load: &LoadReport) -> String {
    let kind = match (load.kind, load.arrivals) {
        (Loop::Closed, _) => "closed loop",
        (Loop::Open, Some(Arrivals::Constant)) => "open loop, constant arrivals",
        (Loop::Open, Some(Arrivals::Poisson) | None) => "open loop, Poisson arrivals",
    };
    let calls = match load.batch {
        None => "unary calls".to_owned(),
        Some(items) => format!("batches of {items}"),
    };
    let most = if load.kind == Loop::Open { "at most " } else { "" };
    format!(
        "{kind} · {calls} · {} with {most}{} each · {} messages · {} s a step after {} s of warm-up · \
         timeout {} s",
        counted(load.connections, "connection"),
        counted(load.concurrency, "call"),
        load.messages,
        load.duration_s,
        load.warm_up_s,
        load.timeout_s
    )
}
