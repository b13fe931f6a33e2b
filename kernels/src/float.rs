//! Work on rows of f32, written so that the compiler vectorises it, and products of matrices.
//!
//! Within a few last bits of the exact values, where [`int8`](crate::int8) is as exact as int8 needs.

mod matrix;

pub use matrix::{Before, Matrix, MatrixMut, multiply};

use crate::Activation;

/// Turns a matrix `[rows, columns]` into `[columns, rows]`.
#[must_use]
pub fn transpose(values: &[f32], columns: usize) -> Vec<f32> {
    /// Columns at a time: one cache line of f32, so that each line is read once.
    const BLOCK: usize = 16;
    let rows = values.len().checked_div(columns).unwrap_or_default();
    let mut transposed = vec![0.0; values.len()];
    let blocks = transposed.chunks_mut((BLOCK * rows).max(1));
    for (block, start) in blocks.zip((0..columns).step_by(BLOCK)) {
        for (index, row) in values.chunks_exact(columns).enumerate() {
            let places = block.iter_mut().skip(index).step_by(rows.max(1));
            for (place, value) in places.zip(row.iter().skip(start)) {
                *place = *value;
            }
        }
    }
    transposed
}

/// Applies an activation to every number.
pub fn activate(values: &mut [f32], activation: Activation) {
    match activation {
        Activation::Gelu => values.iter_mut().for_each(|value| *value = gelu(*value)),
        Activation::GeluTanh => values.iter_mut().for_each(|value| *value = gelu_tanh(*value)),
        Activation::Relu => values.iter_mut().for_each(|value| *value = relu(*value)),
        Activation::Tanh => values.iter_mut().for_each(|value| *value = value.tanh()),
    }
}

/// Adds numbers to those of a row, place by place.
pub fn add(row: &mut [f32], added: &[f32]) {
    for (value, added) in row.iter_mut().zip(added) {
        *value += added;
    }
}

/// Layer normalisation of a row: mean 0 and variance 1, then scale and shift.
pub fn normalize(row: &mut [f32], scale: &[f32], shift: &[f32], epsilon: f32) {
    let count = row.len() as f32;
    let mean = sum(row, |value| value) / count;
    // Not the mean of squares less the square of the mean: that cancels, and can turn out below 0.
    let variance = sum(row, |value| (value - mean) * (value - mean)) / count;
    let inverse = 1.0 / (variance + epsilon).sqrt();
    for ((value, scale), shift) in row.iter_mut().zip(scale).zip(shift) {
        *value = (*value - mean) * inverse * scale + shift;
    }
}

/// Softmax of a row in place.
pub fn softmax(row: &mut [f32]) {
    // Subtract the maximum first: exp(89) already overflows f32.
    let maximum = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for value in row.iter_mut() {
        *value = exp(*value - maximum);
    }
    let inverse = 1.0 / sum(row, |value| value);
    for value in row.iter_mut() {
        *value *= inverse;
    }
}

/// Adds up `map` of all values, in eight lanes: the compiler may not reorder a sum, and this is more exact as well.
fn sum(values: &[f32], map: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<8>();
    let mut lanes = [0.0_f32; 8];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane += map(*value);
        }
    }
    let rest: f32 = rest.iter().map(|value| map(*value)).sum();
    lanes.iter().sum::<f32>() + rest
}

/// Zero below zero. Unlike `max`, this keeps NaN.
fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

/// `x Φ(x)`, within 3e-7 of the value.
fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// The approximation of `x Φ(x)` that `gelu_new` and `gelu_pytorch_tanh` stand for.
fn gelu_tanh(x: f32) -> f32 {
    const ROOT_2_OVER_PI: f32 = 0.797_884_6;
    0.5 * x * (1.0 + (ROOT_2_OVER_PI * (x + 0.044_715 * x * x * x)).tanh())
}

