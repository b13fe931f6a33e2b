//! The steps of an encoder as candle operations on the CPU: fused, without padding, on a given number of threads.

use std::sync::Arc;

use candle_core::{
    CpuStorage, CustomOp1, CustomOp3, Error, InplaceOp1, InplaceOp2, Layout, Result, Shape, Tensor,
};
use signalbox_kernels::float::{Before, Matrix, MatrixMut, activate, add, multiply, normalize};

use super::rows::{for_each_row, for_each_row_pair};
use crate::model::architecture::Activation;

/// A dense layer. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Dense {
    /// `[in, out]`: with few tokens, the product reads this order without rearranging it first.
    pub(super) weight: Tensor,
    /// `[out]`.
    pub(super) bias: Tensor,
}

impl Dense {
    /// Computes `[T, out]` from `[T, in]`.
    pub(super) fn forward(&self, input: &Tensor, threads: usize) -> Result<Tensor> {
        input.apply_op3_no_bwd(&self.weight, &self.bias, &DenseOperation { threads })
    }
}

struct DenseOperation {
    threads: usize,
}

impl CustomOp3 for DenseOperation {
    fn name(&self) -> &'static str {
        "dense"
    }

    fn cpu_fwd(
        &self,
        input: &CpuStorage,
        input_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, inputs) = input_layout.shape().dims2()?;
        let (weight_inputs, outputs) = weight_layout.shape().dims2()?;
        let input = numbers(input, input_layout)?;
        let weight = numbers(weight, weight_layout)?;
        let bias = numbers(bias, bias_layout)?;
        let mut result = Vec::with_capacity(rows * outputs);
        for _ in 0..rows {
            result.extend_from_slice(bias);
        }
        let product = |result: &mut [f32]| {
            multiply(
                Matrix::new(input, rows, inputs, inputs)?,
                Matrix::new(weight, weight_inputs, outputs, outputs)?,
                MatrixMut::new(result, rows, outputs, outputs)?,
                Before::Add,
                self.threads,
            )
        };
        product(&mut result)
            .ok_or_else(|| mismatch(self.name(), &[input_layout, weight_layout]))?;
        Ok((CpuStorage::F32(result), (rows, outputs).into()))
    }
}

/// Applies an activation in place.
pub(super) fn activate_in_place(
    values: &Tensor,
    activation: Activation,
    threads: usize,
) -> Result<()> {
    values.inplace_op1(&ActivationOperation { activation, threads })
}

struct ActivationOperation {
    activation: Activation,
    threads: usize,
}

impl InplaceOp1 for ActivationOperation {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let (_, width) = layout.shape().dims2()?;
        let values = numbers_mut(storage, layout)?;
        for_each_row(values, width, self.threads, |row| {
            activate(row, self.activation.into());
        });
        Ok(())
    }
}

/// Layer normalisation. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Norm {
    pub(super) scale: Arc<[f32]>,
    pub(super) shift: Arc<[f32]>,
    pub(super) epsilon: f32,
}

impl Norm {
    /// Normalises each row of `values + residual` into `values`, both `[T, H]`.
    pub(super) fn add_and_normalize(
        &self,
        values: &Tensor,
        residual: &Tensor,
        threads: usize,
    ) -> Result<()> {
        values.inplace_op2(residual, &NormOperation { norm: self, threads })
    }

    /// Returns `[T, H]` with each row normalised.
    pub(super) fn forward(&self, values: &Tensor, threads: usize) -> Result<Tensor> {
        values.apply_op1_no_bwd(&NormalizedOperation { norm: self, threads })
    }

    /// Normalises each row of `[T, H]`.
    pub(super) fn normalize(&self, values: &mut [f32], threads: usize) {
        for_each_row(values, self.scale.len(), threads, |row| {
            normalize(row, &self.scale, &self.shift, self.epsilon);
        });
    }
}

/// Copies `[T, H]` with each row normalised.
struct NormalizedOperation<'a> {
    norm: &'a Norm,
    threads: usize,
}

impl CustomOp1 for NormalizedOperation<'_> {
    fn name(&self) -> &'static str {
        "normalize"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let shape = layout.shape();
        if shape.dims2()?.1 != self.norm.scale.len() {
            return Err(mismatch(self.name(), &[layout]));
        }
        let mut values = numbers(storage, layout)?.to_vec();
        self.norm.normalize(&mut values, self.threads);
        Ok((CpuStorage::F32(values), shape.clone()))
    }
}

struct NormOperation<'a> {
    norm: &'a Norm,
    threads: usize,
}

