//! f32, f16 or bf16 weights to int8: every matrix of the encoder, with a scale for each row.
//!
//! `training/quantize.py` computes the same, to the bit.

use safetensors::Dtype;

use super::architecture::Attention;
use super::weights::RawTensor;
use super::writing::ModelDraft;
use super::{HEADS_PREFIX, ModelBundle, SCALE_SUFFIX};

/// The largest integer; -128 is left out, so that a weight and its negative are stored alike.
const LARGEST: f32 = 127.0;

/// Heads, which keep their type: ours, and those of `*ForSequenceClassification`.
const HEAD_PREFIXES: [&str; 4] = [HEADS_PREFIX, "classifier.", "pre_classifier.", "head."];

/// Why a model has no int8 form.
#[derive(Debug, thiserror::Error)]
pub enum QuantizationError {
    /// Its blocks are not BERT's.
    #[error(
        "{architecture} has other blocks than BERT, which the int8 engine does not compute; serve it as it is, with \
         inference.engine = \"candle\" or \"auto\""
    )]
    Architecture {
        /// Name as in `architectures[0]`.
        architecture: String,
    },
    /// It is there already.
    #[error("{tensor} is int8 already; quantise the directory that it was made from")]
    AlreadyInt8 {
        /// The first such tensor.
        tensor: String,
    },
}

/// Turns every matrix of the encoder into int8; heads, biases and layer norms keep their type.
///
/// A row's scale is its largest absolute value / 127, or 1 for a row of zeros; values are rounded to the nearest, halves
/// to the even one. Everything else stays as it is in the model.
///
/// # Errors
/// [`QuantizationError`] when the int8 engine does not compute such a model, or it is int8 already.
pub fn quantized(bundle: &ModelBundle) -> Result<ModelDraft<'_>, QuantizationError> {
    let architecture = bundle.architecture();
    match architecture.attention {
        Attention::Full => {}
        Attention::Disentangled(_) | Attention::Rotary(_) => {
            return Err(QuantizationError::Architecture {
                architecture: architecture.name.clone(),
            });
        }
    }
    let mut draft = ModelDraft::of(bundle);
    let names: Vec<String> = draft.tensors.keys().cloned().collect();
    for name in names {
        let Some(tensor) = draft.tensors.get(&name) else { continue };
        if tensor.dtype == Dtype::I8 {
            return Err(QuantizationError::AlreadyInt8 { tensor: name });
        }
        if let Some((values, scales)) = quantize(&name, tensor) {
            draft.tensors.insert(format!("{name}{SCALE_SUFFIX}"), scales);
            draft.tensors.insert(name, values);
        }
    }
    Ok(draft)
}

/// Returns the int8 form of a matrix of the encoder and its scales; `None` for what keeps its type.
fn quantize(
    name: &str,
    tensor: &RawTensor<'_>,
) -> Option<(RawTensor<'static>, RawTensor<'static>)> {
    let &[rows, columns] = tensor.shape.as_slice() else { return None };
    if HEAD_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        return None;
    }
    let weights = tensor.floats()?;
    let mut values = Vec::with_capacity(weights.len());
    let mut scales = Vec::with_capacity(4 * rows);
    for row in weights.chunks_exact(columns.max(1)) {
        let scale = scale_of(row);
        scales.extend(scale.to_le_bytes());
        values.extend(row.iter().flat_map(|weight| integer(*weight, scale).to_le_bytes()));
    }
    let values = RawTensor { dtype: Dtype::I8, shape: vec![rows, columns], bytes: values.into() };
    let scales = RawTensor { dtype: Dtype::F32, shape: vec![rows], bytes: scales.into() };
    Some((values, scales))
}

fn scale_of(row: &[f32]) -> f32 {
    let largest = row.iter().fold(0.0_f32, |largest, weight| largest.max(weight.abs()));
    let scale = largest / LARGEST;
    if scale > 0.0 { scale } else { 1.0 }
}

fn integer(weight: f32, scale: f32) -> i8 {
    #[expect(clippy::cast_possible_truncation, reason = "clamped to -127..=127 and whole")]
    let integer = (weight / scale).round_ties_even().clamp(-LARGEST, LARGEST) as i8;
    integer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_rounded_to_the_even_integer() {
        assert_eq!([0.5, 1.5, 2.5, -0.5, -1.5].map(|w| integer(w, 1.0)), [0, 2, 2, 0, -2]);
        assert_eq!([300.0, -300.0].map(|w| integer(w, 1.0)), [127, -127]);
    }

    #[test]
    fn largest_value_of_a_row_becomes_127_and_zeros_get_scale_1() {
        let row = [0.1, -0.3, 0.2];

        let scale = scale_of(&row);

        assert_eq!(row.map(|weight| integer(weight, scale)), [42, -127, 85]);
        assert!((scale_of(&[0.0, 0.0]) - 1.0).abs() < f32::EPSILON);
    }

    #[test]
    fn heads_vectors_and_integers_keep_their_type() {
        let tensor = |dtype, shape: &[usize], size: usize| RawTensor {
            dtype,
            shape: shape.to_vec(),
            bytes: vec![0; size].into(),
        };

        assert!(quantize("a.weight", &tensor(Dtype::F16, &[2, 2], 8)).is_some());
        assert!(quantize("heads.primary.weight", &tensor(Dtype::F32, &[2, 2], 16)).is_none());
        assert!(quantize("classifier.weight", &tensor(Dtype::F32, &[2, 2], 16)).is_none());
        assert!(quantize("a.bias", &tensor(Dtype::F32, &[4], 16)).is_none());
        assert!(quantize("position_ids", &tensor(Dtype::I64, &[1, 2], 16)).is_none());
    }
}
