//! Products of int8 with AMX: tiles of 16 rows of 64 bytes, multiplied 16 × 64 by 64 × 16 at a time.
//!
//! The intrinsics are not stable, so this is inline assembly.

#![expect(unsafe_code, reason = "inline assembly, and addresses of tiles")]
#![expect(
    clippy::multiple_unsafe_ops_per_block,
    reason = "one of four assemblies, all for the same reasons"
)]

use std::arch::asm;

use super::{BLOCK, Product, TILE_ROWS};

/// Bytes of a row of a tile.
const TILE_BYTES: usize = 64;

/// What `ldtilecfg` reads: palette 1, all eight tiles with 16 rows of 64 bytes.
#[repr(C, align(64))]
struct Configuration([u8; 64]);

#[expect(clippy::indexing_slicing, reason = "checked when it is compiled")]
static CONFIGURATION: Configuration = {
    let mut bytes = [0; 64];
    bytes[0] = 1;
    let mut tile = 0;
    while tile < 8 {
        bytes[16 + 2 * tile] = 64;
        bytes[48 + tile] = 16;
        tile += 1;
    }
    Configuration(bytes)
};

/// Sets the shape of the tiles of this thread.
///
/// # Safety
/// The processor has AMX, and the kernel has given this process its tiles.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn configure() {
    // SAFETY: reads the 64 bytes of the configuration, which is a valid one: palette 1 has tiles of up to 16 rows of 64
    // bytes. The caller grants the rest.
    unsafe {
        asm!("ldtilecfg [{}]", in(reg) &raw const CONFIGURATION.0, options(nostack, readonly));
    }
}

/// Computes a product.
///
/// # Safety
/// [`configure`] was called on this thread.
pub(super) unsafe fn multiply(product: &mut Product<'_>) {
    let blocks = product.weights.len() / (product.inner * BLOCK);
    for row in (0..product.row_count).step_by(2 * TILE_ROWS) {
        let rows = if product.row_count - row > TILE_ROWS { 2 } else { 1 };
        for block in (0..blocks).step_by(2) {
            let tiles = Tiles::of(product, row, block);
            let columns = if blocks - block > 1 { 2 } else { 1 };
            // SAFETY: `Product` has room for whole tiles of rows, and `rows` and `columns` tiles are left from here on.
            // The caller has configured the tiles.
            unsafe {
                match (rows, columns) {
                    (1, 1) => tiles.one_by_one(),
                    (1, _) => tiles.one_by_two(),
                    (_, 1) => tiles.two_by_one(),
                    (_, _) => tiles.two_by_two(),
                }
            }
        }
    }
}

/// Addresses of the first tiles of a part of a product.
struct Tiles {
    /// Activations, and the distance of two of their rows.
    rows: *const u8,
    row_bytes: usize,
    /// Weights of a block of 16 columns; those of the next block lie `block_bytes` further.
    weights: *const u8,
    block_bytes: usize,
    /// Sums, and the distance of two of their rows in bytes.
    products: *mut i32,
    product_bytes: usize,
    /// Number of tiles one after the other, at least 1.
    steps: usize,
}

impl Tiles {
    fn of(product: &mut Product<'_>, row: usize, block: usize) -> Self {
        let block_bytes = product.inner * BLOCK;
        Self {
            rows: product.rows.as_ptr().wrapping_add(row * product.row_bytes),
            row_bytes: product.row_bytes,
            weights: product.weights.as_ptr().wrapping_add(block * block_bytes),
            block_bytes,
            products: product
                .products
                .as_mut_ptr()
                .wrapping_add(row * product.product_stride + block * BLOCK),
            product_bytes: 4 * product.product_stride,
            steps: product.inner / TILE_BYTES,
        }
    }

