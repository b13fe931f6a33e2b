//! Where the time of the mean message goes. Means add up; percentiles do not, and stand in a table.

use maud::{Markup, html};

use super::super::report::StepReport;
use super::overview::time;
use super::{Named, key};
use crate::page::drawing::at;

/// Parts of the mean latency, in order.
struct Part {
    name: String,
    /// Class of its colour.
    colour: usize,
    mean_ms: f64,
    p99_ms: f64,
}

/// Bars for each step, and a table of the step that speaks for the run.
pub(super) fn charts(runs: &[Named<'_>]) -> Markup {
    html! {
        @for (index, run) in runs.iter().enumerate() {
            @if runs.len() > 1 { h3 { (key(index, runs.len())) (run.name) } }
            (bars(run))
        }
        p.muted {
            "Means over the answered messages. " b { "late" } ": from the intended start until the call was sent, by the "
            "generator or because too many calls were under way. " b { "outside" } ": what the client waited without the "
            "server's own time: network, HTTP/2 on both sides, and the client. The others are stages on the server; "
            b { "queue" } " is the wait for an inference thread, " b { "other" } " lies between the stages."
        }
        div.columns.even.tables {
            @for (index, run) in runs.iter().enumerate() {
                @if let Some(step) = run.report.best() {
                    div {
                        h3 { (key(index, runs.len())) (step.title()) }
                        (table(step))
                    }
                }
            }
        }
    }
}

fn parts(step: &StepReport) -> Vec<Part> {
    let mut parts = Vec::new();
    // Timeouts are in both, so that what is left is the wait before the call.
    if let (Some(latency), Some(service)) = (&step.latency, &step.service) {
        let p99_ms = step.lateness.as_ref().map_or(0.0, |lateness| lateness.p99_ms);
        let mean_ms = (latency.mean_ms - service.mean_ms).max(0.0);
        parts.push(Part { name: "late".into(), colour: 0, mean_ms, p99_ms });
    }
    if let Some(outside) = &step.outside {
        let (mean_ms, p99_ms) = (outside.mean_ms, outside.p99_ms);
        parts.push(Part { name: "outside".into(), colour: 1, mean_ms, p99_ms });
    }
    for (index, stage) in step.stages.iter().enumerate() {
        parts.push(Part {
            name: stage.stage.clone(),
            colour: index + 2,
            mean_ms: stage.time.mean_ms,
            p99_ms: stage.time.p99_ms,
        });
    }
    parts
}

fn total(parts: &[Part]) -> f64 {
    parts.iter().map(|part| part.mean_ms).sum()
}

fn bars(run: &Named<'_>) -> Markup {
    let steps: Vec<(&StepReport, Vec<Part>)> =
        run.report.steps.iter().map(|step| (step, parts(step))).collect();
    // A saturated step would leave nothing to see of the others.
    let sustained = steps.iter().filter(|(step, _)| step.faults.is_empty());
    let most = sustained.map(|(_, parts)| total(parts)).fold(0.0, f64::max);
    let all = steps.iter().map(|(_, parts)| total(parts)).fold(0.0, f64::max);
    let full = if most > 0.0 { most.max(all.min(most * 1.5)) } else { all }.max(1e-6);
    let names = steps.iter().max_by_key(|(_, parts)| parts.len());
    html! {
        @if let Some((_, parts)) = names {
            p.legend { @for part in parts {
                span { i class={ "block c" (part.colour) } aria-hidden="true" {} (part.name) }
            } }
        }
        div.stack {
            @for (step, parts) in &steps {
                span { (step.title()) @if !step.faults.is_empty() { " " span.bad { "saturated" } } }
                (bar(step, parts, full))
                span.value { (time(total(parts))) @if total(parts) > full * 1.001 { " →" } }
            }
        }
    }
}

fn bar(step: &StepReport, parts: &[Part], full: f64) -> Markup {
    let starts = parts.iter().scan(0.0, |sum, part| {
        let start = *sum;
        *sum += part.mean_ms;
        Some(start)
    });
    let along = |value: f64| (value / full * 1_000.0).min(1_000.0);
    html! {
        svg viewBox="0 0 1000 18" preserveAspectRatio="none" role="img" {
            title { (step.title()) ": " (time(total(parts))) }
            @for (part, start) in parts.iter().zip(starts) {
                rect class={ "c" (part.colour) } x=(at(along(start))) y="0" height="18"
                    width=(at(along(start + part.mean_ms) - along(start))) {
                    title { (part.name) ": " (time(part.mean_ms)) }
                }
            }
        }
    }
}

fn table(step: &StepReport) -> Markup {
    let parts = parts(step);
    let all = total(&parts).max(1e-6);
    html! {
        div.scroll { table {
            thead { tr { th { "part" } th.n { "mean" } th.n { "share" } th.n { "p99" } } }
            tbody {
                @for part in &parts { tr {
                    th scope="row" { i class={ "block c" (part.colour) } aria-hidden="true" {} (part.name) }
                    td.n { (time(part.mean_ms)) }
                    td.n { (format!("{:.1}\u{a0}%", part.mean_ms / all * 100.0)) }
                    td.n { (time(part.p99_ms)) }
                } }
                @if let Some(server) = &step.server { tr {
                    th scope="row" { "all on the server" }
                    td.n { (time(server.mean_ms)) }
                    td.n { (format!("{:.1}\u{a0}%", server.mean_ms / all * 100.0)) }
                    td.n { (time(server.p99_ms)) }
                } }
            }
        } }
    }
}
