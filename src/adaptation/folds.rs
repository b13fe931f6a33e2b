//! Folds for cross-validation: every label in every fold, and what is the same text in one of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::random::Random;

/// Folds at most.
const MAX_FOLDS: usize = 5;

/// Which fold each example is held out in, counted from 0.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Folds {
    of_example: Vec<usize>,
    count: usize,
}

impl Folds {
    /// Deals examples out.
    ///
    /// `strata` say what should be spread evenly, such as the leading label; examples of the same `group` stay together.
    /// There are five folds, or as many as the smallest of `needed` strata has groups if those are fewer, and two at least.
    pub(super) fn deal(strata: &[usize], groups: &[usize], needed: &[usize], seed: u64) -> Self {
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for (stratum, group) in strata.iter().zip(groups) {
            // A text that stands under two labels goes with the first.
            if seen.insert(*group) {
                members.entry(*stratum).or_default().push(*group);
            }
        }
        let size = |stratum: &usize| members.get(stratum).map_or(0, Vec::len);
        let smallest = needed.iter().map(size).min().unwrap_or(MAX_FOLDS);
        let count = smallest.clamp(2, MAX_FOLDS);
        let mut random = Random::new(seed, 0);
        let mut fold_of_group = BTreeMap::new();
        // Goes on from one stratum to the next, so that small ones do not all fill the first fold.
        let mut next = 0;
        for groups in members.values_mut() {
            shuffle(groups, &mut random);
            for group in groups {
                fold_of_group.insert(*group, next % count);
                next += 1;
            }
        }
        let fold = |group: &usize| fold_of_group.get(group).copied().unwrap_or_default();
        Self { of_example: groups.iter().map(fold).collect(), count }
    }

    /// Returns the number of folds.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Returns the fold of each example.
    pub(super) fn of_examples(&self) -> &[usize] {
        &self.of_example
    }
}

/// Fisher and Yates.
fn shuffle(values: &mut [usize], random: &mut Random) {
    for last in (1..values.len()).rev() {
        values.swap(last, random.below(last + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_spread_evenly() {
        let strata: Vec<usize> = (0..40).map(|index| index % 4).collect();
        let groups: Vec<usize> = (0..40).collect();

        let folds = Folds::deal(&strata, &groups, &[0, 1, 2, 3], 1);

        assert_eq!(folds.count(), 5);
        for stratum in 0..4 {
            for fold in 0..5 {
                let both = strata.iter().zip(folds.of_examples());
                let count = both.filter(|both| *both == (&stratum, &fold)).count();
                assert_eq!(count, 2, "label {stratum} in fold {fold}");
            }
        }
    }

    #[test]
    fn small_labels_make_fewer_folds_and_same_texts_stay_together() {
        let strata = [0, 0, 0, 0, 0, 0, 1, 1, 1, 1];
        let groups = [0, 1, 2, 3, 4, 5, 6, 7, 8, 6];

        let folds = Folds::deal(&strata, &groups, &[0, 1], 1);

        assert_eq!(folds.count(), 3);
        assert_eq!(folds.of_examples()[6], folds.of_examples()[9]);
    }

    #[test]
    fn there_are_two_folds_at_least() {
        assert_eq!(Folds::deal(&[0, 1, 1], &[0, 1, 2], &[0, 1], 1).count(), 2);
    }
}
