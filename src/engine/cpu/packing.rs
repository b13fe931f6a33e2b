//! From the weights of a bundle to packed int8.

use super::attention::Shape;
use super::kernels::{Arena, BLOCK, Blocks, INNER, STEP};
use crate::model::ModelError;
use crate::model::layout::LayerModules;
use crate::model::weights::{StoredValues, Weights};

/// The largest magnitude of a weight.
const STEPS: f32 = 127.0;

/// A dense layer, quantised: `weight[n, k] ≈ integers[n, k] × scales[n]`.
#[derive(Clone, Debug, Default)]
pub(super) struct QuantizedDense {
    /// `[N, K]`, row-major, two's complement.
    integers: Vec<u8>,
    /// `[N]`.
    scales: Vec<f32>,
    /// `[N]`.
    bias: Vec<f32>,
}

impl QuantizedDense {
    /// Reads a dense layer. Weights that are stored as I8 keep their integers and scales.
    pub(super) fn read(weights: &Weights, module: &str) -> Result<Self, ModelError> {
        let bias = weights.tensor(&format!("{module}.bias"))?.to_f32();
        let weight = weights.tensor(&format!("{module}.weight"))?;
        if let StoredValues::I8 { values, scales } = weight.stored() {
            let (scales, _) = scales.as_chunks();
            let scales = scales.iter().copied().map(f32::from_le_bytes).collect();
            return Ok(Self { integers: values.to_vec(), scales, bias });
        }
        let values = weight.to_f32();
        let inputs = values.len().checked_div(bias.len()).unwrap_or_default().max(1);
        let mut scales = Vec::with_capacity(bias.len());
        let mut integers = Vec::with_capacity(values.len());
        for row in values.chunks_exact(inputs) {
            let largest = row.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            let inverse = if largest > 0.0 { STEPS / largest } else { 0.0 };
            integers.extend(row.iter().map(|value| nearest(value * inverse)));
            scales.push(largest / STEPS);
        }
        Ok(Self { integers, scales, bias })
    }

    /// Makes one layer of queries, keys and values, head by head: the queries of a head, its keys, its values, each
    /// filled up to whole blocks. The queries are scaled so that 2 to the power of a score is what the softmax wants: by
    /// log2 e and one over the root of the width of a head.
    pub(super) fn read_query_key_value(
        weights: &Weights,
        shape: Shape,
        modules: &LayerModules,
    ) -> Result<Self, ModelError> {
        let mut query = Self::read(weights, &modules.query)?;
        let factor = std::f32::consts::LOG2_E / (shape.head as f32).sqrt();
        for value in query.scales.iter_mut().chain(&mut query.bias) {
            *value *= factor;
        }
        let (key, value) =
            (Self::read(weights, &modules.key)?, Self::read(weights, &modules.value)?);
        let mut joined = Self::default();
        for start in (0..shape.hidden).step_by(shape.head.max(1)) {
            for part in [&query, &key, &value] {
                joined.append_rows(part, start, shape.head, shape.head_columns());
            }
        }
        Ok(joined)
    }

    /// Appends `count` rows of another layer from `start` on, filled up to `padded` rows with zeros.
    fn append_rows(&mut self, other: &Self, start: usize, count: usize, padded: usize) {
        let inputs = other.inputs();
        let integers = other.integers.iter().skip(start * inputs).take(count * inputs);
        self.integers.extend(integers);
        self.scales.extend(other.scales.iter().skip(start).take(count));
        self.bias.extend(other.bias.iter().skip(start).take(count));
        let rows = self.bias.len() + padded - count;
        self.integers.resize(rows * inputs, 0);
        self.scales.resize(rows, 0.0);
        self.bias.resize(rows, 0.0);
    }

    fn outputs(&self) -> usize {
        self.bias.len()
    }

    fn inputs(&self) -> usize {
        self.integers.len().checked_div(self.outputs()).unwrap_or_default()
    }

    /// Returns the bytes that it takes packed.
    pub(super) fn packed_bytes(&self) -> usize {
        self.outputs().next_multiple_of(BLOCK) * self.inputs().next_multiple_of(INNER)
    }

    /// Packs the weights into `arena` from `start` on; `None` when there is no room.
    pub(super) fn pack(self, arena: &mut Arena, start: usize) -> Option<PackedDense> {
        let (outputs, inputs) = (self.outputs(), self.inputs());
        let inner = inputs.next_multiple_of(INNER);
        let block_bytes = BLOCK * inner;
        let end = start.checked_add(self.packed_bytes())?;
        let packed = arena.get_mut(start..end)?;
        let mut offsets = vec![0; outputs.next_multiple_of(BLOCK)];
        for (output, (row, offset)) in
            self.integers.chunks_exact(inputs.max(1)).zip(&mut offsets).enumerate()
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
