//! Rows of numbers, one after the other.

/// A matrix in row-major order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Matrix {
    columns: usize,
    values: Vec<f64>,
}

impl Matrix {
    /// Makes a matrix of zeros.
    pub(super) fn zeros(rows: usize, columns: usize) -> Self {
        Self { columns, values: vec![0.0; rows * columns] }
    }

    /// Makes a matrix without rows.
    pub(super) fn empty(columns: usize) -> Self {
        Self::zeros(0, columns)
    }

    /// Appends a row; what is missing of it is 0, what is too much is left out.
    pub(super) fn push(&mut self, row: impl IntoIterator<Item = f64>) {
        let end = self.values.len() + self.columns;
        self.values.extend(row.into_iter().take(self.columns));
        self.values.resize(end, 0.0);
    }

    /// Returns the number of columns.
    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Returns the number of rows.
    pub(super) fn len(&self) -> usize {
        self.values.len().checked_div(self.columns).unwrap_or_default()
    }

    /// Returns the rows in order.
    pub(super) fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> + Clone {
        self.values.chunks_exact(self.columns.max(1))
    }

    /// Returns the rows in order, to be changed.
    pub(super) fn rows_mut(&mut self) -> impl ExactSizeIterator<Item = &mut [f64]> {
        self.values.chunks_exact_mut(self.columns.max(1))
    }

    /// Returns a row; empty past the last one.
    pub(super) fn row(&self, index: usize) -> &[f64] {
        let start = index.saturating_mul(self.columns);
        self.values.get(start..start.saturating_add(self.columns)).unwrap_or_default()
    }

    /// Returns all values, row after row.
    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }
}

/// Numbers that are added up side by side: as many as fit the registers of the oldest processors several times.
const LANES: usize = 8;

/// Returns the sum of products. Both have the same length.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    debug_assert_eq!(a.len(), b.len());
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

/// Adds `factor` · `from` to `to`. Both have the same length.
pub(super) fn add_scaled(to: &mut [f64], factor: f64, from: &[f64]) {
    debug_assert_eq!(to.len(), from.len());
    for (to, from) in to.iter_mut().zip(from) {
        *to += factor * from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_in_order() {
        let mut matrix = Matrix::empty(2);
        matrix.push([1.0, 2.0]);
        matrix.push([3.0]);
        matrix.push([4.0, 5.0, 6.0]);

        assert_eq!(matrix.rows().collect::<Vec<_>>(), [[1.0, 2.0], [3.0, 0.0], [4.0, 5.0]]);
        assert_eq!((matrix.len(), matrix.row(1), matrix.row(3)), (3, &[3.0, 0.0][..], &[][..]));
    }

    #[test]
    fn products_count_every_number_once() {
        let a: Vec<f64> = (1..=19).map(f64::from).collect();
        let ones = vec![1.0; 19];
        let mut sum = vec![0.5; 19];

        add_scaled(&mut sum, 2.0, &a);

        assert!((dot(&a, &ones) - 190.0).abs() < 1e-12);
        assert!((dot(&sum, &ones) - 389.5).abs() < 1e-12);
    }
}
