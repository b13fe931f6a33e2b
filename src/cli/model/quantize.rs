//! `signalbox model quantize`: int8 weights from f32, f16 or bf16 ones, and what that changes.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;

use super::super::embedding::{Computed, Embedder, Reading};
use super::super::input::{self, Format};
use super::super::table::empty;
use super::super::{ConfigArguments, EXIT_OK, start_logging};
use super::{check_name, load_alone};
use crate::config::Config;
use crate::engine::EngineKind;
use crate::labels::HeadName;
use crate::message::MessageRecord;
use crate::model::quantization::quantized;
use crate::model::writing::StagedDirectory;
use crate::model::{ModelBundle, ModelSource};
use crate::page::numbers::{count, percent};

#[derive(Args, Debug)]
pub(in crate::cli) struct QuantizeArguments {
    /// Model directory with f32, f16 or bf16 weights
    #[arg(value_name = "IN")]
    source: PathBuf,
    /// Directory to write the int8 model to; must not be there
    #[arg(value_name = "OUT")]
    target: PathBuf,
    /// Name in signalbox.json [default: that of IN with `-int8` behind]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Version in signalbox.json [default: that of IN]
    #[arg(long, value_name = "VERSION")]
    model_version: Option<String>,
    /// Messages to compare both forms on (text, JSON Lines or CSV, by the file's extension); labels are not needed
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &QuantizeArguments) -> anyhow::Result<u8> {
    let config = config()?;
    let _logging = start_logging(&config)?;
    let records = arguments.data.as_deref().map(read).transpose()?;
    let source = ModelSource::Directory(arguments.source.clone());
    let original =
        ModelBundle::load(&source).with_context(|| format!("model {source} was refused"))?;
    let mut draft = quantized(&original).with_context(|| format!("model {source}"))?;
    if let Some(manifest) = &mut draft.manifest {
        let name = arguments.name.clone();
        manifest.name = name.unwrap_or_else(|| format!("{}-int8", manifest.name));
        if let Some(version) = &arguments.model_version {
            manifest.version.clone_from(version);
        }
        check_name("--name", &manifest.name)?;
        check_name("--model-version", &manifest.version)?;
    } else if arguments.name.is_some() || arguments.model_version.is_some() {
        bail!(
            "{source} has no signalbox.json: its folder is its name, and --name and --model-version have no place"
        );
    }
    let staged = StagedDirectory::beside(&arguments.target)?;
    draft.write(staged.path())?;
    // Everything that `serve` does before it serves: what does not load is not left behind.
    load_alone(&config, staged.path()).context("the int8 model does not pass its checks")?;
    let written = ModelBundle::load(&ModelSource::Directory(staged.path().to_owned()))?;
    let comparison = records.map(|records| compare(&config, &original, &written, records));
    let report = QuantizationReport {
        bytes_before: original.weights_bytes(),
        bytes_after: written.weights_bytes(),
        digest: written.digests().model.clone(),
        comparison: comparison.transpose()?,
    };
    staged.finish()?;
    print(&report, arguments)?;
    Ok(EXIT_OK)
}

fn config() -> anyhow::Result<Config> {
    let sources =
        ConfigArguments { config: None, model: vec![], set: vec![], log: None, log_format: None };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = format!("inference.threads_per_instance={cores}");
    sources.resolve(&["log.filter=warn", &threads], &[])
}

/// A message and the line that it stands on.
type NumberedRecord = (u64, MessageRecord);

fn read(path: &Path) -> anyhow::Result<Vec<NumberedRecord>> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("can't read {name}"))?;
    let format = Format::by_extension(path).unwrap_or(Format::Text);
    let (mut records, mut fault) = (Vec::new(), None);
    input::read(Box::new(file), format, |line| match line.record {
        Ok(record) => {
            records.push((line.number, record));
            true
        }
        Err(reason) => {
            fault = Some(format!("line {}: {reason}", line.number));
            false
        }
    })?;
    match fault {
        Some(fault) => bail!("{name}: {fault}"),
        None if records.is_empty() => bail!("there is no message in {name}"),
        None => Ok(records),
    }
}

#[derive(Serialize)]
struct QuantizationReport {
    bytes_before: u64,
    bytes_after: u64,
    digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Comparison>,
}

