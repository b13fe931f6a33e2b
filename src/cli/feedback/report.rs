//! `signalbox feedback report`.

use std::io::Write;

use clap::Args;
use comfy_table::Table;

use super::StoreArguments;
use crate::cli::EXIT_OK;
use crate::cli::table::empty;
use crate::feedback::{Agreement, ModelAgreement, PartAgreement};

#[derive(Args, Debug)]
pub(in crate::cli) struct ReportArguments {
    #[command(flatten)]
    store: StoreArguments,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &ReportArguments) -> anyhow::Result<u8> {
    let agreement = arguments.store.open()?.agreement(&arguments.store.filter(), || true)?;
    let mut out = std::io::stdout().lock();
    if arguments.json {
        serde_json::to_writer(&mut out, &agreement)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{}", tables(&agreement))?;
    }
    Ok(EXIT_OK)
}

fn tables(agreement: &Agreement) -> String {
    if agreement.models.is_empty() {
        return "no feedback".to_owned();
    }
    let mut text = overview(agreement).to_string();
    for model in &agreement.models {
        for (kind, part) in parts(model) {
            if !part.labels.is_empty() {
                let ModelAgreement { model_name, model_version, .. } = model;
                text.push_str(&format!(
                    "\n\n{model_name} {model_version}: {kind}, worst first\n{}",
                    labels(part)
                ));
            }
        }
    }
    text
}

fn parts(model: &ModelAgreement) -> [(&'static str, &PartAgreement); 4] {
    [
        ("leading intent", &model.primary),
        ("intents", &model.intents),
        ("mood", &model.polarity),
        ("flags", &model.flags),
    ]
}

/// One line for each version: how often people agree with it, and in how many messages somebody judged.
fn overview(agreement: &Agreement) -> Table {
    let header = ["model", "version", "messages", "leading intent", "intents", "mood", "flags"];
    let mut table = empty(&header);
    for model in &agreement.models {
        let mut row =
            vec![model.model_name.clone(), model.model_version.clone(), model.messages.to_string()];
        row.extend(parts(model).map(|(_, part)| {
            let share = number(part.share());
            format!("{share} ({})", part.judged)
        }));
        table.add_row(row);
    }
    table
}

fn labels(part: &PartAgreement) -> Table {
    let mut table = empty(&["label", "predicted", "corrected", "agreed", "precision", "recall"]);
    let mut rows: Vec<_> = part.labels.iter().collect();
    // Mistakes of both kinds, most first.
    rows.sort_by_key(|(_, counts)| {
        std::cmp::Reverse(counts.predicted + counts.corrected - 2 * counts.agreed)
    });
    for (label, counts) in rows {
        table.add_row([
            label.clone(),
            counts.predicted.to_string(),
            counts.corrected.to_string(),
            counts.agreed.to_string(),
            number(counts.precision()),
            number(counts.recall()),
        ]);
    }
    table
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.3}"))
}
