//! Products of int8 with AVX2, and with AVX-VNNI where the processor has that.
//!
//! `vpmaddubsw` would add two products in an i16 and saturate. With AVX2 the activations are therefore stored as i16, the
//! weights are widened when they are loaded, and `vpmaddwd` adds two products in an i32, which is exact. AVX-VNNI has
//! `vpdpbusd` as AVX-512 VNNI does, for half as many columns.

#![expect(clippy::indexing_slicing, reason = "the slices are cut to the lengths of the loops")]

use std::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm256_add_epi32, _mm256_cvtepi8_epi16,
    _mm256_dpbusd_avx_epi32, _mm256_hadd_epi32, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_permute4x64_epi64, _mm256_set1_epi32, _mm256_set1_epi64x, _mm256_setzero_si256,
    _mm256_storeu_si256,
};

use super::{BLOCK, Product, STEP};

/// Rows whose sums are kept in registers.
const ROWS: usize = 4;
/// Columns that are worked on at a time.
const COLUMNS: usize = BLOCK / 2;

/// Computes a product of activations stored as i16.
#[target_feature(enable = "avx2")]
pub(super) fn multiply(product: &mut Product<'_>) {
    for half in 0..halves(product) {
        let mut row = 0;
        while row < product.row_count {
            match product.row_count - row {
                1 => wide_tile::<1>(product, row, half),
                2 => wide_tile::<2>(product, row, half),
                3 => wide_tile::<3>(product, row, half),
                _ => wide_tile::<ROWS>(product, row, half),
            }
            row += ROWS;
        }
    }
}

/// Computes a product of activations that are unsigned, 128 too large.
#[target_feature(enable = "avx2,avxvnni")]
pub(super) fn multiply_vnni(product: &mut Product<'_>) {
    for half in 0..halves(product) {
        let mut row = 0;
        while row < product.row_count {
            match product.row_count - row {
                1 => vnni_tile::<1>(product, row, half),
                2 => vnni_tile::<2>(product, row, half),
                3 => vnni_tile::<3>(product, row, half),
                _ => vnni_tile::<ROWS>(product, row, half),
            }
            row += ROWS;
        }
    }
}

fn halves(product: &Product<'_>) -> usize {
    2 * (product.weights.len() / (product.inner * BLOCK))
}

/// Bytes of the weights of a half of a block: one half of each group of [`BLOCK`] · [`STEP`].
fn half_of<'a>(product: &Product<'a>, half: usize) -> &'a [[[u8; COLUMNS * STEP]; 2]] {
    let block_bytes = product.inner * BLOCK;
    let start = half / 2 * block_bytes;
    let (halves, _) = product.weights[start..start + block_bytes].as_chunks();
    halves.as_chunks().0
}

#[target_feature(enable = "avx2")]
fn wide_tile<const M: usize>(product: &mut Product<'_>, row: usize, half: usize) {
    let inner = product.inner;
    let steps = inner / STEP;
    let rows: [&[[u8; 2 * STEP]]; M] = std::array::from_fn(|index| {
        let start = (row + index) * product.row_bytes;
        &product.rows[start..start + 2 * inner].as_chunks().0[..steps]
    });
    let weights = &half_of(product, half)[..steps];
    // Of each column two sums: of products 0 and 1, and of products 2 and 3 of each step.
    let mut sums = [[_mm256_setzero_si256(); 2]; M];
    for step in 0..steps {
        let (columns, _) = weights[step][half % 2].as_chunks::<16>();
        let columns = [widened(&columns[0]), widened(&columns[1])];
        for index in 0..M {
            let values = _mm256_set1_epi64x(i64::from_le_bytes(rows[index][step]));
            for (sum, columns) in sums[index].iter_mut().zip(columns) {
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(values, columns));
            }
        }
    }
    for (index, [left, right]) in sums.into_iter().enumerate() {
        // Gives columns 0 1 4 5 | 2 3 6 7.
        let pairs = _mm256_hadd_epi32(left, right);
        store(product, row + index, half, _mm256_permute4x64_epi64::<0b11_01_10_00>(pairs));
    }
}

#[target_feature(enable = "avx2,avxvnni")]
fn vnni_tile<const M: usize>(product: &mut Product<'_>, row: usize, half: usize) {
    let inner = product.inner;
    let steps = inner / STEP;
    let rows: [&[[u8; STEP]]; M] = std::array::from_fn(|index| {
        let start = (row + index) * product.row_bytes;
        &product.rows[start..start + inner].as_chunks().0[..steps]
    });
    let weights = &half_of(product, half)[..steps];
    let mut offset = [0; COLUMNS * STEP];
    let offsets = &product.offsets[half * COLUMNS..(half + 1) * COLUMNS];
    for (to, value) in offset.as_chunks_mut::<4>().0.iter_mut().zip(offsets) {
        *to = value.to_le_bytes();
    }
    let mut sums = [load(&offset); M];
    for step in 0..steps {
        let columns = load(&weights[step][half % 2]);
        for index in 0..M {
            let values = _mm256_set1_epi32(i32::from_le_bytes(rows[index][step]));
            sums[index] = _mm256_dpbusd_avx_epi32(sums[index], values, columns);
        }
    }
    for (index, sum) in sums.into_iter().enumerate() {
        store(product, row + index, half, sum);
    }
}

#[inline]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "the instruction takes an address")]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: reads the 32 bytes behind the reference; no alignment is asked for.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "the instruction takes an address")]
fn widened(bytes: &[u8; 16]) -> __m256i {
    // SAFETY: reads the 16 bytes behind the reference; no alignment is asked for.
    let bytes: __m128i = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
    _mm256_cvtepi8_epi16(bytes)
}

#[inline]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "the instruction takes an address")]
fn store(product: &mut Product<'_>, row: usize, half: usize, sums: __m256i) {
    let start = row * product.product_stride + half * COLUMNS;
    let to = &mut product.products[start..start + COLUMNS];
    // SAFETY: writes 32 bytes, the 8 i32 of the slice; no alignment is asked for.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), sums) }
}
