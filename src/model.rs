//! A model is a directory: its verified files.
//!
//! Two kinds are read. With `signalbox.json`, an encoder with several heads; without it, a directory as Hugging Face
//! writes it for a `*ForSequenceClassification`. Weights are safetensors only: nothing is executed on load.

pub mod architecture;
mod embedded;
mod error;
mod fields;
mod files;
mod hugging_face;
mod integrity;
pub mod layout;
pub mod manifest;
mod manifest_file;
pub mod quantization;
mod shards;
pub mod weights;
pub mod writing;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

pub use error::ModelError;
pub use integrity::Digests;

use crate::labels::HeadName;
use architecture::Architecture;
use fields::Object;
pub(crate) use files::TOKENIZER;
use files::{Bytes, CONFIG, ModelFiles, TAXONOMY};
use integrity::DeclaredDigests;
use layout::Requirement;
use manifest::Manifest;
use manifest_file::ManifestFile;
use weights::{SCALE_SUFFIX, Weights};

/// Tensors of heads that `signalbox.json` describes begin with this.
const HEADS_PREFIX: &str = "heads.";

/// Returns the names of the tensors of a head that `signalbox.json` describes: weights `[L, H]` and biases `[L]`.
#[must_use]
pub fn head_tensors(head: HeadName) -> [String; 2] {
    [format!("{HEADS_PREFIX}{head}.weight"), format!("{HEADS_PREFIX}{head}.bias")]
}

/// Where a model comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ModelSource {
    /// A directory with `config.json`, `tokenizer.json`, `model.safetensors` or shards with their index, and perhaps
    /// `signalbox.json`.
    Directory(PathBuf),
    /// The model inside the binary (feature `embedded-model`).
    Embedded,
}

impl fmt::Display for ModelSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(formatter),
            Self::Embedded => formatter.write_str("(embedded)"),
        }
    }
}

/// A text and the intent that the model has to find in it: what a model is tried with before it serves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SelfCheck {
    /// The message.
    pub text: String,
    /// Label of the leading intent; one of the head `primary`, or of `intent` if there is no `primary`.
    pub primary: String,
}

/// The verified files of one model. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ModelBundle {
    manifest: Manifest,
    architecture: Architecture,
    digests: Digests,
    self_check: Vec<SelfCheck>,
    config_json: Arc<Bytes>,
    tokenizer_json: Arc<Bytes>,
    taxonomy: Option<Arc<str>>,
    is_described: bool,
    weights: Weights,
    parameter_count: u64,
}

impl ModelBundle {
    /// Reads and verifies a model.
    ///
    /// Afterwards every tensor that the architecture and the manifest need is there, with its shape, and holds numbers
    /// only. The vocabulary is checked by [`crate::tokenization::TextTokenizer::from_bundle`].
    ///
    /// # Errors
    /// [`ModelError`], which names the file and the field or tensor, what was expected and what was found.
    pub fn load(source: &ModelSource) -> Result<Self, ModelError> {
        let (files, directory) = match source {
            ModelSource::Directory(directory) => {
                (ModelFiles::read(directory)?, Some(directory.as_path()))
            }
            ModelSource::Embedded => (embedded::files()?, None),
        };
        let config = fields::parse(CONFIG, &files.config)?;
        let config = Object::root(CONFIG, &config)?;
        let architecture = Architecture::parse(&config)?;
        let described = match &files.manifest {
            Some(bytes) => {
                let weight_files = files.weights.files();
                let names: Vec<_> = weight_files.iter().map(|(name, _)| *name).collect();
                ManifestFile::parse(bytes, &architecture, &names)?
            }
            None => ManifestFile {
                manifest: hugging_face::manifest(&config, &architecture, directory)?,
                digests: DeclaredDigests::default(),
                self_check: vec![],
            },
        };
        Self::verify(files, architecture, described)
    }

