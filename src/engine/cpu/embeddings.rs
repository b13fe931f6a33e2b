//! From token ids to the sums of their embeddings.

use signalbox_kernels::float::add;
use signalbox_kernels::int8::Session;

use crate::model::ModelError;
use crate::model::architecture::Architecture;
use crate::model::layout::TensorNames;
use crate::model::weights::{StoredValues, Weights};

/// Word, position and token type embeddings.
#[derive(Debug)]
pub(super) struct Embeddings {
    /// The word embeddings are most of a small model. They stay as stored; the rows that a batch needs are decoded.
    words: Weights,
    words_name: String,
    /// Position embeddings from the first position on, token type 0 added: `[positions, E]`.
    positions: Vec<f32>,
    width: usize,
}

impl Embeddings {
    pub(super) fn load(weights: &Weights, architecture: &Architecture) -> Result<Self, ModelError> {
        let names = TensorNames::of(architecture);
        let width = architecture.embedding_size;
        let mut positions = Vec::new();
        if let Some(name) = names.position_embeddings() {
            positions = weights.tensor(&name)?.to_f32();
            positions.drain(..architecture.position_offset * width);
        }
        if let Some(name) = names.token_type_embeddings() {
            let mut token_type = Vec::new();
            weights.tensor(&name)?.append_row(0, &mut token_type);
            positions.chunks_exact_mut(width.max(1)).for_each(|row| add(row, &token_type));
        }
        Ok(Self { words: weights.clone(), words_name: names.word_embeddings(), positions, width })
    }

    /// Sums the embeddings of each token, `[T, E]`, not yet normalised. `None` where a token is not in the vocabulary or
    /// has no position.
    pub(super) fn forward<'a>(
        &self,
        session: Session,
        messages: impl Iterator<Item = &'a [u32]> + Clone,
        vectors: &mut Vec<f32>,
    ) -> Option<()> {
        let width = self.width.max(1);
        let words = self.words.tensor(&self.words_name).ok()?;
        let tokens: usize = messages.clone().map(<[u32]>::len).sum();
        vectors.resize(tokens * width, 0.0);
        let mut to = vectors.chunks_exact_mut(width);
        let mut decoded = Vec::new();
        for message in messages {
            let mut positions = self.positions.chunks_exact(width);
            for id in message {
                let row = usize::try_from(*id).ok()?;
                let (to, position) = (to.next()?, positions.next()?);
                if let StoredValues::I8 { values, scales } = words.stored() {
                    let integers = values.get(row * width..(row + 1) * width)?;
                    let scale = scales.get(4 * row..)?.first_chunk()?;
                    let scale = f32::from_le_bytes(*scale);
                    session.decode_and_add(integers, scale, position, to);
                } else {
                    decoded.clear();
                    words.append_row(row, &mut decoded);
                    to.copy_from_slice(position);
                    add(to, &decoded);
                }
            }
        }
        Some(())
    }
}
