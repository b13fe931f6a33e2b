//! Two models side by side.

use maud::{Markup, html};

use super::super::comparison::{Change, Comparison, Disagreements, LabelChange};
use super::super::figures::{Direction, Figure};
use super::mistakes::{filter, message};
use super::numbers::{Kind, count, percent};
use super::overview::judgement;

/// Every difference.
pub(super) fn changes(comparison: &Comparison) -> Markup {
    let test = &comparison.mcnemar;
    html! {
        p {
            "Differences are second minus first. The primary intent changes for "
            (comparison.primary_changed.map_or("–".to_owned(), percent))
            " of the messages: only the first is right about "
            b { (count(test.only_first_right)) } ", only the second about " b { (count(test.only_second_right)) }
            " (McNemar's exact test: p = " (format!("{:.4}", test.p)) ")."
        }
        div.scroll { table {
            thead { tr {
                th { "figure" } th.n { "first" } th.n { "second" } th.n { "difference" }
                th.n { "95 % interval" } th.n { "p" } th { "" } th.n { "mean of languages" }
            } }
            tbody { @for figure in Figure::ALL {
                @if let Some(change) = comparison.overall.get(figure) {
                    @let of_languages = comparison.macro_language.get(figure).and_then(|change| change.difference);
                    tr {
                        th scope="row" { (figure.title()) }
                        (cells(change, Kind::of(figure)))
                        td { (judgement(change, figure.direction())) }
                        td.n { (Kind::of(figure).difference(of_languages)) }
                    }
                }
            } }
        } }
        div.columns.even.tables {
            div { h3 { "Primary intent by language" } (by_language(comparison)) }
            div { h3 { "Intents that change most" } (labels(&comparison.intents)) }
            div { h3 { "Flags that change most" } (labels(&comparison.flags)) }
        }
    }
}

fn cells(change: &Change, kind: Kind) -> Markup {
    html! {
        td.n { (kind.show(change.first)) } td.n { (kind.show(change.second)) }
        td.n { (kind.difference(change.difference)) }
        td.n { @if let Some([low, high]) = change.interval {
            (kind.difference(Some(low))) " to " (kind.difference(Some(high)))
        } }
        td.n { @if let Some(p) = change.p { (format!("{p:.3}")) } }
    }
}

fn by_language(comparison: &Comparison) -> Markup {
    let figure = Figure::PrimaryAccuracy;
    html! {
        table {
            thead { tr { th { "language" } th.n { "first" } th.n { "second" } th.n { "difference" } th { "" } } }
            tbody { @for (language, changes) in &comparison.by_language.0 {
                @if let Some(change) = changes.get(figure) { (short_row(language, change, Kind::Share)) }
            } }
        }
    }
}

/// Labels whose F1 changes, the largest change first.
fn labels(changes: &[LabelChange]) -> Markup {
    const SHOWN: usize = 15;
    let size = |change: &LabelChange| change.f1.difference.unwrap_or_default().abs();
    let mut order: Vec<&LabelChange> = changes.iter().filter(|change| size(change) > 0.0).collect();
    order.sort_by(|a, b| size(b).total_cmp(&size(a)));
    html! {
        @if order.is_empty() { p.muted { "None changes." } }
        @else { table {
            thead { tr { th { "label" } th.n { "first" } th.n { "second" } th.n { "difference" } th { "" } } }
            tbody { @for change in order.iter().take(SHOWN) { (short_row(&change.label, &change.f1, Kind::Score)) } }
        } }
    }
}

fn short_row(name: &str, change: &Change, kind: Kind) -> Markup {
    html! {
        tr {
            th scope="row" { (name) }
            td.n { (kind.show(change.first)) } td.n { (kind.show(change.second)) }
            td.n { (kind.difference(change.difference)) }
            td { (judgement(change, Direction::Up)) }
        }
    }
}

/// Messages that one model gets right and the other does not.
pub(super) fn changed(comparison: &Comparison) -> Markup {
    html! {
        (list("only-first", "Only the first is right", &comparison.only_first_right))
        (list("only-second", "Only the second is right", &comparison.only_second_right))
    }
}

fn list(id: &str, title: &str, found: &Disagreements) -> Markup {
    html! {
        h3 { (title) " · " (count(found.count as u64)) }
        @if found.examples.len() < found.count {
            p.muted { "The " (found.examples.len()) " that the wrong model was surest of." }
        }
        @if found.examples.is_empty() { p.muted { "None." } }
        @else {
            (filter(id))
            div.examples id=(id) {
                @for one in &found.examples { (message(&one.example, &[&one.first, &one.second])) }
            }
        }
    }
}
