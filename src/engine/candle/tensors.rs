//! From the weights of a bundle to candle tensors and layers.

use candle_core::{Device, Tensor};

use super::kernels::transpose;
use super::operations::{Dense, Norm};
use crate::model::ModelError;
use crate::model::architecture::Architecture;
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
        let weight = self.values(module, "weight")?;
        dense(&weight, self.values(module, "bias")?).map_err(refused)
    }

    /// Makes a layer normalisation.
    pub(super) fn norm(&self, module: &str) -> Result<Norm, ModelError> {
        Ok(Norm {
            scale: self.values(module, "weight")?.into(),
            shift: self.values(module, "bias")?.into(),
            epsilon: self.layer_norm_epsilon,
        })
    }

    /// Makes one dense layer `[3H, H]` of three; the first is scaled, which saves scaling the attention scores.
    pub(super) fn query_key_value(
        &self,
        architecture: &Architecture,
        modules: &LayerModules,
    ) -> Result<Dense, ModelError> {
        let head_width = architecture.hidden_size / architecture.attention_heads;
        let scale = 1.0 / (head_width as f32).sqrt();
        let join = |suffix: &str| -> Result<Vec<f32>, ModelError> {
            let mut values = self.values(&modules.query, suffix)?;
            values.iter_mut().for_each(|value| *value *= scale);
            values.extend(self.values(&modules.key, suffix)?);
            values.extend(self.values(&modules.value, suffix)?);
            Ok(values)
        };
        dense(&join("weight")?, join("bias")?).map_err(refused)
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

/// Makes a dense layer of a weight `[out, in]` and a bias `[out]`.
fn dense(weight: &[f32], bias: Vec<f32>) -> candle_core::Result<Dense> {
    let outputs = bias.len();
    let inputs = weight.len().checked_div(outputs).unwrap_or_default();
    Ok(Dense {
        weight: Tensor::from_vec(transpose(weight, inputs), (inputs, outputs), &Device::Cpu)?,
        bias: Tensor::from_vec(bias, outputs, &Device::Cpu)?,
    })
}

fn refused(error: candle_core::Error) -> ModelError {
    ModelError::Engine(Box::new(error))
}
