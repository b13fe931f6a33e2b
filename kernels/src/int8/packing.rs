//! From the weights of a dense layer to packed int8.

use super::attention::Shape;
use super::dense::inputs;
use super::rows::STEPS;
use super::{Arena, BLOCK, Blocks, INNER, STEP, WeightsError};

/// A dense layer, quantised: `weight[n, k] ≈ integers[n, k] × scales[n]`.
#[derive(Clone, Debug)]
pub struct QuantizedDense {
    /// `[N, K]`, row-major, two's complement.
    integers: Vec<u8>,
    /// `[N]`.
    scales: Vec<f32>,
    /// `[N]`.
    bias: Vec<f32>,
    /// K.
    inputs: usize,
}

impl QuantizedDense {
    /// Makes a layer of integers `[N, K]`, row-major, from -127 to 127 in two's complement, their scales `[N]` and a
    /// bias `[N]`.
    ///
    /// # Errors
    /// [`WeightsError::Sizes`] when the sizes do not match.
    pub fn new(integers: Vec<u8>, scales: Vec<f32>, bias: Vec<f32>) -> Result<Self, WeightsError> {
        let inputs = inputs(integers.len(), bias.len()).ok_or(WeightsError::Sizes)?;
        if scales.len() != bias.len() {
            return Err(WeightsError::Sizes);
        }
        Ok(Self { integers, scales, bias, inputs })
    }

    /// Makes a layer of a weight `[N, K]`, row-major, and a bias `[N]`: the largest magnitude of a row becomes 127.
    ///
    /// # Errors
    /// [`WeightsError::Sizes`] when the sizes do not match.
    pub fn quantize(weight: &[f32], bias: Vec<f32>) -> Result<Self, WeightsError> {
        let inputs = inputs(weight.len(), bias.len()).ok_or(WeightsError::Sizes)?;
        let mut scales = Vec::with_capacity(bias.len());
        let mut integers = Vec::with_capacity(weight.len());
        for row in weight.chunks_exact(inputs) {
            let largest = row.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            let inverse = if largest > 0.0 { STEPS / largest } else { 0.0 };
            integers.extend(row.iter().map(|value| nearest(value * inverse)));
            scales.push(largest / STEPS);
        }
        Ok(Self { integers, scales, bias, inputs })
    }

    /// Makes one layer of queries, keys and values, head by head: the queries of a head, its keys, its values, each
    /// filled up to whole blocks. The queries are scaled so that 2 to the power of a score is what the softmax wants: by
    /// log2 e and one over the root of the width of a head.
    pub(super) fn join(shape: Shape, mut query: Self, key: &Self, value: &Self) -> Self {
        let factor = std::f32::consts::LOG2_E / (shape.head as f32).sqrt();
        for value in query.scales.iter_mut().chain(&mut query.bias) {
            *value *= factor;
        }
        let inputs = query.inputs;
        let mut joined = Self { integers: vec![], scales: vec![], bias: vec![], inputs };
        for start in (0..shape.hidden).step_by(shape.head.max(1)) {
            for part in [&query, key, value] {
                joined.append_rows(part, start, shape.head, shape.head_columns());
            }
        }
        joined
    }

    /// Appends `count` rows of another layer from `start` on, filled up to `padded` rows with zeros.
    fn append_rows(&mut self, other: &Self, start: usize, count: usize, padded: usize) {
        let inputs = self.inputs;
        let integers = other.integers.iter().skip(start * inputs).take(count * inputs);
        self.integers.extend(integers);
        self.scales.extend(other.scales.iter().skip(start).take(count));
        self.bias.extend(other.bias.iter().skip(start).take(count));
        let rows = self.bias.len() + padded - count;
        self.integers.resize(rows * inputs, 0);
        self.scales.resize(rows, 0.0);
        self.bias.resize(rows, 0.0);
    }

    /// Returns the numbers of outputs and inputs, `[N, K]`.
    pub(super) fn size(&self) -> [usize; 2] {
        [self.bias.len(), self.inputs]
    }

    /// Returns the bytes that it takes packed.
    pub(super) fn packed_bytes(&self) -> usize {
        let [outputs, inputs] = self.size();
        outputs.next_multiple_of(BLOCK) * inputs.next_multiple_of(INNER)
    }

    /// Packs the weights into `arena` from `start` on; `None` when there is no room.
    pub(super) fn pack(self, arena: &mut Arena, start: usize) -> Option<PackedDense> {
        let [outputs, inputs] = self.size();
        let inner = inputs.next_multiple_of(INNER);
        let block_bytes = BLOCK * inner;
        let end = start.checked_add(self.packed_bytes())?;
        let packed = arena.get_mut(start..end)?;
        let mut offsets = vec![0; outputs.next_multiple_of(BLOCK)];
        for (output, (row, offset)) in
            self.integers.chunks_exact(inputs).zip(&mut offsets).enumerate()
        {
            let block = packed.get_mut(output / BLOCK * block_bytes..)?;
            for (step, values) in row.chunks(STEP).enumerate() {
                let place = (step * BLOCK + output % BLOCK) * STEP;
                let to = block.get_mut(place..place + values.len())?;
                to.copy_from_slice(values);
            }
            let sum: i32 = row.iter().map(|byte| i32::from(i8::from_le_bytes([*byte]))).sum();
            *offset = -128 * sum;
        }
        Some(PackedDense { start, inner, scales: self.scales, bias: self.bias, offsets })
    }
}

/// A dense layer whose weights lie packed in an arena.
#[derive(Debug)]
pub(super) struct PackedDense {
    start: usize,
    /// K, filled up.
    inner: usize,
    /// `[N]`.
    pub(super) scales: Vec<f32>,
    /// `[N]`.
    pub(super) bias: Vec<f32>,
    /// `[N]`, filled up to whole blocks.
    offsets: Vec<i32>,
}

impl PackedDense {
    /// Returns the number of outputs, N.
    pub(super) fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Returns the number of blocks.
    pub(super) fn blocks(&self) -> usize {
        self.offsets.len() / BLOCK
    }

    /// Returns some blocks; `None` past the last one.
    pub(super) fn some_blocks<'a>(
        &'a self,
        arena: &'a Arena,
        first: usize,
        count: usize,
    ) -> Option<Blocks<'a>> {
        let block_bytes = BLOCK * self.inner;
        let start = self.start + first * block_bytes;
        Some(Blocks {
            weights: arena.get(start..start + count * block_bytes)?,
            offsets: self.offsets.get(first * BLOCK..(first + count) * BLOCK)?,
        })
    }
}

/// The nearest integer as a byte, two's complement.
fn nearest(value: f32) -> u8 {
    // Values are at most 127: they were divided by their largest.
    #[expect(clippy::cast_possible_truncation, reason = "from -127 to 127")]
    let integer = value.round() as i8;
    integer.to_le_bytes()[0]
}
