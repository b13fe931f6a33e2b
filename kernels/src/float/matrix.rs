//! Products of matrices in f32 on a given number of threads.
//!
//! candle's own product asks on each call how many cores the machine has, which reads `/proc/cpuinfo`, and hands its
//! work to rayon. This calls the same kernels (the gemm crate) without either.

use gemm::Parallelism;

/// A matrix in a slice of numbers.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

/// A matrix to write to. Its rows do not overlap.
#[derive(Debug)]
pub struct MatrixMut<'a> {
    values: &'a mut [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Makes a matrix whose rows begin `row_stride` numbers apart; `None` if it does not fit into the slice.
    #[must_use]
    pub fn new(values: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Option<Self> {
        fits(values.len(), rows, columns, row_stride).then_some(Self {
            values,
            rows,
            columns,
            row_stride,
            column_stride: 1,
        })
    }

    /// Returns the number of rows and of columns.
    #[must_use]
    pub fn size(self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// Swaps rows and columns without moving a number.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self {
            values: self.values,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }
}

impl<'a> MatrixMut<'a> {
    /// Makes a matrix whose rows begin `row_stride` numbers apart; `None` if it does not fit into the slice or if rows
    /// overlap.
    #[must_use]
    pub fn new(
        values: &'a mut [f32],
        rows: usize,
        columns: usize,
        row_stride: usize,
    ) -> Option<Self> {
        let fits = fits(values.len(), rows, columns, row_stride) && row_stride >= columns;
        fits.then_some(Self { values, rows, columns, row_stride })
    }
}

/// What happens to the numbers that are in the result already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Before {
    /// They are overwritten.
    Overwrite,
    /// The product is added to them.
    Add,
}

/// Computes `left × right` into a matrix; `None` if the sizes do not match.
///
/// With over one thread, the work goes to the rayon pool that the caller runs in.
#[must_use]
#[expect(
    unsafe_code,
    reason = "the kernels take pointers; measured gain: the whole encoder is 1.5 to 3 times as fast as with candle's product"
)]
pub fn multiply(
    left: Matrix<'_>,
    right: Matrix<'_>,
    into: MatrixMut<'_>,
    before: Before,
    threads: usize,
) -> Option<()> {
    let MatrixMut { values, rows, columns, row_stride } = into;
    if left.columns != right.rows || left.rows != rows || right.columns != columns {
        return None;
    }
    let stride = |stride: usize| isize::try_from(stride).ok();
    let (into_row_stride, left_strides, right_strides) = (
        stride(row_stride)?,
        (stride(left.column_stride)?, stride(left.row_stride)?),
        (stride(right.column_stride)?, stride(right.row_stride)?),
    );
    let parallelism = match threads {
        0 | 1 => Parallelism::None,
        _ => Parallelism::Rayon(threads),
    };
    // SAFETY: `gemm` reads `left` at row × row stride + column × column stride for every row and column, `right`
    // alike, and reads and writes `into` alike; the sizes were compared above. The constructors have checked that the
    // last of these places lies in the slice, and all strides are at least 0, so every place does. `into` is borrowed
    // mutably, so it overlaps neither operand, and its places are distinct as its rows do not overlap.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            left.columns,
            values.as_mut_ptr(),
            1,
            into_row_stride,
            before == Before::Add,
            left.values.as_ptr(),
            left_strides.0,
            left_strides.1,
            right.values.as_ptr(),
            right_strides.0,
            right_strides.1,
            1.0_f32,
            1.0_f32,
            false,
            false,
            false,
            parallelism,
        );
    }
    Some(())
}

fn fits(len: usize, rows: usize, columns: usize, row_stride: usize) -> bool {
    let (Some(last_row), Some(last_column)) = (rows.checked_sub(1), columns.checked_sub(1)) else {
        return true;
    };
    let last = last_row.checked_mul(row_stride).and_then(|start| start.checked_add(last_column));
    last.is_some_and(|last| last < len)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that f32 adds and multiplies without rounding.
    fn numbers(len: usize, seed: usize) -> Vec<f32> {
        (0..len).map(|index| ((index * 7 + seed * 3) % 11) as f32 - 5.0).collect()
    }

    fn at(matrix: &Matrix<'_>, row: usize, column: usize) -> f32 {
        matrix.values[row * matrix.row_stride + column * matrix.column_stride]
    }

    fn assert_product(left: Matrix<'_>, right: Matrix<'_>, row_stride: usize, threads: usize) {
        let len = left.rows * row_stride + 3;
        for (before, start) in [(Before::Overwrite, 0.0), (Before::Add, 2.0)] {
            let mut values = vec![2.0; len];
            let into = MatrixMut::new(&mut values, left.rows, right.columns, row_stride).unwrap();

            multiply(left, right, into, before, threads).unwrap();

            for row in 0..left.rows {
                for column in 0..row_stride {
                    let expected = if column < right.columns {
                        let products = (0..left.columns)
                            .map(|inner| at(&left, row, inner) * at(&right, inner, column));
                        start + products.sum::<f32>()
                    } else {
                        2.0
                    };
                    let found = values[row * row_stride + column];
                    assert!((found - expected).abs() < 1e-3, "{row}, {column}: {found}");
                }
            }
            assert_eq!(values[len - 3..], [2.0; 3], "nothing is written past the end");
        }
    }

    #[test]
    fn products_are_right_for_all_strides_and_touch_nothing_else() {
        for (rows, inner, columns) in [(1, 1, 1), (3, 5, 2), (17, 64, 33), (40, 33, 70)] {
            let left_values = numbers(rows * (inner + 2), 1);
            let right_values = numbers(columns.max(inner) * (inner.max(columns) + 4), 2);
            let left = Matrix::new(&left_values, rows, inner, inner + 2).unwrap();
            let plain = Matrix::new(&right_values, inner, columns, columns + 4).unwrap();
            let turned = Matrix::new(&right_values, columns, inner, inner + 1).unwrap();

            for threads in [1, 2] {
                assert_product(left, plain, columns, threads);
                assert_product(left, plain, columns + 5, threads);
                assert_product(left, turned.transposed(), columns + 5, threads);
            }
        }
    }

    #[test]
    fn a_matrix_fits_into_its_slice_to_the_last_number() {
        let mut values = [0.0; 10];

        assert!(Matrix::new(&values, 2, 4, 6).is_some());
        assert!(Matrix::new(&values, 2, 5, 6).is_none());
        assert!(Matrix::new(&values, 3, 4, 4).is_none());
        assert!(Matrix::new(&values, usize::MAX, 2, usize::MAX).is_none());
        assert!(Matrix::new(&values, 0, 50, 50).is_some());
        assert!(MatrixMut::new(&mut values, 2, 4, 6).is_some());
        assert!(MatrixMut::new(&mut values, 2, 4, 3).is_none(), "rows overlap");
    }

    #[test]
    fn sizes_that_do_not_match_are_refused() {
        let values = [0.0; 12];
        let mut result = [0.0; 12];
        let matrix = |rows, columns| Matrix::new(&values, rows, columns, columns).unwrap();

        for (left, right) in [
            (matrix(2, 3), matrix(2, 3)),
            (matrix(3, 3), matrix(3, 3)),
            (matrix(2, 3), matrix(3, 2)),
        ] {
            let into = MatrixMut::new(&mut result, 2, 3, 3).unwrap();
            assert!(multiply(left, right, into, Before::Overwrite, 1).is_none());
        }
    }
}
