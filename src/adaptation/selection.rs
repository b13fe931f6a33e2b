//! How strongly weights are held back: tried on examples that were left out.

use std::thread;

use super::folds::Folds;
use super::logistic::{Problem, Rows};
use super::matrix::Matrix;

/// Penalties that are tried, from the strongest on: C from 0.0001 to 10 in scikit-learn's terms.
const PENALTIES: [f64; 11] = [1e4, 3e3, 1e3, 3e2, 1e2, 3e1, 1e1, 3.0, 1.0, 0.3, 0.1];
/// Penalties in a row that are worse than the best before the search ends: every one costs more steps than the last.
const PATIENCE: usize = 3;

/// What cross-validation found.
#[derive(Clone, Debug)]
pub(super) struct Selected {
    /// The penalty with the least loss.
    pub(super) penalty: f64,
    /// Logits of every example from rows that were fitted without it, `[n, A]`.
    pub(super) held_out: Matrix,
}

/// Chooses the penalty with the least cross-entropy on examples that were held out.
///
/// `importance` weighs examples when rows are fitted and when losses are added up.
pub(super) fn select(problem: &Problem, importance: &[f64], folds: &Folds) -> Selected {
    let mut starts: Vec<Option<Rows>> = vec![None; folds.count()];
    let mut best: Option<(f64, Selected)> = None;
    let mut worse = 0;
    for penalty in PENALTIES {
        starts = fit_folds(problem, importance, folds, penalty, &starts);
        let held_out = held_out(problem, folds, &starts);
        let losses = problem.losses(&held_out);
        let loss: f64 = losses.iter().zip(importance).map(|(loss, weight)| loss * weight).sum();
        if best.as_ref().is_none_or(|(least, _)| loss < *least) {
            best = Some((loss, Selected { penalty, held_out }));
            worse = 0;
        } else {
            worse += 1;
            if worse == PATIENCE {
                break;
            }
        }
    }
    best.map_or_else(|| Selected { penalty: 1.0, held_out: Matrix::default() }, |(_, best)| best)
}

/// Fits rows for each fold without its examples, from those of the penalty before.
fn fit_folds(
    problem: &Problem,
    importance: &[f64],
    folds: &Folds,
    penalty: f64,
    starts: &[Option<Rows>],
) -> Vec<Option<Rows>> {
    let fit = |fold: usize, start: Option<&Rows>| {
        let without: Vec<f64> = importance
            .iter()
            .zip(folds.of_examples())
            .map(|(importance, of)| if *of == fold { 0.0 } else { *importance })
            .collect();
        problem.fit(&without, penalty, start)
    };
    thread::scope(|scope| {
        let fit = &fit;
        let handles: Vec<_> = starts
            .iter()
            .enumerate()
            .map(|(fold, start)| scope.spawn(move || fit(fold, start.as_ref())))
            .collect();
        // A fold without rows is judged by its offsets alone.
        handles.into_iter().map(|handle| handle.join().ok()).collect()
    })
}

/// Returns the logits of every example from the rows of its own fold.
fn held_out(problem: &Problem, folds: &Folds, rows: &[Option<Rows>]) -> Matrix {
    let of_folds: Vec<Matrix> = rows
        .iter()
        .map(|rows| rows.as_ref().map_or_else(|| problem.offsets.clone(), |r| problem.logits(r)))
        .collect();
    let mut held_out = Matrix::empty(problem.targets.columns());
    for (index, fold) in folds.of_examples().iter().enumerate() {
        let row = of_folds.get(*fold).map_or(&[][..], |logits| logits.row(index));
        held_out.push(row.iter().copied());
    }
    held_out
}
