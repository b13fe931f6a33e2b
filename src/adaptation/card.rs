//! The card of an adapted model: what it is, how it was made, what it scores.

use super::report::{LabelReport, Report};
use crate::model::manifest::Manifest;

/// Returns `MODEL_CARD.md`. Holds no text of a message.
#[must_use]
pub fn card(manifest: &Manifest, base: &Manifest, base_digest: &str, report: &Report) -> String {
    let mut text = format!(
        "# {} {}\n\nMade by `signalbox train` {} from {} {} (`{base_digest}`): the encoder is the same, the heads below were \
         {}.\n\n{} examples were learned from and {} messages kept in mind. Figures are of examples that were held out, {} \
         parts in turn. They say little where there are few examples: measure the model on messages of its own \
         (`signalbox eval`) before it serves.\n",
        manifest.name,
        manifest.version,
        env!("CARGO_PKG_VERSION"),
        base.name,
        base.version,
        if report.existing.is_some() { "extended" } else { "replaced" },
        report.examples,
        report.kept,
        report.folds,
    );
    for (title, labels) in [("Intents", &report.intents), ("Flags", &report.flags)] {
        if !labels.is_empty() {
            text.push_str(&format!("\n## {title}\n\n{}", table(labels)));
        }
    }
    if let Some(cost) = &report.existing {
        text.push_str(&format!(
            "\n## Labels that were there before\n\nOf {} messages of other intents, {} have another leading intent than before, {} \
             of them a new one.",
            cost.messages, cost.changed, cost.taken_over
        ));
        if cost.labelled > 0 {
            text.push_str(&format!(
                " Of {} with a label, {} were right before and {} are now.",
                cost.labelled, cost.right_before, cost.right_now
            ));
        }
        text.push('\n');
    }
    if !report.warnings.is_empty() {
        text.push_str("\n## Warnings\n\n");
        for warning in &report.warnings {
            text.push_str(&format!("- {warning}\n"));
        }
    }
    text
}

fn table(labels: &[LabelReport]) -> String {
    let mut text = String::from(
        "| label | | examples | precision | recall | F1 |\n|---|---|---|---|---|---|\n",
    );
    let score = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| format!("{v:.2}"));
    for label in labels {
        // A pipe would end the cell.
        let name = label.label.replace('|', "\\|");
        let figures = [label.precision, label.recall, label.f1].map(score).join(" | ");
        text.push_str(&format!("| `{name}` | {} | {} | {figures} |\n", label.role, label.examples));
    }
    text
}
