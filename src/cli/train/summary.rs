//! What came of training, on one screen. Holds no text of a message.

use std::path::Path;

use comfy_table::{CellAlignment, Table};

use crate::adaptation::Adaptation;
use crate::adaptation::report::{Existing, LabelReport, Report};
use crate::cli::table::empty;
use crate::model::manifest::Manifest;
use crate::page::numbers::percent;

/// Mistakes that are listed.
const CONFUSIONS: usize = 8;

/// Puts what matters most into tables.
pub(super) fn of(adaptation: &Adaptation, manifest: &Manifest, out: &Path) -> String {
    let (report, dropped) = (&adaptation.report, adaptation.dropped_checks);
    let mut parts = vec![format!(
        "{}: {} {}, learned from {} examples with {} messages kept in mind; figures are of examples that were held out",
        out.display(),
        manifest.name,
        manifest.version,
        report.examples,
        report.kept
    )];
    for (kind, labels) in [("intent", &report.intents), ("flag", &report.flags)] {
        if !labels.is_empty() {
            parts.push(format!("\n{}", table(kind, labels)));
        }
    }
    if !report.confusions.is_empty() {
        parts.push(format!("\n{}", confusions(report)));
    }
    parts.extend(report.existing.as_ref().map(|cost| format!("\n{}", existing(cost))));
    if dropped > 0 {
        parts.push(format!(
            "\n{dropped} of the old model's own samples are answered in another way and no longer tried"
        ));
    }
    parts.extend(report.warnings.iter().map(|warning| format!("warning: {warning}")));
    parts.join("\n")
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}

fn table(kind: &str, labels: &[LabelReport]) -> Table {
    let mut table =
        empty(&[kind, "", "examples", "precision", "recall", "F1", "threshold", "read before as"]);
    for label in labels {
        let threshold = label.threshold.map(|least| format!("{least:.2}"));
        let before = label.read_before_as.as_ref();
        table.add_row([
            label.label.clone(),
            label.role.to_owned(),
            label.examples.to_string(),
            number(label.precision),
            number(label.recall),
            number(label.f1),
            threshold.unwrap_or_default(),
            before.map_or_else(String::new, |(name, count)| format!("{name} ({count})")),
        ]);
    }
    table
}

fn confusions(report: &Report) -> Table {
    let mut table = empty(&["most frequent mistakes", "taken for", "count"]);
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Left);
    }
    for confusion in report.confusions.iter().take(CONFUSIONS) {
        let count = confusion.count.to_string();
        table.add_row([confusion.gold.clone(), confusion.predicted.clone(), count]);
    }
    table
}

fn existing(cost: &Existing) -> String {
    let share = |part: u64, whole: u64| percent(part as f64 / whole.max(1) as f64);
    let mut text = format!(
        "of {} messages of intents that were there before, {} ({}) have another leading intent now, {} of them a new one",
        cost.messages,
        cost.changed,
        share(cost.changed, cost.messages),
        cost.taken_over
    );
    if cost.labelled > 0 {
        text.push_str(&format!(
            "; right {} before, {} now",
            share(cost.right_before, cost.labelled),
            share(cost.right_now, cost.labelled)
        ));
    }
    text
}
