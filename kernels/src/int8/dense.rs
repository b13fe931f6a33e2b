//! Dense layers: on quantised rows, and in f32 where there is little to compute.

use super::packing::PackedDense;
use super::quantized::QuantizedRows;
use super::{Arena, BLOCK, Lines, Session, WeightsError, Work, rows};
use crate::Activation;

/// Rows and blocks of columns of which the sums are computed before they are turned into numbers: 64 × 64 i32 stay in
/// the first-level cache.
pub(super) const ROWS: usize = 64;
const BLOCKS: usize = 4;
const COLUMNS: usize = BLOCKS * BLOCK;

/// Room for the sums of a part of a product.
#[derive(Debug)]
pub(super) struct Sums(Lines<i32>);

impl Default for Sums {
    fn default() -> Self {
        let mut sums = Lines::default();
        sums.resize(ROWS * COLUMNS);
        Self(sums)
    }
}

/// What is done with the outputs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    /// They are added to what is there.
    Add,
    /// They go through a function and are written.
    Activate(Activation),
}

impl PackedDense {
    /// Computes `[rows, N]` from `rows` rows of `input` from `first` on. `None` where the sizes do not match.
    pub(super) fn forward(
        &self,
        session: Session,
        arena: &Arena,
        (input, first, rows): (&QuantizedRows, usize, usize),
        then: Then,
        (sums, output): (&mut Sums, &mut [f32]),
    ) -> Option<()> {
        let outputs = self.outputs();
        // Columns outside: the weights are read from front to back once, however many rows there are.
        for block in (0..self.blocks()).step_by(BLOCKS) {
            let blocks = BLOCKS.min(self.blocks() - block);
            let weights = self.some_blocks(arena, block, blocks)?;
            let columns = block * BLOCK..outputs.min((block + blocks) * BLOCK);
            for start in (0..rows).step_by(ROWS) {
                let count = ROWS.min(rows - start);
                let (activations, row_scales) = input.some_rows(first + start, count)?;
                session.multiply(activations, weights, &mut sums.0, COLUMNS)?;
                session.run(Epilogue {
                    sums: &sums.0,
                    row_scales,
                    column_scales: self.scales.get(columns.clone())?,
                    bias: self.bias.get(columns.clone())?,
                    then,
                    output: output.get_mut(start * outputs + columns.start..)?,
                    outputs,
                });
            }
        }
        Some(())
    }
}

/// Turns sums into outputs.
struct Epilogue<'a> {
    sums: &'a [i32],
    row_scales: &'a [f32],
    column_scales: &'a [f32],
    bias: &'a [f32],
    then: Then,
    /// From the first column of the first row on; `outputs` from one row to the next.
    output: &'a mut [f32],
    outputs: usize,
}

impl Work for Epilogue<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self { column_scales, bias, then, .. } = self;
        let rows = self.sums.chunks_exact(COLUMNS).zip(self.row_scales);
        for ((sums, row_scale), output) in rows.zip(self.output.chunks_mut(self.outputs.max(1))) {
            let columns = column_scales.len().min(output.len());
            let output = output.get_mut(..columns).unwrap_or_default();
            match then {
                Then::Add => {
                    rows::scale_and_add::<FMA>(sums, *row_scale, column_scales, bias, output);
                }
                Then::Activate(activation) => {
                    rows::scale::<FMA>(sums, *row_scale, column_scales, bias, output);
                    rows::activate::<FMA>(activation, output);
                }
            }
        }
    }
}

/// A dense layer in f32.
#[derive(Debug)]
pub struct FloatDense {
    /// `[N, K]`, row-major.
    weight: Vec<f32>,
    /// `[N]`.
    bias: Vec<f32>,
    /// K.
    inputs: usize,
}

impl FloatDense {
    /// Makes a layer of a weight `[N, K]`, row-major, and a bias `[N]`.
    ///
    /// # Errors
    /// [`WeightsError::Sizes`] when the sizes do not match.
    pub fn new(weight: Vec<f32>, bias: Vec<f32>) -> Result<Self, WeightsError> {
        let inputs = inputs(weight.len(), bias.len()).ok_or(WeightsError::Sizes)?;
        Ok(Self { weight, bias, inputs })
    }

    /// Returns the numbers of outputs and inputs, `[N, K]`.
    pub(super) fn size(&self) -> [usize; 2] {
        [self.bias.len(), self.inputs]
    }

    /// Computes `[B, N]` from `[B, K]`.
    #[must_use]
    pub fn forward(&self, session: Session, input: &[f32]) -> Vec<f32> {
        let mut output = vec![0.0; input.len() / self.inputs * self.bias.len()];
        session.run(FloatDenseWork { dense: self, input, output: &mut output });
        output
    }
}

/// Returns the number of inputs, K, of a layer with that many weights; `None` for 0 and where they are no `[N, K]`.
pub(super) fn inputs(weights: usize, outputs: usize) -> Option<usize> {
    let inputs = weights.checked_div(outputs)?;
    (inputs > 0 && inputs * outputs == weights).then_some(inputs)
}

struct FloatDenseWork<'a> {
    dense: &'a FloatDense,
    input: &'a [f32],
    output: &'a mut [f32],
}

impl Work for FloatDenseWork<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let FloatDense { weight, bias, inputs } = self.dense;
        let rows = self.input.chunks_exact(*inputs);
        for (input, output) in rows.zip(self.output.chunks_exact_mut(bias.len())) {
            for ((to, row), bias) in output.iter_mut().zip(weight.chunks_exact(*inputs)).zip(bias) {
                *to = rows::dot::<FMA>(input, row) + bias;
            }
        }
    }
}