/// Both forms on the same messages.
#[derive(Serialize)]
struct Comparison {
    messages: usize,
    /// Messages that are empty once they are cleaned; nothing was computed for them.
    empty: usize,
    /// What computed the model as it was.
    engine_before: &'static str,
    /// What computed its int8 form.
    engine_after: &'static str,
    heads: Vec<HeadComparison>,
}

#[derive(Serialize)]
struct HeadComparison {
    head: HeadName,
    /// Share of messages on which the same label has the largest logit.
    same_leading: f64,
    /// Mean distance of a logit.
    mean_difference: f64,
    /// Largest distance of a logit.
    largest_difference: f64,
}

fn compare(
    config: &Config,
    original: &ModelBundle,
    written: &ModelBundle,
    records: Vec<NumberedRecord>,
) -> anyhow::Result<Comparison> {
    let with = |engine: EngineKind| {
        let mut config = config.clone();
        config.inference.engine = engine;
        config
    };
    let mut before = Embedder::start(original, &with(EngineKind::Candle))?;
    let mut after = Embedder::start(written, &with(EngineKind::Cpu))?;
    let total = records.len();
    let mut readings = Vec::with_capacity(total);
    for (number, record) in records {
        let draft = record.draft().map_err(|error| anyhow!("line {number}: {error}"))?;
        let reading = before.read(draft, &config.limits.message());
        // An empty line is no fault; there is nothing to compare.
        readings.extend(reading.map_err(|reason| anyhow!("line {number}: {reason}"))?);
    }
    let empty = total - readings.len();
    if readings.is_empty() {
        bail!("no message has a text once it is cleaned");
    }
    let readings: Vec<&Reading> = readings.iter().collect();
    let hidden = ProgressBar::hidden();
    let (first, second) = (before.compute(&readings, &hidden)?, after.compute(&readings, &hidden)?);
    let heads = original.manifest().heads.iter().map(|head| head.name);
    Ok(Comparison {
        messages: readings.len(),
        empty,
        engine_before: before.engine(),
        engine_after: after.engine(),
        heads: heads.map(|head| HeadComparison::of(head, &first, &second)).collect(),
    })
}

impl HeadComparison {
    fn of(head: HeadName, before: &[Computed], after: &[Computed]) -> Self {
        let (mut same, mut sum, mut largest, mut values) = (0_usize, 0.0, 0.0_f64, 0_usize);
        for (before, after) in before.iter().zip(after) {
            let before = before.output.logits(head).unwrap_or_default();
            let after = after.output.logits(head).unwrap_or_default();
            same += usize::from(leading(before) == leading(after));
            for (before, after) in before.iter().zip(after) {
                let difference = f64::from((before - after).abs());
                sum += difference;
                largest = largest.max(difference);
                values += 1;
            }
        }
        Self {
            head,
            same_leading: same as f64 / before.len().max(1) as f64,
            mean_difference: sum / values.max(1) as f64,
            largest_difference: largest,
        }
    }
}

/// Returns the position of the largest logit.
fn leading(logits: &[f32]) -> Option<usize> {
    let largest = logits.iter().enumerate().max_by(|(_, a), (_, b)| a.total_cmp(b));
    largest.map(|(index, _)| index)
}

fn print(report: &QuantizationReport, arguments: &QuantizeArguments) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, report)?;
        writeln!(out)?;
        return Ok(());
    }
    let (before, after) = (report.bytes_before, report.bytes_after);
    let share = percent(after as f64 / before.max(1) as f64);
    let target = arguments.target.display();
    writeln!(out, "{target}: weights of {} bytes, {share} of {}", count(after), count(before))?;
    writeln!(out, "{}", report.digest)?;
    let Some(comparison) = &report.comparison else { return Ok(()) };
    let mut table = empty(&["head", "same leading label", "mean difference", "largest"]);
    for head in &comparison.heads {
        table.add_row([
            head.head.to_string(),
            percent(head.same_leading),
            format!("{:.4}", head.mean_difference),
            format!("{:.4}", head.largest_difference),
        ]);
    }
    writeln!(
        out,
        "\n{} messages, {} left out as empty; logits of {} before and {} after\n{table}",
        count(comparison.messages as u64),
        count(comparison.empty as u64),
        comparison.engine_before,
        comparison.engine_after
    )?;
    Ok(())
}
