//! Products of int8 in plain Rust: for processors without anything better, and what every other kernel is compared with.

use super::{BLOCK, Product, STEP};

/// Computes a product.
pub(super) fn multiply(product: &mut Product<'_>) {
    let Product { rows, row_bytes, row_count, inner, weights, products, product_stride, .. } =
        product;
    let block_bytes = *inner * BLOCK;
    let rows = rows.chunks(*row_bytes).take(*row_count);
    for (row, sums) in rows.zip(products.chunks_mut(*product_stride)) {
        for (block, sums) in weights.chunks_exact(block_bytes).zip(sums.chunks_exact_mut(BLOCK)) {
            sums.fill(0);
            let (steps, _) = row.as_chunks::<STEP>();
            for (values, group) in steps.iter().zip(block.chunks_exact(BLOCK * STEP)) {
                let (columns, _) = group.as_chunks::<STEP>();
                for (sum, weights) in sums.iter_mut().zip(columns) {
                    for (value, weight) in values.iter().zip(weights) {
                        *sum += i32::from(signed(*value)) * i32::from(signed(*weight));
                    }
                }
            }
        }
    }
}

fn signed(byte: u8) -> i8 {
    i8::from_le_bytes([byte])
}
