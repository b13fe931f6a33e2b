//! Reads `signalbox.json` into a [`Manifest`]: what passes here is valid.

use std::collections::{BTreeMap, HashSet};

use super::SelfCheck;
use super::architecture::{Architecture, Purpose};
use super::error::ModelError;
use super::fields::{self, Object, to_f32};
use super::files::{CONFIG, MANIFEST, TOKENIZER};
use super::integrity::DeclaredDigests;
use super::manifest::{AbstentionRules, Head, Manifest, Pooling};
use crate::labels::{HeadKind, HeadName, LabelId, LabelSet, POLARITY_STEPS};
use crate::message::MAX_NAME_CHARS;

/// The only version of the format so far.
pub(super) const FORMAT: usize = 1;
/// One token between the first and the last special token.
const MIN_MAX_TOKENS: usize = 3;

const HEAD_NAMES: [HeadName; 4] =
    [HeadName::Primary, HeadName::Intent, HeadName::Polarity, HeadName::Flags];

/// Everything that `signalbox.json` says.
pub(super) struct ManifestFile {
    pub(super) manifest: Manifest,
    pub(super) digests: DeclaredDigests,
    pub(super) self_check: Vec<SelfCheck>,
}

impl ManifestFile {
    /// Reads and checks the file. `weight_files` are the names of the files with the weights.
    pub(super) fn parse(
        bytes: &[u8],
        architecture: &Architecture,
        weight_files: &[&str],
    ) -> Result<Self, ModelError> {
        let value = fields::parse(MANIFEST, bytes)?;
        let root = Object::root(MANIFEST, &value)?;
        root.only(&[
            "format",
            "name",
            "version",
            "max_tokens",
            "pooling",
            "heads",
            "languages",
            "abstention",
            "files",
            "self_check",
        ])?;
        if root.size("format")? != FORMAT {
            return Err(root.refuse("format", FORMAT.to_string()));
        }
        if architecture.purpose != Purpose::Encoder {
            return Err(ModelError::Field {
                file: CONFIG,
                field: "architectures[0]".into(),
                expected: format!(
                    "an encoder such as BertModel, since {MANIFEST} describes the heads"
                ),
                found: format!("\"{}\"", architecture.name),
            });
        }
        let manifest = Manifest {
            name: name(&root, "name")?.to_owned(),
            version: name(&root, "version")?.to_owned(),
            max_tokens: max_tokens(&root, architecture)?,
            pooling: pooling(&root)?,
            heads: heads(&root)?,
            languages: languages(&root)?,
            abstention: root.optional("abstention", abstention)?.unwrap_or_default(),
        };
        let self_check =
            root.optional("self_check", |root, field| self_check(root, field, &manifest))?;
        Ok(Self {
            digests: root
                .optional("files", |root, field| digests(root, field, weight_files))?
                .unwrap_or_default(),
            self_check: self_check.unwrap_or_default(),
            manifest,
        })
    }
}

fn name<'a>(object: &Object<'a>, field: &str) -> Result<&'a str, ModelError> {
    let name = object.text(field)?;
    let chars = name.chars().count();
    if (1..=MAX_NAME_CHARS).contains(&chars) && !name.chars().any(char::is_control) {
        return Ok(name);
    }
    let expected = format!("1 to {MAX_NAME_CHARS} characters, none of them a control character");
    Err(object.refuse(field, expected))
}

fn max_tokens(root: &Object<'_>, architecture: &Architecture) -> Result<usize, ModelError> {
    let positions = architecture.max_positions();
    match root.size("max_tokens")? {
        tokens if (MIN_MAX_TOKENS..=positions).contains(&tokens) => Ok(tokens),
        _ => Err(root.refuse(
            "max_tokens",
            format!("from {MIN_MAX_TOKENS} to the encoder's {positions} positions"),
        )),
    }
}

fn pooling(root: &Object<'_>) -> Result<Pooling, ModelError> {
    let all = [Pooling::Mean, Pooling::Cls, Pooling::Pooler];
    let text = root.text("pooling")?;
    let known = all.into_iter().find(|pooling| pooling.as_str() == text);
    known.ok_or_else(|| root.refuse("pooling", "one of mean, cls, pooler"))
}

