//! One model that serves: its parts, and what it has to pass before it does.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::{LoadError, ModelKey};
use crate::batching::{
    BatchLimits, Job, Lane, OutputCache, Queue, QueueError, Submitted, WorkerPool,
};
use crate::engine::cpu::InstructionSet;
use crate::engine::{Engine, EngineError, EngineInfo, EngineKind, MessageOutput, ReplicaFactory};
use crate::labels::{HeadName, LabelSet};
use crate::language::LanguageIdentifier;
use crate::message::Truncation;
use crate::model::manifest::{Head, Manifest};
use crate::model::{Digests, ModelBundle, SelfCheck};
use crate::scoring::{Scorer, ScoringError};
use crate::taxonomy::{Offered, Taxonomy};
use crate::telemetry::usage::ModelUsage;
use crate::tokenization::{TextTokenizer, TokenizationError, TokenizedMessage};

/// How long a warm-up or self-check message may take; a model that needs longer is not fit to serve.
const WARM_UP_TIMEOUT: Duration = Duration::from_secs(60);

/// How models are computed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct InferenceSettings {
    /// What computes the models.
    pub engine: EngineKind,
    /// Instruction set of [`EngineKind::Cpu`]; `None` for the fastest that the machine has.
    #[serde(with = "instruction_set")]
    pub instruction_set: Option<InstructionSet>,
    /// Inference threads of each model; each owns a replica.
    pub instances: usize,
    /// Threads that one replica may use for one batch.
    pub threads_per_instance: usize,
    /// Tokens of a batch at most.
    pub max_batch_tokens: usize,
    /// Messages of a batch at most.
    pub max_batch_messages: usize,
    /// Messages that may wait for inference, for each model.
    pub max_queue_size: usize,
    /// Memory for the outputs of messages that came before, for each model; 0 for none.
    pub cache_bytes: u64,
}

/// An instruction set in settings: its name, or "auto".
mod instruction_set {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::InstructionSet;

    const AUTO: &str = "auto";

    #[expect(clippy::ref_option, reason = "what serde calls")]
    pub(super) fn serialize<S: Serializer>(
        value: &Option<InstructionSet>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value.map_or(AUTO, InstructionSet::name))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<InstructionSet>, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name == AUTO { Ok(None) } else { name.parse().map(Some).map_err(D::Error::custom) }
    }
}

/// Why a message of the server's own could not be classified.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The tokenizer failed.
    #[error("the tokenizer failed")]
    Tokenization(#[from] TokenizationError),
    /// The message was not computed.
    #[error("the message was not computed")]
    Queue(#[from] QueueError),
    /// The inference thread went away.
    #[error("the inference thread went away")]
    Lost,
    /// The outputs can't be read.
    #[error("the outputs can't be read")]
    Scoring(#[from] ScoringError),
}

/// A model that serves.
pub struct LoadedModel {
    pub(super) manifest: Manifest,
    digests: Digests,
    architecture: String,
    parameter_count: u64,
    weights_bytes: u64,
    tokenizer: TextTokenizer,
    scorer: Scorer,
    languages: LanguageIdentifier,
    taxonomy: Arc<Taxonomy>,
    queue: Arc<Queue>,
    workers: WorkerPool,
    self_check: Vec<SelfCheck>,
    settings: InferenceSettings,
    usage: ModelUsage,
    factory: Arc<ReplicaFactory>,
}

impl std::fmt::Debug for LoadedModel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LoadedModel").field("key", &self.key()).finish_non_exhaustive()
    }
}

