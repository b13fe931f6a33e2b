//! Agreement beyond chance, and whether two models differ.

/// Returns Cohen's kappa with quadratic weights: 1 is full agreement, 0 what chance gives.
///
/// `counts[gold][predicted]`. `None` when chance alone would agree fully, as when everything is of one kind.
#[must_use]
pub fn quadratic_kappa<const N: usize>(counts: &[[u64; N]; N]) -> Option<f64> {
    let gold: Vec<f64> = counts.iter().map(|row| row.iter().sum::<u64>() as f64).collect();
    let mut predicted = [0.0; N];
    for row in counts {
        for (sum, count) in predicted.iter_mut().zip(row) {
            *sum += *count as f64;
        }
    }
    let total: f64 = gold.iter().sum();
    let (mut observed, mut expected) = (0.0, 0.0);
    for (i, (row, in_gold)) in counts.iter().zip(&gold).enumerate() {
        for (j, (count, in_predicted)) in row.iter().zip(&predicted).enumerate() {
            let distance = i.abs_diff(j) as f64;
            observed += distance * distance * *count as f64;
            expected += distance * distance * in_gold * in_predicted / total;
        }
    }
    (expected > 0.0).then(|| 1.0 - observed / expected)
}

/// Returns the two-sided p of McNemar's exact test: how probable it is that of the messages that only one of two models
/// gets right, the shares are this unequal or more so if both are equally good.
///
/// `only_first` and `only_second` count those messages.
#[must_use]
pub fn mcnemar_exact(only_first: u64, only_second: u64) -> f64 {
    let (fewer, all) = (only_first.min(only_second), only_first + only_second);
    // ln C(n, k) / 2ⁿ, one k after the other: the coefficients themselves overflow from n = 1030 on.
    let mut logarithm = -(all as f64) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for k in 0..=fewer {
        tail += logarithm.exp();
        logarithm += ((all - k) as f64 / (k + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn kappa_is_that_of_scikit_learn() {
        let gold = [0, 0, 1, 1, 2, 2, 2, 3, 4, 4, 2, 1, 3, 0];
        let predicted = [0, 1, 1, 2, 2, 2, 1, 3, 4, 3, 4, 1, 2, 0];
        let mut counts = [[0; 5]; 5];
        for (gold, predicted) in gold.into_iter().zip(predicted) {
            counts[gold][predicted] += 1;
        }

        assert!((quadratic_kappa(&counts).unwrap() - 0.804_953_560_371_517).abs() < 1e-12);
    }

    #[test]
    fn kappa_of_one_kind_is_unknown() {
        let mut counts = [[0; 5]; 5];
        assert_eq!(quadratic_kappa(&counts), None);
        counts[2][2] = 7;
        assert_eq!(quadratic_kappa(&counts), None);
    }

    #[test]
    fn p_is_that_of_the_binomial_test_of_scipy() {
        for (first, second, p) in [
            (10, 3, 0.092_285_156_25),
            (0, 0, 1.0),
            (5, 5, 1.0),
            (1, 9, 0.021_484_375),
            (40, 71, 0.004_195_534_185_394_861),
            (300, 400, 0.000_178_476_314_485_624_4),
        ] {
            let found = mcnemar_exact(first, second);
            assert!((found - p).abs() < 1e-9 * p.max(1e-3), "{first} {second}: {found} is not {p}");
        }
        assert!((mcnemar_exact(30_000, 30_000) - 1.0).abs() < 1e-6);
        // 2⁻⁶⁰⁰⁰⁰ is no f64; zero is what is left of it.
        assert!(mcnemar_exact(0, 60_000) < 1e-300);
    }

    proptest! {
        #[test]
        fn p_is_symmetric_and_a_probability(first in 0_u64..300, second in 0_u64..300) {
            let p = mcnemar_exact(first, second);

            prop_assert!((0.0..=1.0).contains(&p));
            prop_assert!((p - mcnemar_exact(second, first)).abs() < 1e-12);
        }
    }
}
