//! Lines in a field, and what they say about rates.

use maud::{Markup, html};

use super::super::figures::Distribution;
use super::super::report::StepReport;
use super::Named;
use super::axes::{Axis, Field, number};
use crate::page::drawing::{at, path};

/// A line with points.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) name: String,
    /// Class of its colour.
    pub(super) colour: String,
    pub(super) is_dashed: bool,
    pub(super) has_points: bool,
    pub(super) points: Vec<(f64, f64)>,
}

impl Series {
    fn class(&self, kind: &str) -> String {
        let dashed = if self.is_dashed { " dashed" } else { "" };
        format!("{kind} {}{dashed}", self.colour)
    }
}

/// A figure with lines; `more` is drawn on top.
pub(super) fn chart(
    title: &str,
    note: &str,
    field: &Field,
    series: &[Series],
    more: &Markup,
) -> Markup {
    html! {
        figure {
            figcaption { (title) @if !note.is_empty() { small { (note) } } }
            @if series.len() > 1 {
                p.legend { @for line in series {
                    span { i class=(line.class("swatch")) aria-hidden="true" {} (line.name) }
                } }
            }
            svg viewBox=(field.view_box()) role="img" {
                title { (title) }
                (field.axes())
                @for line in series { (drawn(line, field)) }
                (more)
            }
        }
    }
}

fn drawn(line: &Series, field: &Field) -> Markup {
    html! {
        path class=(line.class("series")) d=(path(line.points.iter().map(|point| field.place(*point)))) {}
        @if line.has_points || line.points.len() == 1 {
            @for point in &line.points {
                @let (x, y) = field.place(*point);
                circle class={ "point " (line.colour) } cx=(at(x)) cy=(at(y)) r="3.5" {
                    title { (line.name) ": " (number(point.0)) ", " (format!("{:.3}", point.1)) }
                }
            }
        }
    }
}

/// Percentiles that have a line.
type Percentile = (&'static str, fn(&Distribution) -> f64);

const PERCENTILES: [Percentile; 4] = [
    ("p50", |time| time.p50_ms),
    ("p90", |time| time.p90_ms),
    ("p99", |time| time.p99_ms),
    ("p99.9", |time| time.p999_ms),
];

/// Latency and goodput against the rate.
pub(super) fn rates(runs: &[Named<'_>]) -> Markup {
    html! {
        div.charts.two { (latencies(runs)) (goodput(runs)) }
        p.muted {
            "Latency counts from the moment at which a call was meant to be sent. The knee is the rate with the largest "
            "goodput divided by mean latency (Kleinrock 1979)."
        }
    }
}

/// Steps with a rate, in messages a second for a batch as well as for single calls.
fn rated<'a>(run: &Named<'a>) -> impl Iterator<Item = (f64, &'a StepReport)> {
    run.report.steps.iter().filter_map(|step| Some((step.rate?, step)))
}

fn latencies(runs: &[Named<'_>]) -> Markup {
    let mut series = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        for (place, (name, value)) in PERCENTILES.into_iter().enumerate() {
            let points =
                rated(run).filter_map(|(rate, step)| Some((rate, value(step.latency.as_ref()?))));
            series.push(Series {
                name: if runs.len() > 1 {
                    format!("{name}, {}", run.name)
                } else {
                    name.to_owned()
                },
                colour: format!("s{place}"),
                is_dashed: index > 0,
                has_points: true,
                points: points.collect(),
            });
        }
    }
    let all = || series.iter().flat_map(|line| &line.points);
    let field = Field::half(
        Axis::linear("rate, calls/s", all().map(|point| point.0)),
        Axis::logarithmic("latency, ms", all().map(|point| point.1)),
    );
    chart("Latency", "percentiles, logarithmic scale", &field, &series, &markers(runs, &field))
}

fn goodput(runs: &[Named<'_>]) -> Markup {
    let mut series = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        series.push(Series {
            name: if runs.len() > 1 {
                format!("answered, {}", run.name)
            } else {
                "answered".into()
            },
            colour: format!("s{index}"),
            is_dashed: index > 0,
            has_points: true,
            points: rated(run).map(|(rate, step)| (rate, step.goodput)).collect(),
        });
    }
    let longest = runs.iter().max_by_key(|run| run.report.steps.len());
    let offered = longest.map(|run| rated(run).map(|(rate, step)| (rate, step.offered)).collect());
    series.push(Series {
        name: "offered".into(),
        colour: "ideal".into(),
        is_dashed: true,
        has_points: false,
        points: offered.unwrap_or_default(),
    });
    let all = || series.iter().flat_map(|line| &line.points);
    let field = Field::half(
        Axis::linear("rate, calls/s", all().map(|point| point.0)),
        Axis::linear("messages/s", all().map(|point| point.1)),
    );
    chart("Goodput", "messages answered a second", &field, &series, &markers(runs, &field))
}

/// Where the highest sustained rate and the knee lie; of a single run only.
fn markers(runs: &[Named<'_>], field: &Field) -> Markup {
    let [run] = runs else { return html! {} };
    let Some(saturation) = &run.report.saturation else { return html! {} };
    html! {
        @if let Some(knee) = saturation.knee { (field.marker(knee, "knee", 0.0)) }
        @if let Some(rate) = saturation.highest_sustained { (field.marker(rate, "highest sustained", 1.0)) }
    }
}
