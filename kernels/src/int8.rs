//! Encoders with BERT's blocks in int8, computed with the best that the processor and its kernel allow.
//!
//! Weights are quantised per output, activations per token while computing, and sums of products are exact. Products of
//! int8 have a kernel for each instruction set, all with the same layout of the weights; work on f32 is written once and
//! compiled for several.

#[cfg(target_arch = "x86_64")]
mod amx;
mod arena;
mod attention;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod dense;
mod encoder;
mod instructions;
mod lines;
#[cfg(target_arch = "aarch64")]
mod neon;
mod norm;
mod packing;
mod quantized;
mod rows;
mod scalar;
#[cfg(test)]
mod tests;

pub use attention::Shape;
pub use dense::FloatDense;
pub use encoder::{Encoder, EncoderWeights, LayerWeights, Workspace};
pub use instructions::{InstructionSet, UnknownInstructionSet};
pub use norm::Norm;
pub use packing::QuantizedDense;

use arena::Arena;
use instructions::Vectors;
use lines::Lines;

use crate::Activation;

/// Columns of a product (rows of the weights) that lie together.
const BLOCK: usize = 16;
/// Values of K that lie together.
const STEP: usize = 4;
/// K is filled up to a multiple of this with zeros: the bytes of a row of an AMX tile.
const INNER: usize = 64;
/// Rows of activations are there in multiples of this; those past the last one may hold anything.
const TILE_ROWS: usize = 16;

/// Why weights can't be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WeightsError {
    /// Sizes of tensors that belong together do not match.
    #[error("sizes of the weights do not match")]
    Sizes,
    /// There is no memory to pack them.
    #[error("no memory for {bytes} bytes")]
    Memory {
        /// What they take.
        bytes: usize,
    },
}

/// How quantised activations are stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ActivationFormat {
    /// Signed bytes.
    Signed8,
    /// Unsigned bytes, 128 too large.
    Offset8,
    /// Signed, two bytes each.
    Signed16,
}

impl ActivationFormat {
    /// Returns the bytes of one value.
    fn value_bytes(self) -> usize {
        match self {
            Self::Signed8 | Self::Offset8 => 1,
            Self::Signed16 => 2,
        }
    }
}

/// Work on f32 that is compiled for each instruction set.
trait Work {
    /// What comes out.
    type Output;

    /// Does the work; to be marked `inline(always)`. `FMA`: multiplying and adding is one step.
    fn run<const FMA: bool>(self) -> Self::Output;
}

/// A product of int8 matrices to be computed, its sizes checked.
#[derive(Debug)]
struct Product<'a> {
    /// Activations `[rows, K]` in the format of the kernel, `row_bytes` from one row to the next.
    rows: &'a [u8],
    row_bytes: usize,
    row_count: usize,
    /// K, a multiple of [`INNER`].
    inner: usize,
    /// Whole blocks of weights.
    weights: &'a [u8],
    /// What each column's sum begins with: -128 times the sum of its weights.
    offsets: &'a [i32],
    /// Takes the sums `[rows, N]`, `product_stride` from one row to the next.
    products: &'a mut [i32],
    product_stride: usize,
}

/// Quantised activations `[rows, K]`.
#[derive(Clone, Copy, Debug)]
struct Activations<'a> {
    /// Rows of `inner` values each, in the format of the kernel; whole tiles of rows.
    bytes: &'a [u8],
    /// Number of rows.
    rows: usize,
    /// Values of a row, filled up to a multiple of [`INNER`].
    inner: usize,
}

/// Packed weights, some blocks of a matrix.
///
/// Weights of a matrix `[N, K]` lie in blocks of [`BLOCK`] rows, filled up with zeros: block after block; in a block, step
/// after step of [`STEP`] values of K; in a step, [`STEP`] bytes of each of the [`BLOCK`] rows. That is what `vpdpbusd`,
/// `tdpbssd` and `sdot` each want.
#[derive(Clone, Copy, Debug)]
struct Blocks<'a> {
    /// Weights, `BLOCK · K` bytes a block.
    weights: &'a [u8],
    /// For each column -128 times the sum of its weights; read where activations are [`ActivationFormat::Offset8`].
    offsets: &'a [i32],
}

/// The kernels of an instruction set.
#[derive(Clone, Copy, Debug)]
pub struct Kernels {
    instructions: InstructionSet,
    vectors: Vectors,
}

/// Kernels, ready on this thread.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    kernels: Kernels,
    /// What was made ready holds for one thread only, so a session stays on it.
    _this_thread: std::marker::PhantomData<*const ()>,
}

impl Kernels {
    /// Returns the kernels of an instruction set, or `None` where the processor or its kernel does not have it.
    #[must_use]
    pub fn new(instructions: InstructionSet) -> Option<Self> {
        let vectors = instructions.vectors();
        instructions.is_available().then_some(Self { instructions, vectors })
    }

