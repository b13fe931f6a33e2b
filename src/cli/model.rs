//! `signalbox model`: what a model directory holds, whether it can be served, a smaller form of it, and how two versions
//! compare that a server runs.

mod compare;
mod quantize;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde::Serialize;

use super::{EXIT_OK, start_logging};
use crate::app::{App, engine_loader};
use crate::config::Config;
use crate::config::sources::{self, Sources};
use crate::labels::group_of;
use crate::message::MAX_NAME_CHARS;
use crate::model::{ModelBundle, ModelSource};

#[derive(Debug, Subcommand)]
pub(super) enum ModelCommand {
    /// Show what a model is: heads, labels, languages, limits, digests
    Show(ModelArguments),
    /// Check every file of a model, load it, compute with it, and try it on its own samples
    Verify(ModelArguments),
    /// Ask a running server how the canary of a model does, and how the answers of its shadow compare
    ///
    /// `eval --compare` compares two models on labelled messages; this compares two versions on what customers write.
    Compare(compare::CompareArguments),
    /// Write the int8 form of a model of the BERT family, a quarter of the size
    Quantize(quantize::QuantizeArguments),
}

#[derive(Args, Debug)]
pub(super) struct ModelArguments {
    /// Model directory [default: the model inside the program]
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(command: &ModelCommand) -> anyhow::Result<u8> {
    match command {
        ModelCommand::Show(arguments) => {
            let source = source(arguments);
            let bundle = ModelBundle::load(&source)
                .with_context(|| format!("model {source} was refused"))?;
            print(&Summary::of(&bundle), arguments.json)
        }
        ModelCommand::Verify(arguments) => verify(arguments),
        ModelCommand::Compare(arguments) => compare::run(arguments),
        ModelCommand::Quantize(arguments) => quantize::run(arguments),
    }
}

fn source(arguments: &ModelArguments) -> ModelSource {
    arguments.directory.clone().map_or(ModelSource::Embedded, ModelSource::Directory)
}

/// Does what `serve` does before it serves.
fn verify(arguments: &ModelArguments) -> anyhow::Result<u8> {
    let defaults = &["log.filter=warn"];
    let variables = sources::process_environment();
    let mut config = sources::load(Sources { defaults, ..Sources::default() }, &variables)?;
    config.models.paths = Vec::from_iter(arguments.directory.clone());
    config.models.default.clear();
    config.inference.instances = 1;
    let config: Config = config.resolved(1)?;
    let _logging = start_logging(&config)?;
    let started = Instant::now();
    let app = App::new(config, engine_loader());
    app.load_models()?;
    let took_ms = started.elapsed().as_millis();
    let snapshot = app.pipeline().registry().snapshot();
    for model in snapshot.models() {
        let manifest = model.manifest();
        let verified = Verified {
            ok: true,
            name: &manifest.name,
            version: &manifest.version,
            digest: &model.digests().model,
            engine: model.engine().name,
            self_checks: model.self_checks(),
            took_ms,
        };
        let mut out = std::io::stdout();
        if arguments.json {
            serde_json::to_writer(&mut out, &verified)?;
            writeln!(out)?;
        } else {
            writeln!(
                out,
                "ok: {} {} loads, computes with {}, and passes {} self-checks ({took_ms} ms)\n{}",
                manifest.name,
                manifest.version,
                verified.engine,
                verified.self_checks,
                verified.digest
            )?;
        }
    }
    Ok(EXIT_OK)
}

/// Does with the model in a directory what `serve` does before it serves, and lets go of it.
pub(super) fn load_alone(config: &Config, directory: &Path) -> anyhow::Result<()> {
    let mut config = config.clone();
    config.models.paths = vec![directory.to_owned()];
    config.models.default.clear();
    config.models.repository = PathBuf::new();
    config.inference.instances = 1;
    Ok(App::new(config, engine_loader()).load_models()?)
}

/// Refuses what can be no name or version of a model; `option` says where it was given.
pub(super) fn check_name(option: &str, value: &str) -> anyhow::Result<()> {
    let length = value.chars().count();
    if (1..=MAX_NAME_CHARS).contains(&length) && !value.chars().any(char::is_control) {
        return Ok(());
    }
    bail!(
        "{option} has {length} characters; 1 to {MAX_NAME_CHARS} without control characters are accepted"
    )
}

#[derive(Serialize)]
struct Verified<'a> {
    ok: bool,
    name: &'a str,
    version: &'a str,
    digest: &'a str,
    engine: &'a str,
    self_checks: usize,
    took_ms: u128,
}

