//! Finds rules that can never match.
//!
//! A condition is taken apart into its terms; each says something about one variable: that a text is one of some values, that
//! a list holds a value, that a number lies in a range. If every way in which the condition could hold contradicts itself,
//! it never does. "This rule matches and that earlier one does not" is a condition, too, so the same search finds rules that
//! an earlier rule with `stop` leaves nothing to. Terms that are not understood, such as patterns, count as independent of
//! all others but themselves; so whatever is reported is certain, but not everything that is certain is reported.

mod state;

use super::condition::{Condition, Test};
use super::vocabulary::Vocabulary;
use state::State;

/// Steps of the search for one question at most; beyond it the answer is "perhaps".
const STEPS: usize = 2_000;
/// Steps for all questions about one policy at most.
const ALL_STEPS: usize = 1_000_000;

/// A rule that can never match.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Unreachable {
    /// Position of the rule.
    pub(super) rule: usize,
    /// Byte of its condition that the fault is about.
    pub(super) at: usize,
    /// Why: lower case, without full stop.
    pub(super) message: String,
}

/// Finds rules that can never match. Each rule has its id, its condition and whether it stops.
pub(super) fn unreachable(
    rules: &[(&str, &Condition, bool)],
    vocabulary: &Vocabulary,
) -> Vec<Unreachable> {
    let mut search = Search { vocabulary, left: ALL_STEPS };
    let mut found = Vec::new();
    let mut stops: Vec<(&str, &Condition)> = Vec::new();
    for (position, (id, condition, stop)) in rules.iter().enumerate() {
        if !search.may_hold(&[(condition, true)]) {
            let (at, message) = search.contradiction(condition);
            found.push(Unreachable { rule: position, at, message });
            continue;
        }
        let shadow = stops
            .iter()
            .find(|(_, earlier)| !search.may_hold(&[(condition, true), (earlier, false)]));
        if let Some((earlier, _)) = shadow {
            let message = format!(
                "can never match: rule {earlier:?} before it matches whenever this one would, \
                 and stops"
            );
            found.push(Unreachable { rule: position, at: 0, message });
        } else if *stop {
            stops.push((id, condition));
        }
    }
    found
}

struct Search<'a> {
    vocabulary: &'a Vocabulary,
    /// Steps that are left for the policy.
    left: usize,
}

impl Search<'_> {
    /// Tells whether conditions can come out as given, all at the same time. In doubt they can.
    fn may_hold(&mut self, wanted: &[(&Condition, bool)]) -> bool {
        let mut steps = STEPS.min(self.left);
        let before = steps;
        let answer = explore(State::new(self.vocabulary), wanted.to_vec(), &mut steps);
        self.left -= before - steps;
        answer
    }

    /// Says why a condition never holds, and at which byte.
    fn contradiction(&mut self, condition: &Condition) -> (usize, String) {
        if let Condition::All(parts) = condition {
            for (index, part) in parts.iter().enumerate() {
                for earlier in parts.iter().take(index) {
                    let alone = self.may_hold(&[(part, true)]) && self.may_hold(&[(earlier, true)]);
                    if let (Condition::Term(first), Condition::Term(second)) = (earlier, part)
                        && alone
                        && !self.may_hold(&[(earlier, true), (part, true)])
                    {
                        let (first, written) = (&first.source, &second.source);
                        let message = format!("can never match: {first} excludes {written}");
                        return (second.span.start, message);
                    }
                }
            }
        }
        (0, "can never match: the condition contradicts itself".to_owned())
    }
}

/// Takes conditions apart that must come out as given; tells whether a way remains in which they do.
fn explore<'c>(
    mut state: State<'c>,
    mut wanted: Vec<(&'c Condition, bool)>,
    steps: &mut usize,
) -> bool {
    let mut branches: Vec<(&Condition, bool)> = Vec::new();
    while let Some((condition, holds)) = wanted.pop() {
        let Some(left) = steps.checked_sub(1) else { return true };
        *steps = left;
        match condition {
            Condition::Constant(value) if *value == holds => {}
            Condition::Constant(_) => return false,
            Condition::Term(term) => {
                if !state.add(&term.test, holds) {
                    return false;
                }
            }
            Condition::Not(inner) => wanted.push((inner, !holds)),
            Condition::All(parts) if holds => wanted.extend(parts.iter().map(|part| (part, true))),
            Condition::Any(parts) if !holds => {
                wanted.extend(parts.iter().map(|part| (part, false)));
            }
            Condition::All(_) | Condition::Any(_) | Condition::Choice(_) => {
                branches.push((condition, holds));
            }
        }
    }
    let Some((branch, holds)) = branches.pop() else {
        return state.is_possible();
    };
    let ways: Vec<Vec<(&Condition, bool)>> = match branch {
        Condition::All(parts) | Condition::Any(parts) => {
            parts.iter().map(|part| vec![(part, holds)]).collect()
        }
        Condition::Choice(sides) => {
            let (condition, yes, no) = &**sides;
            vec![vec![(condition, true), (yes, holds)], vec![(condition, false), (no, holds)]]
        }
        Condition::Constant(_) | Condition::Term(_) | Condition::Not(_) => Vec::new(),
    };
    ways.into_iter().any(|mut way| {
        // What is known is copied for each way.
        *steps = steps.saturating_sub(state.len());
        way.extend(branches.iter().copied());
        explore(state.clone(), way, steps)
    })
}

/// Returns a text by which equal terms are known.
fn key(test: &Test) -> String {
    format!("{test:?}")
}

#[cfg(test)]
mod tests;
