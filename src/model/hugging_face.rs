//! Makes a [`Manifest`] for a directory as Hugging Face writes it, from `config.json` alone.

use std::collections::HashSet;
use std::path::Path;

use super::architecture::{Architecture, Purpose};
use super::error::ModelError;
use super::fields::Object;
use super::files::{CONFIG, MANIFEST};
use super::manifest::{AbstentionRules, Head, Manifest};
use crate::labels::{HeadKind, HeadName, LabelSet};

/// Most encoders of the supported families are trained with 512 positions; longer messages only cost time. ModernBERT
/// has more, which a bundle may ask for.
const MAX_TOKENS: usize = 512;

/// Reads what `config.json` says of the one head.
pub(super) fn manifest(
    config: &Object<'_>,
    architecture: &Architecture,
    directory: Option<&Path>,
) -> Result<Manifest, ModelError> {
    if architecture.purpose != Purpose::Classifier {
        return Err(ModelError::Field {
            file: CONFIG,
            field: "architectures[0]".into(),
            expected: format!("a ...ForSequenceClassification, as there is no {MANIFEST}"),
            found: format!("\"{}\"", architecture.name),
        });
    }
    let labels = labels(config)?;
    let (name, kind, thresholds) = if is_multi_label(config, labels.len())? {
        (HeadName::Intent, HeadKind::MultiLabel, vec![0.5; labels.len()])
    } else {
        (HeadName::Primary, HeadKind::SingleLabel, vec![])
    };
    Ok(Manifest {
        name: directory_name(directory),
        version: "1".into(),
        max_tokens: architecture.max_positions().min(MAX_TOKENS),
        pooling: architecture.classifier_pooling,
        heads: vec![Head {
            name,
            kind,
            labels: LabelSet::new(labels),
            temperature: 1.0,
            thresholds,
        }],
        languages: vec![],
        abstention: AbstentionRules::default(),
    })
}

/// Absent, transformers assumes classification of a single label, or regression when there is one output.
fn is_multi_label(config: &Object<'_>, labels: usize) -> Result<bool, ModelError> {
    const FIELD: &str = "problem_type";
    match config.optional(FIELD, Object::text)? {
        Some("multi_label_classification") => Ok(true),
        Some("single_label_classification") => Ok(false),
        None if labels > 1 => Ok(false),
        None => Err(config.refuse(
            FIELD,
            "given when there is one label, since transformers reads that as regression",
        )),
        Some(_) => Err(config.refuse(
            FIELD,
            "single_label_classification or multi_label_classification, as only probabilities can be read",
        )),
    }
}

/// Reads `id2label`; absent, transformers assumes two labels.
fn labels(config: &Object<'_>) -> Result<Vec<String>, ModelError> {
    const FIELD: &str = "id2label";
    let Some(map) = config.optional(FIELD, Object::object)? else {
        return Ok(vec!["LABEL_0".into(), "LABEL_1".into()]);
    };
    let count = map.names().len();
    let mut seen = HashSet::new();
    let mut labels = Vec::with_capacity(count);
    for id in 0..count {
        let id = id.to_string();
        let label = map.text(&id)?;
        if label.is_empty() || label.chars().any(char::is_control) || !seen.insert(label) {
            return Err(
                map.refuse(&id, "a label without control characters that no other output has")
            );
        }
        labels.push(label.to_owned());
    }
    if labels.is_empty() {
        return Err(config.refuse(FIELD, "at least 1 label"));
    }
    Ok(labels)
}

fn directory_name(directory: Option<&Path>) -> String {
    // "." and "models/x/.." have no name of their own until they are resolved.
    let resolved = directory.and_then(|path| path.canonicalize().ok());
    let name = resolved.as_deref().and_then(Path::file_name);
    name.map_or_else(|| "model".into(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn manifest_of(change: impl FnOnce(&mut Value)) -> Result<Manifest, ModelError> {
        let mut config = json!({
            "architectures": ["XLMRobertaForSequenceClassification"],
            "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 16, "max_position_embeddings": 514, "type_vocab_size": 1,
            "vocab_size": 100, "pad_token_id": 1,
            "id2label": {"0": "a", "1": "b"},
        });
        change(&mut config);
        let root = Object::root(CONFIG, &config)?;
        manifest(&root, &Architecture::parse(&root)?, Some(Path::new("/")))
    }

    #[test]
    fn without_problem_type_one_label_holds() {
        let manifest = manifest_of(|_| ()).unwrap();

        assert_eq!(manifest.heads[0].name, HeadName::Primary);
        assert_eq!(manifest.heads[0].kind, HeadKind::SingleLabel);
        assert_eq!(manifest.max_tokens, 512);
        assert_eq!(manifest.name, "model", "the root directory has no name");
    }

    #[test]
    fn multi_label_becomes_intents_with_thresholds() {
        let manifest = manifest_of(|config| {
            config["problem_type"] = json!("multi_label_classification");
        });

        let head = &manifest.unwrap().heads[0];
        assert_eq!(head.name, HeadName::Intent);
        assert_eq!(head.thresholds, [0.5, 0.5]);
    }

    #[test]
    fn regression_is_refused_whether_said_or_meant() {
        let said = manifest_of(|config| config["problem_type"] = json!("regression"));
        let meant = manifest_of(|config| config["id2label"] = json!({"0": "score"}));

        for error in [said.unwrap_err(), meant.unwrap_err()] {
            assert!(error.to_string().contains("problem_type"), "{error}");
        }
    }

    #[test]
    fn labels_are_complete_and_distinct() {
        for labels in [json!({"0": "a", "2": "b"}), json!({"0": "a", "1": "a"}), json!({})] {
            let error = manifest_of(|config| config["id2label"] = labels).unwrap_err();

            assert!(error.to_string().contains("field id2label"), "{error}");
        }
    }
}
