//! Attention inside each message of a batch, for every family.

use std::ops::Range;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Tensor};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use signalbox_kernels::float::{Before, Matrix, MatrixMut, multiply, softmax};

use super::operations::{mismatch, numbers};
use super::rows::for_each_row;
use crate::engine::RaggedBatch;

/// Queries whose scores are there at a time. Scores of long messages would take memory that grows with the square of
/// their length; most messages are shorter than this.
const QUERIES: usize = 256;

/// What attention is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Heads, side by side in each token vector.
    pub(super) heads: usize,
    /// Distance up to which tokens see one another; `None` for all of the message.
    pub(super) reach: Option<usize>,
}

/// Scores of some queries with some keys, in one head of one message.
#[derive(Debug)]
pub(super) struct Scores<'a> {
    /// Which head.
    pub(super) head: usize,
    /// Which tokens of the message ask.
    pub(super) asking: Range<usize>,
    /// Which tokens are asked.
    pub(super) asked: Range<usize>,
    /// `[asking, D]`, scaled.
    pub(super) queries: Matrix<'a>,
    /// `[asked, D]`.
    pub(super) keys: Matrix<'a>,
    /// `[asking, asked]`: the products of queries and keys, before softmax.
    pub(super) values: &'a mut [f32],
}

/// Takes `[T, 3H]`: queries (scaled), keys and values side by side. Returns `[T, H]`.
///
/// `adjust` may change scores before softmax; it returns `None` where sizes do not match.
pub(super) fn attend<F>(
    query_key_value: &Tensor,
    batch: &RaggedBatch,
    shape: Shape,
    adjust: F,
    threads: usize,
) -> Result<Tensor>
where
    F: Fn(Scores<'_>) -> Option<()> + Sync,
{
    query_key_value.apply_op1_no_bwd(&AttentionOperation { batch, shape, adjust, threads })
}

struct AttentionOperation<'a, F> {
    batch: &'a RaggedBatch,
    shape: Shape,
    adjust: F,
    threads: usize,
}

impl<F> CustomOp1 for AttentionOperation<'_, F>
where
    F: Fn(Scores<'_>) -> Option<()> + Sync,
{
    fn name(&self) -> &'static str {
        "ragged-attention"
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
    ) -> Result<(CpuStorage, candle_core::Shape)> {
        let (tokens, width) = layout.shape().dims2()?;
        let hidden = width / 3;
        let mut rest_of_input = numbers(storage, layout)?;
        let mut result = vec![0.0; tokens * hidden];
        let mut rest_of_result = result.as_mut_slice();
        let mut messages = Vec::with_capacity(self.batch.len());
        for message in self.batch.messages() {
            let parts = (
                rest_of_input.split_at_checked(message.len() * width),
                rest_of_result.split_at_mut_checked(message.len() * hidden),
            );
            let (Some((input, input_left)), Some((output, output_left))) = parts else {
                return Err(mismatch(self.name(), &[layout]));
            };
            messages.push((input, output));
            (rest_of_input, rest_of_result) = (input_left, output_left);
        }
        let attend = |(input, output)| self.attend_message(input, output, hidden);
        let done = if self.threads > 1 {
            messages.into_par_iter().map(attend).collect()
        } else {
            messages.into_iter().map(attend).collect()
        };
        let done: Option<()> = done;
        done.ok_or_else(|| mismatch(self.name(), &[layout]))?;
        Ok((CpuStorage::F32(result), (tokens, hidden).into()))
    }
}

