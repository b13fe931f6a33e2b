//! Attention inside one message, in int8.
//!
//! For each head, queries and keys are quantised token by token, so that a score is an exact sum of products times two
//! scales. The weights are rounded to 1/127 of the largest of their row and divided by the sum of what was written; the
//! values have a scale for each column.

use super::dense::ROWS;
use super::kernels::{
    ActivationFormat, Activations, BLOCK, Blocks, INNER, STEP, Session, TILE_ROWS, Work, rows,
};

/// Sizes of attention.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// Width of a token vector, H.
    pub(super) hidden: usize,
    /// Width of a head, D.
    pub(super) head: usize,
}

/// Room for one head of one message. Keeps its memory from one use to the next.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// `[n, D]` in the format of the kernel.
    queries: Vec<u8>,
    query_scales: Vec<f32>,
    /// Packed `[n, D]`.
    keys: Vec<u8>,
    key_offsets: Vec<i32>,
    key_scales: Vec<f32>,
    /// Packed `[D, n]`.
    values: Vec<u8>,
    value_offsets: Vec<i32>,
    value_scales: Vec<f32>,
    value_inverses: Vec<f32>,
    /// Four quantised rows.
    quantized: Vec<u8>,
    /// Scores of some queries, `[ROWS, n]`.
    scores: Vec<i32>,
    row: Vec<f32>,
    /// Weights of some queries, `[ROWS, n]`, in the format of the kernel.
    weights: Vec<u8>,
    totals: Vec<f32>,
    sums: Vec<i32>,
}

/// Numbers filled up to what the kernels want.
#[derive(Clone, Copy, Debug)]
struct Padded {
    tokens: usize,
    /// Tokens as rows or columns of a product.
    token_rows: usize,
    /// Tokens as the inner dimension of a product.
    token_inner: usize,
    head: usize,
    head_inner: usize,
    head_columns: usize,
    value_bytes: usize,
}

impl Padded {
    fn of(tokens: usize, head: usize, format: ActivationFormat) -> Self {
        Self {
            tokens,
            token_rows: tokens.next_multiple_of(BLOCK.max(TILE_ROWS)),
            token_inner: tokens.next_multiple_of(INNER),
            head,
            head_inner: head.next_multiple_of(INNER),
            head_columns: head.next_multiple_of(BLOCK),
            value_bytes: format.value_bytes(),
        }
    }
}

/// Computes the context `[n, H]` of a message from its queries, keys and values side by side, `[n, 3H]`.
///
/// Queries are scaled so that the weights are powers of two. `None` where the sizes do not match.
pub(super) fn attend(
    session: Session,
    shape: Shape,
    query_key_value: &[f32],
    context: &mut [f32],
    room: &mut Room,
) -> Option<()> {
    let tokens = context.len().checked_div(shape.hidden)?;
    let padded = Padded::of(tokens, shape.head, session.format());
    room.resize(padded);
    for start in (0..shape.hidden).step_by(shape.head) {
        session.run(Prepare {
            query_key_value,
            hidden: shape.hidden,
            start,
            padded,
            format: session.format(),
            room,
        })?;
        room.attend_head(session, padded, context.get_mut(start..)?, shape.hidden)?;
    }
    Some(())
}

impl Room {
    fn resize(&mut self, padded: Padded) {
        let Padded {
            tokens, token_rows, token_inner, head_inner, head_columns, value_bytes, ..
        } = padded;
        grow(&mut self.queries, (token_rows + ROWS) * head_inner * value_bytes);
        grow(&mut self.query_scales, tokens);
        grow(&mut self.keys, token_rows * head_inner);
        grow(&mut self.key_offsets, token_rows);
        grow(&mut self.key_scales, tokens);
        grow(&mut self.values, token_inner * head_columns);
        grow(&mut self.value_offsets, head_columns);
        grow(&mut self.value_scales, head_columns);
        grow(&mut self.value_inverses, head_columns);
        grow(&mut self.quantized, STEP * head_columns);
        grow(&mut self.scores, ROWS * token_rows);
        grow(&mut self.row, tokens);
        grow(&mut self.weights, ROWS * token_inner * value_bytes);
        grow(&mut self.totals, ROWS);
        grow(&mut self.sums, ROWS * head_columns);
    }

