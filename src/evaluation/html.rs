//! A report as one HTML page that needs nothing else: no script, style, font or picture from elsewhere.
//!
//! Everything can be read without the script, which only sorts tables and filters lists. Whatever comes from messages,
//! models or paths is escaped by maud.

mod bars;
mod comparison;
mod heat;
mod labels;
mod mistakes;
mod numbers;
mod overview;
mod plots;
mod robustness;

use maud::{Markup, html};

use super::report::{Evaluation, ModelIdentity, Report};
use crate::page::{Page, Section};

const STYLE: &str = include_str!("html/evaluation.css");
const SCRIPT: &str = include_str!("html/evaluation.js");

/// Returns the page.
#[must_use]
pub fn page(report: &Report) -> String {
    let models: Vec<&Evaluation> =
        std::iter::once(&report.evaluation).chain(report.compared.as_ref()).collect();
    let page = Page {
        title: title(report),
        style: STYLE,
        script: Some(SCRIPT),
        head: head(report, &models),
        sections: sections(report, &models),
        foot: foot(report),
    };
    page.into_string()
}

fn title(report: &Report) -> String {
    let name = |model: &ModelIdentity| format!("{} {}", model.name, model.version);
    let first = name(&report.evaluation.model);
    match &report.compared {
        Some(other) => format!("{first} and {} compared", name(&other.model)),
        None => format!("{first} evaluated"),
    }
}

fn sections(report: &Report, models: &[&Evaluation]) -> Vec<Section> {
    let section = |id, title, content| Section { id, title, content };
    let mut sections = vec![section("overview", "Overview", overview::tiles(report, models))];
    if let Some(comparison) = &report.comparison {
        sections.push(section("comparison", "Comparison", comparison::changes(comparison)));
    }
    sections.push(section("languages", "Languages", overview::languages(models)));
    sections.push(section("confidence", "Confidence", plots::confidence(models)));
    sections.push(section("mistakes", "Mistakes", mistakes::confusions(models)));
    sections.push(section("intents", "Intents", labels::intents(models)));
    if models.iter().any(|model| !model.flags.is_empty()) {
        sections.push(section("flags", "Flags", labels::flags(models)));
    }
    if models.iter().any(|model| model.polarity.is_some()) {
        sections.push(section("mood", "Mood", labels::polarity(models)));
    }
    sections.push(section("parts", "Length and channel", overview::parts(models)));
    if models.iter().any(|model| model.robustness.is_some()) {
        sections.push(section("robustness", "Robustness", robustness::effects(models)));
    }
    sections.push(section("errors", "Surest errors", mistakes::confident_errors(models)));
    if let Some(comparison) = &report.comparison {
        sections.push(section("changed", "Changed messages", comparison::changed(comparison)));
    }
    sections
}

fn head(report: &Report, models: &[&Evaluation]) -> Markup {
    let messages = report.evaluation.overall.messages;
    let languages = report.evaluation.by_language.0.len();
    html! {
        h1 { "Evaluation" }
        p.models {
            @for (index, evaluation) in models.iter().enumerate() {
                span.model {
                    (key(index, models.len()))
                    b { (evaluation.model.name) " " (evaluation.model.version) }
                    " " span.muted { (evaluation.model.source) }
                }
            }
        }
        p.muted {
            (numbers::count(messages)) " messages in " (languages)
            @if languages == 1 { " language" } @else { " languages" }
            @if report.bootstrap > 0 {
                " · whiskers and brackets are 95 % intervals from " (numbers::count(report.bootstrap))
                " resamples within each language"
            }
        }
    }
}

/// The colour of a model, where there are two.
fn key(index: usize, models: usize) -> Markup {
    html! {
        @if models > 1 { i class={ "key m" (index) } aria-hidden="true" {} }
    }
}

/// Says which colour is which model, where there are two.
fn legend(models: &[&Evaluation]) -> Markup {
    html! {
        @if models.len() > 1 {
            p.legend {
                @for (index, evaluation) in models.iter().enumerate() {
                    span { (key(index, models.len())) (short(evaluation, index)) }
                }
            }
        }
    }
}

/// A name that tells two models apart.
fn short(evaluation: &Evaluation, index: usize) -> String {
    let place = if index == 0 { "first" } else { "second" };
    format!("{} {} ({place})", evaluation.model.name, evaluation.model.version)
}

fn foot(report: &Report) -> Markup {
    let evaluations = std::iter::once(&report.evaluation).chain(report.compared.as_ref());
    html! {
        h2 { "Where this comes from" }
        div.scroll { table {
            thead { tr { th { "file" } th.n { "messages" } th.n { "left out" } th { "SHA-256" } } }
            tbody { @for file in &report.data {
                tr {
                    td { (file.path) }
                    td.n { (numbers::count(file.records as u64)) }
                    td.n { (numbers::count(file.rejected as u64)) }
                    td { code { (file.sha256) } }
                }
            } }
        } }
        div.scroll { table {
            thead { tr { th { "model" } th { "source" } th { "digest" } } }
            tbody { @for evaluation in evaluations {
                tr {
                    td { (evaluation.model.name) " " (evaluation.model.version) }
                    td { (evaluation.model.source) }
                    td { code { (evaluation.model.digest) } }
                }
            } }
        } }
        p.muted {
            (report.program.name) " " (report.program.version) " · seed " (report.seed)
            " · what each figure means stands in docs/evaluation.md"
        }
    }
}