impl InplaceOp2 for NormOperation<'_> {
    fn name(&self) -> &'static str {
        "add-and-normalize"
    }

    fn cpu_fwd(
        &self,
        values: &mut CpuStorage,
        values_layout: &Layout,
        residual: &CpuStorage,
        residual_layout: &Layout,
    ) -> Result<()> {
        let Norm { scale, shift, epsilon } = self.norm;
        let shape = values_layout.shape();
        if shape != residual_layout.shape() || shape.dims2()?.1 != scale.len() {
            return Err(mismatch(self.name(), &[values_layout, residual_layout]));
        }
        let values = numbers_mut(values, values_layout)?;
        let residual = numbers(residual, residual_layout)?;
        for_each_row_pair(values, residual, scale.len(), self.threads, |row, residual| {
            add(row, residual);
            normalize(row, scale, shift, *epsilon);
        });
        Ok(())
    }
}

/// Multiplies the first half of each row of `[T, 2N]`, through an activation, with the second half: `[T, N]`.
pub(super) fn gate(values: &Tensor, activation: Activation, threads: usize) -> Result<Tensor> {
    values.apply_op1_no_bwd(&GateOperation { activation, threads })
}

struct GateOperation {
    activation: Activation,
    threads: usize,
}

impl CustomOp1 for GateOperation {
    fn name(&self) -> &'static str {
        "gate"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, both) = layout.shape().dims2()?;
        let width = both / 2;
        let values = numbers(storage, layout)?;
        let mut result = Vec::with_capacity(rows * width);
        for row in values.chunks_exact(both.max(1)) {
            result.extend(row.iter().take(width));
        }
        if result.len() != rows * width {
            return Err(mismatch(self.name(), &[layout]));
        }
        for_each_row(&mut result, width, self.threads, |row| activate(row, self.activation.into()));
        for (row, gates) in
            result.chunks_exact_mut(width.max(1)).zip(values.chunks_exact(both.max(1)))
        {
            for (value, gate) in row.iter_mut().zip(gates.iter().skip(width)) {
                *value *= gate;
            }
        }
        Ok((CpuStorage::F32(result), (rows, width).into()))
    }
}

/// Numbers of a contiguous tensor.
pub(super) fn numbers<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let values = storage.as_slice::<f32>()?;
    let range = layout.contiguous_offsets();
    let part = range.and_then(|(start, end)| values.get(start..end));
    part.ok_or_else(|| Error::RequiresContiguous { op: "numbers" }.bt())
}

/// Numbers of a contiguous tensor, to be changed.
pub(super) fn numbers_mut<'a>(
    storage: &'a mut CpuStorage,
    layout: &Layout,
) -> Result<&'a mut [f32]> {
    let CpuStorage::F32(values) = storage else {
        return Err(Error::Msg("a tensor is not f32".to_owned()).bt());
    };
    let range = layout.contiguous_offsets();
    let part = range.and_then(|(start, end)| values.get_mut(start..end));
    part.ok_or_else(|| Error::RequiresContiguous { op: "numbers" }.bt())
}

pub(super) fn mismatch(operation: &str, layouts: &[&Layout]) -> Error {
    let shapes: Vec<_> = layouts.iter().map(|layout| layout.shape()).collect();
    Error::Msg(format!("{operation} does not fit the shapes {shapes:?}")).bt()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
        assert_eq!(found.len(), expected.len());
        for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
            let distance = (found - expected).abs();
            assert!(distance <= tolerance, "{index}: {found}, not {expected}");
        }
    }

    /// Numbers from -12 to 12.
    fn range() -> Vec<f32> {
        (-12_000_i16..=12_000).map(|step| f32::from(step) / 1_000.0).collect()
    }

    fn activated(activation: Activation) -> Vec<f32> {
        let range = range();
        let shape = (1, range.len());
        let values = Tensor::from_vec(range, shape, &Device::Cpu).unwrap();
        activate_in_place(&values, activation, 1).unwrap();
        values.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn activations_are_those_of_candle() {
        let range = Tensor::new(range(), &Device::Cpu).unwrap();
        let values = |tensor: candle_core::Result<Tensor>| tensor.unwrap().to_vec1().unwrap();

        assert_close(&activated(Activation::Gelu), &values(range.gelu_erf()), 2e-6);
        assert_close(&activated(Activation::GeluTanh), &values(range.gelu()), 2e-6);
        assert_close(&activated(Activation::Relu), &values(range.relu()), 0.0);
        assert_close(&activated(Activation::Tanh), &values(range.tanh()), 0.0);
    }
}
