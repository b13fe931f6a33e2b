//! Rows of a matrix, one after the other or in the rayon pool that the caller runs in.

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::{ParallelSlice, ParallelSliceMut};

/// Works on every row of `width` numbers; with over one thread, in the rayon pool that the caller runs in.
pub(super) fn for_each_row(
    values: &mut [f32],
    width: usize,
    threads: usize,
    work: impl Fn(&mut [f32]) + Send + Sync,
) {
    let width = width.max(1);
    if threads > 1 {
        values.par_chunks_exact_mut(width).for_each(work);
    } else {
        values.chunks_exact_mut(width).for_each(work);
    }
}

/// As [`for_each_row`], with the rows of a second matrix of the same shape.
pub(super) fn for_each_row_pair(
    values: &mut [f32],
    others: &[f32],
    width: usize,
    threads: usize,
    work: impl Fn(&mut [f32], &[f32]) + Send + Sync,
) {
    let width = width.max(1);
    if threads > 1 {
        let rows = values.par_chunks_exact_mut(width);
        let others = others.par_chunks_exact(width);
        rows.zip(others).for_each(|(row, other)| work(row, other));
    } else {
        let rows = values.chunks_exact_mut(width);
        let others = others.chunks_exact(width);
        rows.zip(others).for_each(|(row, other)| work(row, other));
    }
}

#[cfg(test)]
mod tests {
    use signalbox_kernels::float::{add, softmax};

    use super::*;

    #[test]
    fn rows_are_the_same_on_any_number_of_threads() {
        let run = |threads| {
            let mut values: Vec<f32> = (0..2_000_u16).map(|value| f32::from(value % 97)).collect();
            for_each_row(&mut values, 100, threads, softmax);
            let others = values.clone();
            for_each_row_pair(&mut values, &others, 100, threads, add);
            values
        };

        assert_eq!(run(1), run(2));
    }
}
