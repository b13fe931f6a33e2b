//! The model inside the binary.

use super::error::ModelError;
use super::files::ModelFiles;

/// Returns the files of `models/default`, which were compiled in.
///
/// # Errors
/// [`ModelError::NotEmbedded`] when the feature `embedded-model` was off.
#[cfg(feature = "embedded-model")]
pub(super) fn files() -> Result<ModelFiles, ModelError> {
    use std::borrow::Cow;

    use super::files::WeightFiles;

    Ok(ModelFiles {
        config: Cow::Borrowed(include_bytes!("../../models/default/config.json")),
        tokenizer: Cow::Borrowed(include_bytes!("../../models/default/tokenizer.json")),
        weights: WeightFiles::One(Cow::Borrowed(include_bytes!(
            "../../models/default/model.safetensors"
        ))),
        manifest: Some(Cow::Borrowed(include_bytes!("../../models/default/signalbox.json"))),
        taxonomy: None,
    })
}

/// Returns the files of `models/default`, which were compiled in.
///
/// # Errors
/// [`ModelError::NotEmbedded`] when the feature `embedded-model` was off.
#[cfg(not(feature = "embedded-model"))]
pub(super) fn files() -> Result<ModelFiles, ModelError> {
    Err(ModelError::NotEmbedded)
}
