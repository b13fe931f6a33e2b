//! The loaded models: verified, warmed and checked before anyone can ask for them.

mod loaded_model;
mod version;

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::batching::WorkerError;
use crate::error::Error;
use crate::labels::HeadName;
use crate::message::ModelSelector;
use crate::model::ModelError;
use crate::taxonomy::{TaxonomyError, UncoveredLabels};

pub use loaded_model::{InferenceSettings, LoadedModel, ProbeError, taxonomy_of};

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
            a.name.cmp(&b.name).then_with(|| version::compare(&b.version, &a.version))
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

    /// Lists the models, `name/version` each; the first few when there are many.
    fn names(&self) -> String {
        const SHOWN: usize = 8;
        let names =
            self.models.iter().map(|m| format!("{}/{}", m.manifest.name, m.manifest.version));
        let mut shown: Vec<String> = names.take(SHOWN).collect();
        if self.models.len() > SHOWN {
            shown.push("...".into());
        }
        shown.join(", ")
    }

    fn find(&self, selector: &ModelSelector) -> Option<&Arc<LoadedModel>> {
        self.models.iter().find(|model| {
            (selector.name.is_empty() || selector.name == model.manifest.name)
                && (selector.version.is_empty() || selector.version == model.manifest.version)
        })
    }
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
        let snapshot = self.snapshot.load();
        snapshot.find(selector).cloned().ok_or_else(|| Error::ModelNotFound {
            name: selector.name.clone(),
            version: selector.version.clone(),
            loaded: snapshot.names(),
        })
    }
}