    fn verify(
        files: ModelFiles,
        architecture: Architecture,
        described: ManifestFile,
    ) -> Result<Self, ModelError> {
        let manifest = described.manifest;
        let is_described = files.manifest.is_some();
        let digests = Digests::of(&files, &manifest.heads, &described.digests)?;
        let weights = Weights::parse(files.weights)?;
        let requirements = layout::requirements(&architecture, &manifest);
        weights.check(&requirements)?;
        refuse_unknown_heads(&weights, &requirements)?;
        let values = requirements.iter().map(Requirement::len);
        Ok(Self {
            parameter_count: values.sum(),
            manifest,
            architecture,
            digests,
            self_check: described.self_check,
            config_json: Arc::new(files.config),
            tokenizer_json: Arc::new(files.tokenizer),
            taxonomy: text_of(files.taxonomy)?,
            is_described,
            weights,
        })
    }

    /// Gives the model another name and version than its files say: in a repository the folders name it.
    #[must_use]
    pub fn named(mut self, name: &str, version: &str) -> Self {
        name.clone_into(&mut self.manifest.name);
        version.clone_into(&mut self.manifest.version);
        self
    }

    /// Returns what the model is and how its outputs are read.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Returns kind and sizes of the encoder.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Returns the content of `config.json`.
    #[must_use]
    pub fn config_json(&self) -> &[u8] {
        &self.config_json
    }

    /// Returns the content of `tokenizer.json`.
    #[must_use]
    pub fn tokenizer_json(&self) -> &[u8] {
        &self.tokenizer_json
    }

    /// Returns the content of `taxonomy.yaml`, if the model brings one.
    #[must_use]
    pub fn taxonomy(&self) -> Option<&str> {
        self.taxonomy.as_deref()
    }

    /// Tells whether a `signalbox.json` describes the model.
    #[must_use]
    pub fn is_described(&self) -> bool {
        self.is_described
    }

    /// Returns the tensors by name.
    #[must_use]
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// Returns the digests of the files.
    #[must_use]
    pub fn digests(&self) -> &Digests {
        &self.digests
    }

    /// Returns the texts that the model is tried with before it serves; often empty.
    #[must_use]
    pub fn self_check(&self) -> &[SelfCheck] {
        &self.self_check
    }

    /// Returns the number of weights that take part in the computation; scales of int8 weights do not count.
    #[must_use]
    pub fn parameter_count(&self) -> u64 {
        self.parameter_count
    }

    /// Returns the size of the weights in bytes: of `model.safetensors`, or of all shards.
    #[must_use]
    pub fn weights_bytes(&self) -> u64 {
        u64::try_from(self.weights.bytes_len()).unwrap_or(u64::MAX)
    }
}

fn text_of(taxonomy: Option<Bytes>) -> Result<Option<Arc<str>>, ModelError> {
    let Some(bytes) = taxonomy else { return Ok(None) };
    let text = std::str::from_utf8(&bytes).map_err(|error| ModelError::NotText {
        file: TAXONOMY,
        valid_up_to: error.valid_up_to(),
    })?;
    Ok(Some(Arc::from(text)))
}

/// A head in the weights that nobody describes is a mistake in the manifest, not something to pass over.
fn refuse_unknown_heads(weights: &Weights, requirements: &[Requirement]) -> Result<(), ModelError> {
    let known = |name: &str| {
        let tensor = name.strip_suffix(SCALE_SUFFIX).unwrap_or(name);
        requirements.iter().any(|known| known.tensor == tensor)
    };
    let unknown =
        weights.names().filter(|name| name.starts_with(HEADS_PREFIX) && !known(name)).min();
    match unknown {
        None => Ok(()),
        Some(tensor) => Err(ModelError::Tensor {
            file: weights.file_of(tensor),
            tensor: tensor.to_owned(),
            expected: "a head of that name in the manifest".into(),
            found: "none".into(),
        }),
    }
}