/// The error function, a rational approximation (Eigen's, for single precision). candle's is f64 and scalar.
fn erf(x: f32) -> f32 {
    // Beyond 4, the error function is 1 in f32. NaN stays NaN.
    let x = x.clamp(-4.0, 4.0);
    let square = x * x;
    let mut upper = -2.726_142_3e-10_f32;
    for coefficient in [
        2.770_681_4e-8,
        -2.101_024e-6,
        -5.692_506_4e-5,
        -7.349_906_3e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ] {
        upper = upper * square + coefficient;
    }
    let mut lower = -1.456_607_2e-5_f32;
    for coefficient in [-2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2] {
        lower = lower * square + coefficient;
    }
    x * upper / lower
}

/// `e` to the power of `x` for `x` of at most 0, within 2e-7 of the value (the polynomial is that of Cephes).
fn exp(x: f32) -> f32 {
    /// Adding it leaves no room for a fraction: the sum is rounded to a whole number, kept in its lowest bits.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts, the first with few digits, so that its products are exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Below, the result is under the smallest normal f32: 0 next to the 1 that every row of a softmax has. Unlike
    // `max`, this keeps NaN.
    let x = if x < -87.0 { -87.0 } else { x };
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let power = rounded - ROUND;
    let rest = x - power * LN_2_HIGH - power * LN_2_LOW;
    let mut polynomial = 1.987_569_1e-4_f32;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        polynomial = polynomial * rest + coefficient;
    }
    let power_of_two = f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23));
    (polynomial * rest * rest + rest + 1.0) * power_of_two
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers from -12 to 12.
    fn range() -> Vec<f32> {
        (-12_000_i16..=12_000).map(|step| f32::from(step) / 1_000.0).collect()
    }

    #[test]
    fn exponentials_are_those_of_the_standard_library() {
        for step in 0..=87_000_u32 {
            let x = -(step as f32) / 1_000.0;
            let (found, expected) = (exp(x), x.exp());

            assert!((found - expected).abs() <= 2e-7 * expected, "{x}: {found}, not {expected}");
        }
        assert!(exp(f32::NEG_INFINITY) < 1e-37);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn softmax_sums_to_one_for_any_size_of_logits() {
        for row in [vec![0.0], vec![1_000.0, 1_000.0, -1_000.0], range(), vec![f32::MAX, f32::MIN]]
        {
            let mut found = row.clone();
            softmax(&mut found);

            let total: f32 = found.iter().sum();
            assert!((total - 1.0).abs() < 1e-5, "{total}");
            assert!(found.iter().all(|value| (0.0..=1.0).contains(value)));
        }
    }

    #[test]
    fn not_a_number_is_not_hidden() {
        let mut row = vec![0.0, f32::NAN, 1.0];
        softmax(&mut row);
        let all = [Activation::Gelu, Activation::GeluTanh, Activation::Relu, Activation::Tanh];
        let activated = all.map(|activation| {
            let mut values = vec![f32::NAN];
            activate(&mut values, activation);
            values[0]
        });

        assert!(row.iter().any(|value| value.is_nan()));
        assert!(activated.iter().all(|value| value.is_nan()));
    }

    #[test]
    fn normalized_rows_have_mean_zero_and_variance_one() {
        // Far from 0, where the mean of squares would cancel.
        let mut row: Vec<f32> = (0..37_u16).map(|value| 1_000.0 + f32::from(value)).collect();
        let (scale, shift) = (vec![1.0; 37], vec![0.0; 37]);

        normalize(&mut row, &scale, &shift, 1e-12);

        let mean = row.iter().sum::<f32>() / 37.0;
        let variance = row.iter().map(|value| value * value).sum::<f32>() / 37.0;
        assert!(mean.abs() < 1e-4, "{mean}");
        assert!((variance - 1.0).abs() < 1e-4, "{variance}");
    }

    #[test]
    fn transposing_swaps_rows_and_columns() {
        for (rows, columns) in [(1, 1), (3, 2), (5, 16), (7, 40), (0, 4), (4, 0)] {
            let values: Vec<f32> = (0..rows * columns).map(|value| value as f32).collect();

            let transposed = transpose(&values, columns);

            assert_eq!(transposed.len(), values.len());
            for (index, value) in values.iter().enumerate() {
                let (row, column) = (index / columns, index % columns);
                assert!((transposed[column * rows + row] - value).abs() < f32::EPSILON);
            }
        }
    }
}