    /// 32 rows by 32 columns.
    ///
    /// # Safety
    /// The addresses point to that much, and the tiles of this thread are configured.
    unsafe fn two_by_two(self) {
        // SAFETY: reads 32 rows of `steps` · 64 bytes of activations, `steps` KiB of weights of two blocks, and writes 32
        // rows of 32 sums, all of which the caller grants. Tiles are used nowhere else, so none has to be kept.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "tilezero tmm2",
                "tilezero tmm3",
                "2:",
                "tileloadd tmm4, [{rows} + {row_bytes} * 1]",
                "tileloadd tmm6, [{weights} + {line} * 1]",
                "tileloadd tmm7, [{more_weights} + {line} * 1]",
                "tdpbssd tmm0, tmm4, tmm6",
                "tileloadd tmm5, [{more_rows} + {row_bytes} * 1]",
                "tdpbssd tmm1, tmm4, tmm7",
                "tdpbssd tmm2, tmm5, tmm6",
                "tdpbssd tmm3, tmm5, tmm7",
                "add {rows}, 64",
                "add {more_rows}, 64",
                "add {weights}, 1024",
                "add {more_weights}, 1024",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{products} + {product_bytes} * 1], tmm0",
                "tilestored [{products} + {product_bytes} * 1 + 64], tmm1",
                "tilestored [{more_products} + {product_bytes} * 1], tmm2",
                "tilestored [{more_products} + {product_bytes} * 1 + 64], tmm3",
                rows = inout(reg) self.rows => _,
                more_rows = inout(reg) self.rows.wrapping_add(TILE_ROWS * self.row_bytes) => _,
                weights = inout(reg) self.weights => _,
                more_weights = inout(reg) self.weights.wrapping_add(self.block_bytes) => _,
                steps = inout(reg) self.steps => _,
                row_bytes = in(reg) self.row_bytes,
                line = in(reg) TILE_BYTES,
                products = in(reg) self.products,
                more_products = in(reg) self.products.wrapping_byte_add(TILE_ROWS * self.product_bytes),
                product_bytes = in(reg) self.product_bytes,
                options(nostack),
            );
        }
    }

    /// 16 rows by 32 columns.
    ///
    /// # Safety
    /// As [`Self::two_by_two`].
    unsafe fn one_by_two(self) {
        // SAFETY: as in `two_by_two`, with 16 rows.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "2:",
                "tileloadd tmm4, [{rows} + {row_bytes} * 1]",
                "tileloadd tmm6, [{weights} + {line} * 1]",
                "tileloadd tmm7, [{more_weights} + {line} * 1]",
                "tdpbssd tmm0, tmm4, tmm6",
                "tdpbssd tmm1, tmm4, tmm7",
                "add {rows}, 64",
                "add {weights}, 1024",
                "add {more_weights}, 1024",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{products} + {product_bytes} * 1], tmm0",
                "tilestored [{products} + {product_bytes} * 1 + 64], tmm1",
                rows = inout(reg) self.rows => _,
                weights = inout(reg) self.weights => _,
                more_weights = inout(reg) self.weights.wrapping_add(self.block_bytes) => _,
                steps = inout(reg) self.steps => _,
                row_bytes = in(reg) self.row_bytes,
                line = in(reg) TILE_BYTES,
                products = in(reg) self.products,
                product_bytes = in(reg) self.product_bytes,
                options(nostack),
            );
        }
    }

    /// 32 rows by 16 columns.
    ///
    /// # Safety
    /// As [`Self::two_by_two`].
    unsafe fn two_by_one(self) {
        // SAFETY: as in `two_by_two`, with one block of columns.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm2",
                "2:",
                "tileloadd tmm4, [{rows} + {row_bytes} * 1]",
                "tileloadd tmm5, [{more_rows} + {row_bytes} * 1]",
                "tileloadd tmm6, [{weights} + {line} * 1]",
                "tdpbssd tmm0, tmm4, tmm6",
                "tdpbssd tmm2, tmm5, tmm6",
                "add {rows}, 64",
                "add {more_rows}, 64",
                "add {weights}, 1024",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{products} + {product_bytes} * 1], tmm0",
                "tilestored [{more_products} + {product_bytes} * 1], tmm2",
                rows = inout(reg) self.rows => _,
                more_rows = inout(reg) self.rows.wrapping_add(TILE_ROWS * self.row_bytes) => _,
                weights = inout(reg) self.weights => _,
                steps = inout(reg) self.steps => _,
                row_bytes = in(reg) self.row_bytes,
                line = in(reg) TILE_BYTES,
                products = in(reg) self.products,
                more_products = in(reg) self.products.wrapping_byte_add(TILE_ROWS * self.product_bytes),
                product_bytes = in(reg) self.product_bytes,
                options(nostack),
            );
        }
    }

    /// 16 rows by 16 columns.
    ///
    /// # Safety
    /// As [`Self::two_by_two`].
    unsafe fn one_by_one(self) {
        // SAFETY: as in `two_by_two`, with 16 rows and one block of columns.
        unsafe {
            asm!(
                "tilezero tmm0",
                "2:",
                "tileloadd tmm4, [{rows} + {row_bytes} * 1]",
                "tileloadd tmm6, [{weights} + {line} * 1]",
                "tdpbssd tmm0, tmm4, tmm6",
                "add {rows}, 64",
                "add {weights}, 1024",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{products} + {product_bytes} * 1], tmm0",
                rows = inout(reg) self.rows => _,
                weights = inout(reg) self.weights => _,
                steps = inout(reg) self.steps => _,
                row_bytes = in(reg) self.row_bytes,
                line = in(reg) TILE_BYTES,
                products = in(reg) self.products,
                product_bytes = in(reg) self.product_bytes,
                options(nostack),
            );
        }
    }
}
