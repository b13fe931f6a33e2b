//! `signalbox eval`: how good a model is on labelled messages.

mod passes;
mod summary;

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use self::passes::{Passes, Subject};
use super::labelled::DataSet;
use super::{ConfigArguments, EXIT_OK, EXIT_PARTIAL, start_logging};
use crate::config::Config;
use crate::evaluation::html;
use crate::evaluation::measurement::Bootstrap;
use crate::evaluation::report::examples::Texts;
use crate::evaluation::report::{ModelRun, Report, Study};

/// What names the model inside the program where a directory is expected.
const EMBEDDED: &str = "default";

/// Settings of this subcommand. Warnings only: the summary and logs often share a terminal. One message in a batch: the
/// last digits of a matrix product depend on its neighbours, and a report must be the same every time.
const DEFAULTS: [&str; 2] = ["log.filter=warn", "inference.max_batch_messages=1"];

#[derive(Args, Debug)]
pub(super) struct EvalArguments {
    /// Files with labelled messages (JSON Lines, see docs/evaluation.md)
    #[arg(value_name = "DATA", required = true)]
    data: Vec<PathBuf>,
    /// Compare with another model: one directory beside --model, or two without; `default` is the model inside the
    /// program
    #[arg(long, value_name = "DIR", num_args = 1..=2)]
    compare: Vec<PathBuf>,
    /// Evaluate disturbed messages as well: typing errors, capitals, no diacritics and others
    #[arg(long)]
    robustness: bool,
    /// File to write everything to, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// File to write a report to, as one HTML page that needs nothing else
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Resamples behind each confidence interval; 0 for none
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    #[arg(value_parser = clap::value_parser!(u64).range(0..=100_000))]
    bootstrap: u64,
    /// Start of the random numbers, for resamples and disturbed messages
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Leave out of reports what customers wrote
    #[arg(long)]
    no_texts: bool,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    config: ConfigArguments,
}

pub(super) fn run(arguments: &EvalArguments) -> anyhow::Result<u8> {
    let config = arguments.config.resolve(&DEFAULTS, &[])?;
    let _logging = start_logging(&config)?;
    for output in [&arguments.json, &arguments.html].into_iter().flatten() {
        check_output(output, arguments)?;
    }
    let data = DataSet::read(&arguments.data)?;
    let limits = config.limits.message();
    let subjects: Vec<Subject> = sources(arguments, &config)?
        .into_iter()
        .map(|source| Subject::load(config.clone(), source))
        .collect::<anyhow::Result<_>>()?;
    if let [first, second] = subjects.as_slice()
        && let Some(difference) = first.vocabulary().difference(second.vocabulary())
    {
        bail!("the models have different labels and can't be compared: {difference}");
    }
    let Some(first) = subjects.first() else { bail!("no model") };
    let data = data.parse(first.vocabulary(), &limits);
    data.tell_faults();
    if data.records.is_empty() {
        if data.rejected() > 0 {
            return Ok(EXIT_PARTIAL);
        }
        bail!("there is no record in {}", list(&arguments.data));
    }
    let passes = Passes {
        robustness: arguments.robustness,
        seed: arguments.seed,
        limits,
        is_shown: !arguments.quiet,
        models: subjects.len(),
    };
    let runs: Vec<ModelRun> = subjects
        .into_iter()
        .map(|subject| passes.run(subject, &data.records))
        .collect::<anyhow::Result<_>>()?;
    let [first, rest @ ..] = runs.as_slice() else { bail!("no model") };
    let spinner = passes.spinner("computing figures and intervals");
    let report = Report::of(&Study {
        records: &data.records,
        data: &data.files,
        first,
        second: rest.first(),
        bootstrap: Bootstrap { draws: arguments.bootstrap, seed: arguments.seed },
        texts: if arguments.no_texts { Texts::Hidden } else { Texts::Shown },
    });
    spinner.finish_and_clear();
    write(arguments, &report)?;
    Ok(if data.rejected() == 0 { EXIT_OK } else { EXIT_PARTIAL })
}

/// Which models to evaluate: one, or two to compare. `None` is the model inside the program.
fn sources(arguments: &EvalArguments, config: &Config) -> anyhow::Result<Vec<Option<PathBuf>>> {
    let source = |path: &Path| (path != Path::new(EMBEDDED)).then(|| path.to_owned());
    let configured = || match config.models.paths.as_slice() {
        [] => Ok(None),
        [path] => Ok(source(path)),
        paths => bail!("{} models are named, one can be evaluated: {}", paths.len(), list(paths)),
    };
    match arguments.compare.as_slice() {
        [] => Ok(vec![configured()?]),
        [other] => Ok(vec![configured()?, source(other)]),
        both => {
            if !arguments.config.model.is_empty() {
                bail!("--compare names two models already; leave --model out");
            }
            Ok(both.iter().map(|path| source(path)).collect())
        }
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Finds out before the work whether its result can be kept, and refuses to write over the messages.
fn check_output(output: &Path, arguments: &EvalArguments) -> anyhow::Result<()> {
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty());
    if output.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
        bail!("can't write {}: it is a directory, or is to lie in none", output.display());
    }
    // The same name or another link to it.
    let identity = |path: &Path| path.metadata().ok().map(|meta| (meta.dev(), meta.ino()));
    let own = identity(output);
    if own.is_some() && arguments.data.iter().any(|data| identity(data) == own) {
        bail!("{} is one of the files to read", output.display());
    }
    Ok(())
}

fn write(arguments: &EvalArguments, report: &Report) -> anyhow::Result<()> {
    let save = |path: &Path, bytes: &[u8]| {
        std::fs::write(path, bytes).with_context(|| format!("can't write {}", path.display()))
    };
    if let Some(path) = &arguments.json {
        let mut json = serde_json::to_vec(report)?;
        json.push(b'\n');
        save(path, &json)?;
    }
    if let Some(path) = &arguments.html {
        save(path, html::page(report).as_bytes())?;
    }
    writeln!(std::io::stdout(), "{}", summary::of(report))?;
    Ok(())
}