/// What `show` prints.
#[derive(Serialize)]
struct Summary<'a> {
    name: &'a str,
    version: &'a str,
    architecture: &'a str,
    layers: usize,
    hidden_size: usize,
    vocabulary_size: usize,
    parameters: u64,
    weights_bytes: u64,
    max_tokens: usize,
    pooling: &'static str,
    languages: &'a [String],
    heads: Vec<HeadSummary<'a>>,
    digests: Vec<(&'static str, &'a str)>,
}

#[derive(Serialize)]
struct HeadSummary<'a> {
    name: &'static str,
    kind: &'static str,
    temperature: f32,
    labels: Vec<&'a str>,
    thresholds: &'a [f32],
}

impl<'a> Summary<'a> {
    fn of(bundle: &'a ModelBundle) -> Self {
        let (manifest, architecture) = (bundle.manifest(), bundle.architecture());
        let digests = bundle.digests();
        Self {
            name: &manifest.name,
            version: &manifest.version,
            architecture: &architecture.name,
            layers: architecture.layers,
            hidden_size: architecture.hidden_size,
            vocabulary_size: architecture.vocabulary_size,
            parameters: bundle.parameter_count(),
            weights_bytes: bundle.weights_bytes(),
            max_tokens: manifest.max_tokens,
            pooling: manifest.pooling.as_str(),
            languages: &manifest.languages,
            heads: manifest
                .heads
                .iter()
                .map(|head| HeadSummary {
                    name: head.name.as_str(),
                    kind: head.kind.as_str(),
                    temperature: head.temperature,
                    labels: head.labels.iter().collect(),
                    thresholds: &head.thresholds,
                })
                .collect(),
            digests: vec![
                ("model", &digests.model),
                ("weights", &digests.weights),
                ("tokenizer", &digests.tokenizer),
                ("config", &digests.config),
                ("taxonomy", &digests.taxonomy),
            ],
        }
    }
}

fn print(summary: &Summary<'_>, json: bool) -> anyhow::Result<u8> {
    let mut out = std::io::stdout();
    if json {
        serde_json::to_writer_pretty(&mut out, summary)?;
        writeln!(out)?;
        return Ok(EXIT_OK);
    }
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    let size = format!(
        "{} layers, hidden size {}, vocabulary {}",
        summary.layers, summary.hidden_size, summary.vocabulary_size
    );
    let weights = format!("{} numbers in {} bytes", summary.parameters, summary.weights_bytes);
    let reads = format!("up to {} tokens, {} pooling", summary.max_tokens, summary.pooling);
    let languages = if summary.languages.is_empty() {
        "not said".to_owned()
    } else {
        summary.languages.join(" ")
    };
    for (key, value) in [
        ("model", format!("{} {}", summary.name, summary.version)),
        ("architecture", summary.architecture.to_owned()),
        ("size", size),
        ("weights", weights),
        ("reads", reads),
        ("languages", languages),
    ] {
        table.add_row([key, value.as_str()]);
    }
    for head in &summary.heads {
        let title = format!(
            "{} labels, {}, temperature {}",
            head.labels.len(),
            head.kind,
            head.temperature
        );
        table.add_row([
            format!("head {}", head.name),
            format!("{title}\n{}", grouped(&head.labels)),
        ]);
    }
    for (name, digest) in &summary.digests {
        table.add_row([format!("digest {name}").as_str(), digest]);
    }
    writeln!(out, "{table}")?;
    Ok(EXIT_OK)
}

/// Labels of one group on one line: "order: status cancel change".
fn grouped(labels: &[&str]) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut last = None;
    for label in labels {
        let group = group_of(label);
        let Some(leaf) = label.strip_prefix(group).and_then(|rest| rest.strip_prefix('.')) else {
            last = None;
            lines.push((*label).to_owned());
            continue;
        };
        match lines.last_mut() {
            Some(line) if last == Some(group) => {
                line.push(' ');
                line.push_str(leaf);
            }
            _ => lines.push(format!("{group}: {leaf}")),
        }
        last = Some(group);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_shown_by_group() {
        let labels = ["order.status", "order.cancel", "angry", "chat.thanks"];

        assert_eq!(grouped(&labels), "order: status cancel\nangry\nchat: thanks");
    }
}
