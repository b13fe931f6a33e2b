//! The loaded models: verified, warmed and checked before anyone can ask for them.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};

use crate::batching::{BatchLimits, Job, Queue, QueueError, Submitted, WorkerError, WorkerPool};
use crate::engine::{EngineInfo, MessageOutput, ReplicaFactory};
use crate::error::Error;
use crate::language::LanguageIdentifier;
use crate::message::{ModelSelector, Truncation};
use crate::model::manifest::Manifest;
use crate::model::{Digests, ModelBundle, ModelError, SelfCheck};
use crate::scoring::{Scorer, ScoringError};
use crate::tokenization::{TextTokenizer, TokenizationError, TokenizedMessage};

/// How long a warm-up or self-check message may take; a model that needs longer is not fit to serve.
const WARM_UP_TIMEOUT: Duration = Duration::from_secs(60);

/// How models are computed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct InferenceSettings {
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
}

/// Why a model can't be served.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its files are missing, damaged or of a kind that is not supported.
    #[error("the model's files were refused")]
    Model(#[from] ModelError),
    /// Its inference threads can't start.
    #[error("the model's inference threads can't start")]
    Worker(#[from] WorkerError),
    /// A warm-up message failed.
    #[error("the warm-up failed")]
    WarmUp(#[from] ProbeError),
    /// A self-check message got another primary intent than the manifest says.
    #[error(
        "the self-check failed: signalbox.json: self_check[{index}].primary is {expected:?}, \
         but the model says {found:?}"
    )]
    SelfCheck {
        /// Position in the manifest's list.
        index: usize,
        /// What the manifest says.
        expected: String,
        /// What the model says.
        found: String,
    },
    /// Two models have the same name and version.
    #[error("model {name:?} version {version:?} is configured twice")]
    Duplicate {
        /// Name of both.
        name: String,
        /// Version of both.
        version: String,
    },
    /// The configured default is not among the models.
    #[error("models.default is {name:?}, but no model of that name is configured")]
    UnknownDefault {
        /// What is configured.
        name: String,
    },
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
#[derive(Debug)]
pub struct LoadedModel {
    manifest: Manifest,
    digests: Digests,
    architecture: String,
    parameter_count: u64,
    weights_bytes: u64,
    tokenizer: TextTokenizer,
    scorer: Scorer,
    languages: LanguageIdentifier,
    queue: Arc<Queue>,
    workers: WorkerPool,
    self_check: Vec<SelfCheck>,
    settings: InferenceSettings,
}

impl LoadedModel {
    /// Starts the inference threads of a verified model, warms them and checks the model on the manifest's own
    /// samples. Blocks; not to be called on an async thread.
    ///
    /// # Errors
    /// [`LoadError`] when any of it fails; nothing is left running then.
    pub fn start(
        bundle: &ModelBundle,
        factory: &Arc<ReplicaFactory>,
        settings: InferenceSettings,
    ) -> Result<Self, LoadError> {
        let manifest = bundle.manifest().clone();
        let queue = Arc::new(Queue::new(settings.max_queue_size));
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
            tokenizer,
            queue,
            workers,
            self_check: bundle.self_check().to_vec(),
            settings,
        };
        model.warm_up()?;
        model.self_check()?;
        Ok(model)
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

    /// Returns the queue to the inference threads.
    #[must_use]
    pub fn queue(&self) -> &Queue {
        &self.queue
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
        deadline: Instant,
    ) -> Result<Submitted, QueueError> {
        let (job, submitted) = Job::new(tokens.input_ids, deadline);
        self.queue.push(job)?;
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
            if found != Some(sample.primary.as_str()) {
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
        let submitted = self.submit(tokens, Instant::now() + WARM_UP_TIMEOUT)?;
        let computed = submitted.result.blocking_recv().map_err(|_| ProbeError::Lost)??;
        Ok(computed.output)
    }
}

/// The models that serve at one moment, the default first.
#[derive(Debug, Default)]
pub struct Snapshot {
    models: Vec<Arc<LoadedModel>>,
}

impl Snapshot {
    /// Puts models in order: the default one first, the rest by name, the latest version of each first. A caller that
    /// names no version gets the first.
    ///
    /// `default` names the default model, of which the first version given is taken; when it is empty, that is the first
    /// model given.
    ///
    /// # Errors
    /// [`LoadError`] when two models have the same name and version, or the default is not among them.
    pub fn new(mut models: Vec<Arc<LoadedModel>>, default: &str) -> Result<Self, LoadError> {
        let key = |model: &Arc<LoadedModel>| {
            (model.manifest.name.clone(), model.manifest.version.clone())
        };
        let first =
            match models.iter().position(|m| default.is_empty() || m.manifest.name == default) {
                Some(position) => Some(models.remove(position)),
                None if default.is_empty() => None,
                None => {
                    return Err(LoadError::UnknownDefault { name: default.to_owned() });
                }
            };
        models.sort_by(|a, b| {
            let (a, b) = (&a.manifest, &b.manifest);
            a.name.cmp(&b.name).then_with(|| compare_versions(&b.version, &a.version))
        });
        models.splice(0..0, first);
        let mut seen = std::collections::BTreeSet::new();
        for (name, version) in models.iter().map(key) {
            if !seen.insert((name.clone(), version.clone())) {
                return Err(LoadError::Duplicate { name, version });
            }
        }
        Ok(Self { models })
    }

    /// Returns the models, the default first.
    #[must_use]
    pub fn models(&self) -> &[Arc<LoadedModel>] {
        &self.models
    }

    fn find(&self, selector: &ModelSelector) -> Option<&Arc<LoadedModel>> {
        self.models.iter().find(|model| {
            (selector.name.is_empty() || selector.name == model.manifest.name)
                && (selector.version.is_empty() || selector.version == model.manifest.version)
        })
    }
}

/// Compares versions as people read them: runs of digits by their value, so that "10" comes after "9".
fn compare_versions(a: &str, b: &str) -> Ordering {
    let mut parts = (split_version(a), split_version(b));
    loop {
        match (parts.0.next(), parts.1.next()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(a), Some(b)) => match a.cmp(&b) {
                Ordering::Equal => {}
                unequal @ (Ordering::Less | Ordering::Greater) => return unequal,
            },
        }
    }
}

/// Splits a version into runs of digits, without leading zeros and with their length first so that they compare by
/// value, and runs of other characters.
fn split_version(version: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = version;
    std::iter::from_fn(move || {
        let is_digit = rest.chars().next()?.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != is_digit).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        if !is_digit {
            return Some((0, run));
        }
        let digits = run.trim_start_matches('0');
        Some((1 + digits.len(), digits))
    })
}

