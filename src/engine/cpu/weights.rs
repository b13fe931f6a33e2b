//! From the weights of a bundle to those of the kernels.

use signalbox_kernels::int8::{
    EncoderWeights, FloatDense, LayerWeights, Norm, QuantizedDense, Shape, WeightsError,
};

use crate::model::ModelError;
use crate::model::architecture::Architecture;
use crate::model::layout::{LayerModules, TensorNames};
use crate::model::weights::{StoredValues, Weights};

/// Reads the weights of an encoder.
pub(super) fn encoder(
    weights: &Weights,
    architecture: &Architecture,
) -> Result<EncoderWeights, ModelError> {
    let names = TensorNames::of(architecture);
    let projection = names.embeddings_projection();
    let projection = projection.map(|module| float_dense(weights, &module));
    let layer = |index| layer(weights, architecture, &names.layer(index));
    Ok(EncoderWeights {
        shape: Shape {
            hidden: architecture.hidden_size,
            head: architecture.hidden_size / architecture.attention_heads,
        },
        embeddings_norm: norm(weights, architecture, &names.embeddings_norm())?,
        projection: projection.transpose()?,
        layers: (0..architecture.layers).map(layer).collect::<Result<_, _>>()?,
        activation: architecture.activation.into(),
    })
}

fn layer(
    weights: &Weights,
    architecture: &Architecture,
    modules: &LayerModules,
) -> Result<LayerWeights, ModelError> {
    let dense = |module| quantized_dense(weights, module);
    let norm = |module| norm(weights, architecture, module);
    Ok(LayerWeights {
        query: dense(&modules.query)?,
        key: dense(&modules.key)?,
        value: dense(&modules.value)?,
        attention_output: dense(&modules.attention_output)?,
        attention_norm: norm(&modules.attention_norm)?,
        intermediate: dense(&modules.intermediate)?,
        output: dense(&modules.output)?,
        output_norm: norm(&modules.output_norm)?,
    })
}

/// Reads a dense layer in int8. Weights that are stored as I8 keep their integers and scales.
fn quantized_dense(weights: &Weights, module: &str) -> Result<QuantizedDense, ModelError> {
    let bias = weights.tensor(&format!("{module}.bias"))?.to_f32();
    let weight = weights.tensor(&format!("{module}.weight"))?;
    let dense = if let StoredValues::I8 { values, scales } = weight.stored() {
        let (scales, _) = scales.as_chunks();
        let scales = scales.iter().copied().map(f32::from_le_bytes).collect();
        QuantizedDense::new(values.to_vec(), scales, bias)
    } else {
        QuantizedDense::quantize(&weight.to_f32(), bias)
    };
    dense.map_err(refused)
}

/// Reads a dense layer in f32.
pub(super) fn float_dense(weights: &Weights, module: &str) -> Result<FloatDense, ModelError> {
    let weight = weights.tensor(&format!("{module}.weight"))?.to_f32();
    let bias = weights.tensor(&format!("{module}.bias"))?.to_f32();
    FloatDense::new(weight, bias).map_err(refused)
}

fn norm(weights: &Weights, architecture: &Architecture, module: &str) -> Result<Norm, ModelError> {
    let scale = weights.tensor(&format!("{module}.weight"))?.to_f32();
    let shift = weights.tensor(&format!("{module}.bias"))?.to_f32();
    Norm::new(scale, shift, architecture.layer_norm_epsilon).map_err(refused)
}

/// Sizes were checked when the bundle was loaded; what is left is memory.
pub(super) fn refused(error: WeightsError) -> ModelError {
    ModelError::Engine(Box::new(error))
}
