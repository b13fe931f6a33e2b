//! Reads the files of a model, each once and with a limit: what is verified is what is used.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::error::ModelError;
use super::shards::{INDEX, ShardIndex};

/// Kind and sizes of the encoder.
pub(super) const CONFIG: &str = "config.json";
/// Vocabulary and its rules.
pub(crate) const TOKENIZER: &str = "tokenizer.json";
/// Weights, where they are one file.
pub(super) const WEIGHTS: &str = "model.safetensors";
/// Heads and decision rules.
pub(super) const MANIFEST: &str = "signalbox.json";
/// What the labels mean, where the service's own taxonomy does not say it.
pub(super) const TAXONOMY: &str = "taxonomy.yaml";

const MAX_JSON_BYTES: u64 = 1 << 20;
const MAX_TOKENIZER_BYTES: u64 = 64 << 20;
/// All files of weights together: twice what XLM-RoBERTa large has in f32.
const MAX_WEIGHTS_BYTES: u64 = 4 << 30;

/// Forms of weights that people have and that are not read.
const UNSUPPORTED_WEIGHTS: [(&str, &str); 3] = [
    ("pytorch_model.bin", "a pickle can run code; save the model with safe_serialization=True"),
    (
        "pytorch_model.bin.index.json",
        "a pickle can run code; save the model with safe_serialization=True",
    ),
    ("tf_model.h5", "save the model from PyTorch as safetensors"),
];

/// Bytes of a file: read from disk, or part of the binary.
pub(super) type Bytes = Cow<'static, [u8]>;

/// The files of one model.
pub(super) struct ModelFiles {
    pub(super) config: Bytes,
    pub(super) tokenizer: Bytes,
    pub(super) weights: WeightFiles,
    pub(super) manifest: Option<Bytes>,
    pub(super) taxonomy: Option<Bytes>,
}

/// The files with the weights of one model.
pub(super) enum WeightFiles {
    /// `model.safetensors`.
    One(Bytes),
    /// Several, with an index.
    Shards {
        index_bytes: Bytes,
        index: ShardIndex,
        /// Names and contents, in the order of the names.
        shards: Vec<(String, Bytes)>,
    },
}

impl WeightFiles {
    /// Returns names and contents, the index included.
    pub(super) fn files(&self) -> Vec<(&str, &[u8])> {
        match self {
            Self::One(bytes) => vec![(WEIGHTS, bytes)],
            Self::Shards { index_bytes, shards, .. } => {
                let index: (&str, &[u8]) = (INDEX, index_bytes);
                let shards = shards.iter().map(|(name, bytes)| (name.as_str(), &**bytes));
                std::iter::once(index).chain(shards).collect()
            }
        }
    }

    /// `model.safetensors` goes first where both forms are there, as in transformers.
    fn read(directory: &Path) -> Result<Self, ModelError> {
        if let Some(bytes) = read(directory, WEIGHTS, MAX_WEIGHTS_BYTES)? {
            return Ok(Self::One(bytes));
        }
        let Some(index_bytes) = read(directory, INDEX, MAX_JSON_BYTES)? else {
            return Err(missing_weights(directory));
        };
        let index = ShardIndex::parse(&index_bytes)?;
        let mut left = MAX_WEIGHTS_BYTES;
        let mut shards = Vec::new();
        for file in index.files() {
            let bytes = match read_bounded(&directory.join(file), left) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => {
                    let file = "model.safetensors.index.json with its shards".into();
                    return Err(ModelError::TooLarge { file, limit: MAX_WEIGHTS_BYTES });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let file = format!("{file}, which {INDEX} names").into();
                    return Err(ModelError::MissingFile { directory: directory.to_owned(), file });
                }
                Err(source) => {
                    return Err(ModelError::Read { path: directory.join(file), source });
                }
            };
            left = left.saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            shards.push((file.to_owned(), Cow::Owned(bytes)));
        }
        Ok(Self::Shards { index_bytes, index, shards })
    }
}

impl ModelFiles {
    /// Reads a model directory.
    pub(super) fn read(directory: &Path) -> Result<Self, ModelError> {
        let required = |file: &'static str, limit| {
            let missing =
                || ModelError::MissingFile { directory: directory.to_owned(), file: file.into() };
            read(directory, file, limit)?.ok_or_else(missing)
        };
        let config = required(CONFIG, MAX_JSON_BYTES)?;
        let manifest = read(directory, MANIFEST, MAX_JSON_BYTES)?;
        let taxonomy = read(directory, TAXONOMY, MAX_JSON_BYTES)?;
        let tokenizer = required(TOKENIZER, MAX_TOKENIZER_BYTES)?;
        let weights = WeightFiles::read(directory)?;
        Ok(Self { config, tokenizer, weights, manifest, taxonomy })
    }
}

fn missing_weights(directory: &Path) -> ModelError {
    let unsupported = UNSUPPORTED_WEIGHTS.iter().find(|(file, _)| directory.join(file).exists());
    match unsupported {
        Some(&(found, advice)) => {
            ModelError::UnsupportedWeights { directory: directory.to_owned(), found, advice }
        }
        None => ModelError::MissingFile { directory: directory.to_owned(), file: WEIGHTS.into() },
    }
}

/// Reads a file of at most `limit` bytes; `None` if there is no such file.
fn read(directory: &Path, file: &'static str, limit: u64) -> Result<Option<Bytes>, ModelError> {
    let path = directory.join(file);
    match read_bounded(&path, limit) {
        Ok(Some(bytes)) => Ok(Some(Cow::Owned(bytes))),
        Ok(None) => Err(ModelError::TooLarge { file: file.into(), limit }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ModelError::Read { path, source }),
    }
}

/// Reads a file; `None` if it has more than `limit` bytes.
fn read_bounded(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    // Before opening: opening a FIFO would wait for its writer.
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if metadata.len() > limit {
        return Ok(None);
    }
    let capacity = usize::try_from(metadata.len()).map_err(io::Error::other)?;
    let mut bytes = Vec::with_capacity(capacity);
    // The file may grow while it is read: the limit holds for what is read.
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= limit);
    Ok(fits.then_some(bytes))
}
