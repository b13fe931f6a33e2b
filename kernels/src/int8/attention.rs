//! Attention in int8, head by head.
//!
//! Queries, keys and values of one head are projected for a chunk of messages and attended message by message while they
//! are in the cache. In a message, the queries of a head share a scale and so do its keys, so that scores are exact sums
//! of products times one number; the values have a scale for each column. Weights are rounded to 1/127 of the largest of
//! their row and divided by the sum of what was written.

#[cfg(test)]
mod tests;

use super::dense::ROWS;
use super::packing::PackedDense;
use super::quantized::QuantizedRows;
use super::{
    ActivationFormat, Activations, Arena, BLOCK, Blocks, INNER, Lines, STEP, Session, Work, rows,
};

/// Sizes of a token vector and of its heads.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Width of a token vector, H.
    pub hidden: usize,
    /// Width of a head, D; divides H.
    pub head: usize,
}

impl Shape {
    /// Width of a head, filled up to whole blocks of columns.
    pub(super) fn head_columns(self) -> usize {
        self.head.next_multiple_of(BLOCK)
    }

    /// Width of a head, filled up to be the inner dimension of a product.
    fn head_inner(self) -> usize {
        self.head.next_multiple_of(INNER)
    }
}

/// Queries, keys and values of a head stand side by side, each filled up to whole blocks.
pub(super) const PARTS: usize = 3;

/// Room for one head. Keeps its memory from one use to the next.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Projections of a chunk, `[T, 3 · head columns]`.
    projected: Lines<f32>,
    sums: Lines<i32>,
    message: MessageRoom,
}

/// Room for one head of one message of n tokens.
#[derive(Debug, Default)]
struct MessageRoom {
    /// `[n, head inner]` in the format of the kernel.
    queries: Lines<u8>,
    /// Packed `[n, head inner]`.
    keys: Lines<u8>,
    key_offsets: Lines<i32>,
    /// Packed `[head columns, n]`.
    values: Lines<u8>,
    value_offsets: Lines<i32>,
    value_scales: Lines<f32>,
    value_inverses: Lines<f32>,
    /// [`STEP`] quantised rows of a head.
    quantized: Lines<u8>,
    /// Scores of some queries, `[ROWS, n]`.
    scores: Lines<i32>,
    /// Weights of some queries, `[ROWS, n]`, in the format of the kernel.
    weights: Lines<u8>,
    totals: Lines<f32>,
    sums: Lines<i32>,
}

/// Numbers of tokens of a message, filled up to what the kernels want.
#[derive(Clone, Copy, Debug)]
struct Tokens {
    count: usize,
    /// As rows of weights.
    columns: usize,
    /// As the inner dimension of a product.
    inner: usize,
}

impl Tokens {
    fn of(count: usize) -> Self {
        Self { count, columns: count.next_multiple_of(BLOCK), inner: count.next_multiple_of(INNER) }
    }
}

/// A chunk of whole messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk<'a> {
    /// First token.
    pub(super) first: usize,
    /// Tokens of each message.
    pub(super) lengths: &'a [usize],
}

impl Chunk<'_> {
    /// Returns the number of tokens.
    pub(super) fn tokens(&self) -> usize {
        self.lengths.iter().sum()
    }
}

