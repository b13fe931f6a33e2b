//! Plots with two axes.

use maud::{Markup, html};

use super::super::report::Evaluation;
use super::super::report::curves::{BinReport, CoveragePoint, ReliabilityReport};
use super::legend;
use super::numbers::{at, percent, score};
use crate::page::drawing::path;

/// A square field with room for the labels of its axes.
const LEFT: f64 = 38.0;
const TOP: f64 = 8.0;
const SIDE: f64 = 250.0;
const BELOW: f64 = 34.0;
/// Height of a histogram under it.
const HISTOGRAM: f64 = 46.0;

/// From values between 0 and 1, or in a part of that, to places in the drawing.
#[derive(Clone, Copy)]
struct Field {
    low: f64,
}

impl Field {
    fn x(value: f64) -> f64 {
        LEFT + value * SIDE
    }

    fn y(self, value: f64) -> f64 {
        let share = (value - self.low) / (1.0 - self.low);
        TOP + (1.0 - share.clamp(0.0, 1.0)) * SIDE
    }

    /// Frame, lines and labels of both axes.
    fn axes(self, x_title: &str, y_title: &str) -> Markup {
        let ticks = [0.0, 0.25, 0.5, 0.75, 1.0];
        let bottom = TOP + SIDE;
        html! {
            @for tick in ticks {
                @let (x, height) = (Self::x(tick), self.low + tick * (1.0 - self.low));
                @let y = self.y(height);
                path.grid d={
                    "M" (at(x)) " " (at(TOP)) "V" (at(bottom)) "M" (at(LEFT)) " " (at(y)) "H" (at(LEFT + SIDE))
                } {}
                text.tick x=(at(x)) y=(at(bottom + 13.0)) text-anchor="middle" { (format!("{:.0}", tick * 100.0)) }
                text.tick x=(at(LEFT - 5.0)) y=(at(y + 3.5)) text-anchor="end" { (format!("{:.0}", height * 100.0)) }
            }
            text.axis x=(at(LEFT + SIDE / 2.0)) y=(at(bottom + 28.0)) text-anchor="middle" { (x_title) }
            text.axis text-anchor="middle" transform={ "translate(10 " (at(TOP + SIDE / 2.0)) ") rotate(-90)" } {
                (y_title)
            }
        }
    }
}

/// Reliability diagrams and the coverage curve.
pub(super) fn confidence(models: &[&Evaluation]) -> Markup {
    let flags: Vec<&ReliabilityReport> =
        models.iter().filter_map(|model| model.reliability.flags.as_ref()).collect();
    html! {
        (legend(models))
        div.charts {
            (coverage(models))
            (reliability("Primary intent", &models.iter().map(|model| &model.reliability.primary).collect::<Vec<_>>()))
            (reliability("Intents", &models.iter().map(|model| &model.reliability.intents).collect::<Vec<_>>()))
            @if !flags.is_empty() { (reliability("Flags", &flags)) }
        }
        p.muted {
            "On the dashed line a probability of 70 % comes true 70 times in 100. Below each diagram: how many "
            "probabilities there are, on a logarithmic scale."
        }
    }
}

fn coverage(models: &[&Evaluation]) -> Markup {
    let points = models.iter().flat_map(|model| &model.coverage);
    let least = points.map(|point| point.accuracy).fold(1.0, f64::min);
    // A multiple of 20 %, so that the four steps of the axis are whole numbers.
    let field = Field { low: ((least * 5.0).floor() / 5.0).clamp(0.0, 0.8) };
    let line = |points: &[CoveragePoint]| {
        path(points.iter().map(|point| (Field::x(point.coverage), field.y(point.accuracy))))
    };
    let at_ninety = |model: &&Evaluation| {
        let point = model.coverage.iter().find(|point| point.coverage >= 0.9);
        point.map_or_else(String::new, |point| percent(point.accuracy))
    };
    let spoken: Vec<String> = models.iter().map(at_ninety).collect();
    html! {
        figure.plot {
            figcaption { "Coverage and accuracy" small { "right primary intent among the surest" } }
            svg viewBox={ "0 0 " (at(LEFT + SIDE + 12.0)) " " (at(TOP + SIDE + BELOW)) } role="img" {
                title { "Accuracy by coverage; among the surest 90 %: " (spoken.join("; ")) }
                (field.axes("surest messages, %", "right, %"))
                @for (index, model) in models.iter().enumerate() {
                    path class={ "line m" (index) } d=(line(&model.coverage)) {}
                }
            }
        }
    }
}