impl<F> AttentionOperation<'_, F>
where
    F: Fn(Scores<'_>) -> Option<()> + Sync,
{
    /// `[n, 3H]` to `[n, H]`; `None` if the sizes do not match. The products write each head to its columns: nothing is
    /// copied or transposed.
    fn attend_message(&self, input: &[f32], output: &mut [f32], hidden: usize) -> Option<()> {
        let tokens = output.len().checked_div(hidden)?;
        let head_width = hidden.checked_div(self.shape.heads)?;
        let mut room = Vec::new();
        for head in 0..self.shape.heads {
            let start = head * head_width;
            let part = |part: usize, rows: &Range<usize>| {
                let values = input.get(rows.start * 3 * hidden + part * hidden + start..)?;
                Matrix::new(values, rows.len(), head_width, 3 * hidden)
            };
            for first in (0..tokens).step_by(QUERIES) {
                let asking = first..tokens.min(first + QUERIES);
                let asked = self.shape.in_reach(&asking, tokens);
                let (queries, keys) = (part(0, &asking)?, part(1, &asked)?);
                let (rows, columns) = (asking.len(), asked.len());
                if room.len() < rows * columns {
                    room.resize(rows * columns, 0.0);
                }
                let scores = room.get_mut(..rows * columns)?;
                let into = MatrixMut::new(scores, rows, columns, columns)?;
                multiply(queries, keys.transposed(), into, Before::Overwrite, 1)?;
                self.shape.hide_far(&asking, &asked, scores);
                let values = part(2, &asked)?;
                let to = output.get_mut(first * hidden + start..)?;
                (self.adjust)(Scores { head, asking, asked, queries, keys, values: scores })?;
                for_each_row(scores, columns, 1, softmax);
                multiply(
                    Matrix::new(scores, rows, columns, columns)?,
                    values,
                    MatrixMut::new(to, rows, head_width, hidden)?,
                    Before::Overwrite,
                    1,
                )?;
            }
        }
        Some(())
    }
}

impl Shape {
    /// Returns which tokens any of those asking may see.
    fn in_reach(self, asking: &Range<usize>, tokens: usize) -> Range<usize> {
        match self.reach {
            None => 0..tokens,
            Some(reach) => {
                asking.start.saturating_sub(reach)..tokens.min(asking.end.saturating_add(reach))
            }
        }
    }

    /// Gives tokens that are out of reach no weight.
    fn hide_far(self, asking: &Range<usize>, asked: &Range<usize>, scores: &mut [f32]) {
        let Some(reach) = self.reach else { return };
        for (token, row) in asking.clone().zip(scores.chunks_exact_mut(asked.len().max(1))) {
            let before = token.saturating_sub(reach).saturating_sub(asked.start);
            let until = token.saturating_add(reach).saturating_add(1).saturating_sub(asked.start);
            row.iter_mut().take(before).for_each(|score| *score = f32::NEG_INFINITY);
            row.iter_mut().skip(until).for_each(|score| *score = f32::NEG_INFINITY);
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    const HEADS: usize = 2;
    const HIDDEN: usize = 8;

    /// Numbers from -1 to 1 that repeat late.
    fn projections(tokens: usize) -> Vec<f32> {
        (0..tokens * 3 * HIDDEN).map(|index| ((index * 37 % 101) as f32 - 50.0) / 50.0).collect()
    }

    /// As the definition says it, one score at a time.
    fn by_definition(input: &[f32], tokens: usize, reach: usize) -> Vec<f32> {
        let width = HIDDEN / HEADS;
        let at = |token: usize, part: usize, column: usize| {
            f64::from(input[token * 3 * HIDDEN + part * HIDDEN + column])
        };
        let mut output = vec![0.0_f32; tokens * HIDDEN];
        for head in 0..HEADS {
            for query in 0..tokens {
                let seen: Vec<_> =
                    (0..tokens).filter(|key| query.abs_diff(*key) <= reach).collect();
                let columns = head * width..(head + 1) * width;
                let score = |key: usize| {
                    columns.clone().map(|c| at(query, 0, c) * at(key, 1, c)).sum::<f64>().exp()
                };
                let scores: Vec<_> = seen.iter().map(|key| score(*key)).collect();
                let total: f64 = scores.iter().sum();
                for column in columns.clone() {
                    let values = seen.iter().map(|key| at(*key, 2, column));
                    let sum: f64 =
                        scores.iter().zip(values).map(|(score, value)| score * value).sum();
                    #[expect(clippy::cast_possible_truncation, reason = "rounded to compare")]
                    let value = (sum / total) as f32;
                    output[query * HIDDEN + column] = value;
                }
            }
        }
        output
    }

    #[test]
    fn each_token_sees_what_is_in_reach() {
        for tokens in [1, 5, QUERIES, QUERIES + 1, 2 * QUERIES + 44] {
            for reach in [0, 1, 20, QUERIES, usize::MAX] {
                let input = projections(tokens);
                let expected = by_definition(&input, tokens, reach);
                let ids = vec![0; tokens];
                let batch = RaggedBatch::from_messages([ids.as_slice()]);
                let tensor = Tensor::from_vec(input, (tokens, 3 * HIDDEN), &Device::Cpu).unwrap();

                let shape = Shape { heads: HEADS, reach: Some(reach) };
                let found = attend(&tensor, &batch, shape, |_| Some(()), 1).unwrap();

                let found: Vec<f32> = found.flatten_all().unwrap().to_vec1().unwrap();
                for (found, expected) in found.iter().zip(&expected) {
                    assert!((found - expected).abs() < 1e-5, "{tokens}, {reach}: {found}");
                }
            }
        }
    }
}