impl LoadedModel {
    /// Starts the inference threads of a verified model, warms them and checks the model on the manifest's own
    /// samples. `taxonomy` names the labels of models that bring no taxonomy of their own. Blocks; not to be called on
    /// an async thread.
    ///
    /// # Errors
    /// [`LoadError`] when any of it fails; nothing is left running then.
    pub fn start(
        bundle: &ModelBundle,
        factory: &Arc<ReplicaFactory>,
        settings: InferenceSettings,
        taxonomy: &Arc<Taxonomy>,
    ) -> Result<Self, LoadError> {
        let mut manifest = bundle.manifest().clone();
        let taxonomy = taxonomy_of(bundle, taxonomy, &mut manifest)?;
        let queue = Queue::new(settings.max_queue_size);
        let queue = Arc::new(queue.with_cache(OutputCache::new(settings.cache_bytes)));
        let limits = BatchLimits {
            max_tokens: settings.max_batch_tokens,
            max_messages: settings.max_batch_messages,
        };
        let tokenizer = TextTokenizer::from_bundle(bundle)?;
        let workers =
            WorkerPool::start(&manifest.name, settings.instances, factory, &queue, limits)?;
        let model = Self {
            digests: bundle.digests().clone(),
            architecture: bundle.architecture().name.clone(),
            parameter_count: bundle.parameter_count(),
            weights_bytes: bundle.weights_bytes(),
            scorer: Scorer::new(&manifest),
            languages: LanguageIdentifier::new(&manifest.languages),
            manifest,
            taxonomy,
            tokenizer,
            queue,
            workers,
            self_check: bundle.self_check().to_vec(),
            settings,
            usage: ModelUsage::default(),
            factory: Arc::clone(factory),
        };
        model.warm_up()?;
        model.self_check()?;
        Ok(model)
    }

    /// Returns its name and version.
    #[must_use]
    pub fn key(&self) -> ModelKey {
        ModelKey { name: self.manifest.name.clone(), version: self.manifest.version.clone() }
    }

    /// Returns what the model is.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns the digests of the model's files.
    #[must_use]
    pub fn digests(&self) -> &Digests {
        &self.digests
    }

    /// Returns the architecture as config.json names it.
    #[must_use]
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// Returns how many numbers the model's files hold.
    #[must_use]
    pub fn parameter_count(&self) -> u64 {
        self.parameter_count
    }

    /// Returns the size of the weights as stored, in bytes.
    #[must_use]
    pub fn weights_bytes(&self) -> u64 {
        self.weights_bytes
    }

    /// Says what computes the model.
    #[must_use]
    pub fn engine(&self) -> &EngineInfo {
        self.workers.info()
    }

    /// Returns how the model is computed.
    #[must_use]
    pub fn settings(&self) -> &InferenceSettings {
        &self.settings
    }

    /// Returns how many samples of its own the model was tried on.
    #[must_use]
    pub fn self_checks(&self) -> usize {
        self.self_check.len()
    }

    /// Returns what splits texts into tokens.
    #[must_use]
    pub fn tokenizer(&self) -> &TextTokenizer {
        &self.tokenizer
    }

    /// Returns what reads the outputs.
    #[must_use]
    pub fn scorer(&self) -> &Scorer {
        &self.scorer
    }

    /// Returns what tells languages apart.
    #[must_use]
    pub fn languages(&self) -> &LanguageIdentifier {
        &self.languages
    }

    /// Returns what the labels mean.
    #[must_use]
    pub fn taxonomy(&self) -> &Arc<Taxonomy> {
        &self.taxonomy
    }

    /// Returns the queue to the inference threads.
    #[must_use]
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Returns what became of the messages that were given to it.
    #[must_use]
    pub fn usage(&self) -> &ModelUsage {
        &self.usage
    }

    /// Makes one more replica, beside those of the inference threads. It shares their weights.
    ///
    /// # Errors
    /// [`EngineError`] when it can't be made.
    pub fn replica(&self) -> Result<Box<dyn Engine>, EngineError> {
        (self.factory)()
    }

    /// Returns the number of inference threads that still work; it changes when one is lost.
    #[must_use]
    pub fn alive(&self) -> tokio::sync::watch::Receiver<usize> {
        self.workers.alive()
    }

    /// Puts a tokenised message into the queue.
    ///
    /// # Errors
    /// [`QueueError`] when the queue is full or closed.
    pub fn submit(
        &self,
        tokens: TokenizedMessage,
        lane: Lane,
        deadline: Instant,
    ) -> Result<Submitted, QueueError> {
        let (job, submitted) = Job::new(tokens.input_ids, lane, deadline);
        self.queue.push(job)?;
        Ok(submitted)
    }

    /// Puts part of a message that is being explained into the queue: in the lane of least urgency, apart from the cache.
    ///
    /// # Errors
    /// [`QueueError`] when the queue is full or closed.
    pub fn submit_variant(
        &self,
        input_ids: Vec<u32>,
        deadline: Instant,
    ) -> Result<Submitted, QueueError> {
        let (job, submitted) = Job::new(input_ids, Lane::Bulk, deadline);
        self.queue.push(job.uncached())?;
        Ok(submitted)
    }

