//! Tensors that a reply may bring.

use super::input::BYTES;
use super::parameters::whole_number;
use super::pb;
use crate::labels::HeadName;
use crate::message::{ValidationError, ValidationErrors};
use crate::model::manifest::{Head, Manifest};

/// The parameter of a requested output that asks for the best labels instead of the tensor.
const CLASSIFICATION: &str = "classification";

/// A tensor that a reply may bring.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Output {
    /// Calibrated probabilities of a head.
    Probabilities(HeadName),
    /// Raw outputs of a head.
    Logits(HeadName),
    /// Why the model declines to decide; empty where it does not.
    Abstention,
    /// The native reply as JSON.
    Response,
}

impl Output {
    /// Returns every output that a model has: its heads in their order, then what every model has.
    pub(super) fn of(manifest: &Manifest) -> Vec<Self> {
        let heads = || manifest.heads.iter().map(|head| head.name);
        heads()
            .map(Self::Probabilities)
            .chain(heads().map(Self::Logits))
            .chain([Self::Abstention, Self::Response])
            .collect()
    }

    /// Returns the name as requests spell it.
    pub(super) fn name(self) -> String {
        match self {
            Self::Probabilities(head) => format!("{head}_probabilities"),
            Self::Logits(head) => format!("{head}_logits"),
            Self::Abstention => "ABSTENTION".to_owned(),
            Self::Response => "RESPONSE".to_owned(),
        }
    }

    /// Returns the type of the elements as requests spell it.
    pub(super) fn datatype(self) -> &'static str {
        match self {
            Self::Probabilities(_) | Self::Logits(_) => "FP32",
            Self::Abstention | Self::Response => BYTES,
        }
    }

    /// Returns the head that the values are of, if they are of one.
    pub(super) fn head(self, manifest: &Manifest) -> Option<&Head> {
        match self {
            Self::Probabilities(head) | Self::Logits(head) => manifest.head(head),
            Self::Abstention | Self::Response => None,
        }
    }

    /// Returns the number of values for each message.
    pub(super) fn width(self, manifest: &Manifest) -> usize {
        self.head(manifest).map_or(1, |head| head.labels.len())
    }
}

/// A tensor that a request asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct RequestedOutput {
    pub(super) output: Output,
    /// How many of the best labels to name instead of giving the tensor; never 0.
    pub(super) best: Option<usize>,
}

impl RequestedOutput {
    /// Reads what a request asks for; nothing means the probabilities of every head. What is wrong is noted.
    pub(super) fn read(
        requested: &[pb::model_infer_request::InferRequestedOutputTensor],
        manifest: &Manifest,
        errors: &mut ValidationErrors,
    ) -> Vec<Self> {
        let known = Output::of(manifest);
        if requested.is_empty() {
            let probabilities =
                known.into_iter().filter(|output| matches!(output, Output::Probabilities(_)));
            return probabilities.map(|output| Self { output, best: None }).collect();
        }
        let mut outputs: Vec<Self> = Vec::new();
        for (index, asked) in requested.iter().enumerate() {
            let Some(output) = known.iter().copied().find(|output| output.name() == asked.name)
            else {
                let value = asked.name.chars().take(32).collect();
                let names: Vec<String> = known.iter().map(|output| output.name()).collect();
                let error = ValidationError::UnknownName { value, known: names.join(", ") };
                errors.push(format!("outputs[{index}].name"), error);
                return outputs;
            };
            // So that no reply is larger than the sum of what there is.
            if outputs.iter().any(|other| other.output == output) {
                let found = format!("{} again", asked.name);
                let expected = "each output once".to_owned();
                let error = ValidationError::Unexpected { found, expected };
                errors.push(format!("outputs[{index}].name"), error);
                return outputs;
            }
            let best = best_of(output, &asked.parameters, manifest, errors);
            outputs.push(Self { output, best });
        }
        outputs
    }
}

/// Reads how many labels an output shall name: `None` for the tensor itself, at most as many as there are.
fn best_of(
    output: Output,
    parameters: &std::collections::BTreeMap<String, pb::InferParameter>,
    manifest: &Manifest,
    errors: &mut ValidationErrors,
) -> Option<usize> {
    let name = output.name();
    let mut count = None;
    for (key, parameter) in parameters {
        let field = format!("{name}.parameters");
        if key != CLASSIFICATION {
            let value = key.chars().take(32).collect();
            let error = ValidationError::UnknownName { value, known: CLASSIFICATION.to_owned() };
            errors.push(field, error);
            return None;
        }
        let field = format!("{field}.{CLASSIFICATION}");
        let largest = i64::from(i32::MAX);
        count = whole_number(&field, parameter, 0..=largest, errors).filter(|count| *count > 0);
    }
    let count = usize::try_from(count?).ok()?;
    if output.head(manifest).is_none() {
        let found = format!("asked of {}", output.datatype());
        let expected = "probabilities or logits".to_owned();
        let error = ValidationError::Unexpected { found, expected };
        errors.push(format!("{name}.parameters.{CLASSIFICATION}"), error);
        return None;
    }
    Some(count.min(output.width(manifest)))
}
