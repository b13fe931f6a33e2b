//! Digests: which files a model consists of.

use sha2::{Digest as _, Sha256};

use super::error::ModelError;
use super::files::{CONFIG, MANIFEST, ModelFiles, TAXONOMY, TOKENIZER, WEIGHTS};
use super::manifest::Head;

/// Digests of a model, each as `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Digests {
    /// The model as a whole: over one line `<digest>  <file>` for each file, in the order of the file names.
    pub model: String,
    /// `model.safetensors`.
    pub weights: String,
    /// `tokenizer.json`.
    pub tokenizer: String,
    /// `config.json`.
    pub config: String,
    /// The label sets: over the compact JSON `[["<head>",["<label>",...]],...]` in the order of the heads.
    pub taxonomy: String,
}

impl Digests {
    /// Computes the digests.
    pub(super) fn of(files: &ModelFiles, heads: &[Head]) -> Self {
        let config = digest(&files.config);
        let weights = digest(&files.weights);
        let tokenizer = digest(&files.tokenizer);
        let mut lines = format!("{config}  {CONFIG}\n{weights}  {WEIGHTS}\n");
        if let Some(manifest) = &files.manifest {
            lines += &format!("{}  {MANIFEST}\n", digest(manifest));
        }
        if let Some(taxonomy) = &files.taxonomy {
            lines += &format!("{}  {TAXONOMY}\n", digest(taxonomy));
        }
        lines += &format!("{tokenizer}  {TOKENIZER}\n");
        Self {
            model: digest(lines.as_bytes()),
            weights,
            tokenizer,
            config,
            taxonomy: taxonomy(heads),
        }
    }

    /// Compares the digests that a manifest gives with the files' own.
    pub(super) fn verify(&self, declared: &DeclaredDigests) -> Result<(), ModelError> {
        let files = [
            (CONFIG, &declared.config, &self.config),
            (TOKENIZER, &declared.tokenizer, &self.tokenizer),
            (WEIGHTS, &declared.weights, &self.weights),
        ];
        for (file, expected, found) in files {
            if let Some(expected) = expected
                && expected != found
            {
                return Err(ModelError::Digest {
                    file,
                    expected: expected.clone(),
                    found: found.clone(),
                });
            }
        }
        Ok(())
    }
}

/// Digests that a manifest gives under `files`.
#[derive(Debug, Default)]
pub(super) struct DeclaredDigests {
    pub(super) config: Option<String>,
    pub(super) tokenizer: Option<String>,
    pub(super) weights: Option<String>,
}

fn taxonomy(heads: &[Head]) -> String {
    let sets: Vec<(&str, Vec<&str>)> =
        heads.iter().map(|head| (head.name.as_str(), head.labels.iter().collect())).collect();
    digest(serde_json::json!(sets).to_string().as_bytes())
}

/// Returns `sha256:` and 64 hexadecimal digits.
fn digest(bytes: &[u8]) -> String {
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
