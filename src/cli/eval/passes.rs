//! Messages through a model: once as they are, and once for each way to disturb them.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{anyhow, bail};
use futures_util::{StreamExt, stream};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::offline::{Offline, classify_all};
use super::EMBEDDED;
use crate::config::Config;
use crate::evaluation::answers::{Answer, Decision};
use crate::evaluation::perturbation::Perturbation;
use crate::evaluation::records::Record;
use crate::evaluation::report::robustness::Disturbed;
use crate::evaluation::report::{ModelIdentity, ModelRun};
use crate::evaluation::vocabulary::Vocabulary;
use crate::message::{Limits, ModelSelector};
use crate::pipeline::Pipeline;
use crate::triage::Triage;

/// A loaded model.
pub(super) struct Subject {
    offline: Offline,
    identity: ModelIdentity,
    vocabulary: Vocabulary,
}

impl Subject {
    /// Loads the model in a directory, or the one inside the program.
    pub(super) fn load(mut config: Config, source: Option<PathBuf>) -> anyhow::Result<Self> {
        let name = source.as_ref().map(|path| path.display().to_string());
        config.models.paths = Vec::from_iter(source);
        config.models.default.clear();
        let offline = Offline::start(config)?;
        let model = offline.pipeline().registry().resolve(&ModelSelector::default())?;
        let manifest = model.manifest();
        let identity = ModelIdentity {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            digest: model.digests().model.clone(),
            source: name.unwrap_or_else(|| EMBEDDED.to_owned()),
        };
        let vocabulary = Vocabulary::of(manifest, model.scorer());
        if vocabulary.intents.is_empty() {
            bail!("model {} has no intents", identity.name);
        }
        Ok(Self { offline, identity, vocabulary })
    }

    /// Returns what the model can say.
    pub(super) fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }
}

/// What is done with each model.
#[derive(Clone, Copy)]
pub(super) struct Passes {
    /// Disturb messages as well.
    pub(super) robustness: bool,
    /// Start of the random numbers.
    pub(super) seed: u64,
    /// What messages are held to.
    pub(super) limits: Limits,
    /// Show progress on a terminal.
    pub(super) is_shown: bool,
    /// How many models there are.
    pub(super) models: usize,
}

impl Passes {
    /// Lets a model answer every message, and lets go of it.
    pub(super) fn run(self, subject: Subject, records: &[Record]) -> anyhow::Result<ModelRun> {
        let Subject { offline, identity, vocabulary } = subject;
        let pass = Pass {
            pipeline: Arc::clone(offline.pipeline()),
            window: offline.window(),
            records,
            limits: self.limits,
            progress: self.progress(records.len()),
            title: if self.models > 1 { format!("{}: ", identity.source) } else { String::new() },
        };
        let (answers, disturbed) = offline.run(async {
            let answers = pass.answers(&vocabulary).await?;
            let mut disturbed = Vec::new();
            for perturbation in Perturbation::ALL.into_iter().filter(|_| self.robustness) {
                disturbed.push(pass.disturbed(perturbation, self.seed).await?);
            }
            Ok((answers, disturbed))
        })?;
        pass.progress.finish_and_clear();
        let disturbed = self.robustness.then_some(disturbed);
        Ok(ModelRun { identity, vocabulary, answers, disturbed })
    }

    /// Shows that something is going on until it is finished.
    pub(super) fn spinner(self, message: &'static str) -> ProgressBar {
        if !self.is_shown || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let spinner = ProgressBar::new_spinner().with_message(message);
        spinner.enable_steady_tick(Duration::from_millis(200));
        spinner
    }

    fn progress(self, records: usize) -> ProgressBar {
        if !self.is_shown || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(records as u64);
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
        let template = "{bar:40} {pos}/{len}  {per_sec}  {msg}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar
    }
}

/// One model and all messages.
struct Pass<'a> {
    pipeline: Arc<Pipeline>,
    window: usize,
    records: &'a [Record],
    limits: Limits,
    progress: ProgressBar,
    title: String,
}

impl Pass<'_> {
    /// Answers every message as it is.
    async fn answers(&self, vocabulary: &Vocabulary) -> anyhow::Result<Vec<Answer>> {
        let mut answers = Vec::with_capacity(self.records.len());
        let texts = self.records.iter().enumerate().map(|(index, _)| (index, None));
        self.run("messages", texts, |_, triage| {
            let (tokens, language) = (triage.token_count, &triage.language.tag);
            answers.push(Answer::of(&triage.prediction, vocabulary, tokens, language));
        })
        .await?;
        Ok(answers)
    }

    /// Decides about every message that is another one when it is disturbed.
    async fn disturbed(&self, perturbation: Perturbation, seed: u64) -> anyhow::Result<Disturbed> {
        let texts = self.records.iter().enumerate().filter_map(|(index, record)| {
            let language = &record.case.language;
            let text = perturbation.apply(&record.draft.text, language, seed)?;
            // A greeting or written-out umlauts can take the longest of texts over the limit.
            let fits = text.chars().count() <= self.limits.max_text_chars;
            fits.then_some((index, Some(text)))
        });
        let mut decisions = Vec::new();
        self.run(perturbation.title(), texts, |index, triage| {
            decisions.push((index, Decision::of(&triage.prediction)));
        })
        .await?;
        Ok(Disturbed { perturbation, decisions })
    }

    /// Lets messages through, given by position and with another text if they have one.
    async fn run(
        &self,
        name: &str,
        texts: impl Iterator<Item = (usize, Option<String>)>,
        mut accept: impl FnMut(usize, &Triage),
    ) -> anyhow::Result<()> {
        self.progress.set_position(0);
        self.progress.reset_eta();
        self.progress.set_message(format!("{}{name}", self.title));
        let items = texts.filter_map(|(index, text)| {
            let mut draft = self.records.get(index)?.draft.clone();
            draft.text = text.unwrap_or(draft.text);
            Some((index, draft))
        });
        let draft = |(index, draft)| (index, Ok(draft));
        let answers = classify_all(&self.pipeline, self.window, stream::iter(items), draft);
        let mut answers = std::pin::pin!(answers);
        while let Some(answered) = answers.next().await {
            let (index, result) = answered?;
            let triage = result.map_err(|reason| self.failed(index, &reason))?;
            accept(index, &triage);
            self.progress.set_position(index as u64 + 1);
        }
        Ok(())
    }

    /// Says which message could not be answered, without its text.
    fn failed(&self, index: usize, reason: &str) -> anyhow::Error {
        let line = self.records.get(index).map_or(0, |record| record.case.line);
        anyhow!("the message on line {line} could not be answered: {reason}")
    }
}
