//! From the weights of a bundle to candle tensors and layers.

use candle_core::{Device, Tensor};
use candle_nn::{LayerNorm, Linear};

use crate::model::ModelError;
use crate::model::architecture::Architecture;
use crate::model::layout::LayerModules;
use crate::model::weights::Weights;

/// Makes layers of the weights of a bundle.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tensors<'a> {
    pub(super) weights: &'a Weights,
    pub(super) layer_norm_epsilon: f64,
}

impl Tensors<'_> {
    /// Makes a dense layer.
    pub(super) fn linear(&self, module: &str) -> Result<Linear, ModelError> {
        let weight = self.tensor(&format!("{module}.weight"))?;
        let bias = self.tensor(&format!("{module}.bias"))?;
        Ok(Linear::new(weight, Some(bias)))
    }

    /// Makes a layer normalisation.
    pub(super) fn layer_norm(&self, module: &str) -> Result<LayerNorm, ModelError> {
        let weight = self.tensor(&format!("{module}.weight"))?;
        let bias = self.tensor(&format!("{module}.bias"))?;
        Ok(LayerNorm::new(weight, bias, self.layer_norm_epsilon))
    }

    /// Makes one dense layer `[3H, H]` of three; the first is scaled, which saves scaling the attention scores.
    pub(super) fn query_key_value(
        &self,
        architecture: &Architecture,
        modules: &LayerModules,
    ) -> Result<Linear, ModelError> {
        let hidden = architecture.hidden_size;
        let head_width = hidden / architecture.attention_heads;
        let scale = 1.0 / (head_width as f32).sqrt();
        let join = |suffix: &str| -> Result<Vec<f32>, ModelError> {
            let query = self.weights.tensor(&format!("{}.{suffix}", modules.query))?;
            let mut values: Vec<f32> = query.to_f32().iter().map(|value| value * scale).collect();
            for module in [&modules.key, &modules.value] {
                let tensor = self.weights.tensor(&format!("{module}.{suffix}"))?;
                values.extend(tensor.to_f32());
            }
            Ok(values)
        };
        let weight = Tensor::from_vec(join("weight")?, (3 * hidden, hidden), &Device::Cpu);
        let bias = Tensor::from_vec(join("bias")?, 3 * hidden, &Device::Cpu);
        Ok(Linear::new(weight.map_err(refused)?, Some(bias.map_err(refused)?)))
    }

    /// Decodes a tensor.
    pub(super) fn tensor(&self, name: &str) -> Result<Tensor, ModelError> {
        let stored = self.weights.tensor(name)?;
        Tensor::from_vec(stored.to_f32(), stored.shape(), &Device::Cpu).map_err(refused)
    }
}

fn refused(error: candle_core::Error) -> ModelError {
    ModelError::Engine(Box::new(error))
}
