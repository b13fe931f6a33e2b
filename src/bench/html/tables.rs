//! Every figure of every step, and two runs side by side.

use maud::{Markup, html};

use super::super::comparison::{Better, Comparison, Pair, Ratio};
use super::super::report::{Report, StepReport};
use super::axes::number;
use super::key;
use super::overview::{or_nothing, time, warnings};
use crate::page::numbers::{NOTHING, count, percent};

/// Ratios nearer to 1 are no difference that two runs could show: a run differs from its repetition by more.
const EQUAL: f64 = 0.05;

/// A row for each step.
pub(super) fn steps(report: &Report) -> Markup {
    html! {
        div.scroll { table {
            thead { tr {
                th { "step" } th.n { "offered/s" } th.n { "goodput/s" } th.n { "calls" } th.n { "failed" }
                th.n { "mean" } th.n { "p50" } th.n { "p90" } th.n { "p99" } th.n { "p99.9" } th.n { "max" }
                th.n { "queue" } th.n { "inference" } th.n { "batch" } th.n { "lateness p99" }
            } }
            tbody { @for step in &report.steps { (row(step)) } }
        } }
        (errors(report))
    }
}

fn row(step: &StepReport) -> Markup {
    let latency = step.latency.as_ref();
    let shown = |value: Option<f64>| or_nothing(value, time);
    let stage = |name: &str| {
        let stage = step.stages.iter().find(|stage| stage.stage == name);
        shown(stage.map(|stage| stage.time.mean_ms))
    };
    html! {
        tr {
            th scope="row" { (step.title()) @if !step.faults.is_empty() { " " span.bad { "saturated" } } }
            td.n { (number(step.offered)) }
            td.n { (number(step.goodput)) }
            td.n { (count(step.calls.sent)) }
            td.n { (percent(step.error_share)) }
            td.n { (shown(latency.map(|time| time.mean_ms))) }
            td.n { (shown(latency.map(|time| time.p50_ms))) }
            td.n { (shown(latency.map(|time| time.p90_ms))) }
            td.n { (shown(latency.map(|time| time.p99_ms))) }
            td.n { (shown(latency.map(|time| time.p999_ms))) }
            td.n { (shown(latency.map(|time| time.max_ms))) }
            td.n { (stage("queue")) }
            td.n { (stage("inference")) }
            td.n { (format!("{:.1}", step.batch_size)) }
            td.n { (shown(step.lateness.as_ref().map(|time| time.p99_ms))) }
        }
    }
}

fn errors(report: &Report) -> Markup {
    let has_any = report.steps.iter().any(|step| !step.errors.is_empty());
    html! {
        h3 { "Errors" }
        @if !has_any { p.muted { "None: every message was answered." } }
        @else {
            div.scroll { table {
                thead { tr { th { "step" } th { "error" } th.n { "messages" } th.n { "share" } } }
                tbody { @for step in &report.steps { @for (name, failed) in &step.errors {
                    tr {
                        th scope="row" { (step.title()) }
                        td { code { (name) } }
                        td.n { (count(*failed)) }
                        td.n { (percent(*failed as f64 / step.messages.sent.max(1) as f64)) }
                    }
                } } }
            } }
            p.muted {
                code { "RESOURCE_EXHAUSTED" } " is the server turning messages away because it is full; "
                code { "timeout" } ", " code { "connection" } " and " code { "cut_off" } " are the client's own words."
            }
        }
    }
}

/// Both runs and their ratios.
pub(super) fn comparison(comparison: &Comparison) -> Markup {
    let differ: Vec<String> =
        comparison.differences.iter().map(|line| format!("the loads differ: {line}")).collect();
    html! {
        (warnings(&differ))
        p.muted { "Ratios are second divided by first." }
        @if !comparison.saturation.is_empty() { (ratios("What is sustained", &comparison.saturation)) }
        div.columns.even.tables { @for pair in &comparison.pairs {
            div { (ratios(&title(pair), &pair.figures)) }
        } }
        @if comparison.pairs.is_empty() { p { "The runs have no load in common." } }
        @if !comparison.unpaired.is_empty() {
            p.muted {
                "Only one of the runs has: "
                (comparison.unpaired.iter().map(|rate| number(*rate)).collect::<Vec<_>>().join(", ")) " calls/s."
            }
        }
    }
}

fn title(pair: &Pair) -> String {
    pair.rate.map_or_else(|| "closed loop".to_owned(), |rate| format!("{} calls/s", number(rate)))
}

fn ratios(title: &str, ratios: &[Ratio]) -> Markup {
    html! {
        h3 { (title) }
        div.scroll { table {
            thead { tr {
                th { "figure" } th.n { (key(0, 2)) "first" } th.n { (key(1, 2)) "second" } th.n { "ratio" } th { "" }
            } }
            tbody { @for ratio in ratios { tr {
                th scope="row" { (ratio.figure) }
                td.n { (or_nothing(ratio.first, figure)) }
                td.n { (or_nothing(ratio.second, figure)) }
                td.n { (ratio.ratio.map_or_else(|| NOTHING.to_owned(), |ratio| format!("{ratio:.2}"))) }
                td { (judgement(ratio)) }
            } } }
        } }
    }
}

fn figure(value: f64) -> String {
    if value >= 100.0 { number(value) } else { format!("{value:.3}") }
}

/// Better or worse, in words and by shape.
fn judgement(figure: &Ratio) -> Markup {
    let Some(ratio) = figure.ratio else { return html! {} };
    if (ratio - 1.0).abs() <= EQUAL {
        return html! { span.unclear { "≈ the same" } };
    }
    let is_better = (ratio > 1.0) == (figure.better == Better::Higher);
    html! {
        @if is_better { span.better { "▲ better" } } @else { span.worse { "▼ worse" } }
    }
}
