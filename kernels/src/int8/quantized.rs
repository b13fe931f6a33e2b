//! Rows of activations, quantised one by one.

use super::{ActivationFormat, Activations, INNER, Lines, Session, TILE_ROWS, Work, rows};

/// Quantised rows `[R, K]`: value ≈ integer × scale of its row. Keeps its memory from one use to the next.
#[derive(Debug, Default)]
pub(super) struct QuantizedRows {
    bytes: Lines<u8>,
    scales: Vec<f32>,
    inner: usize,
    row_bytes: usize,
}

impl QuantizedRows {
    /// Makes room for `rows` rows of `width` values.
    pub(super) fn resize(&mut self, rows: usize, width: usize, format: ActivationFormat) {
        self.inner = width.next_multiple_of(INNER);
        self.row_bytes = self.inner * format.value_bytes();
        // Products take whole tiles of rows, from any row on.
        self.bytes.resize((rows + TILE_ROWS) * self.row_bytes);
        self.scales.resize(rows, 0.0);
    }

    /// Quantises rows of `width` values each into the rows from `first` on.
    pub(super) fn quantize(
        &mut self,
        session: Session,
        first: usize,
        values: &[f32],
        width: usize,
    ) {
        session.run(Quantize { values, width, format: session.format(), first, to: self });
    }

    /// Returns each row from `first` on, to be written, and its scale.
    pub(super) fn rows_mut(&mut self, first: usize) -> impl Iterator<Item = (&mut [u8], &mut f32)> {
        let bytes = self.bytes.chunks_exact_mut(self.row_bytes.max(1));
        bytes.zip(&mut self.scales).skip(first)
    }

    /// Returns `rows` rows from `first` on, and their scales; `None` past the last one.
    pub(super) fn some_rows(&self, first: usize, rows: usize) -> Option<(Activations<'_>, &[f32])> {
        let bytes = self.bytes.get(first * self.row_bytes..)?;
        let scales = self.scales.get(first..first + rows)?;
        Some((Activations { bytes, rows, inner: self.inner }, scales))
    }
}

struct Quantize<'a> {
    values: &'a [f32],
    width: usize,
    format: ActivationFormat,
    first: usize,
    to: &'a mut QuantizedRows,
}

impl Work for Quantize<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let rows = self.values.chunks_exact(self.width.max(1));
        for (values, (to, scale)) in rows.zip(self.to.rows_mut(self.first)) {
            *scale = rows::quantize(values, self.format, to);
        }
    }
}
