//! ModernBERT's blocks over a ragged batch: normalised at their beginnings, positions turned into queries and keys, some
//! of them looking at what is near only.

use std::sync::Arc;

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Tensor};

use super::attention::{Shape, attend};
use super::embeddings::Embeddings;
use super::operations::{Dense, Norm, gate, mismatch, numbers_mut};
use super::tensors::Tensors;
use crate::engine::RaggedBatch;
use crate::model::ModelError;
use crate::model::architecture::{Activation, Architecture, Rotary};
use crate::model::layout::{RotaryModules, TensorNames};

/// Weights of an encoder. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct RotaryEncoder {
    embeddings: Embeddings,
    blocks: Vec<Block>,
    final_norm: Norm,
    global: Wavelengths,
    local: Wavelengths,
}

/// How far a step turns each pair of numbers of a head, `[D / 2]`. Cheap to clone.
#[derive(Clone, Debug)]
struct Wavelengths(Arc<[f32]>);

/// Cosine and sine for each position and pair, `[n, D / 2]`.
struct Turns(Vec<(f32, f32)>);

impl RotaryEncoder {
    pub(super) fn load(
        tensors: Tensors<'_>,
        architecture: &Architecture,
        rotary: &Rotary,
    ) -> std::result::Result<Self, ModelError> {
        let names = TensorNames::of(architecture);
        let blocks = rotary.is_local.iter().enumerate().map(|(index, is_local)| {
            Block::load(tensors, architecture, rotary, &names.rotary(index), *is_local)
        });
        Ok(Self {
            embeddings: Embeddings::load(tensors, architecture)?,
            blocks: blocks.collect::<std::result::Result<_, _>>()?,
            final_norm: tensors.norm_with(&names.final_norm(), rotary.biases.norm)?,
            global: Wavelengths::new(rotary.global_theta, architecture.head_width()),
            local: Wavelengths::new(rotary.local_theta, architecture.head_width()),
        })
    }

    /// Computes the token vectors `[T, H]` of all messages.
    pub(super) fn forward(&self, batch: &RaggedBatch, threads: usize) -> Result<Tensor> {
        let longest = batch.messages().map(<[u32]>::len).max().unwrap_or_default();
        let (global, local) = (self.global.turns(longest), self.local.turns(longest));
        let mut hidden = self.embeddings.forward(batch, threads)?;
        for block in &self.blocks {
            let turns = if block.reach.is_some() { &local } else { &global };
            hidden = block.forward(&hidden, batch, turns, threads)?;
        }
        self.final_norm.forward(&hidden, threads)
    }
}

/// One block.
#[derive(Clone, Debug)]
struct Block {
    /// The first block has none, since the embeddings are normalised.
    attention_norm: Option<Norm>,
    /// Queries, keys and values in one matrix `[3H, H]`; the queries are scaled.
    query_key_value: Dense,
    attention_heads: usize,
    /// Distance up to which tokens see one another; `None` for all of the message.
    reach: Option<usize>,
    attention_output: Dense,
    intermediate_norm: Norm,
    intermediate: Dense,
    activation: Activation,
    output: Dense,
}

impl Block {
    fn load(
        tensors: Tensors<'_>,
        architecture: &Architecture,
        rotary: &Rotary,
        modules: &RotaryModules,
        is_local: bool,
    ) -> std::result::Result<Self, ModelError> {
        let biases = rotary.biases;
        let dense = |module| tensors.dense_with(module, biases.feed_forward);
        let norm = |module: &String| tensors.norm_with(module, biases.norm);
        let scale = 1.0 / (architecture.head_width() as f32).sqrt();
        Ok(Self {
            attention_norm: modules.attention_norm.as_ref().map(norm).transpose()?,
            // Turning keeps lengths, so that queries may be scaled before.
            query_key_value: tensors.joined_query_key_value(
                &modules.query_key_value,
                biases.attention,
                scale,
            )?,
            attention_heads: architecture.attention_heads,
            reach: is_local.then_some(rotary.reach),
            attention_output: tensors.dense_with(&modules.attention_output, biases.attention)?,
            intermediate_norm: norm(&modules.intermediate_norm)?,
            intermediate: dense(&modules.intermediate)?,
            activation: architecture.activation,
            output: dense(&modules.output)?,
        })
    }

