//! Writes a model directory: files beside one another, digests, all of it or nothing.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use serde::Serialize;

use super::files::{CONFIG, MANIFEST, TAXONOMY, TOKENIZER, WEIGHTS};
use super::integrity::digest;
use super::manifest::{AbstentionRules, Manifest, Pooling};
use super::manifest_file::FORMAT;
use super::weights::RawTensor;
use super::{ModelBundle, SelfCheck};
use crate::labels::{HeadKind, HeadName};

/// For people; not read.
const CARD: &str = "MODEL_CARD.md";

/// Why a model directory could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Something lies there already.
    #[error("{} is there already; name a directory that is not", path.display())]
    Exists {
        /// The directory that was asked for.
        path: PathBuf,
    },
    /// The name is none that a directory can have.
    #[error("{} is no name for a directory", path.display())]
    Name {
        /// What was asked for.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The tensors make no file.
    #[error("{WEIGHTS} cannot be made")]
    Safetensors(#[source] safetensors::SafeTensorError),
    /// The description makes no file.
    #[error("{MANIFEST} cannot be made")]
    Json(#[source] serde_json::Error),
}

/// A model that is to be written, made from another one.
#[derive(Clone, Debug)]
pub struct ModelDraft<'a> {
    config_json: &'a [u8],
    tokenizer_json: &'a [u8],
    pub(super) tensors: BTreeMap<String, RawTensor<'a>>,
    /// What `signalbox.json` says; `None` for a directory as Hugging Face writes it, which has none.
    pub manifest: Option<Manifest>,
    /// Texts that the model is tried with before it serves.
    pub self_check: Vec<SelfCheck>,
    /// `taxonomy.yaml`, if the model brings one.
    pub taxonomy: Option<String>,
    /// `MODEL_CARD.md`, if there is to be one.
    pub card: Option<String>,
}

impl<'a> ModelDraft<'a> {
    /// Begins with everything as it is in a model; the card is left out.
    #[must_use]
    pub fn of(bundle: &'a ModelBundle) -> Self {
        let tensors = bundle.weights().raw();
        Self {
            config_json: bundle.config_json(),
            tokenizer_json: bundle.tokenizer_json(),
            tensors: tensors.map(|(name, tensor)| (name.to_owned(), tensor)).collect(),
            manifest: bundle.is_described().then(|| bundle.manifest().clone()),
            self_check: bundle.self_check().to_vec(),
            taxonomy: bundle.taxonomy().map(str::to_owned),
            card: None,
        }
    }

    /// Puts an f32 tensor in the place of the one of that name, whatever type it had. `values` are row-major.
    pub fn set_f32(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        debug_assert_eq!(shape.iter().product::<usize>(), values.len(), "{name}");
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let tensor = RawTensor { dtype: Dtype::F32, shape: shape.to_vec(), bytes: bytes.into() };
        self.tensors.remove(&format!("{name}{}", super::SCALE_SUFFIX));
        self.tensors.insert(name.to_owned(), tensor);
    }

    /// Writes the files into a directory that is there.
    ///
    /// # Errors
    /// [`WriteError`] for the first file that can't be made or written.
    pub fn write(&self, directory: &Path) -> Result<(), WriteError> {
        // What Python libraries expect to find in the header.
        let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        let tensors = self.tensors.iter().map(|(name, tensor)| (name, TensorRef(tensor)));
        let weights = safetensors::serialize(tensors, Some(metadata));
        let weights = weights.map_err(WriteError::Safetensors)?;
        let mut files: Vec<(&str, &[u8])> =
            vec![(WEIGHTS, &weights), (CONFIG, self.config_json), (TOKENIZER, self.tokenizer_json)];
        let manifest = match &self.manifest {
            Some(manifest) => Some(manifest_json(manifest, &self.self_check, &files)?),
            None => None,
        };
        let texts = [(TAXONOMY, &self.taxonomy), (CARD, &self.card), (MANIFEST, &manifest)];
        for (file, text) in &texts {
            files.extend(text.as_ref().map(|text| (*file, text.as_bytes())));
        }
        for (file, bytes) in files {
            let path = directory.join(file);
            let failed = |source| WriteError::Write { path: path.clone(), source };
            std::fs::write(&path, bytes).map_err(failed)?;
        }
        Ok(())
    }
}

struct TensorRef<'a>(&'a RawTensor<'a>);

impl safetensors::tensor::View for TensorRef<'_> {
    fn dtype(&self) -> Dtype {
        self.0.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        std::borrow::Cow::Borrowed(&self.0.bytes)
    }

    fn data_len(&self) -> usize {
        self.0.bytes.len()
    }
}