/// Computes the context `[T, H]` of a chunk from its token vectors.
///
/// `projection` gives queries, keys and values head by head; queries are scaled so that weights are powers of two. `None`
/// where the sizes do not match.
pub(super) fn attend(
    session: Session,
    shape: Shape,
    (arena, projection): (&Arena, &PackedDense),
    (input, chunk): (&QuantizedRows, Chunk<'_>),
    (context, room): (&mut [f32], &mut Room),
) -> Option<()> {
    let longest = chunk.lengths.iter().copied().max().unwrap_or_default();
    let width = PARTS * shape.head_columns();
    let blocks = width / BLOCK;
    room.message.resize(shape, Tokens::of(longest), session.format());
    room.projected.grow(chunk.tokens() * width);
    room.sums.grow(ROWS * width);
    for (head, column) in (0..shape.hidden).step_by(shape.head.max(1)).enumerate() {
        let weights = projection.some_blocks(arena, head * blocks, blocks)?;
        let columns = head * width..(head + 1) * width;
        for start in (0..chunk.tokens()).step_by(ROWS) {
            let count = ROWS.min(chunk.tokens() - start);
            let (activations, row_scales) = input.some_rows(chunk.first + start, count)?;
            session.multiply(activations, weights, &mut room.sums, width)?;
            session.run(Project {
                sums: &room.sums,
                row_scales,
                column_scales: projection.scales.get(columns.clone())?,
                bias: projection.bias.get(columns.clone())?,
                projected: room.projected.get_mut(start * width..)?,
            });
        }
        let mut rest = room.projected.get(..chunk.tokens() * width)?;
        let mut outputs = context.get_mut(column..)?;
        for length in chunk.lengths {
            let (message, left) = rest.split_at_checked(length * width)?;
            rest = left;
            let tokens = Tokens::of(*length);
            room.message.attend(session, shape, tokens, message, outputs)?;
            outputs = outputs.get_mut(length * shape.hidden..).unwrap_or_default();
        }
    }
    Some(())
}

/// Turns sums of products into projections.
struct Project<'a> {
    sums: &'a [i32],
    row_scales: &'a [f32],
    column_scales: &'a [f32],
    bias: &'a [f32],
    projected: &'a mut [f32],
}

impl Work for Project<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { column_scales, bias, .. } = self;
        let width = bias.len().max(1);
        let sums = self.sums.chunks_exact(width).zip(self.row_scales);
        for ((sums, row_scale), to) in sums.zip(self.projected.chunks_exact_mut(width)) {
            rows::scale::<FMA>(sums, *row_scale, column_scales, bias, to);
        }
    }
}

impl MessageRoom {
    fn resize(&mut self, shape: Shape, tokens: Tokens, format: ActivationFormat) {
        let (head_columns, head_inner) = (shape.head_columns(), shape.head_inner());
        let value_bytes = format.value_bytes();
        self.queries.grow((tokens.columns + ROWS) * head_inner * value_bytes);
        self.keys.grow(tokens.columns * head_inner);
        self.key_offsets.grow(tokens.columns);
        self.values.grow(tokens.inner * head_columns);
        self.value_offsets.grow(head_columns);
        self.value_scales.grow(head_columns);
        self.value_inverses.grow(head_columns);
        self.quantized.grow(STEP * head_columns);
        self.scores.grow(ROWS * tokens.columns);
        self.weights.grow(ROWS * tokens.inner * value_bytes);
        self.totals.grow(ROWS);
        self.sums.grow(ROWS * head_columns);
    }

    /// Computes the context of one head of one message from its projections. `context` begins at the first column of the
    /// head.
    fn attend(
        &mut self,
        session: Session,
        shape: Shape,
        tokens: Tokens,
        projected: &[f32],
        context: &mut [f32],
    ) -> Option<()> {
        let format = session.format();
        let (head_columns, head_inner) = (shape.head_columns(), shape.head_inner());
        let prepare = Prepare { projected, head_columns, head_inner, tokens, format, room: self };
        let factor = session.run(prepare)?;
        let keys = Blocks {
            weights: self.keys.get(..tokens.columns * head_inner)?,
            offsets: self.key_offsets.get(..tokens.columns)?,
        };
        let values = Blocks {
            weights: self.values.get(..tokens.inner * head_columns)?,
            offsets: self.value_offsets.get(..head_columns)?,
        };
        let row_bytes = head_inner * format.value_bytes();
        for first in (0..tokens.count).step_by(ROWS) {
            let count = ROWS.min(tokens.count - first);
            let queries = Activations {
                bytes: self.queries.get(first * row_bytes..)?,
                rows: count,
                inner: head_inner,
            };
            session.multiply(queries, keys, &mut self.scores, tokens.columns)?;
            session.run(Weigh {
                scores: &self.scores,
                tokens,
                factor,
                format,
                weights: &mut self.weights,
                totals: self.totals.get_mut(..count)?,
            });
            let weights = Activations { bytes: &self.weights, rows: count, inner: tokens.inner };
            session.multiply(weights, values, &mut self.sums, head_columns)?;
            session.run(Mix {
                sums: &self.sums,
                head_columns,
                totals: self.totals.get(..count)?,
                value_scales: self.value_scales.get(..shape.head)?,
                context: context.get_mut(first * shape.hidden..)?,
                hidden: shape.hidden,
            });
        }
        Some(())
    }
}