    fn forward(
        &self,
        hidden: &Tensor,
        batch: &RaggedBatch,
        turns: &Turns,
        threads: usize,
    ) -> Result<Tensor> {
        let query_key_value = match &self.attention_norm {
            None => self.query_key_value.forward(hidden, threads),
            Some(norm) => self.query_key_value.forward(&norm.forward(hidden, threads)?, threads),
        }?;
        let heads = self.attention_heads;
        query_key_value.inplace_op1(&TurnOperation { batch, turns, heads })?;
        let shape = Shape { heads, reach: self.reach };
        let context = attend(&query_key_value, batch, shape, |_| Some(()), threads)?;
        let hidden = (hidden + self.attention_output.forward(&context, threads)?)?;

        let normalized = self.intermediate_norm.forward(&hidden, threads)?;
        let intermediate = self.intermediate.forward(&normalized, threads)?;
        let intermediate = gate(&intermediate, self.activation, threads)?;
        hidden + self.output.forward(&intermediate, threads)?
    }
}

impl Wavelengths {
    fn new(theta: f32, head_width: usize) -> Self {
        let pair = |pair: usize| 1.0 / theta.powf((2 * pair) as f32 / head_width as f32);
        Self((0..head_width / 2).map(pair).collect())
    }

    fn turns(&self, positions: usize) -> Turns {
        let turn = |position: usize| {
            self.0.iter().map(move |step| {
                let (sine, cosine) = (position as f32 * step).sin_cos();
                (cosine, sine)
            })
        };
        Turns((0..positions).flat_map(turn).collect())
    }
}

/// Turns queries and keys of `[T, 3H]` by their positions in their messages.
struct TurnOperation<'a> {
    batch: &'a RaggedBatch,
    turns: &'a Turns,
    heads: usize,
}

impl InplaceOp1 for TurnOperation<'_> {
    fn name(&self) -> &'static str {
        "turn"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (tokens, width) = layout.shape().dims2()?;
        if tokens != self.batch.token_count() {
            return Err(mismatch(self.name(), &[layout]));
        }
        let hidden = width / 3;
        let head_width = hidden.checked_div(self.heads).unwrap_or_default();
        let half = (head_width / 2).max(1);
        let mut rows = numbers_mut(storage, layout)?.chunks_exact_mut(width.max(1));
        for message in self.batch.messages() {
            let turns = self.turns.0.chunks_exact(half);
            for (row, turns) in rows.by_ref().take(message.len()).zip(turns) {
                let (queries_and_keys, _) = row.split_at_mut(2 * hidden);
                for head in queries_and_keys.chunks_exact_mut(head_width.max(1)) {
                    let (first, second) = head.split_at_mut(half);
                    for ((x, y), (cosine, sine)) in first.iter_mut().zip(second).zip(turns) {
                        (*x, *y) = (*x * cosine - *y * sine, *y * cosine + *x * sine);
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn a_score_depends_on_the_distance_and_not_on_the_place() {
        let (heads, head_width) = (2, 6);
        let row: Vec<f32> =
            (0..3 * heads * head_width).map(|index| (index % 7) as f32 - 3.0).collect();
        let tensor = Tensor::from_vec(row.repeat(40), (40, row.len()), &Device::Cpu).unwrap();
        let ids = [0; 40];
        let batch = RaggedBatch::from_messages([&ids[..15], &ids[15..]]);
        let turns = Wavelengths::new(10_000.0, head_width).turns(25);

        tensor.inplace_op1(&TurnOperation { batch: &batch, turns: &turns, heads }).unwrap();

        let rows: Vec<Vec<f32>> = tensor.to_vec2().unwrap();
        let hidden = heads * head_width;
        let score = |from: usize, to: usize| {
            let (query, key) = (&rows[from][..head_width], &rows[to][hidden..hidden + head_width]);
            query.iter().zip(key).map(|(query, key)| query * key).sum::<f32>()
        };
        assert_eq!(rows[0], row, "the first token of a message is not turned");
        assert_eq!(rows[15], row, "the first token of a message is not turned");
        assert!((score(3, 9) - score(20, 26)).abs() < 1e-4);
        assert!((score(3, 9) - score(9, 3)).abs() > 1e-2, "the direction matters");
        assert_eq!(rows[30][2 * hidden..], row[2 * hidden..], "values are not turned");
    }
}
