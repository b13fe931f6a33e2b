//! Products of int8 with the dot product of Armv8.2: `sdot` adds four products of signed bytes to each of four i32.

#![expect(clippy::indexing_slicing, reason = "the slices are cut to the lengths of the loops")]

use std::arch::aarch64::{int8x16_t, int32x4_t, vdupq_n_s32, vld1q_s8, vst1q_s32};
use std::arch::asm;

use super::{BLOCK, Product, STEP};

/// Rows whose sums are kept in registers: 4 × 4 of the 32.
const ROWS: usize = 4;
/// Columns in a register.
const LANES: usize = 4;
const QUARTERS: usize = BLOCK / LANES;

/// Computes a product.
#[target_feature(enable = "neon,dotprod")]
pub(super) fn multiply(product: &mut Product<'_>) {
    let blocks = product.weights.len() / (product.inner * BLOCK);
    for block in 0..blocks {
        let mut row = 0;
        while row < product.row_count {
            match product.row_count - row {
                1 => tile::<1>(product, row, block),
                2 => tile::<2>(product, row, block),
                3 => tile::<3>(product, row, block),
                _ => tile::<ROWS>(product, row, block),
            }
            row += ROWS;
        }
    }
}

#[target_feature(enable = "neon,dotprod")]
fn tile<const M: usize>(product: &mut Product<'_>, row: usize, block: usize) {
    let inner = product.inner;
    let steps = inner / STEP;
    let rows: [&[[u8; STEP]]; M] = std::array::from_fn(|index| {
        let start = (row + index) * product.row_bytes;
        &product.rows[start..start + inner].as_chunks().0[..steps]
    });
    let start = block * inner * BLOCK;
    let (weights, _) =
        product.weights[start..start + inner * BLOCK].as_chunks::<{ LANES * STEP }>();
    let (weights, _) = weights.as_chunks::<QUARTERS>();
    let mut sums = [[vdupq_n_s32(0); QUARTERS]; M];
    for step in 0..steps {
        for index in 0..M {
            let values = broadcast(rows[index][step]);
            for (sum, columns) in sums[index].iter_mut().zip(&weights[step]) {
                *sum = dot(*sum, values, load(columns));
            }
        }
    }
    for (index, sums) in sums.into_iter().enumerate() {
        let start = (row + index) * product.product_stride + block * BLOCK;
        let (to, _) = product.products[start..start + BLOCK].as_chunks_mut::<LANES>();
        for (to, sum) in to.iter_mut().zip(sums) {
            store(to, sum);
        }
    }
}

#[inline]
#[target_feature(enable = "neon,dotprod")]
#[expect(unsafe_code, reason = "the intrinsic is not stable")]
fn dot(sum: int32x4_t, values: int8x16_t, weights: int8x16_t) -> int32x4_t {
    let mut sum = sum;
    // SAFETY: works on registers only.
    unsafe {
        asm!(
            "sdot {sum:v}.4s, {values:v}.16b, {weights:v}.16b",
            sum = inout(vreg) sum,
            values = in(vreg) values,
            weights = in(vreg) weights,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

#[inline]
#[target_feature(enable = "neon")]
fn broadcast(bytes: [u8; STEP]) -> int8x16_t {
    std::arch::aarch64::vreinterpretq_s8_s32(vdupq_n_s32(i32::from_le_bytes(bytes)))
}

#[inline]
#[target_feature(enable = "neon")]
#[expect(unsafe_code, reason = "the instruction takes an address")]
fn load(bytes: &[u8; 16]) -> int8x16_t {
    // SAFETY: reads the 16 bytes behind the reference.
    unsafe { vld1q_s8(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "neon")]
#[expect(unsafe_code, reason = "the instruction takes an address")]
fn store(to: &mut [i32; LANES], sum: int32x4_t) {
    // SAFETY: writes the 16 bytes behind the reference.
    unsafe { vst1q_s32(to.as_mut_ptr(), sum) }
}