#[derive(Serialize)]
struct ManifestJson<'a> {
    format: usize,
    name: &'a str,
    version: &'a str,
    max_tokens: usize,
    pooling: Pooling,
    heads: Vec<HeadJson<'a>>,
    languages: &'a [String],
    files: BTreeMap<&'a str, String>,
    abstention: AbstentionRules,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    self_check: Vec<SelfCheckJson<'a>>,
}

#[derive(Serialize)]
struct HeadJson<'a> {
    name: HeadName,
    kind: HeadKind,
    labels: Vec<&'a str>,
    temperature: f32,
    #[serde(skip_serializing_if = "<[f32]>::is_empty")]
    thresholds: &'a [f32],
}

#[derive(Serialize)]
struct SelfCheckJson<'a> {
    text: &'a str,
    primary: &'a str,
}

/// Returns `signalbox.json` with the digests of the files beside it.
fn manifest_json(
    manifest: &Manifest,
    self_check: &[SelfCheck],
    files: &[(&str, &[u8])],
) -> Result<String, WriteError> {
    let heads = manifest.heads.iter().map(|head| HeadJson {
        name: head.name,
        kind: head.kind,
        labels: head.labels.iter().collect(),
        temperature: head.temperature,
        thresholds: &head.thresholds,
    });
    let json = ManifestJson {
        format: FORMAT,
        name: &manifest.name,
        version: &manifest.version,
        max_tokens: manifest.max_tokens,
        pooling: manifest.pooling,
        heads: heads.collect(),
        languages: &manifest.languages,
        files: files.iter().map(|(file, bytes)| (*file, digest(bytes))).collect(),
        abstention: manifest.abstention,
        self_check: self_check
            .iter()
            .map(|check| SelfCheckJson { text: &check.text, primary: &check.primary })
            .collect(),
    };
    let mut text = serde_json::to_string_pretty(&json).map_err(WriteError::Json)?;
    text.push('\n');
    Ok(text)
}

/// A directory that nobody sees under its name until it is complete: a service that looks at a repository of models
/// must not find half a model. What is not finished is taken away again.
#[derive(Debug)]
pub struct StagedDirectory {
    path: PathBuf,
    target: PathBuf,
}

impl StagedDirectory {
    /// Makes an empty directory beside `target`, which must not be there. Directories above it are made.
    ///
    /// # Errors
    /// [`WriteError`] when something lies at `target`, or the directory can't be made.
    pub fn beside(target: &Path) -> Result<Self, WriteError> {
        if target.symlink_metadata().is_ok() {
            return Err(WriteError::Exists { path: target.to_owned() });
        }
        let name = target.file_name();
        let name = name.ok_or_else(|| WriteError::Name { path: target.to_owned() })?;
        let mut staged_name = OsString::from(".");
        staged_name.push(name);
        staged_name.push(format!(".{}", std::process::id()));
        let path = target.with_file_name(staged_name);
        let failed = |path: &Path| {
            let path = path.to_owned();
            |source| WriteError::Write { path, source }
        };
        if let Some(parent) = target.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(parent).map_err(failed(parent))?;
        }
        std::fs::create_dir(&path).map_err(failed(&path))?;
        Ok(Self { path, target: target.to_owned() })
    }

    /// Returns where files are to be written.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the directory its name.
    ///
    /// # Errors
    /// [`WriteError`] when something has come to lie there, or the operating system refuses.
    pub fn finish(self) -> Result<(), WriteError> {
        // `rename` would replace an empty directory without a word.
        if self.target.symlink_metadata().is_ok() {
            return Err(WriteError::Exists { path: self.target.clone() });
        }
        std::fs::rename(&self.path, &self.target)
            .map_err(|source| WriteError::Write { path: self.target.clone(), source })
    }
}

impl Drop for StagedDirectory {
    fn drop(&mut self) {
        // After `finish` there is nothing to take away; elsewhere the error that led here is told.
        drop(std::fs::remove_dir_all(&self.path));
    }
}
