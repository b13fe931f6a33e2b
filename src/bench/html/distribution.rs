//! The curve of percentiles, as HdrHistogram draws it: each nine takes the same room.

use maud::{Markup, html};

use super::super::report::StepReport;
use super::Named;
use super::axes::{Axis, Field, Scale};
use super::charts::{Series, chart};

/// Lines at most; of more steps, some are left out.
const LINES: usize = 6;

/// A line for each step; of two runs, for those that both have.
fn lines(runs: &[Named<'_>]) -> Vec<Series> {
    let mut series = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let steps = drawable(run, runs);
        // The first, the last and some between, equally far apart.
        let kept = steps.len().min((LINES / runs.len().max(1)).max(1));
        for place in 0..kept {
            let position = place * (steps.len() - 1) / (kept - 1).max(1);
            let Some(step) = steps.get(position) else { continue };
            let name = step.title();
            let last = step.latency.as_ref().map_or(1, |latency| latency.count) as f64;
            let point = |(share, value): &(f64, f64)| (nines(*share).min(last), *value);
            series.push(Series {
                name: if runs.len() > 1 { format!("{name}, {}", run.name) } else { name },
                colour: format!("s{}", if kept == 1 { index } else { place }),
                is_dashed: index > 0,
                has_points: false,
                points: step.curve.iter().map(point).collect(),
            });
        }
    }
    series
}

fn drawable<'a>(run: &Named<'a>, runs: &[Named<'_>]) -> Vec<&'a StepReport> {
    let has = |other: &Named<'_>, title: &str| {
        other.report.steps.iter().any(|step| step.title() == title)
    };
    let drawn: Vec<&StepReport> =
        run.report.steps.iter().filter(|step| !step.curve.is_empty()).collect();
    let is_common = |step: &&&StepReport| runs.iter().all(|other| has(other, &step.title()));
    let common: Vec<&StepReport> = drawn.iter().filter(is_common).copied().collect();
    if common.is_empty() { drawn } else { common }
}

/// 1 / (1 − share): where a percentile lies. 100 % has no place and is put where the last call stands.
fn nines(share: f64) -> f64 {
    1.0 / (1.0 - share).max(1e-7)
}

/// The field for `most` calls: one more nine than they fill has no place.
fn field(series: &[Series], most: f64) -> Field {
    let labels = ["0", "90", "99", "99.9", "99.99", "99.999", "99.9999"];
    let ticks = labels
        .iter()
        .scan(1.0, |place, label| {
            let tick = (*place, format!("{label} %"));
            *place *= 10.0;
            Some(tick)
        })
        .filter(|(place, _)| *place <= most)
        .collect();
    let x = Axis::labelled("percentile", Scale::Logarithmic, (1.0, most), ticks);
    let values = series.iter().flat_map(|line| &line.points).map(|point| point.1);
    Field::wide(x, Axis::logarithmic("latency, ms", values), 300.0)
}

/// Latency by percentile.
pub(super) fn curves(runs: &[Named<'_>]) -> Markup {
    let series = lines(runs);
    let steps = runs.iter().flat_map(|run| &run.report.steps);
    let counts = steps.filter_map(|step| step.latency.as_ref()).map(|latency| latency.count);
    let most = counts.max().unwrap_or(1).max(100) as f64;
    let field = field(&series, most);
    let note = "each nine takes the same room; a line ends at its slowest call";
    html! {
        div.charts.wide { (chart("Latency by percentile", note, &field, &series, &html! {})) }
    }
}
