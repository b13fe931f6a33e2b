//! Tensors of a request become columns of texts, one for each input.

use super::contents::read_bytes;
use super::{pb, shown};
use crate::message::{ValidationError, ValidationErrors};

/// An input that a request may bring.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Input {
    /// What the customers wrote. Required.
    Text,
    /// Subject lines.
    Subject,
    /// Languages that the caller expects.
    Language,
    /// Where the messages came in.
    Channel,
    /// Shops or brands.
    Tenant,
}

impl Input {
    /// Every input, the required one first.
    pub(super) const ALL: [Self; 5] =
        [Self::Text, Self::Subject, Self::Language, Self::Channel, Self::Tenant];

    /// Returns the name as requests spell it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::Subject => "SUBJECT",
            Self::Language => "LANGUAGE",
            Self::Channel => "CHANNEL",
            Self::Tenant => "TENANT",
        }
    }
}

/// The texts of a request: as many in each column that is there as there are messages.
#[derive(Debug, Default)]
pub(super) struct Columns {
    columns: Vec<(Input, Vec<String>)>,
}

impl Columns {
    /// Takes a column out; `None` when the request has none of that name.
    pub(super) fn take(&mut self, input: Input) -> Option<Vec<String>> {
        let position = self.columns.iter().position(|(name, _)| *name == input)?;
        Some(self.columns.swap_remove(position).1)
    }

    /// Reads the tensors of a request; `limit` is how many messages it may bring. What is wrong is noted.
    pub(super) fn read(
        inputs: Vec<pb::model_infer_request::InferInputTensor>,
        raw: &[Vec<u8>],
        limit: usize,
        errors: &mut ValidationErrors,
    ) -> Self {
        if !raw.is_empty() && raw.len() != inputs.len() {
            let found = format!("{} buffers", raw.len());
            let expected = format!("one for each of the {} inputs", inputs.len());
            errors.push("raw_input_contents", ValidationError::Unexpected { found, expected });
            return Self::default();
        }
        let mut tensors: Vec<Tensor<'_>> = Vec::new();
        for (index, input) in inputs.into_iter().enumerate() {
            match Tensor::read(input, raw.get(index).map(Vec::as_slice), index, errors) {
                Some(tensor) if tensors.iter().any(|other| other.input == tensor.input) => {
                    let found = format!("{} again", tensor.input.as_str());
                    let expected = "each input once".to_owned();
                    let error = ValidationError::Unexpected { found, expected };
                    errors.push(format!("inputs[{index}].name"), error);
                    return Self::default();
                }
                Some(tensor) => tensors.push(tensor),
                // A request of a million nameless tensors is not looked through to its end.
                None => return Self::default(),
            }
        }
        let Some(messages) = count_messages(&tensors, limit, errors) else {
            return Self::default();
        };
        let columns = tensors.into_iter().filter_map(|tensor| {
            let input = tensor.input;
            Some((input, tensor.into_texts(messages, errors)?))
        });
        Self { columns: columns.collect() }
    }
}

/// Returns how many messages a request has, by the shape of its texts. Other columns must agree.
fn count_messages(
    tensors: &[Tensor<'_>],
    limit: usize,
    errors: &mut ValidationErrors,
) -> Option<usize> {
    let name = Input::Text.as_str();
    let texts = tensors.iter().find(|tensor| tensor.input == Input::Text);
    let items = match texts {
        None | Some(Tensor { items: 0, .. }) => {
            errors.push(name, ValidationError::Missing);
            return None;
        }
        Some(Tensor { items, .. }) if *items > limit => {
            errors.push(name, ValidationError::TooMany { items: *items, limit });
            return None;
        }
        Some(tensor) => tensor.items,
    };
    let mut agree = true;
    for other in tensors.iter().filter(|tensor| tensor.items != items) {
        let found = format!("[{}]", other.items);
        let expected = format!("[{items}] or [{items}, 1] as {name}");
        let error = ValidationError::Unexpected { found, expected };
        errors.push(format!("{}.shape", other.input.as_str()), error);
        agree = false;
    }
    agree.then_some(items)
}

/// One tensor whose name, type and shape are right.
struct Tensor<'a> {
    input: Input,
    items: usize,
    contents: Contents<'a>,
}