/// Quantises and packs what one head of one message needs; returns what a score has to be multiplied with.
struct Prepare<'a> {
    /// `[n, 3 · head columns]`.
    projected: &'a [f32],
    head_columns: usize,
    head_inner: usize,
    tokens: Tokens,
    format: ActivationFormat,
    room: &'a mut MessageRoom,
}

impl Work for Prepare<'_> {
    type Output = Option<f32>;

    #[inline(always)]
    fn run<const FMA: bool>(mut self) -> Option<f32> {
        let (queries, keys) = self.scales()?;
        self.queries_and_keys(queries, keys)?;
        self.values()?;
        Some(queries * keys)
    }
}

impl Prepare<'_> {
    /// Returns the scales of queries and keys; those of the columns of the values stay in the room.
    #[inline(always)]
    fn scales(&mut self) -> Option<(f32, f32)> {
        let columns = self.head_columns;
        let (mut queries, mut keys) = ([0.0; BLOCK], [0.0; BLOCK]);
        let largest = self.room.value_inverses.get_mut(..columns)?;
        largest.fill(0.0);
        for token in self.projected.chunks_exact(PARTS * columns) {
            let (query, rest) = token.split_at_checked(columns)?;
            let (key, value) = rest.split_at_checked(columns)?;
            for part in query.as_chunks::<BLOCK>().0 {
                rows::raise_magnitudes(part, &mut queries);
            }
            for part in key.as_chunks::<BLOCK>().0 {
                rows::raise_magnitudes(part, &mut keys);
            }
            rows::raise_magnitudes(value, largest);
        }
        for (scale, largest) in self.room.value_scales.iter_mut().zip(largest) {
            *scale = *largest / rows::STEPS;
            *largest = rows::inverse(*largest);
        }
        let scale = |lanes: [f32; BLOCK]| lanes.into_iter().fold(0.0, f32::max) / rows::STEPS;
        Some((scale(queries), scale(keys)))
    }

    #[inline(always)]
    fn queries_and_keys(&mut self, query_scale: f32, key_scale: f32) -> Option<()> {
        let columns = self.head_columns;
        let row_bytes = self.head_inner * self.format.value_bytes();
        let inverse = |scale: f32| rows::inverse(scale * rows::STEPS);
        let (query_inverse, key_inverse) = (inverse(query_scale), inverse(key_scale));
        let room = &mut *self.room;
        let quantized = room.quantized.get_mut(..columns)?;
        let tokens = self.projected.chunks_exact(PARTS * columns);
        let queries = room.queries.chunks_exact_mut(row_bytes.max(1));
        for (index, ((token, to), offset)) in
            tokens.zip(queries).zip(room.key_offsets.iter_mut()).enumerate()
        {
            let (query, rest) = token.split_at_checked(columns)?;
            rows::write_quantized(query, query_inverse, self.format, to);

            let key = rest.get(..columns)?;
            rows::write_quantized(key, key_inverse, ActivationFormat::Signed8, quantized);
            let block = room.keys.get_mut(index / BLOCK * BLOCK * self.head_inner..)?;
            let lane = index % BLOCK * STEP;
            let (steps, _) = quantized.as_chunks::<STEP>();
            for (step, group) in steps.iter().zip(block.chunks_exact_mut(BLOCK * STEP)) {
                group.get_mut(lane..lane + STEP)?.copy_from_slice(step);
            }
            if self.format == ActivationFormat::Offset8 {
                *offset = -128 * quantized.iter().map(|byte| signed(*byte)).sum::<i32>();
            }
        }
        Some(())
    }

    #[inline(always)]
    fn values(&mut self) -> Option<()> {
        /// Bytes of a step of a block.
        const GROUP: usize = STEP * BLOCK;
        let Self { head_columns: columns, tokens, format, .. } = *self;
        let room = &mut *self.room;
        let offsets = room.value_offsets.get_mut(..columns)?;
        offsets.fill(0);
        let inverses = room.value_inverses.get(..columns)?;
        let packed = room.values.get_mut(..tokens.inner * columns)?;
        let quantized = room.quantized.get_mut(..STEP * columns)?;
        let mut values = self.projected.chunks_exact(PARTS * columns);
        for step in 0..tokens.inner / STEP {
            let is_past = step * STEP >= tokens.count;
            for row in quantized.chunks_exact_mut(columns).take(if is_past { 0 } else { STEP }) {
                let Some(token) = values.next() else {
                    row.fill(0);
                    continue;
                };
                rows::quantize_by_column(token.get(2 * columns..)?, inverses, row);
                if format == ActivationFormat::Offset8 {
                    for (offset, byte) in offsets.iter_mut().zip(&*row) {
                        *offset -= 128 * signed(*byte);
                    }
                }
            }
            for (index, block) in packed.chunks_exact_mut(BLOCK * tokens.inner).enumerate() {
                let to = block.get_mut(step * GROUP..(step + 1) * GROUP)?;
                if is_past {
                    to.fill(0);
                    continue;
                }
                let row = |row: usize| -> Option<&[u8; BLOCK]> {
                    quantized.get(row * columns + index * BLOCK..)?.first_chunk()
                };
                rows::interleave([row(0)?, row(1)?, row(2)?, row(3)?], to);
            }
        }
        Some(())
    }
}

