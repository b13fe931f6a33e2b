//! How well a score puts those with a property before those without.

/// Something with a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The score; never NaN.
    pub score: f32,
    /// Whether it has the property.
    pub positive: bool,
    /// How often it counts.
    pub weight: u32,
}

/// What happens at one score while the bar is lowered: weights of those that have just come over it.
#[derive(Clone, Copy, Debug, Default)]
struct Step {
    positive: u64,
    negative: u64,
}

/// Collects those of equal score; `ranked` runs from the highest score to the lowest.
fn steps(ranked: &[Scored]) -> impl Iterator<Item = Step> + '_ {
    ranked.chunk_by(|a, b| a.score.total_cmp(&b.score).is_eq()).map(|equal| {
        let mut step = Step::default();
        for item in equal {
            let side = if item.positive { &mut step.positive } else { &mut step.negative };
            *side += u64::from(item.weight);
        }
        step
    })
}

/// Sorts from the highest score to the lowest. Equal scores keep their order.
pub fn rank(items: &mut [Scored]) {
    items.sort_by(|a, b| b.score.total_cmp(&a.score));
}

fn totals(ranked: &[Scored]) -> Step {
    steps(ranked).fold(Step::default(), |sum, step| Step {
        positive: sum.positive + step.positive,
        negative: sum.negative + step.negative,
    })
}

/// Returns the area under the ROC curve: the probability that one with the property has a higher score than one
/// without, ties counting half. `None` when either kind is missing.
///
/// `ranked` runs from the highest score to the lowest.
#[must_use]
pub fn auroc(ranked: &[Scored]) -> Option<f64> {
    let (mut seen, mut area) = (Step::default(), 0.0);
    for step in steps(ranked) {
        area += step.negative as f64 * (seen.positive as f64 + step.positive as f64 / 2.0);
        seen.positive += step.positive;
        seen.negative += step.negative;
    }
    let pairs = seen.positive as f64 * seen.negative as f64;
    (pairs > 0.0).then(|| area / pairs)
}

/// Returns average precision: Σ (Rₙ − Rₙ₋₁) Pₙ over the different scores, without interpolation. `None` without any
/// that has the property.
///
/// `ranked` runs from the highest score to the lowest.
#[must_use]
pub fn average_precision(ranked: &[Scored]) -> Option<f64> {
    let (mut seen, mut sum) = (Step::default(), 0.0);
    for step in steps(ranked) {
        seen.positive += step.positive;
        seen.negative += step.negative;
        if step.positive > 0 {
            let precision = seen.positive as f64 / (seen.positive + seen.negative) as f64;
            sum += step.positive as f64 * precision;
        }
    }
    (seen.positive > 0).then(|| sum / seen.positive as f64)
}

/// Returns points (false positive rate, true positive rate) of the ROC curve from (0, 0) to (1, 1), `most` at most;
/// empty when either kind is missing.
///
/// `ranked` runs from the highest score to the lowest. Points on a straight line are left out first.
#[must_use]
pub fn roc_curve(ranked: &[Scored], most: usize) -> Vec<(f64, f64)> {
    let all = totals(ranked);
    if all.positive == 0 || all.negative == 0 {
        return Vec::new();
    }
    let mut seen = Step::default();
    let mut corners: Vec<Step> = vec![seen];
    for step in steps(ranked) {
        let same_direction = match corners.as_slice() {
            // Both the last stretch and this one go straight up, or straight right.
            [.., before, last] => {
                (last.positive == before.positive && step.positive == 0)
                    || (last.negative == before.negative && step.negative == 0)
            }
            _ => false,
        };
        seen.positive += step.positive;
        seen.negative += step.negative;
        if same_direction {
            corners.pop();
        }
        corners.push(seen);
    }
    let point = |corner: &Step| {
        (corner.negative as f64 / all.negative as f64, corner.positive as f64 / all.positive as f64)
    };
    let last = corners.len() - 1;
    let most = most.max(2) - 1;
    if last <= most {
        return corners.iter().map(point).collect();
    }
    (0..=most).filter_map(|index| corners.get(index * last / most)).map(point).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What `roc_auc_score`, `average_precision_score` and `roc_curve` of scikit-learn 1.x were asked.
    const SCORES: [f32; 10] = [0.1, 0.4, 0.35, 0.8, 0.4, 0.2, 0.9, 0.4, 0.05, 0.35];
    const POSITIVE: [bool; 10] = [false, false, true, true, true, false, true, false, false, true];

    fn ranked(weights: [u32; 10]) -> Vec<Scored> {
        let mut items: Vec<Scored> = SCORES
            .into_iter()
            .zip(POSITIVE)
            .zip(weights)
            .map(|((score, positive), weight)| Scored { score, positive, weight })
            .collect();
        rank(&mut items);
        items
    }

    #[test]
    fn areas_are_those_of_scikit_learn() {
        let plain = ranked([1; 10]);
        let weighted = ranked([1, 0, 2, 1, 3, 1, 1, 2, 0, 1]);

        assert!((auroc(&plain).unwrap() - 0.8).abs() < 1e-12);
        assert!((average_precision(&plain).unwrap() - 0.805_714_285_714_285_6).abs() < 1e-12);
        assert!((auroc(&weighted).unwrap() - 0.718_75).abs() < 1e-12);
        assert!((average_precision(&weighted).unwrap() - 0.817_857_142_857_142_8).abs() < 1e-12);
    }

    #[test]
    fn curve_is_that_of_scikit_learn_without_points_on_a_line() {
        let curve = roc_curve(&ranked([1; 10]), 100);

        assert_eq!(curve, [(0.0, 0.0), (0.0, 0.4), (0.4, 0.6), (0.4, 1.0), (1.0, 1.0)]);
        let thinned = roc_curve(&ranked([1; 10]), 3);
        assert_eq!((thinned[0], thinned[2], thinned.len()), ((0.0, 0.0), (1.0, 1.0), 3));
    }

    #[test]
    fn one_kind_alone_has_no_area() {
        let alone = [Scored { score: 0.5, positive: true, weight: 1 }];

        assert_eq!((auroc(&alone), auroc(&[])), (None, None));
        assert!(roc_curve(&alone, 10).is_empty());
        assert_eq!((average_precision(&alone), average_precision(&[])), (Some(1.0), None));
    }

    proptest! {
        #[test]
        fn area_counts_pairs(items in prop::collection::vec((0_u8..6, any::<bool>(), 0_u32..3), 1..30)) {
            let mut items: Vec<Scored> = items
                .into_iter()
                .map(|(score, positive, weight)| Scored { score: score.into(), positive, weight })
                .collect();
            rank(&mut items);

            let (mut wins, mut pairs) = (0.0, 0.0);
            for a in items.iter().filter(|item| item.positive) {
                for b in items.iter().filter(|item| !item.positive) {
                    let weight = f64::from(a.weight) * f64::from(b.weight);
                    pairs += weight;
                    wins += weight * if a.score > b.score { 1.0 } else if a.score < b.score { 0.0 } else { 0.5 };
                }
            }
            match auroc(&items) {
                None => prop_assert!(pairs == 0.0),
                Some(area) => prop_assert!((area - wins / pairs).abs() < 1e-12),
            }
        }
    }
}
