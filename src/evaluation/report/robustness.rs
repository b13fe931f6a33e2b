//! What becomes of decisions when messages are disturbed.

use serde::Serialize;

use super::super::answers::Decision;
use super::super::outcomes::Verdict;
use super::super::perturbation::Perturbation;
use super::super::records::Case;
use super::super::tally::{VerdictTally, ratio, side};
use super::ModelRun;
use super::parts::{Named, rounded};

/// What a model decided about messages that were disturbed in one way.
#[derive(Clone, Debug)]
pub struct Disturbed {
    /// The way.
    pub perturbation: Perturbation,
    /// Positions of the messages that it changes, rising, with what was decided then.
    pub decisions: Vec<(usize, Decision)>,
}

/// Figures over the disturbed messages.
#[derive(Clone, Debug, Serialize)]
pub struct Worth {
    /// Share of messages with the right leading intent.
    pub primary_accuracy: Option<f64>,
    /// F1 of the intents at their thresholds, over all labels as one.
    pub intents_micro_f1: Option<f64>,
    /// Share with the mood right as negative, neutral or positive.
    pub polarity3_accuracy: Option<f64>,
    /// F1 of the flags at their thresholds, over all flags as one.
    pub flags_micro_f1: Option<f64>,
}

impl Worth {
    fn of(tally: &VerdictTally) -> Self {
        Self {
            primary_accuracy: ratio(tally.right, tally.messages).map(rounded),
            intents_micro_f1: tally.intents.micro_f1().map(rounded),
            polarity3_accuracy: tally.polarity.share(|a, b| side(a) == side(b)).map(rounded),
            flags_micro_f1: tally.flags.micro_f1().map(rounded),
        }
    }
}

/// What one way to disturb messages does, over those that it changes.
#[derive(Clone, Debug, Serialize)]
pub struct Effect {
    /// Messages that it changes.
    pub messages: u64,
    /// Their figures as they were.
    pub before: Worth,
    /// Their figures when disturbed.
    pub after: Worth,
    /// Share whose leading intent is another one then.
    pub primary_changed: Option<f64>,
}

/// What one way to disturb messages does.
#[derive(Clone, Debug, Serialize)]
pub struct RobustnessReport {
    /// The way.
    pub perturbation: &'static str,
    /// Its name for people.
    #[serde(skip)]
    pub title: &'static str,
    /// Over all messages that it changes.
    #[serde(flatten)]
    pub effect: Effect,
    /// By language.
    pub by_language: Named<Effect>,
}

/// Counts before and after.
struct Both {
    before: VerdictTally,
    after: VerdictTally,
    changed: u64,
}

impl Both {
    fn new(run: &ModelRun) -> Self {
        let (intents, flags) = (run.vocabulary.intents.len(), run.vocabulary.flags.len());
        let tally = VerdictTally::new(intents, flags);
        Self { before: tally.clone(), after: tally, changed: 0 }
    }

    fn add(&mut self, before: &Verdict, after: &Verdict, changed: bool) {
        self.before.add(before, 1);
        self.after.add(after, 1);
        self.changed += u64::from(changed);
    }

    fn effect(&self) -> Effect {
        Effect {
            messages: self.before.messages,
            before: Worth::of(&self.before),
            after: Worth::of(&self.after),
            primary_changed: ratio(self.changed, self.before.messages).map(rounded),
        }
    }
}

impl RobustnessReport {
    /// Judges what was decided, beside what had been decided before.
    #[must_use]
    pub fn of(disturbed: &Disturbed, cases: &[Case], run: &ModelRun) -> Self {
        let mut all = Both::new(run);
        let mut languages: Vec<(&str, Both)> = Vec::new();
        for (index, after) in &disturbed.decisions {
            let (Some(case), Some(answer)) = (cases.get(*index), run.answers.get(*index)) else {
                continue;
            };
            let before = &answer.decision;
            let verdict = |decision| Verdict::of(case, decision, &run.vocabulary);
            let (was, is) = (verdict(before), verdict(after));
            let changed = before.primary != after.primary;
            all.add(&was, &is, changed);
            let place = languages.iter().position(|(name, _)| *name == case.language);
            let place = place.unwrap_or_else(|| {
                languages.push((&case.language, Both::new(run)));
                languages.len() - 1
            });
            if let Some((_, both)) = languages.get_mut(place) {
                both.add(&was, &is, changed);
            }
        }
        languages.sort_by_key(|(name, _)| *name);
        let by_language =
            languages.iter().map(|(name, both)| ((*name).to_owned(), both.effect())).collect();
        Self {
            perturbation: disturbed.perturbation.as_str(),
            title: disturbed.perturbation.title(),
            effect: all.effect(),
            by_language: Named(by_language),
        }
    }
}
