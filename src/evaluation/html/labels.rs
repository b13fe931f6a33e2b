//! Each intent, each flag, each step of the mood.

use maud::{Markup, html};

use super::super::bootstrap::Interval;
use super::super::figures::Figure;
use super::super::report::Evaluation;
use super::super::report::labels::{IntentReport, LabelReport};
use super::bars::{Bar, Row, drawing};
use super::heat::HeatMap;
use super::numbers::{Kind, count, score};
use super::plots::roc;
use super::{key, legend, short};

fn bar(label: &LabelReport, interval: Option<[f64; 2]>) -> Bar {
    let interval = interval.map(|[low, high]| Interval { low, high });
    Bar { value: label.f1, interval, mark: None }
}

/// A number that a table can be sorted by.
fn cell(value: Option<f64>) -> Markup {
    let key = value.map_or_else(String::new, |value| format!("{value:.6}"));
    html! { td.n data-v=(key) { (Kind::Score.show(value)) } }
}

/// The report on one label of the first model, and those of the same label of the others.
fn of_all<'a, T>(
    first: &'a T,
    others: &[&'a Evaluation],
    labels: fn(&Evaluation) -> &Vec<T>,
    name: fn(&T) -> &String,
) -> Vec<&'a T> {
    let same = |model: &&'a Evaluation| labels(model).iter().find(|one| name(one) == name(first));
    std::iter::once(first).chain(others.iter().filter_map(same)).collect()
}

/// Intents, best first.
pub(super) fn intents(models: &[&Evaluation]) -> Markup {
    let Some((first, others)) = models.split_first() else { return html! {} };
    let mut order: Vec<&IntentReport> = first.intents.iter().collect();
    let f1 = |intent: &IntentReport| intent.present.f1.unwrap_or(-1.0);
    order.sort_by(|a, b| f1(b).total_cmp(&f1(a)));
    html! {
        (legend(models))
        div.scroll { table.sortable {
            thead { tr {
                th data-sort="text" { "intent" } th { "F1, with its interval" }
                @for (index, _) in models.iter().enumerate() {
                    th.n data-sort="n" { (key(index, models.len())) "F1" }
                }
                th.n data-sort="n" { "precision" } th.n data-sort="n" { "recall" }
                th.n data-sort="n" { "messages" } th.n data-sort="n" { "as primary, F1" }
                th.n data-sort="n" { "threshold" }
            } }
            tbody { @for intent in order {
                @let all = of_all(intent, others, |model| &model.intents, |one| &one.label);
                @let bars = all.iter().map(|intent| bar(&intent.present, intent.f1_interval)).collect();
                @let row = Row { label: intent.label.clone(), note: String::new(), bars };
                tr {
                    th scope="row" { (intent.label) }
                    td.wide { (drawing("F1", Kind::Score, &row)) }
                    @for one in &all { (cell(one.present.f1)) }
                    (cell(intent.present.precision)) (cell(intent.present.recall))
                    td.n data-v=(intent.present.support) { (count(intent.present.support)) }
                    (cell(intent.primary.f1))
                    td.n data-v=(intent.threshold) { (format!("{:.2}", intent.threshold)) }
                }
            } }
        } }
        p.muted {
            "F1, precision and recall of an intent being present, at the model's threshold"
            @if models.len() > 1 { "; precision, recall and threshold are those of the first model" }
            ". As primary: of its being the leading one."
        }
    }
}

/// Flags, with their ROC curves.
pub(super) fn flags(models: &[&Evaluation]) -> Markup {
    let Some((first, others)) = models.split_first() else { return html! {} };
    html! {
        (legend(models))
        div.scroll { table.sortable {
            thead { tr {
                th data-sort="text" { "flag" } th { "F1, with its interval" }
                @for (index, _) in models.iter().enumerate() {
                    th.n data-sort="n" { (key(index, models.len())) "F1" }
                }
                th.n data-sort="n" { "precision" } th.n data-sort="n" { "recall" }
                th.n data-sort="n" { "AUROC" } th.n data-sort="n" { "average precision" }
                th.n data-sort="n" { "messages" } th.n data-sort="n" { "threshold" }
            } }
            tbody { @for flag in &first.flags {
                @let all = of_all(flag, others, |model| &model.flags, |one| &one.label);
                @let bars = all.iter().map(|flag| bar(&flag.raised, flag.f1_interval)).collect();
                @let row = Row { label: flag.label.clone(), note: String::new(), bars };
                tr {
                    th scope="row" { (flag.label) }
                    td.wide { (drawing("F1", Kind::Score, &row)) }
                    @for one in &all { (cell(one.raised.f1)) }
                    (cell(flag.raised.precision)) (cell(flag.raised.recall))
                    (cell(flag.auroc)) (cell(flag.average_precision))
                    td.n data-v=(flag.raised.support) { (count(flag.raised.support)) }
                    td.n data-v=(flag.threshold) { (format!("{:.2}", flag.threshold)) }
                }
            } }
        } }
        h3 { "ROC curves" }
        div.small-multiples {
            @for flag in &first.flags {
                @let all = of_all(flag, others, |model| &model.flags, |one| &one.label);
                @let curves: Vec<_> = all.iter().map(|one| (one.roc.as_slice(), one.auroc)).collect();
                (roc(&flag.label, &curves))
            }
        }
        p.muted {
            "Across: share of other messages that are flagged too. Up: share of messages that are found. "
            "The number is the area."
        }
    }
}

/// The mood, step against step.
pub(super) fn polarity(models: &[&Evaluation]) -> Markup {
    html! {
        div.charts.two {
            @for (index, model) in models.iter().enumerate() {
                @if let Some(polarity) = &model.polarity {
                    @let names: Vec<String> = polarity.steps.iter().map(|step| step.replace('_', " ")).collect();
                    @let counts: Vec<Vec<u64>> = polarity.confusion.iter().map(|row| row.to_vec()).collect();
                    figure.map {
                        figcaption {
                            @if models.len() > 1 { (key(index, models.len())) (short(model, index)) }
                            small { "rows: right, columns: predicted, colour: share of the row" }
                        }
                        (HeatMap { title: "Mood", names: &names, counts: &counts, cell: 52.0, left: 96.0 }.draw())
                        (agreement(model))
                    }
                }
            }
        }
    }
}

fn agreement(model: &Evaluation) -> Markup {
    let figures = &model.overall.figures;
    let show = |figure| Kind::of(figure).show(figures.get(figure));
    html! {
        p.muted {
            "Weighted kappa " (figures.get(Figure::PolarityQwk).map_or("–".to_owned(), score))
            " · right " (show(Figure::Polarity5Accuracy))
            " · within one step " (show(Figure::PolarityWithin1))
            " · right side " (show(Figure::Polarity3Accuracy))
        }
    }
}