/// Reads a byte in two's complement.
#[inline(always)]
fn signed(byte: u8) -> i32 {
    i32::from(i8::from_le_bytes([byte]))
}

/// Turns the scores of some queries into weights.
struct Weigh<'a> {
    scores: &'a [i32],
    tokens: Tokens,
    factor: f32,
    format: ActivationFormat,
    weights: &'a mut [u8],
    totals: &'a mut [f32],
}

impl Work for Weigh<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { tokens, factor, format, .. } = self;
        let row_bytes = tokens.inner * format.value_bytes();
        let to = self.weights.chunks_exact_mut(row_bytes.max(1)).zip(self.totals);
        for (scores, (weights, total)) in self.scores.chunks_exact(tokens.columns.max(1)).zip(to) {
            let scores = scores.get(..tokens.count).unwrap_or_default();
            *total = rows::attention_weights::<FMA>(scores, factor, format, weights);
        }
    }
}

/// Turns weighted sums of values into the context of some tokens.
struct Mix<'a> {
    sums: &'a [i32],
    head_columns: usize,
    totals: &'a [f32],
    value_scales: &'a [f32],
    /// From the first column of the head on; `hidden` from one token to the next.
    context: &'a mut [f32],
    hidden: usize,
}

impl Work for Mix<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let tokens = self.sums.chunks_exact(self.head_columns.max(1)).zip(self.totals);
        for ((sums, total), context) in tokens.zip(self.context.chunks_mut(self.hidden.max(1))) {
            let factor = 1.0 / total;
            for ((to, sum), scale) in context.iter_mut().zip(sums).zip(self.value_scales) {
                *to = *sum as f32 * (scale * factor);
            }
        }
    }
}
