//! Figures over all messages and over parts of them.

use maud::{Markup, html};

use super::super::comparison::Change;
use super::super::figures::{Direction, Figure};
use super::super::report::parts::{Named, PartReport};
use super::super::report::{Evaluation, Report};
use super::bars::{Bar, Row, chart};
use super::numbers::{Kind, count};
use super::{key, legend};

/// Figures that have a tile.
const TILES: [Figure; 12] = [
    Figure::PrimaryAccuracy,
    Figure::PrimaryTop3,
    Figure::GroupAccuracy,
    Figure::IntentsMicroF1,
    Figure::Polarity3Accuracy,
    Figure::PolarityQwk,
    Figure::FlagsMicroF1,
    Figure::Coverage90Accuracy,
    Figure::Ece,
    Figure::Abstained,
    Figure::AccuracyWhenAnswered,
    Figure::OutOfScopeAuroc,
];

/// Figures that are shown for each part.
const BY_PART: [Figure; 4] = [
    Figure::PrimaryAccuracy,
    Figure::IntentsMicroF1,
    Figure::Polarity3Accuracy,
    Figure::FlagsMicroF1,
];

/// The headline figures.
pub(super) fn tiles(report: &Report, models: &[&Evaluation]) -> Markup {
    html! {
        div.tiles {
            @for figure in TILES {
                div.tile {
                    h3 { (figure.title()) }
                    @for (index, model) in models.iter().enumerate() {
                        (value(index, models.len(), model, figure))
                    }
                    @if let Some(change) = report.comparison.as_ref().and_then(|all| all.overall.get(figure)) {
                        (difference(change, figure))
                    }
                }
            }
        }
        (all_figures(models))
    }
}

fn value(index: usize, models: usize, model: &Evaluation, figure: Figure) -> Markup {
    let (kind, figures) = (Kind::of(figure), &model.overall.figures);
    html! {
        p.big { (key(index, models)) (kind.show(figures.get(figure))) }
        @if let Some(interval) = figures.interval(figure) {
            p.muted { (kind.interval(interval)) }
        }
    }
}

/// The difference between two models, with a sign for whether it is for the better.
pub(super) fn difference(change: &Change, figure: Figure) -> Markup {
    let kind = Kind::of(figure);
    html! {
        p.difference {
            (kind.difference(change.difference)) " "
            (judgement(change, figure.direction()))
        }
    }
}

/// Better, worse or unclear: in words and by shape, not by colour alone.
pub(super) fn judgement(change: &Change, direction: Direction) -> Markup {
    let rise = change.difference.unwrap_or_default() > 0.0;
    html! {
        @if !change.is_clear() {
            span.unclear title="zero lies within the 95 % interval of the difference" { "≈ not clear" }
        } @else if direction == Direction::None {
            span.unclear { @if rise { "more" } @else { "less" } }
        } @else if (direction == Direction::Up) == rise {
            span.better { "▲ better" }
        } @else {
            span.worse { "▼ worse" }
        }
    }
}

/// Every figure, over all messages and as the mean of the languages.
fn all_figures(models: &[&Evaluation]) -> Markup {
    html! {
        details {
            summary { "All figures" }
            div.scroll { table {
                thead { tr {
                    th { "figure" }
                    @for (index, _) in models.iter().enumerate() {
                        th.n { (key(index, models.len())) "all messages" }
                        th.n { (key(index, models.len())) "mean of languages" }
                    }
                } }
                tbody { @for figure in Figure::ALL {
                    tr {
                        td { (figure.title()) }
                        @for model in models {
                            @for figures in [&model.overall.figures, &model.macro_language] {
                                td.n {
                                    (Kind::of(figure).show(figures.get(figure)))
                                    @if let Some(interval) = figures.interval(figure) {
                                        small { (Kind::of(figure).interval(interval)) }
                                    }
                                }
                            }
                        }
                    }
                } }
            } }
        }
    }
}

/// By language.
pub(super) fn languages(models: &[&Evaluation]) -> Markup {
    html! {
        (legend(models))
        div.charts {
            @for figure in BY_PART {
                (by_part(models, figure, figure.title(), |model| &model.by_language))
            }
        }
        p.muted { "Beside each language: how many messages it has." }
    }
}

/// By length and by channel.
pub(super) fn parts(models: &[&Evaluation]) -> Markup {
    html! {
        (legend(models))
        div.charts {
            @for figure in BY_PART {
                @let title = format!("{}, by tokens", figure.title());
                (by_part(models, figure, &title, |model| &model.by_length))
            }
            @for figure in BY_PART {
                @let title = format!("{}, by channel", figure.title());
                (by_part(models, figure, &title, |model| &model.by_channel))
            }
        }
    }
}

fn by_part(
    models: &[&Evaluation],
    figure: Figure,
    title: &str,
    parts: fn(&Evaluation) -> &Named<PartReport>,
) -> Markup {
    let Some(first) = models.first() else { return html! {} };
    let row = |(name, part): &(String, PartReport)| {
        let bar = |model: &&Evaluation| {
            let found = parts(model).0.iter().find(|(other, _)| other == name);
            let figures = found.map(|(_, part)| &part.figures);
            Bar {
                value: figures.and_then(|figures| figures.get(figure)),
                interval: figures.and_then(|figures| figures.interval(figure)),
                mark: None,
            }
        };
        Row {
            label: name.clone(),
            note: count(part.messages),
            bars: models.iter().map(bar).collect(),
        }
    };
    let rows: Vec<Row> = parts(first).0.iter().map(row).collect();
    chart(title, Kind::of(figure), &rows)
}
