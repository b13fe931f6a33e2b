//! Layer normalisation.

use super::quantized::QuantizedRows;
use super::{ActivationFormat, Session, WeightsError, Work, rows};

/// Layer normalisation of rows of W numbers.
#[derive(Debug)]
pub struct Norm {
    scale: Vec<f32>,
    shift: Vec<f32>,
    epsilon: f32,
}

impl Norm {
    /// Makes a normalisation of scales and shifts `[W]`; `epsilon` is added to the variance.
    ///
    /// # Errors
    /// [`WeightsError::Sizes`] when the sizes do not match.
    pub fn new(scale: Vec<f32>, shift: Vec<f32>, epsilon: f32) -> Result<Self, WeightsError> {
        if scale.is_empty() || scale.len() != shift.len() {
            return Err(WeightsError::Sizes);
        }
        Ok(Self { scale, shift, epsilon })
    }

    /// Returns the width of a row, W.
    pub(super) fn width(&self) -> usize {
        self.scale.len()
    }

    /// Normalises each row of `[T, W]`.
    pub(super) fn normalize_only(&self, session: Session, values: &mut [f32]) {
        session.run(NormalizeOnly { norm: self, values });
    }

    /// Normalises each row of `[T, W]` and quantises it into the rows from `first` on.
    pub(super) fn normalize(
        &self,
        session: Session,
        values: &mut [f32],
        quantized: &mut QuantizedRows,
        first: usize,
    ) {
        session.run(Normalize { norm: self, values, format: session.format(), quantized, first });
    }
}

struct NormalizeOnly<'a> {
    norm: &'a Norm,
    values: &'a mut [f32],
}

impl Work for NormalizeOnly<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Norm { scale, shift, epsilon } = self.norm;
        for values in self.values.chunks_exact_mut(scale.len()) {
            rows::normalize::<FMA>(values, scale, shift, *epsilon);
        }
    }
}

struct Normalize<'a> {
    norm: &'a Norm,
    values: &'a mut [f32],
    format: ActivationFormat,
    quantized: &'a mut QuantizedRows,
    first: usize,
}

impl Work for Normalize<'_> {
    type Output = ();

    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Norm { scale, shift, epsilon } = self.norm;
        let rows = self.values.chunks_exact_mut(scale.len());
        for (values, (to, row_scale)) in rows.zip(self.quantized.rows_mut(self.first)) {
            rows::normalize::<FMA>(values, scale, shift, *epsilon);
            *row_scale = rows::quantize(values, self.format, to);
        }
    }
}