    fn attend_head(
        &mut self,
        session: Session,
        padded: Padded,
        context: &mut [f32],
        hidden: usize,
    ) -> Option<()> {
        let Padded { tokens, token_rows, token_inner, head, head_inner, head_columns, value_bytes } =
            padded;
        let keys = Blocks {
            weights: self.keys.get(..token_rows * head_inner)?,
            offsets: self.key_offsets.get(..token_rows)?,
        };
        let values = Blocks {
            weights: self.values.get(..token_inner * head_columns)?,
            offsets: self.value_offsets.get(..head_columns)?,
        };
        for first in (0..tokens).step_by(ROWS) {
            let count = ROWS.min(tokens - first);
            let queries = Activations {
                bytes: self.queries.get(first * head_inner * value_bytes..)?,
                rows: count,
                inner: head_inner,
            };
            session.multiply(queries, keys, &mut self.scores, token_rows)?;
            session.run(Weigh {
                scores: &self.scores,
                stride: token_rows,
                query_scales: self.query_scales.get(first..first + count)?,
                key_scales: self.key_scales.get(..tokens)?,
                row: self.row.get_mut(..tokens)?,
                format: session.format(),
                weights: &mut self.weights,
                weight_bytes: token_inner * value_bytes,
                totals: &mut self.totals,
            });
            let weights = Activations { bytes: &self.weights, rows: count, inner: token_inner };
            session.multiply(weights, values, &mut self.sums, head_columns)?;
            session.run(Mix {
                sums: &self.sums,
                stride: head_columns,
                totals: self.totals.get(..count)?,
                value_scales: self.value_scales.get(..head)?,
                context: context.get_mut(first * hidden..)?,
                hidden,
            });
        }
        Some(())
    }
}

/// Makes a vector at least that long.
fn grow<T: Clone + Default>(values: &mut Vec<T>, len: usize) {
    if values.len() < len {
        values.resize(len, T::default());
    }
}

/// Quantises and packs what one head of one message needs.
struct Prepare<'a> {
    query_key_value: &'a [f32],
    hidden: usize,
    /// First column of the head.
    start: usize,
    padded: Padded,
    format: ActivationFormat,
    room: &'a mut Room,
}

/// Queries, keys and values stand side by side.
const QUERY: usize = 0;
const KEY: usize = 1;
const VALUE: usize = 2;

impl Work for Prepare<'_> {
    type Output = Option<()>;

    #[inline(always)]
    fn run<const FMA: bool>(mut self) -> Option<()> {
        self.queries_and_keys()?;
        self.values()
    }
}

