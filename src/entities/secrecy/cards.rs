//! Card numbers with any separators, also glued to other digits.

use std::ops::Range;

use super::super::payment_card as card;
use super::signs::Sign;
use super::{EntityType, Secret};

/// Most signs between two groups of a card.
const MAX_SEPARATORS: usize = 6;

/// Most digits that are glued to a card without a doubt: month, year and check value.
const MAX_GLUED: usize = 7;

/// Most digits that are looked at from a place on.
const MAX_DIGITS: usize = 32;

/// Returns the cards of a text.
pub(super) fn find(signs: &[Sign]) -> Vec<Secret> {
    let groups = groups(signs);
    let mut found = Vec::new();
    for place in 0..groups.len() {
        let chain = Chain::read(signs, groups.get(place..).unwrap_or_default());
        found.extend(chain.starts().into_iter().filter_map(|start| chain.card_at(signs, start)));
    }
    found
}

/// Returns the runs of digits.
fn groups(signs: &[Sign]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    for (at, _) in signs.iter().enumerate().filter(|(_, sign)| sign.is_digit()) {
        match groups.last_mut().filter(|last| last.end == at) {
            Some(last) => last.end = at + 1,
            None => groups.push(at..at + 1),
        }
    }
    groups
}

/// Runs of digits that can be one number.
struct Chain {
    digits: Vec<u8>,
    /// Sign of each digit.
    places: Vec<usize>,
    /// How many digits there are up to the end of each group, as long as one and the same separator joins them.
    ends: Vec<usize>,
    /// Lengths of all groups.
    lengths: Vec<usize>,
}

impl Chain {
    fn read(signs: &[Sign], groups: &[Range<usize>]) -> Self {
        let mut chain =
            Self { digits: Vec::new(), places: Vec::new(), ends: Vec::new(), lengths: Vec::new() };
        let mut separator: Option<Vec<u8>> = None;
        let mut is_uniform = true;
        let mut end = None;
        for group in groups {
            if let Some(end) = end {
                let Some(between) = joint(signs, end..group.start) else { break };
                is_uniform &= separator.as_ref().is_none_or(|separator| *separator == between);
                separator.get_or_insert(between);
            }
            let room = MAX_DIGITS.saturating_sub(chain.digits.len());
            for at in group.clone().take(room) {
                chain.digits.extend(signs.get(at).map(|sign| sign.byte));
                chain.places.push(at);
            }
            chain.lengths.push(group.len());
            if group.len() > room {
                break;
            }
            if is_uniform || chain.is_grouped_like_card() {
                chain.ends.push(chain.digits.len());
            }
            end = Some(group.end);
        }
        chain
    }

    /// Tells whether the groups are those that cards are printed in.
    fn is_grouped_like_card(&self) -> bool {
        matches!(self.lengths.as_slice(), [4, 4, 4, 4, ..] | [4, 6, 4 | 5, ..])
    }

    /// Returns where a card can begin in the first group, doubtful places with `true`.
    fn starts(&self) -> Vec<(usize, bool)> {
        let Some(first) = self.lengths.first().copied() else { return Vec::new() };
        let mut starts = vec![(0, false)];
        let zeros = self.digits.iter().take(first).take_while(|digit| **digit == b'0').count();
        if zeros > 0 {
            starts.push((zeros, false));
        }
        let is_fours = first > 4 && matches!(self.lengths.as_slice(), [_, 4, 4, 4, ..]);
        let glued = if is_fours { 4..=4 } else { 14..=16 };
        starts.extend(glued.filter(|length| *length < first).map(|length| (first - length, true)));
        starts
    }

    /// Returns the longest card that begins at a digit; one without a doubt goes before a longer one with: a digit behind a
    /// card may make a number of a rare length of both.
    fn card_at(&self, signs: &[Sign], (start, is_inside): (usize, bool)) -> Option<Secret> {
        let rest = self.digits.get(start..)?;
        let first = self.lengths.first().copied()?;
        let lengths = (card::MIN_DIGITS..=card::MAX_DIGITS.min(rest.len())).rev();
        let readings: Vec<Secret> = lengths
            .filter_map(|length| {
                let number = rest.get(..length)?;
                let end = start + length;
                let ends_group = self.ends.contains(&end);
                // What is glued to a card stands in its last group.
                let group_end = self.group_end(end);
                let in_form =
                    end <= first || self.is_grouped_like_card() || self.ends.contains(&group_end);
                let is_usual = card::usual_length(number) == Some(length);
                if !(ends_group || (in_form && is_usual)) || !card::is_valid_of_any_scheme(number) {
                    return None;
                }
                let is_doubtful =
                    is_inside || group_end - end > MAX_GLUED || !card::is_valid(number);
                let from = signs.get(*self.places.get(start)?)?.start;
                let to = signs.get(*self.places.get(end - 1)?)?.end;
                let value = card::redacted(number);
                Some(Secret { kind: EntityType::PaymentCard, span: from..to, value, is_doubtful })
            })
            .collect();
        let sure = readings.iter().position(|reading| !reading.is_doubtful);
        readings.into_iter().nth(sure.unwrap_or(0))
    }

    /// Returns how many digits there are up to the end of the group in which the digit before `end` stands.
    fn group_end(&self, end: usize) -> usize {
        let mut total = 0;
        for length in &self.lengths {
            total += length;
            if total >= end {
                break;
            }
        }
        total.max(end)
    }
}

/// Returns what stands between two groups if it can stand inside a card.
fn joint(signs: &[Sign], between: Range<usize>) -> Option<Vec<u8>> {
    let between = signs.get(between)?;
    let joins = |sign: &Sign| !sign.is_alphanumeric() && !matches!(sign.byte, b',' | b';');
    (between.len() <= MAX_SEPARATORS && between.iter().all(joins))
        .then(|| between.iter().map(|sign| sign.byte).collect())
}
