//! Work on rows of f32, written once so that the compiler vectorises it for each instruction set.
//!
//! Every function is `inline(always)` and takes `FMA`: whether the instruction set it is compiled for multiplies and
//! adds in one step (without it, `mul_add` would be a call of the C library).

use super::{ActivationFormat, BLOCK};
use crate::Activation;

/// Adding this to an f32 of at most 2^22 rounds it to the nearest integer, ties to even, and leaves that integer in the
/// low bits: 1.5 · 2^23.
const ROUND: f32 = 12_582_912.0;
/// The largest magnitude of a quantised value.
pub(super) const STEPS: f32 = 127.0;
/// Lanes that are worked on side by side where a loop carries a value from one round to the next.
const LANES: usize = 16;
/// Powers of two are computed inside ± this: beyond it, f32 has no normal ones.
const EXPONENT_LIMIT: f32 = 126.0;
/// 2^x ≈ Σ `EXP2[i]` · x^i for x in ±0.5, Chebyshev fit; relative error 1.1e-4.
const EXP2: [f32; 4] = [0.999_924_5, 0.693_121, 0.242_640_08, 0.055_922_04];
/// Beyond ± this, Φ is taken for 0 and 1.
const PHI_LIMIT: f32 = 4.0;
/// Φ(x) - 1/2 = x · Σ `PHI[i]` · x^2i inside the limit, where it is exactly 1/2. Minimax fit of x · Φ(x), by linear
/// programming on 4,000 points.
const PHI: [f32; 7] = [
    0.397_870_2,
    -0.064_554_35,
    0.008_763_671,
    -0.000_812_184,
    4.776_354_7e-5,
    -1.588_810_5e-6,
    2.258_788_6e-8,
];

/// a · b + c.
#[inline(always)]
fn fused<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// Low byte of the integer nearest to `value`, in two's complement.
#[inline(always)]
fn nearest(value: f32) -> u8 {
    (value + ROUND).to_bits().to_le_bytes()[0]
}

/// Returns the largest magnitude.
#[inline(always)]
fn largest_magnitude(values: &[f32]) -> f32 {
    let mut largest = [0.0_f32; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (largest, value) in largest.iter_mut().zip(chunk) {
            let magnitude = value.abs();
            *largest = if magnitude > *largest { magnitude } else { *largest };
        }
    }
    let largest = largest.into_iter().fold(0.0, f32::max);
    rest.iter().fold(largest, |largest, value| largest.max(value.abs()))
}

/// Quantises a row to -127..=127 with one scale, which it returns: value ≈ integer × scale.
///
/// `quantized` takes the row in `format`.
#[inline(always)]
pub(super) fn quantize(values: &[f32], format: ActivationFormat, quantized: &mut [u8]) -> f32 {
    let largest = largest_magnitude(values);
    write_quantized(values, inverse(largest), format, quantized);
    largest / STEPS
}

/// Returns what values whose largest magnitude is given have to be multiplied with to be quantised. Zeros stay zeros.
#[inline(always)]
pub(super) fn inverse(largest: f32) -> f32 {
    if largest > 0.0 { STEPS / largest } else { 0.0 }
}

/// Writes round(value × inverse) in `format`.
#[inline(always)]
pub(super) fn write_quantized(
    values: &[f32],
    inverse: f32,
    format: ActivationFormat,
    quantized: &mut [u8],
) {
    match format {
        ActivationFormat::Signed8 => {
            for (to, value) in quantized.iter_mut().zip(values) {
                *to = nearest(value * inverse);
            }
        }
        ActivationFormat::Offset8 => {
            for (to, value) in quantized.iter_mut().zip(values) {
                *to = nearest(value * inverse) ^ 0x80;
            }
        }
        ActivationFormat::Signed16 => {
            let (pairs, _) = quantized.as_chunks_mut::<2>();
            for (to, value) in pairs.iter_mut().zip(values) {
                let [low, high, ..] = (value * inverse + ROUND).to_bits().to_le_bytes();
                *to = [low, high];
            }
        }
    }
}

/// Turns sums of products into numbers: sum × row scale × column scale + bias.
#[inline(always)]
pub(super) fn scale<const FMA: bool>(
    sums: &[i32],
    row_scale: f32,
    column_scales: &[f32],
    bias: &[f32],
    values: &mut [f32],
) {
    for (((to, sum), scale), bias) in values.iter_mut().zip(sums).zip(column_scales).zip(bias) {
        *to = fused::<FMA>(*sum as f32, row_scale * scale, *bias);
    }
}

/// As [`scale`], added to what `values` holds.
#[inline(always)]
pub(super) fn scale_and_add<const FMA: bool>(
    sums: &[i32],
    row_scale: f32,
    column_scales: &[f32],
    bias: &[f32],
    values: &mut [f32],
) {
    for (((to, sum), scale), bias) in values.iter_mut().zip(sums).zip(column_scales).zip(bias) {
        *to += fused::<FMA>(*sum as f32, row_scale * scale, *bias);
    }
}