fn heads(root: &Object<'_>) -> Result<Vec<Head>, ModelError> {
    let mut heads: Vec<Head> = Vec::new();
    for object in root.objects("heads")? {
        let head = head(&object)?;
        if heads.iter().any(|known| known.name == head.name) {
            return Err(object.refuse("name", "a name that no other head has"));
        }
        heads.push(head);
    }
    check_same_intents(root, &heads)?;
    let leads = |head: &Head| matches!(head.name, HeadName::Primary | HeadName::Intent);
    if heads.iter().any(leads) {
        Ok(heads)
    } else {
        let names: Vec<_> = heads.iter().map(|head| head.name.as_str()).collect();
        Err(root.refuse_found(
            "heads",
            "a list with a head named primary or intent",
            format!("[{}]", names.join(", ")),
        ))
    }
}

/// `primary` and `intent` are read side by side, so they must speak of the same intents in the same order.
fn check_same_intents(root: &Object<'_>, heads: &[Head]) -> Result<(), ModelError> {
    let labels = |name| heads.iter().find(|head| head.name == name).map(|head| &head.labels);
    let (Some(primary), Some(intent)) = (labels(HeadName::Primary), labels(HeadName::Intent))
    else {
        return Ok(());
    };
    if primary == intent {
        return Ok(());
    }
    let differing = primary.iter().zip(intent.iter()).position(|(a, b)| a != b);
    let found = match differing {
        Some(index) => {
            let at = |labels: &LabelSet| labels.get(LabelId(index)).unwrap_or_default().to_owned();
            format!("labels[{index}] is \"{}\" and \"{}\"", at(primary), at(intent))
        }
        None => format!("{} and {} labels", primary.len(), intent.len()),
    };
    let expected = "the same labels in the same order in the heads primary and intent";
    Err(root.refuse_found("heads", expected, found))
}

fn head(object: &Object<'_>) -> Result<Head, ModelError> {
    object.only(&["name", "kind", "labels", "temperature", "thresholds"])?;
    let text = object.text("name")?;
    let name = HEAD_NAMES.into_iter().find(|name| name.as_str() == text);
    let name =
        name.ok_or_else(|| object.refuse("name", "one of primary, intent, polarity, flags"))?;
    let kind = kind_of(name);
    if object.text("kind")? != kind.as_str() {
        let expected = format!("{} for a head named {name}", kind.as_str());
        return Err(object.refuse("kind", expected));
    }
    let labels = labels(object)?;
    if name == HeadName::Polarity && labels != POLARITY_STEPS {
        let expected = format!("the five steps [{}]", POLARITY_STEPS.join(", "));
        return Err(object.refuse_found("labels", expected, format!("[{}]", labels.join(", "))));
    }
    let temperature = object.optional("temperature", temperature)?;
    Ok(Head {
        name,
        kind,
        temperature: temperature.unwrap_or(1.0),
        thresholds: thresholds(object, kind, labels.len())?,
        labels: LabelSet::new(labels),
    })
}

/// What the service reads out of a head fixes how its outputs become probabilities.
fn kind_of(name: HeadName) -> HeadKind {
    match name {
        HeadName::Primary => HeadKind::SingleLabel,
        HeadName::Intent | HeadName::Flags => HeadKind::MultiLabel,
        HeadName::Polarity => HeadKind::Ordinal,
    }
}

fn labels<'a>(object: &Object<'a>) -> Result<Vec<&'a str>, ModelError> {
    let labels = object.texts("labels")?;
    if labels.is_empty() {
        return Err(object.refuse("labels", "a list of at least 1"));
    }
    let mut seen = HashSet::new();
    for (index, label) in labels.iter().enumerate() {
        let sound = !label.is_empty() && !label.chars().any(char::is_control);
        if !sound || !seen.insert(*label) {
            return Err(object.refuse_found(
                &format!("labels[{index}]"),
                "a label without control characters that no other output has",
                format!("{label:?}"),
            ));
        }
    }
    Ok(labels)
}

fn temperature(object: &Object<'_>, field: &str) -> Result<f32, ModelError> {
    let temperature = to_f32(object.number(field)?);
    if temperature.is_normal() && temperature > 0.0 {
        Ok(temperature)
    } else {
        Err(object.refuse(field, "a finite number over 0"))
    }
}

