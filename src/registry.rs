//! The loaded models: verified, warmed and checked before anyone can ask for them.

mod loaded_model;
mod manager;
mod repository;
pub mod rollout;
mod state;
mod version;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::batching::WorkerError;
use crate::engine::ReplicaFactory;
use crate::error::Error;
use crate::labels::HeadName;
use crate::message::{Message, ModelSelector};
use crate::model::{ModelBundle, ModelError};
use crate::taxonomy::{TaxonomyError, UncoveredLabels};

use self::rollout::{ActiveRollout, Inactive, Route};

pub use loaded_model::{InferenceSettings, LoadedModel, ProbeError, taxonomy_of};
pub use manager::{ModelManager, STABLE, VersionState, VersionStatus};
pub use repository::{ModelKey, VersionPolicy, VersionPolicyError, is_name};

/// Prepares the replicas of a verified model.
pub type EngineLoader = dyn Fn(&ModelBundle, &InferenceSettings) -> Result<Arc<ReplicaFactory>, ModelError>
    + Send
    + Sync;

/// Which models are loaded.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSettings {
    /// Model directories. Empty: those of the repository, or without one the model inside the program.
    pub paths: Vec<PathBuf>,
    /// Name of the default model. Empty: the first of `paths`, else the first by name.
    pub default: String,
    /// Folder with `<name>/<version>/`. Empty: none.
    pub repository: PathBuf,
    /// Which versions of a model in the repository are loaded.
    pub version_policy: VersionPolicy,
    /// The same for single models, by name.
    pub versions: BTreeMap<String, VersionPolicy>,
    /// How often the repository is looked at; zero: never.
    #[serde(with = "humantime_serde")]
    pub poll_interval: Duration,
    /// How long the files of a version must have been the same before it is loaded.
    #[serde(with = "humantime_serde")]
    pub quiet_period: Duration,
    /// Whether calls may load and unload models, and set labels and rollouts.
    pub allow_control: bool,
    /// File that keeps what such calls decided. Empty: forgotten at the end.
    pub state_path: PathBuf,
}

impl ModelSettings {
    /// Returns which versions of a model are loaded.
    #[must_use]
    pub fn policy_of(&self, name: &str) -> &VersionPolicy {
        self.versions.get(name).unwrap_or(&self.version_policy)
    }
}

