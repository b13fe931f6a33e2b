//! A run, or two compared, as one HTML page that needs nothing else and no script.

mod axes;
mod charts;
mod distribution;
mod overview;
mod stages;
mod tables;
mod timeline;

use maud::{Markup, html};

use super::comparison::Comparison;
use super::plan::Loop;
use super::report::Report;
use crate::page::numbers::counted;
use crate::page::{Page, Section};

const STYLE: &str = include_str!("html/bench.css");

/// A run with the name that charts give it.
#[derive(Clone, Copy)]
struct Named<'a> {
    name: &'a str,
    report: &'a Report,
}

/// Returns the page of a run.
#[must_use]
pub fn page(report: &Report) -> String {
    let runs = [Named { name: "this run", report }];
    let mut sections = vec![Section {
        id: "overview",
        title: "Overview",
        content: html! { (overview::tiles(report)) (overview::warnings(&report.warnings)) },
    }];
    sections.extend(shared(&runs));
    sections.push(Section { id: "time", title: "Over time", content: timeline::charts(report) });
    sections.push(Section { id: "steps", title: "All figures", content: tables::steps(report) });
    let page = Page {
        title: format!("{} at {} under load", report.server.model, report.server.address),
        style: STYLE,
        script: None,
        head: head("Load test", &runs),
        sections,
        foot: foot(&runs),
    };
    page.into_string()
}

/// Returns the page of two runs.
#[must_use]
pub fn comparison_page(comparison: &Comparison, first: &Report, second: &Report) -> String {
    let runs = [
        Named { name: &comparison.first.name, report: first },
        Named { name: &comparison.second.name, report: second },
    ];
    let mut sections = vec![Section {
        id: "comparison",
        title: "Comparison",
        content: tables::comparison(comparison),
    }];
    sections.extend(shared(&runs));
    let page = Page {
        title: format!("{} and {} compared", comparison.first.name, comparison.second.name),
        style: STYLE,
        script: None,
        head: head("Load tests compared", &runs),
        sections,
        foot: foot(&runs),
    };
    page.into_string()
}

/// What both pages show.
fn shared(runs: &[Named<'_>]) -> Vec<Section> {
    let section = |id, title, content| Section { id, title, content };
    let mut sections = Vec::new();
    if runs.iter().any(|run| run.report.steps.len() > 1) {
        sections.push(section("rates", "Latency and goodput by rate", charts::rates(runs)));
    }
    sections.push(section("distribution", "Distribution of latency", distribution::curves(runs)));
    sections.push(section("stages", "Where the time goes", stages::charts(runs)));
    sections
}

fn head(title: &str, runs: &[Named<'_>]) -> Markup {
    html! {
        h1 { (title) }
        p.models {
            @for (index, run) in runs.iter().enumerate() {
                @let server = &run.report.server;
                span.model {
                    (key(index, runs.len()))
                    @if runs.len() > 1 { b { (run.name) } ": " }
                    b { (server.model) } " "
                    span.muted { (server.engine) " · " (server.address) " · Signalbox " (server.version) }
                }
            }
        }
        @for run in runs { p.muted { (overview::load(&run.report.load)) } }
    }
}

/// The colour of a run, where there are two.
fn key(index: usize, runs: usize) -> Markup {
    html! {
        @if runs > 1 { i class={ "key m" (index) } aria-hidden="true" {} }
    }
}

fn foot(runs: &[Named<'_>]) -> Markup {
    html! {
        h2 { "How this was measured" }
        @for run in runs {
            @let (report, load) = (run.report, &run.report.load);
            p.muted {
                @if runs.len() > 1 { (run.name) ": " }
                (report.program) " · begun " (report.started_at) " · " (counted(load.threads, "thread"))
                " of the generator · " (counted(load.message_count, "different message")) " (" (load.messages)
                "), mean " (format!("{:.0}", load.mean_chars)) " characters · seed " (load.seed)
                @if load.kind == Loop::Open {
                    " · a rate is sustained with " (load.min_goodput * 100.0)
                    "\u{a0}% of the offered messages answered and at most " (load.max_errors * 100.0) "\u{a0}% failed"
                }
                @if let Some(limit) = load.max_p99_ms { ", p99 at most " (limit) "\u{a0}ms" }
            }
        }
        p.muted { "What each figure means stands in docs/bench.md." }
    }
}