fn reliability(name: &str, reports: &[&ReliabilityReport]) -> Markup {
    let field = Field { low: 0.0 };
    let errors: Vec<String> =
        reports.iter().map(|report| report.ece.map_or("–".to_owned(), score)).collect();
    let most = reports.iter().flat_map(|report| &report.bins).map(|bin| bin.count).max();
    let height = TOP + SIDE + BELOW + HISTOGRAM;
    html! {
        figure.plot {
            figcaption { (name) small { "calibration error " (errors.join(" / ")) } }
            svg viewBox={ "0 0 " (at(LEFT + SIDE + 12.0)) " " (at(height)) } role="img" {
                title { "Reliability of " (name) ", calibration error " (errors.join("; ")) }
                (field.axes("probability, %", "came true, %"))
                path.diagonal d=(path([0.0, 1.0].into_iter().map(|v| (Field::x(v), field.y(v))))) {}
                @for (index, report) in reports.iter().enumerate() {
                    (curve(index, report, field))
                    (histogram(index, reports.len(), report, most.unwrap_or_default()))
                }
            }
        }
    }
}

fn curve(index: usize, report: &ReliabilityReport, field: Field) -> Markup {
    let points: Vec<(f64, f64, &BinReport)> = report
        .bins
        .iter()
        .filter_map(|bin| Some((Field::x(bin.mean?), field.y(bin.share?), bin)))
        .collect();
    html! {
        path class={ "line thin m" (index) } d=(path(points.iter().map(|(x, y, _)| (*x, *y)))) {}
        @for (x, y, bin) in &points {
            @if index == 0 {
                circle class={ "dot m" (index) } cx=(at(*x)) cy=(at(*y)) r="3.5" { title { (spoken(bin)) } }
            } @else {
                rect class={ "dot m" (index) } x=(at(x - 3.2)) y=(at(y - 3.2)) width="6.4" height="6.4" {
                    title { (spoken(bin)) }
                }
            }
        }
    }
}

fn spoken(bin: &BinReport) -> String {
    let show = |value: Option<f64>| value.map_or_else(String::new, percent);
    format!("{} probabilities, mean {}, came true {}", bin.count, show(bin.mean), show(bin.share))
}

fn histogram(index: usize, models: usize, report: &ReliabilityReport, most: u64) -> Markup {
    let full = ((most + 1) as f64).ln();
    let bottom = TOP + SIDE + BELOW + HISTOGRAM - 2.0;
    let width = SIDE / report.bins.len().max(1) as f64;
    let own = (width - 2.0) / models.max(1) as f64;
    html! {
        @for (place, bin) in report.bins.iter().enumerate() {
            @let height = ((bin.count + 1) as f64).ln() / full.max(1e-9) * (HISTOGRAM - 6.0);
            @if bin.count > 0 {
                rect class={ "fill m" (index) } x=(at(LEFT + place as f64 * width + 1.0 + index as f64 * own))
                    y=(at(bottom - height)) width=(at(own)) height=(at(height)) { title { (spoken(bin)) } }
            }
        }
    }
}

/// Points of a ROC curve and the area under it.
pub(super) type RocCurve<'a> = (&'a [(f64, f64)], Option<f64>);

/// A small ROC curve for each model.
pub(super) fn roc(name: &str, curves: &[RocCurve<'_>]) -> Markup {
    const SMALL: f64 = 100.0;
    let areas: Vec<String> =
        curves.iter().map(|(_, area)| area.map_or("–".to_owned(), score)).collect();
    html! {
        figure.roc {
            svg viewBox="-2 -2 104 104" role="img" {
                title { "ROC curve of " (name) ", area " (areas.join("; ")) }
                path.frame d="M0 0H100V100H0Z" {}
                path.diagonal d="M0 100L100 0" {}
                @for (index, (points, _)) in curves.iter().enumerate() {
                    path class={ "line thin m" (index) }
                        d=(path(points.iter().map(|(x, y)| (x * SMALL, (1.0 - y) * SMALL)))) {}
                }
            }
            figcaption { (name) small { (areas.join(" / ")) } }
        }
    }
}
