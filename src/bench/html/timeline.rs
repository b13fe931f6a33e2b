//! Rate, latency and errors over the time of the run.

use maud::{Markup, html};

use super::super::report::Report;
use super::super::timeline::Stretch;
use super::axes::{Axis, Field, number};
use super::charts::{Series, chart};

/// Height of one of the charts.
const HEIGHT: f64 = 130.0;

/// Markers for steps at most; more would cover each other.
const MARKERS: usize = 20;

/// Three charts over the same time.
pub(super) fn charts(report: &Report) -> Markup {
    let rates = [
        line(report, "sent", 0, |stretch, width| Some(stretch.sent as f64 / width)),
        line(report, "answered", 2, |stretch, width| Some(stretch.ok as f64 / width)),
    ];
    let latency = [
        line(report, "p50", 0, |stretch, _| stretch.p50_ms),
        line(report, "p99", 2, |stretch, _| stretch.p99_ms),
        line(report, "max", 1, |stretch, _| stretch.max_ms),
    ];
    let errors = [line(report, "failed", 1, |stretch, width| Some(stretch.errors as f64 / width))];
    html! {
        div.charts.wide {
            (panel(report, "Calls", "sent and answered a second", "calls/s", false, &rates))
            (panel(report, "Latency", "of the calls answered at that time, logarithmic scale", "ms", true, &latency))
            @if report.steps.iter().any(|step| step.calls.errors > 0) {
                (panel(report, "Errors", "calls that failed a second", "calls/s", false, &errors))
            } @else {
                p.muted { "No call failed." }
            }
        }
    }
}

fn line(
    report: &Report,
    name: &str,
    colour: usize,
    value: fn(&Stretch, f64) -> Option<f64>,
) -> Series {
    let mut points = Vec::new();
    for step in &report.steps {
        let width = step.stretch_s.max(1e-3);
        for (index, stretch) in step.timeline.iter().enumerate() {
            if let Some(value) = value(stretch, width) {
                points.push((step.start_s + (index as f64 + 0.5) * width, value));
            }
        }
    }
    Series {
        name: name.to_owned(),
        colour: format!("s{colour}"),
        is_dashed: false,
        has_points: false,
        points,
    }
}

fn panel(
    report: &Report,
    title: &str,
    note: &str,
    unit: &'static str,
    is_logarithmic: bool,
    series: &[Series],
) -> Markup {
    let ends = report.steps.iter().map(|step| {
        step.start_s + step.duration_s.max(step.timeline.len() as f64 * step.stretch_s)
    });
    let values = series.iter().flat_map(|line| &line.points).map(|point| point.1);
    let y =
        if is_logarithmic { Axis::logarithmic(unit, values) } else { Axis::linear(unit, values) };
    let field = Field::wide(Axis::until_the_end("seconds since the warm-up", ends), y, HEIGHT);
    let has_steps = (2..=MARKERS).contains(&report.steps.len());
    let markers = html! {
        @if has_steps { @for (index, step) in report.steps.iter().enumerate() {
            @if let Some(rate) = step.rate {
                (field.marker(step.start_s, &number(rate), (index % 2) as f64))
            }
        } }
    };
    chart(title, note, &field, series, &markers)
}