impl<'a> Prepare<'a> {
    /// The columns of the head in the query, key or value of a token.
    #[inline(always)]
    fn part(&self, token: usize, part: usize) -> Option<&'a [f32]> {
        let from = (3 * token + part) * self.hidden + self.start;
        self.query_key_value.get(from..from + self.padded.head)
    }

    #[inline(always)]
    fn queries_and_keys(&mut self) -> Option<()> {
        let Padded { tokens, head, head_inner, value_bytes, .. } = self.padded;
        for token in 0..tokens {
            let (query, key) = (self.part(token, QUERY)?, self.part(token, KEY)?);
            let room = &mut *self.room;
            let bytes = room.queries.get_mut(token * head_inner * value_bytes..)?;
            let bytes = bytes.get_mut(..head * value_bytes)?;
            *room.query_scales.get_mut(token)? = rows::quantize(query, self.format, bytes);

            let quantized = room.quantized.get_mut(..head.next_multiple_of(STEP))?;
            *room.key_scales.get_mut(token)? =
                rows::quantize(key, ActivationFormat::Signed8, quantized);
            let block = room.keys.get_mut(token / BLOCK * BLOCK * head_inner..)?;
            let lane = token % BLOCK * STEP;
            let (steps, _) = quantized.as_chunks::<STEP>();
            for (step, group) in steps.iter().zip(block.chunks_exact_mut(BLOCK * STEP)) {
                group.get_mut(lane..lane + STEP)?.copy_from_slice(step);
            }
            *room.key_offsets.get_mut(token)? = offset(quantized, self.format);
        }
        Some(())
    }

    #[inline(always)]
    fn values(&mut self) -> Option<()> {
        /// Bytes of a step of a block.
        const GROUP: usize = STEP * BLOCK;
        let Padded { tokens, token_inner, head, head_columns, .. } = self.padded;
        self.scale_values()?;
        self.room.value_offsets.get_mut(..head_columns)?.fill(0);
        for step in 0..token_inner / STEP {
            for (row, token) in (step * STEP..(step + 1) * STEP).enumerate() {
                let value = if token < tokens { self.part(token, VALUE) } else { None };
                let room = &mut *self.room;
                let row = room.quantized.get_mut(row * head_columns..(row + 1) * head_columns)?;
                let Some(value) = value else {
                    row.fill(0);
                    continue;
                };
                rows::quantize_by_column(value, room.value_inverses.get(..head)?, row);
                if self.format == ActivationFormat::Offset8 {
                    for (sum, byte) in room.value_offsets.iter_mut().zip(&*row).take(head) {
                        *sum -= 128 * i32::from(i8::from_le_bytes([*byte]));
                    }
                }
            }
            let packed = self.room.values.get_mut(..token_inner * head_columns)?;
            for (index, block) in packed.chunks_exact_mut(BLOCK * token_inner).enumerate() {
                let to = block.get_mut(step * GROUP..(step + 1) * GROUP)?;
                if step * STEP >= tokens {
                    to.fill(0);
                    continue;
                }
                let columns = |row: usize| -> Option<&[u8; BLOCK]> {
                    let from = row * head_columns + index * BLOCK;
                    self.room.quantized.get(from..)?.first_chunk()
                };
                rows::interleave([columns(0)?, columns(1)?, columns(2)?, columns(3)?], to);
            }
        }
        Some(())
    }

    /// Finds the scale of each column of the values.
    #[inline(always)]
    fn scale_values(&mut self) -> Option<()> {
        let Padded { tokens, head, .. } = self.padded;
        self.room.value_inverses.get_mut(..head)?.fill(0.0);
        for token in 0..tokens {
            let value = self.part(token, VALUE)?;
            rows::raise_magnitudes(value, &mut self.room.value_inverses);
        }
        let room = &mut *self.room;
        let columns = room.value_scales.iter_mut().zip(&mut room.value_inverses).take(head);
        for (scale, largest) in columns {
            *scale = *largest / 127.0;
            *largest = if *largest > 0.0 { 127.0 / *largest } else { 0.0 };
        }
        Some(())
    }
}

/// -128 times the sum of the integers, where the format needs it.
#[inline(always)]
fn offset(quantized: &[u8], format: ActivationFormat) -> i32 {
    if format != ActivationFormat::Offset8 {
        return 0;
    }
    -128 * quantized.iter().map(|byte| i32::from(i8::from_le_bytes([*byte]))).sum::<i32>()
}

/// Turns the scores of some queries into weights.
struct Weigh<'a> {
    scores: &'a [i32],
    stride: usize,
    query_scales: &'a [f32],
    key_scales: &'a [f32],
    row: &'a mut [f32],
    format: ActivationFormat,
    weights: &'a mut [u8],
    weight_bytes: usize,
    totals: &'a mut [f32],
}

impl Work for Weigh<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { row, key_scales, format, .. } = self;
        let queries = self.scores.chunks_exact(self.stride.max(1)).zip(self.query_scales);
        let to = self.weights.chunks_exact_mut(self.weight_bytes.max(1)).zip(self.totals);
        for ((scores, scale), (weights, total)) in queries.zip(to) {
            *total =
                rows::attention_weights::<FMA>(scores, *scale, key_scales, row, format, weights);
        }
    }
}

/// Turns weighted sums of values into the context of some tokens.
struct Mix<'a> {
    sums: &'a [i32],
    stride: usize,
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
        let tokens = self.sums.chunks_exact(self.stride.max(1)).zip(self.totals);
        for ((sums, total), context) in tokens.zip(self.context.chunks_mut(self.hidden.max(1))) {
            let factor = 1.0 / total;
            for ((to, sum), scale) in context.iter_mut().zip(sums).zip(self.value_scales) {
                *to = *sum as f32 * (scale * factor);
            }
        }
    }
}