fn thresholds(object: &Object<'_>, kind: HeadKind, labels: usize) -> Result<Vec<f32>, ModelError> {
    let given = object.optional("thresholds", Object::numbers)?;
    let thresholds = match (kind, given) {
        (HeadKind::MultiLabel, Some(thresholds)) => thresholds,
        (HeadKind::MultiLabel, None) => vec![0.5; labels],
        (HeadKind::SingleLabel | HeadKind::Ordinal, None) => return Ok(vec![]),
        (HeadKind::SingleLabel | HeadKind::Ordinal, Some(_)) => {
            let expected = format!("absent in a {} head", kind.as_str());
            return Err(object.refuse("thresholds", expected));
        }
    };
    if thresholds.len() != labels {
        let expected = format!("a list of {labels}, one for each label");
        return Err(object.refuse("thresholds", expected));
    }
    let open_unit = |(index, threshold): (usize, f64)| match to_f32(threshold) {
        small if small > 0.0 && small < 1.0 => Ok(small),
        _ => Err(object.refuse_found(
            &format!("thresholds[{index}]"),
            "a number over 0 and under 1",
            threshold.to_string(),
        )),
    };
    thresholds.into_iter().enumerate().map(open_unit).collect()
}

fn languages(root: &Object<'_>) -> Result<Vec<String>, ModelError> {
    let tags = root.optional("languages", Object::texts)?.unwrap_or_default();
    for (index, tag) in tags.iter().enumerate() {
        let tag_like = (2..=35).contains(&tag.len())
            && tag.chars().all(|char| char.is_ascii_alphanumeric() || char == '-');
        if !tag_like {
            return Err(root.refuse_found(
                &format!("languages[{index}]"),
                "a BCP-47 tag such as \"en\"",
                format!("{tag:?}"),
            ));
        }
    }
    Ok(tags.into_iter().map(str::to_owned).collect())
}

fn abstention(root: &Object<'_>, field: &str) -> Result<AbstentionRules, ModelError> {
    let object = root.object(field)?;
    object.only(&[
        "min_primary",
        "min_group",
        "min_margin",
        "min_presence",
        "max_unknown_share",
    ])?;
    let share = |field: &str, default: f32| {
        let Some(number) = object.optional(field, Object::number)? else {
            return Ok(default);
        };
        let share = to_f32(number);
        if (0.0..=1.0).contains(&share) {
            Ok(share)
        } else {
            Err(object.refuse(field, "a number from 0 to 1"))
        }
    };
    let default = AbstentionRules::default();
    Ok(AbstentionRules {
        min_primary: share("min_primary", default.min_primary)?,
        min_group: share("min_group", default.min_group)?,
        min_margin: share("min_margin", default.min_margin)?,
        min_presence: share("min_presence", default.min_presence)?,
        max_unknown_share: share("max_unknown_share", default.max_unknown_share)?,
    })
}

fn digests(
    root: &Object<'_>,
    field: &str,
    weight_files: &[&str],
) -> Result<DeclaredDigests, ModelError> {
    let object = root.object(field)?;
    let known = [&[CONFIG, TOKENIZER], weight_files].concat();
    object.only(&known)?;
    let digest = |object: &Object<'_>, file: &str| {
        let text = object.text(file)?;
        let hexadecimal = |digits: &str| {
            digits.len() == 64 && digits.chars().all(|digit| digit.is_ascii_hexdigit())
        };
        if text.strip_prefix("sha256:").is_some_and(hexadecimal) {
            Ok(text.to_ascii_lowercase())
        } else {
            Err(object.refuse(file, "\"sha256:\" and 64 hexadecimal digits"))
        }
    };
    let mut digests = BTreeMap::new();
    for file in known {
        if let Some(digest) = object.optional(file, digest)? {
            digests.insert(file.to_owned(), digest);
        }
    }
    Ok(DeclaredDigests(digests))
}

fn self_check(
    root: &Object<'_>,
    field: &str,
    manifest: &Manifest,
) -> Result<Vec<SelfCheck>, ModelError> {
    let leading = manifest.head(HeadName::Primary).or_else(|| manifest.head(HeadName::Intent));
    let one = |object: Object<'_>| {
        object.only(&["text", "primary"])?;
        let text = object.text("text")?.to_owned();
        let primary = object.text("primary")?.to_owned();
        let known = leading.is_some_and(|head| head.labels.iter().any(|label| label == primary));
        if known {
            Ok(SelfCheck { text, primary })
        } else {
            Err(object.refuse("primary", "a label of the head primary or intent"))
        }
    };
    root.objects(field)?.into_iter().map(one).collect()
}
