//! `signalbox train`: new intents and flags from a few examples, without another program.

mod summary;

use std::fs;
use std::io::{IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use indicatif::ProgressBar;

use super::embedding::{Computed, Embedder, Reading};
use super::labelled::DataSet;
use super::model::{check_name, load_alone};
use super::{ConfigArguments, EXIT_OK, start_logging};
use crate::adaptation::taxonomy_file::{self, NewLabel};
use crate::adaptation::{
    self, Adaptation, Base, Example, LabelRole, Mode, NamedLabels, Plan, Purpose, card, html,
    sample,
};
use crate::app::load_taxonomy;
use crate::config::Config;
use crate::evaluation::records::{Case, Record};
use crate::evaluation::vocabulary::Vocabulary;
use crate::labels::{HeadName, LabelSet};
use crate::message::MessageDraft;
use crate::model::manifest::Manifest;
use crate::model::writing::{ModelDraft, StagedDirectory};
use crate::model::{ModelBundle, ModelSource, SelfCheck};
use crate::registry::taxonomy_of;
use crate::scoring::Scorer;
use crate::taxonomy::{DEFAULT_YAML, Taxonomy};

#[derive(Args, Debug)]
pub(super) struct TrainArguments {
    /// File with labelled examples (JSON Lines, see docs/train.md); may be given several times
    #[arg(long, value_name = "FILE", required = true)]
    data: Vec<PathBuf>,
    /// Directory to write the model to; must not be there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Model directory to start from [default: the model inside the program]
    #[arg(long, value_name = "DIR")]
    base: Option<PathBuf>,
    /// File with labelled messages of the intents that were there before, which must not be taken over; may be given
    /// several times [default: 450 messages that come with the program]
    #[arg(long, value_name = "FILE", conflicts_with = "only")]
    keep: Vec<PathBuf>,
    /// Let the labels of the examples take the place of the model's, rather than join them
    #[arg(long)]
    only: bool,
    /// Name of the model [default: the name of the directory]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Version of the model
    #[arg(long, value_name = "VERSION", default_value = "1")]
    model_version: String,
    /// File to write a report to: .json, or .html for one page that needs nothing else
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Leave examples out of the model; it then has no self-check for its new intents
    #[arg(long)]
    no_texts: bool,
    /// Start of the random numbers that say which examples are held out together
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Show no progress
    #[arg(long, short)]
    quiet: bool,
    /// Settings file (TOML)
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set one setting, for example `taxonomy.path=shop.yaml`; may be given several times
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

pub(super) fn run(arguments: &TrainArguments) -> anyhow::Result<u8> {
    let config = config(arguments)?;
    let _logging = start_logging(&config)?;
    let report_form = arguments.report.as_deref().map(|path| check_report(path, arguments));
    let report_form = report_form.transpose()?;
    let name = name(arguments)?;
    let staged = StagedDirectory::beside(&arguments.out)?;
    let base = Loaded::load(arguments, &config)?;
    let (plan, records) = read(arguments, &base, &config)?;
    let mut embedder = Embedder::start(&base.bundle, &config)?;
    let examples = embed(arguments, &config, &mut embedder, &plan, records)?;
    let self_check = own_self_check(&base.bundle, &mut embedder)?;
    let weights = base.bundle.weights();
    let parts = Base { manifest: &base.manifest, weights, self_check: &self_check };
    let plan = plan.with_examples(cases(&examples));
    let adaptation = adaptation::adapt(&parts, &plan, &examples, arguments.seed)?;
    let manifest = Manifest {
        name,
        version: arguments.model_version.clone(),
        ..adaptation::adapted_manifest(plan.manifest(), &adaptation.heads)
    };
    draft(&base, &plan, &adaptation, &manifest, arguments)?.write(staged.path())?;
    // Everything that `serve` does before it serves: what does not load is not left behind.
    load_alone(&config, staged.path()).context("the adapted model does not pass its checks")?;
    staged.finish()?;
    if let (Some(path), Some(form)) = (&arguments.report, report_form) {
        write_report(path, form, &adaptation, &manifest)?;
    }
    let text = summary::of(&adaptation, &manifest, &arguments.out);
    writeln!(std::io::stdout(), "{text}")?;
    Ok(EXIT_OK)
}

fn config(arguments: &TrainArguments) -> anyhow::Result<Config> {
    let sources = ConfigArguments {
        config: arguments.config.clone(),
        model: vec![],
        set: arguments.set.clone(),
        log: None,
        log_format: None,
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = format!("inference.threads_per_instance={cores}");
    sources.resolve(&["log.filter=warn", &threads], &[])
}

/// Forms of a report.
#[derive(Clone, Copy, Debug)]
enum ReportForm {
    Json,
    Html,
}

/// Finds out before the work whether its result can be kept.
fn check_report(path: &Path, arguments: &TrainArguments) -> anyhow::Result<ReportForm> {
    let form = match path.extension().and_then(|extension| extension.to_str()) {
        Some("json") => ReportForm::Json,
        Some("html") => ReportForm::Html,
        _ => bail!("--report {}: the name has to end in .json or .html", path.display()),
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if path.is_dir() || folder.is_some_and(|folder| !folder.is_dir()) {
        bail!("can't write {}: it is a directory, or is to lie in none", path.display());
    }
    let identity = |path: &Path| path.metadata().ok().map(|meta| (meta.dev(), meta.ino()));
    let own = identity(path);
    let mut read = arguments.data.iter().chain(&arguments.keep);
    if own.is_some() && read.any(|data| identity(data) == own) {
        bail!("{} is one of the files to read", path.display());
    }
    Ok(form)
}

fn name(arguments: &TrainArguments) -> anyhow::Result<String> {
    let of_directory = || arguments.out.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = arguments.name.clone().or_else(of_directory).unwrap_or_default();
    check_name("--name", &name)?;
    check_name("--model-version", &arguments.model_version)?;
    Ok(name)
}

/// The model that is adapted, with labels as its taxonomy names them.
struct Loaded {
    bundle: ModelBundle,
    manifest: Manifest,
    taxonomy: Arc<Taxonomy>,
    /// The text of that taxonomy.
    yaml: String,
}

impl Loaded {
    fn load(arguments: &TrainArguments, config: &Config) -> anyhow::Result<Self> {
        let source = arguments.base.clone().map_or(ModelSource::Embedded, ModelSource::Directory);
        let bundle =
            ModelBundle::load(&source).with_context(|| format!("model {source} was refused"))?;
        if !bundle.is_described() {
            bail!(
                "{source} has no signalbox.json: a classifier of transformers has one head of its own form, which can't be \
                 extended; make a bundle of its encoder (docs/model-format.md)"
            );
        }
        let service = load_taxonomy(&config.taxonomy.path)?;
        let mut manifest = bundle.manifest().clone();
        let taxonomy = taxonomy_of(&bundle, &service, &mut manifest)?;
        let path = &config.taxonomy.path;
        let yaml = match bundle.taxonomy() {
            Some(own) => own.to_owned(),
            None if path.as_os_str().is_empty() => DEFAULT_YAML.to_owned(),
            None => fs::read_to_string(path)
                .with_context(|| format!("can't read {}", path.display()))?,
        };
        Ok(Self { bundle, manifest, taxonomy, yaml })
    }
}

/// A message to learn from or to keep in mind.
struct Source {
    purpose: Purpose,
    draft: MessageDraft,
    case: Option<Case>,
}

/// Reads all files and decides which labels there will be.
fn read(
    arguments: &TrainArguments,
    base: &Loaded,
    config: &Config,
) -> anyhow::Result<(Plan, Vec<Source>)> {
    let mode = if arguments.only { Mode::Replace } else { Mode::Extend };
    let paths: Vec<PathBuf> = arguments.data.iter().chain(&arguments.keep).cloned().collect();
    let data = DataSet::read(&paths)?;
    let mut named = NamedLabels::default();
    data.contents().take(arguments.data.len()).for_each(|bytes| named.add(bytes));
    check_names(&named, base)?;
    let mut files: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    files.push("the messages inside the program".to_owned());
    let plan = Plan::new(&base.manifest, &named, mode, files)?;
    let vocabulary = Vocabulary::of(plan.manifest(), &Scorer::new(plan.manifest()));
    let parsed = data.parse(&vocabulary, &config.limits.message());
    parsed.tell_faults();
    if parsed.rejected() > 0 {
        bail!("nothing was learned, since records are bad");
    }
    let purpose = |case: &Case| {
        if case.file < arguments.data.len() { Purpose::Learn } else { Purpose::Keep }
    };
    let source =
        |Record { draft, case }| Source { purpose: purpose(&case), draft, case: Some(case) };
    let mut sources: Vec<Source> = parsed.records.into_iter().map(source).collect();
    if arguments.keep.is_empty() && !arguments.only {
        let kept = sample::messages(paths.len(), &vocabulary, &config.limits.message());
        let source = |(draft, case)| Source { purpose: Purpose::Keep, draft, case };
        sources.extend(kept.into_iter().map(source));
    }
    Ok((plan, sources))
}

/// Refuses labels that the taxonomy knows under another name: the model would then have the same label twice.
fn check_names(named: &NamedLabels, base: &Loaded) -> anyhow::Result<()> {
    for label in named.intents.iter().chain(&named.flags) {
        if let Some(known) = base.taxonomy.resolve(label).filter(|known| known != label) {
            bail!("{label:?} is another name of {known:?} in the taxonomy; write {known:?}");
        }
    }
    Ok(())
}

fn cases(examples: &[Example]) -> impl Iterator<Item = &Case> + Clone {
    let learning = examples.iter().filter(|example| example.purpose == Purpose::Learn);
    learning.filter_map(|example| example.case.as_ref())
}

/// Computes every message.
fn embed(
    arguments: &TrainArguments,
    config: &Config,
    embedder: &mut Embedder,
    plan: &Plan,
    sources: Vec<Source>,
) -> anyhow::Result<Vec<Example>> {
    let limits = config.limits.message();
    let mut readings = Vec::with_capacity(sources.len());
    for source in &sources {
        let fault = |reason: String| {
            let case = source.case.as_ref();
            let place = case.map(|case| format!("{}: line {}", plan.file(case), case.line));
            anyhow!("{}: {reason}", place.unwrap_or_else(|| "a kept message".to_owned()))
        };
        let reading = embedder.read(source.draft.clone(), &limits).map_err(fault)?;
        readings.push(reading.ok_or_else(|| fault("text is empty once it is cleaned".into()))?);
    }
    let progress = progress(arguments, readings.len());
    let computed = embedder.compute(&readings.iter().collect::<Vec<_>>(), &progress)?;
    progress.finish_and_clear();
    let parts = sources.into_iter().zip(readings).zip(computed);
    let example = |((source, reading), Computed { pooled, output }): ((Source, Reading), _)| {
        // The model is tried with texts as they stand; what cleaning changes can't stand for itself.
        let stands = !arguments.no_texts && reading.text == source.draft.text;
        Example {
            purpose: source.purpose,
            case: source.case,
            input_ids: reading.input_ids,
            pooled,
            output,
            sample: stands.then_some(reading.text),
        }
    };
    Ok(parts.map(example).collect())
}

fn progress(arguments: &TrainArguments, messages: usize) -> ProgressBar {
    if arguments.quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    ProgressBar::new(messages as u64)
}

/// Computes the samples that the model is tried with.
fn own_self_check(
    bundle: &ModelBundle,
    embedder: &mut Embedder,
) -> anyhow::Result<Vec<(SelfCheck, Example)>> {
    let read = |check: &SelfCheck| embedder.read_text(check.text.clone());
    let readings: Result<Vec<Reading>, String> = bundle.self_check().iter().map(read).collect();
    let readings = readings.map_err(|reason| anyhow!("a sample of the model: {reason}"))?;
    let computed =
        embedder.compute(&readings.iter().collect::<Vec<_>>(), &ProgressBar::hidden())?;
    let parts = bundle.self_check().iter().zip(readings).zip(computed);
    let sample = |((check, reading), Computed { pooled, output }): ((&SelfCheck, Reading), _)| {
        let example = Example {
            purpose: Purpose::Keep,
            case: None,
            input_ids: reading.input_ids,
            pooled,
            output,
            sample: None,
        };
        (check.clone(), example)
    };
    Ok(parts.map(sample).collect())
}

/// Puts the files of the adapted model together.
fn draft<'a>(
    base: &'a Loaded,
    plan: &Plan,
    adaptation: &Adaptation,
    manifest: &Manifest,
    arguments: &TrainArguments,
) -> anyhow::Result<ModelDraft<'a>> {
    let mut draft = ModelDraft::of(&base.bundle);
    for head in &adaptation.heads {
        for (tensor, shape, values) in adaptation::tensors_of(head) {
            draft.set_f32(&tensor, &shape, values);
        }
    }
    draft.taxonomy = taxonomy(base, plan, adaptation, manifest)?.or(draft.taxonomy);
    draft.self_check.clone_from(&adaptation.self_check);
    if arguments.no_texts {
        draft.self_check.retain(|check| base.bundle.self_check().contains(check));
    }
    let digest = &base.bundle.digests().model;
    draft.card = Some(card::card(manifest, &base.manifest, digest, &adaptation.report));
    draft.manifest = Some(manifest.clone());
    Ok(draft)
}

/// Returns a taxonomy that knows the new labels; `None` if the one there was does.
fn taxonomy(
    base: &Loaded,
    plan: &Plan,
    adaptation: &Adaptation,
    manifest: &Manifest,
) -> anyhow::Result<Option<String>> {
    let offered: Vec<(HeadName, &LabelSet)> =
        manifest.heads.iter().map(|head| (head.name, &head.labels)).collect();
    if base.taxonomy.covers(&offered).is_ok() {
        return Ok(None);
    }
    let report = &adaptation.report;
    let label = |name: &str| {
        let found = report.intents.iter().chain(&report.flags).find(|label| label.label == name);
        let before = found.and_then(|label| label.read_before_as.as_ref());
        NewLabel {
            name: name.to_owned(),
            definition: format!(
                "Learned from {} examples; say here what it means.",
                found.map_or(0, |label| label.examples)
            ),
            like: before.map(|(name, _)| name.clone()),
        }
    };
    let yaml = match plan.mode() {
        Mode::Replace => {
            let intents: Vec<NewLabel> = plan.intents().map(|(name, _)| label(name)).collect();
            let flags: Vec<NewLabel> = plan.flags().map(|(name, _)| label(name)).collect();
            taxonomy_file::replaced(&base.taxonomy, &intents, &flags)
        }
        Mode::Extend => {
            let known = |name: &str| base.taxonomy.resolve(name).is_some();
            let new = |(name, role): (&str, LabelRole)| {
                (role == LabelRole::New && !known(name)).then(|| label(name))
            };
            let intents: Vec<NewLabel> = plan.intents().filter_map(new).collect();
            let flags: Vec<NewLabel> = plan.flags().filter_map(new).collect();
            taxonomy_file::extended(&base.yaml, &intents, &flags)
        }
    };
    yaml.map(Some).context(
        "the new labels can't be put into the taxonomy; give the model one of its own (docs/taxonomy.md)",
    )
}

fn write_report(
    path: &Path,
    form: ReportForm,
    adaptation: &Adaptation,
    manifest: &Manifest,
) -> anyhow::Result<()> {
    let bytes = match form {
        ReportForm::Html => {
            html::page(&adaptation.report, &manifest.name, &manifest.version).into_bytes()
        }
        ReportForm::Json => {
            let mut json = serde_json::to_vec_pretty(&adaptation.report)?;
            json.push(b'\n');
            json
        }
    };
    fs::write(path, bytes).with_context(|| format!("can't write {}", path.display()))
}
