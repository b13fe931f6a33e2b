//! What becomes of decisions when messages are disturbed.

use maud::{Markup, html};

use super::super::report::Evaluation;
use super::super::report::robustness::{RobustnessReport, Worth};
use super::bars::{Bar, Row, chart};
use super::numbers::{Kind, count};
use super::{key, legend, short};

/// Figures that are shown: name, how it looks, where it stands.
type Shown = (&'static str, Kind, fn(&Worth) -> Option<f64>);

const SHOWN: [Shown; 4] = [
    ("Primary intent right", Kind::Share, |worth| worth.primary_accuracy),
    ("Intents, micro F1", Kind::Score, |worth| worth.intents_micro_f1),
    ("Mood right, 3 steps", Kind::Share, |worth| worth.polarity3_accuracy),
    ("Flags, micro F1", Kind::Score, |worth| worth.flags_micro_f1),
];

/// Bars for each way to disturb messages, with a line where they were before.
pub(super) fn effects(models: &[&Evaluation]) -> Markup {
    let Some(first) = models.first() else { return html! {} };
    let reports = first.robustness.as_deref().unwrap_or_default();
    html! {
        (legend(models))
        div.charts.two {
            @for (title, kind, value) in SHOWN {
                @let rows: Vec<Row> = reports.iter().map(|report| row(models, report, value)).collect();
                (chart(title, kind, &rows))
            }
        }
        p.muted {
            "Bars: figures of the messages that the disturbance changes, as disturbed; beside each name how many those "
            "are. The line across a bar: the same messages as they were."
        }
        @for (index, model) in models.iter().enumerate() {
            @if models.len() > 1 { h3 { (key(index, models.len())) (short(model, index)) } }
            (table(model.robustness.as_deref().unwrap_or_default()))
        }
    }
}

fn row(models: &[&Evaluation], report: &RobustnessReport, value: fn(&Worth) -> Option<f64>) -> Row {
    let bar = |model: &&Evaluation| {
        let reports = model.robustness.as_deref().unwrap_or_default();
        let same = reports.iter().find(|other| other.perturbation == report.perturbation);
        let effect = same.map(|report| &report.effect);
        Bar {
            value: effect.and_then(|effect| value(&effect.after)),
            interval: None,
            mark: effect.and_then(|effect| value(&effect.before)),
        }
    };
    Row {
        label: report.title.to_owned(),
        note: count(report.effect.messages),
        bars: models.iter().map(bar).collect(),
    }
}

/// Share of messages whose leading intent changes, over all and in each language.
fn table(reports: &[RobustnessReport]) -> Markup {
    let mut languages: Vec<&str> = reports
        .iter()
        .flat_map(|report| report.by_language.0.iter().map(|(name, _)| name.as_str()))
        .collect();
    languages.sort_unstable();
    languages.dedup();
    html! {
        details {
            summary { "How many messages change their primary intent" }
            div.scroll { table {
                thead { tr {
                    th { "disturbed" } th.n { "all" }
                    @for language in &languages { th.n { (language) } }
                } }
                tbody { @for report in reports {
                    tr {
                        th scope="row" { (report.title) }
                        td.n { (Kind::Share.show(report.effect.primary_changed)) }
                        @for language in &languages {
                            @let effect = report.by_language.0.iter().find(|(name, _)| name == language);
                            td.n { (Kind::Share.show(effect.and_then(|(_, effect)| effect.primary_changed))) }
                        }
                    }
                } }
            } }
        }
    }
}