/// Where calls find their model. Reading takes no lock.
#[derive(Debug, Default)]
pub struct Registry {
    snapshot: ArcSwap<Snapshot>,
}

impl Registry {
    /// Puts another set of models in place; calls under way keep the model that they began with.
    pub fn publish(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
    }

    /// Returns the models that serve now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Finds the model that a caller asks for. A version without a name means that version of the default model's
    /// name, or of any other.
    ///
    /// # Errors
    /// [`Error::ModelNotFound`] when it is not loaded.
    pub fn resolve(&self, selector: &ModelSelector) -> Result<Arc<LoadedModel>, Error> {
        self.snapshot.load().find(selector).cloned().ok_or_else(|| Error::ModelNotFound {
            name: selector.name.clone(),
            version: selector.version.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_people_read_them() {
        for (older, newer) in [
            ("9", "10"),
            ("1.9", "1.10"),
            ("1.2", "1.2.1"),
            ("2026.9.1", "2026.11.1"),
            ("1.0a", "1.0b"),
        ] {
            assert_eq!(compare_versions(older, newer), Ordering::Less, "{older} {newer}");
            assert_eq!(compare_versions(newer, older), Ordering::Greater, "{older} {newer}");
        }
        assert_eq!(compare_versions("1.2", "1.2"), Ordering::Equal);
        assert_ne!(compare_versions("1.02", "1.2"), Ordering::Equal, "two names stay two");
    }
}
