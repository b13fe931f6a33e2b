//! Why a model is refused.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

/// Why a model could not be loaded. Each variant names the file, and where there is one the field or tensor with
/// what was expected and what was found.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The binary was built without a model inside.
    #[error("this build carries no model (feature embedded-model is off): pass a model directory")]
    NotEmbedded,
    /// A file that every model needs is absent.
    #[error("{} has no {file}", directory.display())]
    MissingFile {
        /// The model directory.
        directory: PathBuf,
        /// The file that is absent.
        file: Cow<'static, str>,
    },
    /// Weights are there, but in a form that is not read.
    #[error(
        "{} has no model.safetensors, and {found} is not read: {advice}",
        directory.display()
    )]
    UnsupportedWeights {
        /// The model directory.
        directory: PathBuf,
        /// The file that was found instead.
        found: &'static str,
        /// How to get a file that is read.
        advice: &'static str,
    },
    /// The operating system refused to read a file.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// A file is larger than a model of this kind needs.
    #[error("{file} has more than {limit} bytes, which is the most that is read")]
    TooLarge {
        /// The file.
        file: Cow<'static, str>,
        /// Bytes that are accepted.
        limit: u64,
    },
    /// A file is not text.
    #[error("{file} is not UTF-8 from byte {valid_up_to} on")]
    NotText {
        /// The file.
        file: &'static str,
        /// Bytes before the first that is not.
        valid_up_to: usize,
    },
    /// A file is not JSON at all.
    #[error("{file} is not valid JSON")]
    Json {
        /// The file.
        file: &'static str,
        /// Where and why.
        #[source]
        source: serde_json::Error,
    },
    /// A field is absent, has the wrong type, or a value that is not supported.
    #[error("{file}: field {field} should be {expected}, found {found}")]
    Field {
        /// The file.
        file: &'static str,
        /// Path of the field, such as `heads[1].thresholds[3]`.
        field: String,
        /// What is accepted.
        expected: String,
        /// What is there.
        found: String,
    },
    /// A tensor is absent, has the wrong shape or type, or a value that is not a number.
    #[error("{file}: tensor {tensor} should have {expected}, found {found}")]
    Tensor {
        /// The file.
        file: Cow<'static, str>,
        /// Name of the tensor.
        tensor: String,
        /// What is accepted.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The weights file is damaged.
    #[error("{file} is not a sound safetensors file")]
    Safetensors {
        /// The file.
        file: Cow<'static, str>,
        /// Why.
        #[source]
        source: safetensors::SafeTensorError,
    },
    /// A file is not the one that the manifest was written for.
    #[error("{file} should have digest {expected}, found {found}")]
    Digest {
        /// The file.
        file: String,
        /// Digest in the manifest.
        expected: String,
        /// Digest of the file.
        found: String,
    },
    /// The tokenizer could not be built.
    #[error("{file} is not a tokenizer that can be used")]
    Tokenizer {
        /// The file.
        file: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The engine could not take the model in.
    #[error("the engine cannot take the model in")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}
