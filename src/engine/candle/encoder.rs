//! The encoder of the BERT families over a ragged batch: no padding anywhere.
//!
//! The tokens of all messages lie one after the other, `[T, H]`, through everything that looks at one token at a time;
//! only attention goes message by message.

use candle_core::{D, Device, Result, Tensor};
use candle_nn::ops::softmax_last_dim;
use candle_nn::{LayerNorm, Linear, Module};

use super::tensors::Tensors;
use crate::engine::RaggedBatch;
use crate::model::ModelError;
use crate::model::architecture::{Activation, Architecture};
use crate::model::layout::{LayerModules, TensorNames};
use crate::model::weights::Weights;

/// Weights of an encoder. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct RaggedEncoder {
    embeddings: Embeddings,
    layers: Vec<Layer>,
}

impl RaggedEncoder {
    pub(super) fn load(
        tensors: Tensors<'_>,
        architecture: &Architecture,
    ) -> std::result::Result<Self, ModelError> {
        let names = TensorNames::of(architecture);
        let layers = (0..architecture.layers)
            .map(|index| Layer::load(tensors, architecture, &names.layer(index)));
        Ok(Self {
            embeddings: Embeddings::load(tensors, architecture, &names)?,
            layers: layers.collect::<std::result::Result<_, _>>()?,
        })
    }

    /// Computes the token vectors `[T, H]` of all messages.
    pub(super) fn forward(&self, batch: &RaggedBatch) -> Result<Tensor> {
        let mut hidden = self.embeddings.forward(batch)?;
        for layer in &self.layers {
            hidden = layer.forward(&hidden, batch)?;
        }
        Ok(hidden)
    }
}

/// Word, position and token type embeddings.
#[derive(Clone, Debug)]
struct Embeddings {
    /// The word embeddings are most of a small model. They stay as stored; the rows that a batch needs are decoded.
    words: Weights,
    words_name: String,
    /// Position embeddings from the first position on, token type 0 added: `[positions, H]`.
    positions: Vec<f32>,
    hidden_size: usize,
    norm: LayerNorm,
}

impl Embeddings {
    fn load(
        tensors: Tensors<'_>,
        architecture: &Architecture,
        names: &TensorNames,
    ) -> std::result::Result<Self, ModelError> {
        let hidden_size = architecture.hidden_size;
        let mut positions = tensors.weights.tensor(&names.position_embeddings())?.to_f32();
        positions.drain(..architecture.position_offset * hidden_size);
        if let Some(name) = names.token_type_embeddings() {
            let mut token_type = Vec::new();
            tensors.weights.tensor(&name)?.append_row(0, &mut token_type);
            for row in positions.chunks_exact_mut(hidden_size) {
                for (value, added) in row.iter_mut().zip(&token_type) {
                    *value += added;
                }
            }
        }
        Ok(Self {
            words: tensors.weights.clone(),
            words_name: names.word_embeddings(),
            positions,
            hidden_size,
            norm: tensors.layer_norm(&names.embeddings_norm())?,
        })
    }

    fn forward(&self, batch: &RaggedBatch) -> Result<Tensor> {
        let words = self.words.tensor(&self.words_name).map_err(candle_core::Error::wrap)?;
        let mut values = Vec::with_capacity(batch.token_count() * self.hidden_size);
        for message in batch.messages() {
            for (id, position) in message.iter().zip(self.positions.chunks_exact(self.hidden_size))
            {
                let start = values.len();
                words.append_row(usize::try_from(*id).unwrap_or(usize::MAX), &mut values);
                for (value, added) in values.iter_mut().skip(start).zip(position) {
                    *value += added;
                }
            }
        }
        let shape = (batch.token_count(), self.hidden_size);
        self.norm.forward(&Tensor::from_vec(values, shape, &Device::Cpu)?)
    }
}

/// One block.
#[derive(Clone, Debug)]
struct Layer {
    /// Queries, keys and values in one matrix `[3H, H]`; the queries are divided by the root of the head width.
    query_key_value: Linear,
    attention_heads: usize,
    attention_output: Linear,
    attention_norm: LayerNorm,
    intermediate: Linear,
    activation: Activation,
    output: Linear,
    output_norm: LayerNorm,
}

impl Layer {
    fn load(
        tensors: Tensors<'_>,
        architecture: &Architecture,
        modules: &LayerModules,
    ) -> std::result::Result<Self, ModelError> {
        Ok(Self {
            query_key_value: tensors.query_key_value(architecture, modules)?,
            attention_heads: architecture.attention_heads,
            attention_output: tensors.linear(&modules.attention_output)?,
            attention_norm: tensors.layer_norm(&modules.attention_norm)?,
            intermediate: tensors.linear(&modules.intermediate)?,
            activation: architecture.activation,
            output: tensors.linear(&modules.output)?,
            output_norm: tensors.layer_norm(&modules.output_norm)?,
        })
    }

    fn forward(&self, hidden: &Tensor, batch: &RaggedBatch) -> Result<Tensor> {
        let attention = self.attention_output.forward(&self.attention(hidden, batch)?)?;
        let hidden = self.attention_norm.forward(&(hidden + attention)?)?;
        let intermediate = self.intermediate.forward(&hidden)?;
        let intermediate = match self.activation {
            Activation::Gelu => intermediate.gelu_erf(),
            Activation::GeluTanh => intermediate.gelu(),
            Activation::Relu => intermediate.relu(),
        }?;
        let output = self.output.forward(&intermediate)?;
        self.output_norm.forward(&(hidden + output)?)
    }

    fn attention(&self, hidden: &Tensor, batch: &RaggedBatch) -> Result<Tensor> {
        let query_key_value = self.query_key_value.forward(hidden)?;
        let mut start = 0;
        let mut contexts = Vec::with_capacity(batch.len());
        for message in batch.messages() {
            let rows = query_key_value.narrow(0, start, message.len())?;
            contexts.push(attend(&rows, self.attention_heads)?);
            start += message.len();
        }
        match contexts.as_slice() {
            [only] => Ok(only.clone()),
            _ => Tensor::cat(&contexts, 0),
        }
    }
}

/// Attention inside one message: `[n, 3H]` to `[n, H]`.
fn attend(query_key_value: &Tensor, heads: usize) -> Result<Tensor> {
    let (tokens, width) = query_key_value.dims2()?;
    let split = query_key_value.reshape((tokens, 3, heads, width / 3 / heads))?;
    // Views `[heads, n, head width]`: the matrix products take strides, nothing is copied.
    let part = |index| split.narrow(1, index, 1)?.squeeze(1)?.transpose(0, 1);
    let scores = part(0)?.matmul(&part(1)?.transpose(D::Minus1, D::Minus2)?)?;
    let context = softmax_last_dim(&scores)?.matmul(&part(2)?)?;
    context.transpose(0, 1)?.reshape((tokens, width / 3))
}