    /// Computes a short and the longest message once for each thread, so that the first caller meets warm caches and
    /// allocated buffers, and a model that can't compute is found before it serves.
    fn warm_up(&self) -> Result<(), LoadError> {
        let long = "where is my order ".repeat(self.manifest.max_tokens);
        for _ in 0..self.settings.instances.max(1) {
            for text in ["hello", long.as_str()] {
                let output = self.probe(text)?;
                self.scorer.predict(&output, 0.0).map_err(ProbeError::from)?;
            }
        }
        Ok(())
    }

    fn self_check(&self) -> Result<(), LoadError> {
        for (index, sample) in self.self_check.iter().enumerate() {
            let output = self.probe(&sample.text)?;
            let prediction = self.scorer.predict(&output, 0.0).map_err(ProbeError::from)?;
            let primary = prediction.intents.first();
            let found = primary.and_then(|intent| self.scorer.intents().get(intent.presence.id));
            let expected = canonical(&self.taxonomy, HeadName::Primary, &sample.primary);
            if found != Some(expected) {
                return Err(LoadError::SelfCheck {
                    index,
                    expected: sample.primary.clone(),
                    found: found.unwrap_or_default().to_owned(),
                });
            }
        }
        Ok(())
    }

    fn probe(&self, text: &str) -> Result<MessageOutput, ProbeError> {
        let tokens = self.tokenizer.tokenize(text, Truncation::HeadTail)?;
        let submitted = self.submit(tokens, Lane::Interactive, Instant::now() + WARM_UP_TIMEOUT)?;
        let computed = submitted.result.blocking_recv().map_err(|_| ProbeError::Lost)??;
        Ok(computed.output)
    }
}

/// Finds the taxonomy of a model: its own file, or the service's if that knows every label.
///
/// Labels that are aliases in the taxonomy get their names there, in `manifest`: a model whose label is `cancel` says
/// `order.cancel`, so that policies and views know what it means.
///
/// # Errors
/// [`LoadError`] when its own file has faults, or labels are not known.
pub fn taxonomy_of(
    bundle: &ModelBundle,
    service: &Arc<Taxonomy>,
    manifest: &mut Manifest,
) -> Result<Arc<Taxonomy>, LoadError> {
    let own = match bundle.taxonomy() {
        Some(yaml) => Some(Arc::new(Taxonomy::parse(yaml, "taxonomy.yaml")?)),
        None => None,
    };
    name_as(own.as_ref().unwrap_or(service), &mut manifest.heads)?;
    let heads = &manifest.heads;
    let offered: Vec<Offered<'_>> = heads.iter().map(|head| (head.name, &head.labels)).collect();
    match own {
        Some(own) => {
            own.covers(&offered)?;
            Ok(own)
        }
        None => Ok(Taxonomy::fitting(service, &offered, bundle.is_described())?),
    }
}

/// Gives labels that are aliases their names.
fn name_as(taxonomy: &Taxonomy, heads: &mut [Head]) -> Result<(), LoadError> {
    for head in heads {
        let names: Vec<&str> =
            head.labels.iter().map(|label| canonical(taxonomy, head.name, label)).collect();
        let mut seen = HashSet::new();
        if let Some(label) = names.iter().find(|name| !seen.insert(**name)) {
            return Err(LoadError::SameLabel { head: head.name, label: (*label).to_owned() });
        }
        head.labels = LabelSet::new(names);
    }
    Ok(())
}

/// Returns the name of a label in the taxonomy, or the label itself if it is no alias of its kind.
fn canonical<'a>(taxonomy: &'a Taxonomy, head: HeadName, label: &'a str) -> &'a str {
    let Some(name) = taxonomy.resolve(label) else { return label };
    let is_of_kind = match head {
        HeadName::Primary | HeadName::Intent => taxonomy.intents().any(|e| e.name() == name),
        HeadName::Flags => taxonomy.flags().any(|e| e.name() == name),
        HeadName::Polarity => false,
    };
    if is_of_kind { name } else { label }
}
