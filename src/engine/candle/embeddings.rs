//! From token ids to the vectors that go into the first block.

use std::sync::Arc;

use candle_core::{Device, Result, Tensor};

use super::operations::{Dense, Norm};
use super::tensors::Tensors;
use crate::engine::RaggedBatch;
use crate::model::ModelError;
use crate::model::architecture::Architecture;
use crate::model::layout::TensorNames;
use crate::model::weights::Weights;

/// Word, position and token type embeddings, as far as an encoder has them. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Embeddings {
    /// The word embeddings are most of a small model. They stay as stored; the rows that a batch needs are decoded.
    words: Weights,
    words_name: String,
    /// Position embeddings from the first position on, token type 0 added: `[positions, E]`. Without positions, token
    /// type 0 alone; empty if there is neither.
    added: Arc<[f32]>,
    embeds_positions: bool,
    width: usize,
    norm: Norm,
    /// To the width of the blocks, where it is another.
    projection: Option<Dense>,
}

impl Embeddings {
    pub(super) fn load(
        tensors: Tensors<'_>,
        architecture: &Architecture,
    ) -> std::result::Result<Self, ModelError> {
        let names = TensorNames::of(architecture);
        let width = architecture.embedding_size;
        let has_bias = architecture.norms_have_biases();
        let projection = names.embeddings_projection().map(|module| tensors.dense(&module));
        Ok(Self {
            words: tensors.weights.clone(),
            words_name: names.word_embeddings(),
            added: added(tensors.weights, architecture, &names)?.into(),
            embeds_positions: architecture.embeds_positions,
            width,
            norm: tensors.norm_with(&names.embeddings_norm(), has_bias)?,
            projection: projection.transpose()?,
        })
    }

    /// Computes `[T, H]`.
    pub(super) fn forward(&self, batch: &RaggedBatch, threads: usize) -> Result<Tensor> {
        let words = self.words.tensor(&self.words_name).map_err(candle_core::Error::wrap)?;
        let mut values = Vec::with_capacity(batch.token_count() * self.width);
        for message in batch.messages() {
            for (position, id) in message.iter().enumerate() {
                let row = if self.embeds_positions { position } else { 0 };
                let start = values.len();
                words.append_row(usize::try_from(*id).unwrap_or(usize::MAX), &mut values);
                let added = self.added.iter().skip(row * self.width);
                for (value, added) in values.iter_mut().skip(start).zip(added) {
                    *value += added;
                }
            }
        }
        self.norm.normalize(&mut values, threads);
        let values = Tensor::from_vec(values, (batch.token_count(), self.width), &Device::Cpu)?;
        match &self.projection {
            None => Ok(values),
            Some(projection) => projection.forward(&values, threads),
        }
    }
}

fn added(
    weights: &Weights,
    architecture: &Architecture,
    names: &TensorNames,
) -> std::result::Result<Vec<f32>, ModelError> {
    let mut token_type = Vec::new();
    if let Some(name) = names.token_type_embeddings() {
        weights.tensor(&name)?.append_row(0, &mut token_type);
    }
    let Some(name) = names.position_embeddings() else { return Ok(token_type) };
    let width = architecture.embedding_size;
    let mut positions = weights.tensor(&name)?.to_f32();
    positions.drain(..architecture.position_offset * width);
    for row in positions.chunks_exact_mut(width.max(1)) {
        for (value, added) in row.iter_mut().zip(&token_type) {
            *value += added;
        }
    }
    Ok(positions)
}
