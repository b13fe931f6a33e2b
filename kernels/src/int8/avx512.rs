//! Products of int8 with AVX-512 VNNI: `vpdpbusd` multiplies unsigned by signed bytes and adds four products to an i32.
//!
//! Activations are unsigned here, 128 too large; 128 times the sum of a column's weights is taken off at the start.

#![expect(clippy::indexing_slicing, reason = "the slices are cut to the lengths of the loops")]

use std::arch::x86_64::{
    __m512i, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_storeu_si512,
};

use super::{BLOCK, Product, STEP};

/// Rows and blocks of columns whose sums are kept in registers: 6 × 4 of the 32, and 4 for weights.
const ROWS: usize = 6;
const BLOCKS: usize = 4;

/// Computes a product.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn multiply(product: &mut Product<'_>) {
    let blocks = product.weights.len() / (product.inner * BLOCK);
    let mut block = 0;
    while block < blocks {
        match blocks - block {
            1 => columns::<1>(product, block),
            2 => columns::<2>(product, block),
            3 => columns::<3>(product, block),
            _ => columns::<BLOCKS>(product, block),
        }
        block += BLOCKS;
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn columns<const N: usize>(product: &mut Product<'_>, block: usize) {
    let mut row = 0;
    while row < product.row_count {
        match product.row_count - row {
            1 => tile::<1, N>(product, row, block),
            2 => tile::<2, N>(product, row, block),
            3 => tile::<3, N>(product, row, block),
            4 => tile::<4, N>(product, row, block),
            5 => tile::<5, N>(product, row, block),
            _ => tile::<ROWS, N>(product, row, block),
        }
        row += ROWS;
    }
}

/// Sums of `M` rows and `N` blocks of columns.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn tile<const M: usize, const N: usize>(product: &mut Product<'_>, row: usize, block: usize) {
    let inner = product.inner;
    let steps = inner / STEP;
    let rows: [&[[u8; STEP]]; M] = std::array::from_fn(|index| {
        let start = (row + index) * product.row_bytes;
        &product.rows[start..start + inner].as_chunks().0[..steps]
    });
    let weights: [&[[u8; BLOCK * STEP]]; N] = std::array::from_fn(|index| {
        let start = (block + index) * inner * BLOCK;
        &product.weights[start..start + inner * BLOCK].as_chunks().0[..steps]
    });
    let mut sums: [[__m512i; N]; M] = [[_mm512_set1_epi32(0); N]; M];
    for index in 0..N {
        let start = (block + index) * BLOCK;
        let offset = load_i32(&product.offsets[start..start + BLOCK]);
        for sums in &mut sums {
            sums[index] = offset;
        }
    }
    for step in 0..steps {
        let mut columns = [_mm512_set1_epi32(0); N];
        for index in 0..N {
            columns[index] = load(&weights[index][step]);
        }
        for index in 0..M {
            let value = _mm512_set1_epi32(i32::from_le_bytes(rows[index][step]));
            for (sum, columns) in sums[index].iter_mut().zip(columns) {
                *sum = _mm512_dpbusd_epi32(*sum, value, columns);
            }
        }
    }
    for (index, sums) in sums.into_iter().enumerate() {
        let start = (row + index) * product.product_stride + block * BLOCK;
        let (to, _) = product.products[start..start + N * BLOCK].as_chunks_mut::<BLOCK>();
        for (to, sums) in to.iter_mut().zip(sums) {
            store(to, sums);
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the instruction takes an address")]
fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: reads the 64 bytes behind the reference; no alignment is asked for.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load_i32(values: &[i32]) -> __m512i {
    let mut bytes = [0; 64];
    for (to, value) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(values) {
        *to = value.to_le_bytes();
    }
    load(&bytes)
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "the instruction takes an address")]
fn store(to: &mut [i32; BLOCK], sums: __m512i) {
    // SAFETY: writes the 64 bytes behind the reference, 16 i32; no alignment is asked for.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), sums) }
}
