//! Probabilities that mean what they say, and from which one a label counts.

/// Temperatures that are tried; nearer would not be told apart with the examples there are.
const TEMPERATURES: (f64, f64, usize) = (0.25, 4.0, 97);
/// Thresholds that are tried.
const THRESHOLDS: (f64, f64, usize) = (0.1, 0.9, 41);
/// A label's threshold is that of its head until it has this many examples to say otherwise.
const SHRINKAGE: f64 = 60.0;

/// Returns the temperature with the least loss; in logarithmic steps, so that sharpening and flattening are treated alike.
pub(super) fn best_temperature(loss: impl Fn(f64) -> f64) -> f64 {
    let (low, high, steps) = TEMPERATURES;
    let ratio = (high / low).powf(1.0 / (steps - 1) as f64);
    let mut best = (f64::INFINITY, 1.0);
    let mut temperature = low;
    for _ in 0..steps {
        let loss = loss(temperature);
        if loss < best.0 {
            best = (loss, temperature);
        }
        temperature *= ratio;
    }
    best.1
}

/// A label on examples that were held out: its probability and whether it holds.
pub(super) type Judged = Vec<(f64, bool)>;

/// Returns a threshold for each label.
///
/// One threshold for all is that of the best F1 over all of them. The threshold of a label's own best F1, smoothed over
/// neighbouring ones, pulls it away as far as the label's n examples carry: n / (n + 60).
pub(super) fn thresholds(labels: &[Judged]) -> Vec<f64> {
    let candidates = candidates();
    let all: Judged = labels.iter().flatten().copied().collect();
    let whole = best(&candidates, &f1_curve(&candidates, &all)).unwrap_or(0.5);
    labels
        .iter()
        .map(|label| {
            let count = label.iter().filter(|(_, holds)| *holds).count() as f64;
            let own = best(&candidates, &smoothed(&f1_curve(&candidates, label))).unwrap_or(whole);
            let threshold = whole + (own - whole) * count / (count + SHRINKAGE);
            (threshold * 100.0).round() / 100.0
        })
        .collect()
}

fn candidates() -> Vec<f64> {
    let (low, high, steps) = THRESHOLDS;
    let step = (high - low) / (steps - 1) as f64;
    (0..steps).map(|index| low + step * index as f64).collect()
}

/// Returns the middle of the thresholds with the highest F1: few examples leave a wide range that tells nothing.
/// `None` when no threshold finds anything.
fn best(candidates: &[f64], curve: &[f64]) -> Option<f64> {
    let highest = curve.iter().copied().fold(0.0, f64::max);
    if highest <= 0.0 {
        return None;
    }
    let at = |(candidate, f1): (&f64, &f64)| (highest - f1 < 1e-9).then_some(*candidate);
    let equal: Vec<f64> = candidates.iter().zip(curve).filter_map(at).collect();
    equal.get(equal.len() / 2).copied()
}

fn f1_curve(candidates: &[f64], label: &[(f64, bool)]) -> Vec<f64> {
    let right = label.iter().filter(|(_, holds)| *holds).count();
    let f1 = |threshold: &f64| {
        let mut predicted = 0;
        let mut both = 0;
        for (_, holds) in label.iter().filter(|(probability, _)| probability >= threshold) {
            predicted += 1;
            both += usize::from(*holds);
        }
        if predicted + right == 0 { 0.0 } else { 2.0 * both as f64 / (predicted + right) as f64 }
    };
    candidates.iter().map(f1).collect()
}

/// Returns the mean over seven neighbours, fewer at the ends.
fn smoothed(curve: &[f64]) -> Vec<f64> {
    let mean = |index: usize| {
        let start = index.saturating_sub(3);
        let window = curve.iter().skip(start).take(index + 4 - start);
        let count = window.len();
        window.sum::<f64>() / count.max(1) as f64
    };
    (0..curve.len()).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temperature_of_overconfident_logits_is_over_1() {
        // Right in 3 of 4 cases at a logit of 4: ln 3 would be honest.
        let loss = |temperature: f64| {
            let probability = 1.0 / (1.0 + (-4.0 / temperature).exp());
            -3.0 * probability.ln() - (1.0 - probability).ln()
        };

        let temperature = best_temperature(loss);

        assert!((temperature - 4.0 / 3.0_f64.ln()).abs() < 0.1, "{temperature}");
    }

    #[test]
    fn threshold_lies_between_what_holds_and_what_does_not() {
        let label: Judged =
            vec![(0.2, false), (0.3, false), (0.25, false), (0.7, true), (0.8, true)];

        let thresholds = thresholds(&[label]);

        assert!((0.3..=0.7).contains(&thresholds[0]), "{thresholds:?}");
    }

    #[test]
    fn few_examples_leave_a_label_with_the_threshold_of_its_head() {
        let many: Judged =
            (0..600).map(|n| if n % 2 == 0 { (0.55, true) } else { (0.45, false) }).collect();
        let few: Judged = vec![(0.15, true), (0.05, false)];

        let thresholds = thresholds(&[many, few]);

        assert!((thresholds[0] - 0.5).abs() < 0.03 && thresholds[1] > 0.45, "{thresholds:?}");
    }

    #[test]
    fn label_that_is_never_found_gets_one_half() {
        assert_eq!(thresholds(&[vec![(0.01, true), (0.02, false)]]), [0.5]);
    }
}