/// Applies an activation in place.
#[inline(always)]
pub(super) fn activate<const FMA: bool>(activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::Gelu => gelu::<FMA>(values),
        Activation::GeluTanh => gelu_tanh::<FMA>(values),
        Activation::Relu => relu(values),
        Activation::Tanh => tanh(values),
    }
}

/// GELU through the error function, in place: x · Φ(x), with an error of at most 2e-4.
///
/// The int8 row that follows has steps of 1/127 of its largest value; the error is below a step where that is 0.03.
#[inline(always)]
pub(super) fn gelu<const FMA: bool>(values: &mut [f32]) {
    for value in values {
        let x = value.clamp(-PHI_LIMIT, PHI_LIMIT);
        let square = x * x;
        let [rest @ .., last] = PHI;
        let sum = rest
            .into_iter()
            .rev()
            .fold(last, |sum, coefficient| fused::<FMA>(sum, square, coefficient));
        *value *= fused::<FMA>(sum, x, 0.5);
    }
}

/// GELU through the hyperbolic tangent, in place: x / (1 + exp(-2y)), y = √(2/π) (x + 0.044715 x³).
#[inline(always)]
pub(super) fn gelu_tanh<const FMA: bool>(values: &mut [f32]) {
    /// 2 · √(2/π) · log2 e.
    const SCALE: f32 = 2.302_208_2;
    for value in values {
        let x = *value;
        let cubed = fused::<FMA>(x * x * x, 0.044_715, x);
        let exponent = (-SCALE * cubed).clamp(-EXPONENT_LIMIT, EXPONENT_LIMIT);
        *value = x / (1.0 + exp2::<FMA>(exponent));
    }
}

/// Zero below zero, in place.
#[inline(always)]
pub(super) fn relu(values: &mut [f32]) {
    for value in values {
        *value = if *value < 0.0 { 0.0 } else { *value };
    }
}

/// Hyperbolic tangent, in place. No published encoder has it in its blocks, so it is the standard library's.
#[inline(always)]
pub(super) fn tanh(values: &mut [f32]) {
    values.iter_mut().for_each(|value| *value = value.tanh());
}

/// 2^x for x in ±126, with a relative error of at most 1e-4.
#[inline(always)]
fn exp2<const FMA: bool>(x: f32) -> f32 {
    let rounded = x + ROUND;
    let whole = rounded - ROUND;
    let part = x - whole;
    let [c0, c1, c2, c3] = EXP2;
    let power = fused::<FMA>(fused::<FMA>(fused::<FMA>(c3, part, c2), part, c1), part, c0);
    // The low bits of `rounded` are the integer: shifted, they are added to the exponent.
    f32::from_bits(power.to_bits().wrapping_add(rounded.to_bits() << 23))
}

/// Normalises a row in place: mean 0 and variance 1, times `scale`, plus `shift`.
#[inline(always)]
pub(super) fn normalize<const FMA: bool>(
    values: &mut [f32],
    scale: &[f32],
    shift: &[f32],
    epsilon: f32,
) {
    let width = values.len() as f32;
    let mean = sum(values, |value| value) / width;
    let variance = sum(values, |value| (value - mean) * (value - mean)) / width;
    let inverse = 1.0 / (variance + epsilon).sqrt();
    for ((value, scale), shift) in values.iter_mut().zip(scale).zip(shift) {
        *value = fused::<FMA>((*value - mean) * inverse, *scale, *shift);
    }
}

/// Sums f(value), in lanes.
#[inline(always)]
fn sum(values: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    let mut sums = [0.0; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (sum, value) in sums.iter_mut().zip(chunk) {
            *sum += f(*value);
        }
    }
    let total: f32 = sums.into_iter().sum();
    rest.iter().fold(total, |total, value| total + f(*value))
}

/// Product of two vectors.
#[inline(always)]
pub(super) fn dot<const FMA: bool>(left: &[f32], right: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let (left_chunks, left_rest) = left.as_chunks::<LANES>();
    let (right_chunks, right_rest) = right.as_chunks::<LANES>();
    for (left, right) in left_chunks.iter().zip(right_chunks) {
        for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
            *sum = fused::<FMA>(*left, *right, *sum);
        }
    }
    let total: f32 = sums.into_iter().sum();
    left_rest.iter().zip(right_rest).fold(total, |total, (left, right)| total + left * right)
}

