//! Answers become tensors.

use std::collections::BTreeMap;

use super::contents::{push_bytes, push_floats};
use super::infer::Answer;
use super::input::BYTES;
use super::output::{Output, RequestedOutput};
use super::pb;
use super::request::InferRequest;
use crate::engine::MessageOutput;
use crate::error::Error;
use crate::labels::{HeadName, LabelId};
use crate::registry::LoadedModel;
use pb::infer_parameter::ParameterChoice;

/// The parameter of a reply that says that no other will come.
const FINAL_RESPONSE: &str = "triton_final_response";

/// Makes the reply of a model from its answers to every message, in their order.
///
/// # Errors
/// [`Error::Internal`] when outputs do not fit the model that gave them.
pub(super) fn response(
    request: &InferRequest,
    model: &LoadedModel,
    asked: &[RequestedOutput],
    answers: &[Answer],
) -> Result<pb::ModelInferResponse, Error> {
    let mut outputs = Vec::with_capacity(asked.len());
    let mut raw_output_contents = Vec::with_capacity(asked.len());
    for asked in asked {
        let (tensor, raw) = tensor(asked, model, answers)?;
        outputs.push(tensor);
        raw_output_contents.push(raw);
    }
    let is_final = ParameterChoice::BoolParam(true);
    let is_final = pb::InferParameter { parameter_choice: Some(is_final) };
    let marks = request.parameters.marks_final.then(|| (FINAL_RESPONSE.to_owned(), is_final));
    let key = model.key();
    Ok(pb::ModelInferResponse {
        model_name: key.name,
        model_version: key.version,
        id: request.id.clone(),
        parameters: marks.into_iter().collect(),
        outputs,
        raw_output_contents,
    })
}

type Tensor = (pb::model_infer_response::InferOutputTensor, Vec<u8>);

fn tensor(
    asked: &RequestedOutput,
    model: &LoadedModel,
    answers: &[Answer],
) -> Result<Tensor, Error> {
    let mut raw = Vec::new();
    for answer in answers {
        match asked.output {
            Output::Probabilities(head) | Output::Logits(head) => {
                let values = values(asked.output, head, model, answer.output.as_ref())?;
                match asked.best {
                    Some(count) => push_best(&mut raw, &values, head, model, count),
                    None => push_floats(&mut raw, &values),
                }
            }
            Output::Abstention => {
                push_bytes(&mut raw, answer.abstention.unwrap_or_default().as_bytes());
            }
            Output::Response => push_bytes(&mut raw, &answer.json),
        }
    }
    let width = asked.best.unwrap_or_else(|| asked.output.width(model.manifest()));
    let datatype = if asked.best.is_some() { BYTES } else { asked.output.datatype() };
    let tensor = pb::model_infer_response::InferOutputTensor {
        name: asked.output.name(),
        datatype: datatype.to_owned(),
        shape: [answers.len(), width].map(to_i64).into(),
        parameters: BTreeMap::new(),
        contents: None,
    };
    Ok((tensor, raw))
}

/// Returns the values of one head for one message; zeros when nothing was left to classify.
fn values(
    output: Output,
    head: HeadName,
    model: &LoadedModel,
    computed: Option<&MessageOutput>,
) -> Result<Vec<f32>, Error> {
    let Some(computed) = computed else {
        return Ok(vec![0.0; output.width(model.manifest())]);
    };
    if let Output::Logits(_) = output {
        return Ok(computed.logits(head).unwrap_or_default().to_vec());
    }
    model.scorer().probabilities(computed, head).map_err(Error::internal)
}

/// Appends the `count` largest values, "value:position:label" each; equal ones in the order of the labels.
fn push_best(raw: &mut Vec<u8>, values: &[f32], head: HeadName, model: &LoadedModel, count: usize) {
    let labels = model.scorer().labels(head);
    let mut ranked: Vec<(usize, f32)> = values.iter().copied().enumerate().collect();
    ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    for (index, value) in ranked.into_iter().take(count) {
        let label = labels.and_then(|labels| labels.get(LabelId(index))).unwrap_or_default();
        push_bytes(raw, format!("{value:.6}:{index}:{label}").as_bytes());
    }
}

/// Sizes on the wire are signed.
pub(super) fn to_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