    /// Returns how the kernels want activations.
    fn format(self) -> ActivationFormat {
        self.instructions.format()
    }

    /// Makes the kernels ready on this thread.
    #[must_use]
    pub fn on_this_thread(self) -> Session {
        #[cfg(target_arch = "x86_64")]
        if self.instructions == InstructionSet::Amx {
            #[expect(unsafe_code, reason = "needs a processor with AMX")]
            // SAFETY: kernels are only made where the processor has AMX and the kernel has given its tiles.
            unsafe {
                amx::configure();
            }
        }
        Session { kernels: self, _this_thread: std::marker::PhantomData }
    }
}

impl Session {
    /// Returns how the kernels want activations.
    fn format(self) -> ActivationFormat {
        self.kernels.format()
    }

    /// Adds the mean of the rows of `[n, W]` to `mean`, `[W]`.
    pub fn add_mean(self, rows: &[f32], mean: &mut [f32]) {
        self.run(AddMean { rows, mean });
    }

    /// Writes integers, in two's complement, times `scale`, plus `added`, to `values`: all have one length.
    pub fn decode_and_add(self, integers: &[u8], scale: f32, added: &[f32], values: &mut [f32]) {
        self.run(DecodeAndAdd { integers, scale, added, values });
    }

    /// Applies an activation in place.
    pub fn activate(self, activation: Activation, values: &mut [f32]) {
        self.run(Activate { activation, values });
    }

    /// Does work on f32.
    fn run<W: Work>(self, work: W) -> W::Output {
        self.kernels.vectors.run(work)
    }

    /// Computes the products of rows and columns, exactly: `products[r · stride + c] = Σ rows[r, k] · weights[c, k]`.
    ///
    /// Up to whole tiles of rows are written. `None` where the sizes do not match.
    #[must_use]
    fn multiply(
        self,
        activations: Activations<'_>,
        blocks: Blocks<'_>,
        products: &mut [i32],
        stride: usize,
    ) -> Option<()> {
        let mut product = Product::new(self.format(), activations, blocks, products, stride)?;
        self.dispatch(&mut product);
        Some(())
    }

    #[expect(unsafe_code, reason = "calls functions for certain processors")]
    fn dispatch(self, product: &mut Product<'_>) {
        match self.kernels.instructions {
            InstructionSet::Portable => scalar::multiply(product),
            // SAFETY: kernels are only made where the processor has the instructions.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => unsafe { avx2::multiply(product) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::AvxVnni => unsafe { avx2::multiply_vnni(product) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx512Vnni => unsafe { avx512::multiply(product) },
            // SAFETY: as above; the session has configured the tiles of this thread, which it can't leave.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Amx => unsafe { amx::multiply(product) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            InstructionSet::NeonDot => unsafe { neon::multiply(product) },
        }
    }
}

impl<'a> Product<'a> {
    /// Checks the sizes.
    fn new(
        format: ActivationFormat,
        activations: Activations<'a>,
        blocks: Blocks<'a>,
        products: &'a mut [i32],
        product_stride: usize,
    ) -> Option<Self> {
        let Activations { bytes: rows, rows: row_count, inner } = activations;
        let row_bytes = inner.checked_mul(format.value_bytes())?;
        let columns = blocks.weights.len().checked_div(inner)?;
        let tiled_rows = row_count.checked_next_multiple_of(TILE_ROWS)?;
        let fits = inner.is_multiple_of(INNER)
            && columns.is_multiple_of(BLOCK)
            && columns * inner == blocks.weights.len()
            && blocks.offsets.len() == columns
            && rows.len() >= tiled_rows.checked_mul(row_bytes)?
            && product_stride >= columns
            && products.len() >= tiled_rows.checked_mul(product_stride)?;
        let Blocks { weights, offsets } = blocks;
        fits.then_some(Self {
            rows,
            row_bytes,
            row_count,
            inner,
            weights,
            offsets,
            products,
            product_stride,
        })
    }
}

struct AddMean<'a> {
    rows: &'a [f32],
    mean: &'a mut [f32],
}

impl Work for AddMean<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let width = self.mean.len().max(1);
        let factor = 1.0 / (self.rows.len() / width).max(1) as f32;
        for row in self.rows.chunks_exact(width) {
            rows::add_scaled::<FMA>(row, factor, self.mean);
        }
    }
}

struct DecodeAndAdd<'a> {
    integers: &'a [u8],
    scale: f32,
    added: &'a [f32],
    values: &'a mut [f32],
}

impl Work for DecodeAndAdd<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        rows::decode_and_add::<FMA>(self.integers, self.scale, self.added, self.values);
    }
}

struct Activate<'a> {
    activation: Activation,
    values: &'a mut [f32],
}

impl Work for Activate<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        rows::activate::<FMA>(self.activation, self.values);
    }
}
