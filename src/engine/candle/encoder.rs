//! BERT's blocks over a ragged batch, without padding: of the BERT families and of DeBERTa.
//!
//! The tokens of all messages lie one after the other, `[T, H]`, through everything that looks at one token at a time;
//! only attention goes message by message.

use candle_core::{Result, Tensor};

use super::attention::{Scores, Shape, attend};
use super::disentangled::{Convolution, Disentangled, Distances};
use super::embeddings::Embeddings;
use super::operations::{Dense, Norm, activate_in_place};
use super::tensors::Tensors;
use crate::engine::RaggedBatch;
use crate::model::ModelError;
use crate::model::architecture::{self, Activation, Architecture};
use crate::model::layout::{LayerModules, TensorNames};

/// Weights of an encoder. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct RaggedEncoder {
    embeddings: Embeddings,
    layers: Vec<Layer>,
    /// Beside the first block, in some of DeBERTa.
    convolution: Option<Convolution>,
}

impl RaggedEncoder {
    /// `disentangled` is what DeBERTa has beside BERT's blocks.
    pub(super) fn load(
        tensors: Tensors<'_>,
        architecture: &Architecture,
        disentangled: Option<&architecture::Disentangled>,
    ) -> std::result::Result<Self, ModelError> {
        let names = TensorNames::of(architecture);
        let distances = disentangled
            .map(|options| Distances::load(tensors, architecture, options))
            .transpose()?;
        let terms = disentangled.map_or(1, architecture::Disentangled::terms);
        let scale = 1.0 / (architecture.head_width() as f32 * f32::from(terms)).sqrt();
        let layer = |index| {
            let modules = names.layer(index);
            let attention = match &distances {
                None => Attention::Full,
                Some(distances) => {
                    let own = names.distances(index);
                    let disentangled = distances.of_block(tensors, &modules, &own, scale)?;
                    Attention::Disentangled(disentangled)
                }
            };
            Layer::load(tensors, architecture, &modules, attention, scale)
        };
        let convolution = disentangled.and_then(|options| options.convolution);
        let convolution = convolution.map(|options| Convolution::load(tensors, &names, options));
        Ok(Self {
            embeddings: Embeddings::load(tensors, architecture)?,
            layers: (0..architecture.layers).map(layer).collect::<std::result::Result<_, _>>()?,
            convolution: convolution.transpose()?,
        })
    }

    /// Computes the token vectors `[T, H]` of all messages.
    pub(super) fn forward(&self, batch: &RaggedBatch, threads: usize) -> Result<Tensor> {
        let embedded = self.embeddings.forward(batch, threads)?;
        let mut hidden = embedded.clone();
        for (index, layer) in self.layers.iter().enumerate() {
            hidden = layer.forward(&hidden, batch, threads)?;
            if let Some(convolution) = &self.convolution
                && index == 0
            {
                hidden = convolution.forward(&embedded, &hidden, batch, threads)?;
            }
        }
        Ok(hidden)
    }
}

#[derive(Clone, Debug)]
enum Attention {
    Full,
    Disentangled(Disentangled),
}

/// One block.
#[derive(Clone, Debug)]
struct Layer {
    /// Queries, keys and values in one matrix `[3H, H]`; the queries are scaled.
    query_key_value: Dense,
    attention: Attention,
    attention_heads: usize,
    attention_output: Dense,
    attention_norm: Norm,
    intermediate: Dense,
    activation: Activation,
    output: Dense,
    output_norm: Norm,
}

impl Layer {
    fn load(
        tensors: Tensors<'_>,
        architecture: &Architecture,
        modules: &LayerModules,
        attention: Attention,
        scale: f32,
    ) -> std::result::Result<Self, ModelError> {
        Ok(Self {
            query_key_value: tensors.query_key_value(modules, scale)?,
            attention,
            attention_heads: architecture.attention_heads,
            attention_output: tensors.dense(&modules.attention_output)?,
            attention_norm: tensors.norm(&modules.attention_norm)?,
            intermediate: tensors.dense(&modules.intermediate)?,
            activation: architecture.activation,
            output: tensors.dense(&modules.output)?,
            output_norm: tensors.norm(&modules.output_norm)?,
        })
    }

    fn forward(&self, hidden: &Tensor, batch: &RaggedBatch, threads: usize) -> Result<Tensor> {
        let query_key_value = self.query_key_value.forward(hidden, threads)?;
        let shape = Shape { heads: self.attention_heads, reach: None };
        let context = match &self.attention {
            Attention::Full => attend(&query_key_value, batch, shape, |_| Some(()), threads),
            Attention::Disentangled(disentangled) => {
                let add = |scores: Scores<'_>| disentangled.add_to(scores);
                attend(&query_key_value, batch, shape, add, threads)
            }
        }?;
        let attention = self.attention_output.forward(&context, threads)?;
        self.attention_norm.add_and_normalize(&attention, hidden, threads)?;
        let intermediate = self.intermediate.forward(&attention, threads)?;
        activate_in_place(&intermediate, self.activation, threads)?;
        let output = self.output.forward(&intermediate, threads)?;
        self.output_norm.add_and_normalize(&output, &attention, threads)?;
        Ok(output)
    }
}
