//! From the weights of a bundle to candle tensors and layers.

use candle_core::{Device, Tensor};
use signalbox_kernels::float::transpose;

use super::operations::{Dense, Norm};
use crate::model::ModelError;
use crate::model::layout::LayerModules;
use crate::model::weights::Weights;

/// Makes layers of the weights of a bundle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tensors<'a> {
    pub(super) weights: &'a Weights,
    pub(super) layer_norm_epsilon: f32,
}

impl Tensors<'_> {
    /// Makes a dense layer.
    pub(super) fn dense(&self, module: &str) -> Result<Dense, ModelError> {
        self.dense_with(module, true)
    }

    /// Makes a dense layer that may have no bias.
    pub(super) fn dense_with(&self, module: &str, has_bias: bool) -> Result<Dense, ModelError> {
        let weight = self.weights.tensor(&format!("{module}.weight"))?;
        let outputs = weight.shape().first().copied().unwrap_or_default();
        let bias = if has_bias { self.values(module, "bias")? } else { vec![0.0; outputs] };
        dense(&weight.to_f32(), bias).map_err(refused)
    }

    /// Makes a layer normalisation.
    pub(super) fn norm(&self, module: &str) -> Result<Norm, ModelError> {
        self.norm_with(module, true)
    }

    /// Makes a layer normalisation that may have no bias.
    pub(super) fn norm_with(&self, module: &str, has_bias: bool) -> Result<Norm, ModelError> {
        let scale = self.values(module, "weight")?;
        let shift = if has_bias { self.values(module, "bias")? } else { vec![0.0; scale.len()] };
        let epsilon = self.layer_norm_epsilon;
        Ok(Norm { scale: scale.into(), shift: shift.into(), epsilon })
    }

    /// Makes one dense layer `[3H, H]` of three; the first is scaled, which saves scaling the attention scores.
    pub(super) fn query_key_value(
        &self,
        modules: &LayerModules,
        scale: f32,
    ) -> Result<Dense, ModelError> {
        let join = |suffix: &str| -> Result<Vec<f32>, ModelError> {
            let mut values = self.values(&modules.query, suffix)?;
            values.iter_mut().for_each(|value| *value *= scale);
            values.extend(self.values(&modules.key, suffix)?);
            values.extend(self.values(&modules.value, suffix)?);
            Ok(values)
        };
        dense(&join("weight")?, join("bias")?).map_err(refused)
    }

    /// Makes a dense layer `[3H, H]` of one that holds all three; the first third of its outputs is scaled.
    pub(super) fn joined_query_key_value(
        &self,
        module: &str,
        has_bias: bool,
        scale: f32,
    ) -> Result<Dense, ModelError> {
        let scaled = |mut values: Vec<f32>| {
            let third = values.len() / 3;
            values.iter_mut().take(third).for_each(|value| *value *= scale);
            values
        };
        let weight = self.weights.tensor(&format!("{module}.weight"))?;
        let outputs = weight.shape().first().copied().unwrap_or_default();
        let bias = if has_bias { self.values(module, "bias")? } else { vec![0.0; outputs] };
        dense(&scaled(weight.to_f32()), scaled(bias)).map_err(refused)
    }

    /// Decodes a tensor.
    pub(super) fn tensor(&self, name: &str) -> Result<Tensor, ModelError> {
        let stored = self.weights.tensor(name)?;
        Tensor::from_vec(stored.to_f32(), stored.shape(), &Device::Cpu).map_err(refused)
    }

    fn values(&self, module: &str, suffix: &str) -> Result<Vec<f32>, ModelError> {
        Ok(self.weights.tensor(&format!("{module}.{suffix}"))?.to_f32())
    }
}

/// Makes a dense layer of a weight `[out, …]`, whose other dimensions are the inputs, and a bias `[out]`.
fn dense(weight: &[f32], bias: Vec<f32>) -> candle_core::Result<Dense> {
    let outputs = bias.len();
    let inputs = weight.len().checked_div(outputs).unwrap_or_default();
    Ok(Dense {
        weight: Tensor::from_vec(transpose(weight, inputs), (inputs, outputs), &Device::Cpu)?,
        bias: Tensor::from_vec(bias, outputs, &Device::Cpu)?,
    })
}

pub(super) fn refused(error: candle_core::Error) -> ModelError {
    ModelError::Engine(Box::new(error))
}
