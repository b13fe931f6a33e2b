//! The encoder of the BERT families over a ragged batch: no padding anywhere.
//!
//! The tokens of all messages lie one after the other, `[T, H]`, through everything that looks at one token at a time;
//! only attention goes message by message.

use candle_core::{Device, Result, Tensor};

use super::operations::{Dense, Norm, activate_in_place, attend};
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
    pub(super) fn forward(&self, batch: &RaggedBatch, threads: usize) -> Result<Tensor> {
        let mut hidden = self.embeddings.forward(batch, threads)?;
        for layer in &self.layers {
            hidden = layer.forward(&hidden, batch, threads)?;
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
    norm: Norm,
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
            norm: tensors.norm(&names.embeddings_norm())?,
        })
    }

    fn forward(&self, batch: &RaggedBatch, threads: usize) -> Result<Tensor> {
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
        self.norm.normalize(&mut values, threads);
        let shape = (batch.token_count(), self.hidden_size);
        Tensor::from_vec(values, shape, &Device::Cpu)
    }
}

/// One block.
#[derive(Clone, Debug)]
struct Layer {
    /// Queries, keys and values in one matrix `[3H, H]`; the queries are divided by the root of the head width.
    query_key_value: Dense,
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
    ) -> std::result::Result<Self, ModelError> {
        Ok(Self {
            query_key_value: tensors.query_key_value(architecture, modules)?,
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
        let context = attend(&query_key_value, batch, self.attention_heads, threads)?;
        let attention = self.attention_output.forward(&context, threads)?;
        self.attention_norm.add_and_normalize(&attention, hidden, threads)?;
        let intermediate = self.intermediate.forward(&attention, threads)?;
        activate_in_place(&intermediate, self.activation, threads)?;
        let output = self.output.forward(&intermediate, threads)?;
        self.output_norm.add_and_normalize(&output, &attention, threads)?;
        Ok(output)
    }
}