/// Turns a row of attention scores into weights, round(127 · 2^(factor · (score - largest score))), and returns their
/// sum.
///
/// `weights` takes them in `format` and has room for a multiple of [`BLOCK`]; what fills up the last is 0. At least one
/// weight is 127, so the sum is not 0. A factor that is no number gives a sum that is none.
#[inline(always)]
pub(super) fn attention_weights<const FMA: bool>(
    scores: &[i32],
    factor: f32,
    format: ActivationFormat,
    weights: &mut [u8],
) -> f32 {
    let (chunks, rest) = scores.as_chunks::<BLOCK>();
    let mut largest = [i32::MIN; BLOCK];
    for chunk in chunks {
        for (largest, score) in largest.iter_mut().zip(chunk) {
            *largest = (*largest).max(*score);
        }
    }
    let largest = largest.into_iter().chain(rest.iter().copied()).fold(i32::MIN, i32::max);
    let mut to = weights.chunks_exact_mut(BLOCK * format.value_bytes());
    let mut totals = [0; BLOCK];
    for (chunk, to) in chunks.iter().zip(&mut to) {
        let steps = attention_steps::<FMA>(chunk, largest, factor);
        for (total, step) in totals.iter_mut().zip(steps) {
            *total += step;
        }
        write_steps(steps, format, to);
    }
    if let (false, Some(to)) = (rest.is_empty(), to.next()) {
        let mut last = [largest; BLOCK];
        for (to, score) in last.iter_mut().zip(rest) {
            *to = *score;
        }
        let mut steps = attention_steps::<FMA>(&last, largest, factor);
        for step in steps.iter_mut().skip(rest.len()) {
            *step = 0;
        }
        for (total, step) in totals.iter_mut().zip(steps) {
            *total += step;
        }
        write_steps(steps, format, to);
    }
    // 0 × factor: 0, or no number where the factor is none.
    totals.into_iter().sum::<u32>() as f32 + 0.0 * factor
}

/// Weights of some scores in steps of 1/127.
#[inline(always)]
fn attention_steps<const FMA: bool>(
    scores: &[i32; BLOCK],
    largest: i32,
    factor: f32,
) -> [u32; BLOCK] {
    let mut steps = [0; BLOCK];
    for (step, score) in steps.iter_mut().zip(scores) {
        // Scores are sums of products of int8, so that their difference is exact in f32 and can't overflow.
        let exponent = (factor * (score - largest) as f32).max(-EXPONENT_LIMIT);
        *step = fused::<FMA>(exp2::<FMA>(exponent), STEPS, ROUND).to_bits() & 0xff;
    }
    steps
}

/// Writes steps of 0 to 127 in `format`.
#[inline(always)]
fn write_steps(steps: [u32; BLOCK], format: ActivationFormat, to: &mut [u8]) {
    match format {
        ActivationFormat::Signed8 => {
            for (to, step) in to.iter_mut().zip(steps) {
                *to = step.to_le_bytes()[0];
            }
        }
        ActivationFormat::Offset8 => {
            for (to, step) in to.iter_mut().zip(steps) {
                *to = step.to_le_bytes()[0] ^ 0x80;
            }
        }
        ActivationFormat::Signed16 => {
            for (to, step) in to.as_chunks_mut::<2>().0.iter_mut().zip(steps) {
                *to = [step.to_le_bytes()[0], 0];
            }
        }
    }
}

/// Raises each column's largest magnitude to that of a row.
#[inline(always)]
pub(super) fn raise_magnitudes(row: &[f32], largest: &mut [f32]) {
    for (largest, value) in largest.iter_mut().zip(row) {
        let magnitude = value.abs();
        *largest = if magnitude > *largest { magnitude } else { *largest };
    }
}

/// Writes round(value × inverse of its column) as signed bytes.
#[inline(always)]
pub(super) fn quantize_by_column(row: &[f32], inverses: &[f32], quantized: &mut [u8]) {
    for ((to, value), inverse) in quantized.iter_mut().zip(row).zip(inverses) {
        *to = nearest(value * inverse);
    }
}

/// Interleaves four rows of bytes: column 0 of each, column 1 of each, and so on.
#[inline(always)]
pub(super) fn interleave(rows: [&[u8; BLOCK]; 4], to: &mut [u8]) {
    let mut words = [0_u32; BLOCK];
    for (row, shift) in rows.into_iter().zip([0, 8, 16, 24]) {
        for (word, byte) in words.iter_mut().zip(row) {
            *word |= u32::from(*byte) << shift;
        }
    }
    for (group, word) in to.as_chunks_mut().0.iter_mut().zip(words) {
        *group = word.to_le_bytes();
    }
}

/// Decodes a row of int8 with one scale and adds `added` to it.
#[inline(always)]
pub(super) fn decode_and_add<const FMA: bool>(
    integers: &[u8],
    scale: f32,
    added: &[f32],
    values: &mut [f32],
) {
    for ((to, byte), added) in values.iter_mut().zip(integers).zip(added) {
        *to = fused::<FMA>(f32::from(i8::from_le_bytes([*byte])), scale, *added);
    }
}

/// Adds a row times `factor` to `values`.
#[inline(always)]
pub(super) fn add_scaled<const FMA: bool>(row: &[f32], factor: f32, values: &mut [f32]) {
    for (to, value) in values.iter_mut().zip(row) {
        *to = fused::<FMA>(*value, factor, *to);
    }
}
