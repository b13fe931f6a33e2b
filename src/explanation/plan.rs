//! Which words are left out, alone or together, when only so many stretches may be tried.
//!
//! A message with more words than that is tried in two rounds: first sentences, or parts of them; then the words of those
//! that carried most.

use std::ops::Range;

use super::Word;

/// Words of a stretch of the first round at most: a sentence without an end is worth little as a whole.
const MAX_STRETCH: usize = 16;

/// Returns the stretches of words that are tried first, in order and without a gap; at most `budget`, or half of it when
/// a second round is to come. `budget` is at least 1.
///
/// Each is a single word if that many may be tried.
#[must_use]
pub fn first_round(words: &[Word], budget: usize) -> Vec<Range<usize>> {
    if words.len() <= budget {
        return split(&(0..words.len()), words.len());
    }
    let most = (budget / 2).max(1);
    let mut stretches = Vec::new();
    let mut start = 0;
    for sentence in words.chunk_by(|a, b| a.sentence == b.sentence) {
        let whole = start..start + sentence.len();
        start = whole.end;
        stretches.extend(split(&whole, whole.len().div_ceil(MAX_STRETCH)));
    }
    if stretches.len() > most {
        return split(&(0..words.len()), most);
    }
    stretches
}

/// A stretch that is tried again in parts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refined {
    /// Position of the stretch in the first round.
    pub stretch: usize,
    /// Its parts, two or more: single words, or as many parts as may still be tried.
    pub parts: Vec<Range<usize>>,
}

/// Chooses the stretches of the first round that are tried again, in parts; at most `budget` parts over all.
///
/// `drops` has for each explained label what each stretch carried; labels take turns, so that a sentence that matters to one
/// of them only is looked at as well.
#[must_use]
pub fn second_round(stretches: &[Range<usize>], drops: &[Vec<f32>], budget: usize) -> Vec<Refined> {
    let mut left = budget;
    let mut refined: Vec<Refined> = Vec::new();
    for stretch in by_turns(drops) {
        let Some(whole) = stretches.get(stretch) else { continue };
        let parts = whole.len().min(left);
        let is_new = refined.iter().all(|known| known.stretch != stretch);
        if parts >= 2 && is_new {
            refined.push(Refined { stretch, parts: split(whole, parts) });
            left -= parts;
        }
    }
    refined
}

/// Returns positions of stretches: the one that carried most of each label in turn, then the second of each, and so on.
/// Those that carried nothing are left out.
fn by_turns(drops: &[Vec<f32>]) -> Vec<usize> {
    let ranked: Vec<Vec<usize>> = drops
        .iter()
        .map(|of_label| {
            let carried = of_label.iter().enumerate().filter(|(_, drop)| **drop > 0.0);
            let mut carried: Vec<(usize, &f32)> = carried.collect();
            carried.sort_by(|(_, a), (_, b)| b.total_cmp(a));
            carried.into_iter().map(|(stretch, _)| stretch).collect()
        })
        .collect();
    let rounds = ranked.iter().map(Vec::len).max().unwrap_or(0);
    (0..rounds).flat_map(|rank| ranked.iter().filter_map(move |of| of.get(rank).copied())).collect()
}

/// Splits a stretch into `parts` of about the same length; none when there is nothing to split.
fn split(whole: &Range<usize>, parts: usize) -> Vec<Range<usize>> {
    let parts = parts.min(whole.len());
    let at = |part: usize| whole.start + part * whole.len() / parts.max(1);
    (0..parts).map(|part| at(part)..at(part + 1)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Words in sentences of the given lengths.
    fn words(sentences: &[usize]) -> Vec<Word> {
        let numbered = sentences.iter().enumerate();
        let of_words = numbered.flat_map(|(sentence, words)| vec![sentence; *words]);
        let word = |(at, sentence)| Word { tokens: at..at + 1, span: at..at + 1, sentence };
        of_words.enumerate().map(word).collect()
    }

    #[test]
    fn every_word_is_tried_alone_when_there_are_no_more_than_may_be_tried() {
        assert_eq!(first_round(&words(&[2, 1]), 3), [0..1, 1..2, 2..3]);
        assert!(first_round(&[], 3).is_empty());
    }

    #[test]
    fn longer_messages_are_tried_by_sentences_and_long_sentences_in_parts() {
        let stretches = first_round(&words(&[5, 40, 2, 20]), 64);

        assert_eq!(stretches, [0..5, 5..18, 18..31, 31..45, 45..47, 47..57, 57..67]);
    }

    #[test]
    fn more_sentences_than_may_be_tried_are_joined() {
        let stretches = first_round(&words(&[1; 100]), 8);

        assert_eq!(stretches, [0..25, 25..50, 50..75, 75..100]);
    }

    #[test]
    fn what_carried_most_is_refined_and_labels_take_turns() {
        let stretches = [0..10, 10..14, 14..30, 30..33];
        let drops = [vec![0.1, 3.0, -1.0, 2.0], vec![2.0, 3.0, 0.0, 0.0]];

        let refined = second_round(&stretches, &drops, 9);

        let chosen: Vec<(usize, usize)> =
            refined.iter().map(|refined| (refined.stretch, refined.parts.len())).collect();
        assert_eq!(chosen, [(1, 4), (3, 3), (0, 2)]);
        assert_eq!(refined[2].parts, [0..5, 5..10]);
    }

    #[test]
    fn nothing_is_refined_when_nothing_carried_or_nothing_is_left() {
        let stretches = [0..10, 10..14];

        assert!(second_round(&stretches, &[vec![-0.5, 0.0]], 9).is_empty());
        assert!(second_round(&stretches, &[vec![1.0, 2.0]], 1).is_empty());
        assert!(second_round(&stretches, &[], 9).is_empty());
    }

    proptest! {
        #[test]
        fn the_budget_holds_and_no_word_is_passed_over(
            sentences in prop::collection::vec(1_usize..60, 0..40),
            budget in 1_usize..100,
            seed in prop::collection::vec(-2.0_f32..4.0, 60),
        ) {
            let words = words(&sentences);

            let first = first_round(&words, budget);
            let drops = [first.iter().zip(seed.iter().cycle()).map(|(_, drop)| *drop).collect()];
            let second = second_round(&first, &drops, budget - first.len());

            let parts: usize = second.iter().map(|refined| refined.parts.len()).sum();
            prop_assert!(first.len() + parts <= budget);
            let mut end = 0;
            for stretch in &first {
                prop_assert!(stretch.start == end && stretch.end > stretch.start);
                end = stretch.end;
            }
            prop_assert_eq!(end, words.len());
            for refined in &second {
                let whole = &first[refined.stretch];
                prop_assert_eq!(refined.parts.first().map(|part| part.start), Some(whole.start));
                prop_assert_eq!(refined.parts.last().map(|part| part.end), Some(whole.end));
                prop_assert!(refined.parts.iter().all(|part| !part.is_empty()));
            }
        }
    }
}