enum Contents<'a> {
    Raw(&'a [u8]),
    Elements(Vec<Vec<u8>>),
}

impl<'a> Tensor<'a> {
    fn read(
        tensor: pb::model_infer_request::InferInputTensor,
        raw: Option<&'a [u8]>,
        index: usize,
        errors: &mut ValidationErrors,
    ) -> Option<Self> {
        let pb::model_infer_request::InferInputTensor {
            name,
            datatype,
            shape,
            parameters,
            contents,
        } = tensor;
        let Some(input) = Input::ALL.into_iter().find(|input| input.as_str() == name) else {
            let known = Input::ALL.map(Input::as_str).join(", ");
            let value = name.chars().take(32).collect();
            let error = ValidationError::UnknownName { value, known };
            errors.push(format!("inputs[{index}].name"), error);
            return None;
        };
        let name = input.as_str();
        let mut refuse = |part: &str, found: String, expected: &str| {
            let expected = expected.to_owned();
            errors.push(format!("{name}.{part}"), ValidationError::Unexpected { found, expected });
        };
        if let Some(key) = parameters.keys().next() {
            refuse("parameters", shown(key), "none");
            return None;
        }
        if datatype != BYTES {
            refuse("datatype", shown(&datatype), "\"BYTES\"");
            return None;
        }
        let Some(items) = items(&shape) else {
            let some: Vec<i64> = shape.iter().copied().take(8).collect();
            refuse("shape", format!("{some:?}"), "[n] or [n, 1] for n messages");
            return None;
        };
        let contents = match (raw, contents) {
            (Some(raw), None) => Contents::Raw(raw),
            (Some(raw), Some(contents)) if contents == pb::InferTensorContents::default() => {
                Contents::Raw(raw)
            }
            (Some(_), Some(_)) => {
                refuse("contents", "set".to_owned(), "none beside raw_input_contents");
                return None;
            }
            (None, contents) => {
                let mut contents = contents.unwrap_or_default();
                let elements = std::mem::take(&mut contents.bytes_contents);
                if contents != pb::InferTensorContents::default() {
                    refuse("contents", "of another type".to_owned(), "bytes_contents");
                    return None;
                }
                Contents::Elements(elements)
            }
        };
        Some(Self { input, items, contents })
    }

    /// Reads the elements as texts; `messages` is their number by the shape.
    fn into_texts(self, messages: usize, errors: &mut ValidationErrors) -> Option<Vec<String>> {
        let name = self.input.as_str();
        let elements: Vec<Vec<u8>> = match self.contents {
            Contents::Elements(elements) if elements.len() == messages => elements,
            Contents::Elements(elements) => {
                let found = format!("of {} elements", elements.len());
                let expected = format!("{messages} as its shape says");
                let error = ValidationError::Unexpected { found, expected };
                errors.push(format!("{name}.contents"), error);
                return None;
            }
            Contents::Raw(raw) => match read_bytes(raw, messages) {
                Ok(elements) => elements.into_iter().map(<[u8]>::to_vec).collect(),
                Err(error) => {
                    let found = error.to_string();
                    let expected = "4 bytes of length before each element".to_owned();
                    let error = ValidationError::Unexpected { found, expected };
                    errors.push(format!("{name}.raw_input_contents"), error);
                    return None;
                }
            },
        };
        let mut texts = Vec::with_capacity(messages);
        for (index, element) in elements.into_iter().enumerate() {
            texts.push(String::from_utf8(element).unwrap_or_else(|error| {
                let position = error.utf8_error().valid_up_to();
                errors.push(format!("{name}[{index}]"), ValidationError::NotUtf8 { position });
                String::new()
            }));
        }
        Some(texts)
    }
}

/// Type of every input, as requests spell it.
pub(super) const BYTES: &str = "BYTES";

/// Returns the number of elements of a shape [n] or [n, 1].
fn items(shape: &[i64]) -> Option<usize> {
    match shape {
        [items] | [items, 1] => usize::try_from(*items).ok(),
        _ => None,
    }
}
