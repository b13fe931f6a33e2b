//! Digests: which files a model consists of.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::error::ModelError;
use super::files::{CONFIG, MANIFEST, ModelFiles, TAXONOMY, TOKENIZER, WeightFiles};
use super::manifest::Head;

/// Digests of a model, each as `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Digests {
    /// The model as a whole: over one line `<digest>  <file>` for each file, in the order of the file names.
    pub model: String,
    /// `model.safetensors`; of weights in several files, as for `model` over index and shards.
    pub weights: String,
    /// `tokenizer.json`.
    pub tokenizer: String,
    /// `config.json`.
    pub config: String,
    /// The label sets: over the compact JSON `[["<head>",["<label>",...]],...]` in the order of the heads.
    pub taxonomy: String,
}

impl Digests {
    /// Computes the digests, and compares them with those that a manifest gives.
    pub(super) fn of(
        files: &ModelFiles,
        heads: &[Head],
        declared: &DeclaredDigests,
    ) -> Result<Self, ModelError> {
        let config = digest(&files.config);
        let tokenizer = digest(&files.tokenizer);
        let of_weights: BTreeMap<&str, String> =
            files.weights.files().into_iter().map(|(file, bytes)| (file, digest(bytes))).collect();
        let weights = match (&files.weights, of_weights.values().next()) {
            (WeightFiles::One(_), Some(digest)) => digest.clone(),
            _ => digest(lines(&of_weights).as_bytes()),
        };
        let mut all = of_weights;
        all.insert(CONFIG, config.clone());
        all.insert(TOKENIZER, tokenizer.clone());
        declared.compare(&all)?;
        for (file, bytes) in [(MANIFEST, &files.manifest), (TAXONOMY, &files.taxonomy)] {
            if let Some(bytes) = bytes {
                all.insert(file, digest(bytes));
            }
        }
        Ok(Self {
            model: digest(lines(&all).as_bytes()),
            weights,
            tokenizer,
            config,
            taxonomy: taxonomy(heads),
        })
    }
}

/// One line for each file, in the order of their names.
fn lines(digests: &BTreeMap<&str, String>) -> String {
    digests.iter().map(|(file, digest)| format!("{digest}  {file}\n")).collect()
}

/// Digests by file that a manifest gives under `files`.
#[derive(Debug, Default)]
pub(super) struct DeclaredDigests(pub(super) BTreeMap<String, String>);

impl DeclaredDigests {
    /// Compares them with the files' own.
    fn compare(&self, found: &BTreeMap<&str, String>) -> Result<(), ModelError> {
        for (file, expected) in &self.0 {
            if let Some(found) = found.get(file.as_str())
                && found != expected
            {
                return Err(ModelError::Digest {
                    file: file.clone(),
                    expected: expected.clone(),
                    found: found.clone(),
                });
            }
        }
        Ok(())
    }
}

fn taxonomy(heads: &[Head]) -> String {
    let sets: Vec<(&str, Vec<&str>)> =
        heads.iter().map(|head| (head.name.as_str(), head.labels.iter().collect())).collect();
    digest(serde_json::json!(sets).to_string().as_bytes())
}

/// Returns `sha256:` and 64 hexadecimal digits.
pub(super) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labels::{HeadKind, HeadName, LabelSet};

    fn head(labels: &[&'static str]) -> Head {
        Head {
            name: HeadName::Primary,
            kind: HeadKind::SingleLabel,
            labels: LabelSet::new(labels.iter().copied()),
            temperature: 1.0,
            thresholds: vec![],
        }
    }

    #[test]
    fn digest_is_that_of_sha256sum() {
        assert_eq!(
            digest(b"abc"),
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn taxonomy_depends_on_labels_and_their_order() {
        let taxonomies = [
            taxonomy(&[head(&["a", "b"])]),
            taxonomy(&[head(&["b", "a"])]),
            taxonomy(&[head(&["ab"])]),
        ];

        assert_ne!(taxonomies[0], taxonomies[1]);
        assert_ne!(taxonomies[0], taxonomies[2]);
        assert_eq!(
            taxonomies[0],
            digest(br#"[["primary",["a","b"]]]"#),
            "the form that the documentation gives"
        );
    }
}