/// Why a model can't be served.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its files are missing, damaged or of a kind that is not supported.
    #[error("the model's files were refused")]
    Model(#[from] ModelError),
    /// Its own taxonomy has faults.
    #[error("the model's taxonomy is not valid")]
    Taxonomy(#[from] TaxonomyError),
    /// The taxonomy does not know all of its labels.
    #[error("the model's labels were refused")]
    Labels(#[from] UncoveredLabels),
    /// Two labels of one head mean the same.
    #[error("head {head}: two labels mean {label:?}")]
    SameLabel {
        /// The head.
        head: HeadName,
        /// The name in the taxonomy that both resolve to.
        label: String,
    },
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
    /// A configured model, by its path.
    #[error("model {path} can't be served")]
    At {
        /// Which one.
        path: String,
        /// Why not.
        #[source]
        source: Box<Self>,
    },
    /// The repository can't be listed.
    #[error("can't list the model repository {path} (models.repository)")]
    Repository {
        /// What is configured.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: std::io::Error,
    },
    /// No version in the repository can be served, and no other model is configured.
    #[error(
        "no model in {path} can be served (models.repository, models.version_policy): {faults}"
    )]
    NothingToServe {
        /// What is configured.
        path: PathBuf,
        /// What is wrong with each version that was tried.
        faults: String,
    },
    /// The file with earlier decisions can't be read.
    #[error("can't read {path} (models.state_path)")]
    ReadState {
        /// What is configured.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: std::io::Error,
    },
    /// Models can be loaded once the service has its taxonomy.
    #[error("the service has not started")]
    NotStarted,
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

impl LoadError {
    fn at(self, path: String) -> Self {
        Self::At { path, source: Box::new(self) }
    }
}

/// The models that serve at one moment, the default first.
#[derive(Debug, Default)]
pub struct Snapshot {
    models: Vec<Arc<LoadedModel>>,
    /// Version by model and label.
    labels: BTreeMap<String, BTreeMap<String, String>>,
    /// By model.
    rollouts: BTreeMap<String, ActiveRollout>,
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
        let first =
            match models.iter().position(|m| default.is_empty() || m.manifest.name == default) {
                Some(position) => Some(models.remove(position)),
                None if default.is_empty() => None,
                None => {
                    return Err(LoadError::UnknownDefault { name: default.to_owned() });
                }
            };
        models.sort_by(|a, b| a.key().latest_first(&b.key()));
        models.splice(0..0, first);
        let mut seen = std::collections::BTreeSet::new();
        for key in models.iter().map(|model| model.key()) {
            if !seen.insert(key.clone()) {
                return Err(LoadError::Duplicate { name: key.name, version: key.version });
            }
        }
        Ok(Self { models, ..Self::default() })
    }

    /// Adds labels, as version by model and label. The version of the default model that is labelled stable comes first:
    /// it is the one that callers get who name none.
    #[must_use]
    pub fn labelled(mut self, labels: BTreeMap<String, BTreeMap<String, String>>) -> Self {
        self.labels = labels;
        let first = self.find(&ModelSelector::default()).map(|model| model.key());
        if let Some(place) = self.models.iter().position(|model| Some(model.key()) == first) {
            let model = self.models.remove(place);
            self.models.insert(0, model);
        }
        self
    }

    /// Returns the models, the default first.
    #[must_use]
    pub fn models(&self) -> &[Arc<LoadedModel>] {
        &self.models
    }

    /// Returns the rollout of a model.
    #[must_use]
    pub fn rollout(&self, name: &str) -> Option<&ActiveRollout> {
        self.rollouts.get(name)
    }

    /// Returns the version that calls get which name a model and no version, but for those of a canary.
    #[must_use]
    pub fn primary(&self, name: &str) -> Option<&Arc<LoadedModel>> {
        self.find(&ModelSelector { name: name.to_owned(), version: String::new() })
    }

    /// Returns the primary version of a model, and another one that a rollout names.
    ///
    /// # Errors
    /// [`Inactive`] when either does not serve, or they are the same.
    fn other(
        &self,
        name: &str,
        version: &str,
    ) -> Result<(&Arc<LoadedModel>, &Arc<LoadedModel>), Inactive> {
        let selector = ModelSelector { name: name.to_owned(), version: version.to_owned() };
        let missing = || Inactive::Missing { version: version.to_owned() };
        let primary = self.primary(name).ok_or_else(missing)?;
        let other = self.find(&selector).ok_or_else(missing)?;
        if Arc::ptr_eq(primary, other) {
            return Err(Inactive::Primary { version: version.to_owned() });
        }
        Ok((primary, other))
    }

    /// Lists the models, `name/version` each; the first few when there are many.
    fn names(&self) -> String {
        const SHOWN: usize = 8;
        let names = self.models.iter().map(|model| model.key().to_string());
        let mut shown: Vec<String> = names.take(SHOWN).collect();
        if self.models.len() > SHOWN {
            shown.push("...".into());
        }
        shown.join(", ")
    }

    fn unknown(&self, selector: &ModelSelector) -> Error {
        Error::ModelNotFound {
            name: selector.name.clone(),
            version: selector.version.clone(),
            loaded: self.names(),
        }
    }

    /// Finds a model: by its version, by a label in the place of the version, or, for callers that name none, the stable
    /// version or the first.
    fn find(&self, selector: &ModelSelector) -> Option<&Arc<LoadedModel>> {
        let (name, version) = (selector.name.as_str(), selector.version.as_str());
        let find = |name: &str, version: &str| {
            self.models.iter().find(|model| {
                let manifest = &model.manifest;
                (name.is_empty() || name == manifest.name)
                    && (version.is_empty() || version == manifest.version)
            })
        };
        let first = || self.models.first().map(|model| model.manifest.name.as_str());
        let labels_of = if name.is_empty() { first() } else { Some(name) };
        let labelled = |label: &str| {
            let version = self.labels.get(labels_of?)?.get(label)?;
            find(labels_of?, version)
        };
        if version.is_empty() {
            labelled(STABLE).or_else(|| find(name, version))
        } else {
            find(name, version).or_else(|| labelled(version))
        }
    }
}

/// Where calls find their model. Reading takes no lock.
#[derive(Debug, Default)]
pub struct Registry {
    snapshot: ArcSwap<Snapshot>,
    changes: watch::Sender<()>,
}

impl Registry {
    /// Puts another set of models in place; calls under way keep the model that they began with.
    pub fn publish(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
        self.changes.send_replace(());
    }

    /// Tells of every other set of models that is put in place.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
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
        let snapshot = self.snapshot.load();
        snapshot.find(selector).cloned().ok_or_else(|| snapshot.unknown(selector))
    }

    /// Finds the model for a message, as [`Self::resolve`] does; where the message names no version, a rollout of that
    /// model may send it elsewhere. Models and rollout are of the same moment.
    ///
    /// # Errors
    /// [`Error::ModelNotFound`] when it is not loaded.
    pub fn route(&self, message: &Message) -> Result<Route, Error> {
        let snapshot = self.snapshot.load();
        let selector = &message.model;
        let model = snapshot.find(selector).ok_or_else(|| snapshot.unknown(selector))?;
        let primary = Arc::clone(model);
        let rollout = snapshot.rollouts.get(&model.manifest.name);
        Ok(match rollout.filter(|_| selector.version.is_empty()) {
            Some(rollout) => Route::by(rollout, primary, message),
            None => Route::direct(primary),
        })
    }
}
