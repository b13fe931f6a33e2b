//! How good the learned labels are, what they cost the others, and what looks wrong in the examples.
//!
//! All figures are of messages that were held out: no row has seen the message that it is judged by.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use super::conflicts::{self, Conflict, Labelled};
use super::head::{HeadFit, holds};
use super::logistic::sigmoid;
use super::plan::{LabelRole, Mode, Plan};
use super::{ENOUGH_EXAMPLES, Example, Purpose, TrainingSet, leading};
use crate::evaluation::tally::{Counts, ratio};
use crate::labels::{HeadName, LabelId, LabelSet};
use crate::model::manifest::Manifest;

/// Two labels overlap when this share of one's examples is taken for the other.
const OVERLAP: f64 = 0.2;
/// And this many of them.
const LEAST_OVERLAPPING: u64 = 2;

/// What adaptation came to.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What this is.
    pub schema: &'static str,
    /// Version of the form.
    pub version: u32,
    /// "extend" or "replace".
    pub mode: &'static str,
    /// Messages that labels were learned from.
    pub examples: u64,
    /// Messages that were kept in mind.
    pub kept: u64,
    /// Parts that were held out in turn.
    pub folds: usize,
    /// How each head was fitted.
    pub heads: Vec<HeadReport>,
    /// Intents that were learned or adjusted.
    pub intents: Vec<LabelReport>,
    /// Flags that were learned or adjusted.
    pub flags: Vec<LabelReport>,
    /// Leading intents that were taken for others, the most frequent first.
    pub confusions: Vec<Confusion>,
    /// Messages whose right intent the model knew before; `None` when its intents were replaced.
    pub existing: Option<Existing>,
    /// What looks wrong.
    pub warnings: Vec<Warning>,
}

/// How a head was fitted.
#[derive(Clone, Debug, Serialize)]
pub struct HeadReport {
    /// The head.
    pub head: HeadName,
    /// How strongly weights were held back: λ of ½ λ Σ w², over the sum of the losses.
    pub penalty: f64,
    /// Temperature of the learned rows.
    pub temperature: f64,
}

/// A label on messages that were held out.
#[derive(Clone, Debug, Serialize)]
pub struct LabelReport {
    /// The label.
    pub label: String,
    /// "new" or "adjusted".
    pub role: &'static str,
    /// Examples that it leads; for a flag, that have it.
    pub examples: u64,
    /// Share of what was found that is right; `None` when nothing was.
    pub precision: Option<f64>,
    /// Share of what is right that was found.
    pub recall: Option<f64>,
    /// Harmonic mean of both.
    pub f1: Option<f64>,
    /// Probability from which it counts as present; `None` when the model has no such head.
    pub threshold: Option<f32>,
    /// What the model took most of its examples for before, with their number; of new intents only.
    pub read_before_as: Option<(String, u64)>,
}

/// A leading intent that was taken for another.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Confusion {
    /// What is right.
    pub gold: String,
    /// What was found.
    pub predicted: String,
    /// How often.
    pub count: u64,
}

/// What adaptation costs intents that the model knew before.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Existing {
    /// Messages that are no examples of a new intent.
    pub messages: u64,
    /// Of these: the leading intent is another one now.
    pub changed: u64,
    /// Of these: it is a new one now.
    pub taken_over: u64,
    /// Of these: those with a label.
    pub labelled: u64,
    /// Labelled messages whose leading intent was right before.
    pub right_before: u64,
    /// Labelled messages whose leading intent is right now.
    pub right_now: u64,
}

/// Something that looks wrong in the examples.
#[derive(Clone, Debug, PartialEq)]
pub enum Warning {
    /// A label has few examples.
    FewExamples {
        /// "intent" or "flag".
        kind: &'static str,
        /// The label.
        label: String,
        /// How many it has.
        count: u64,
    },
    /// Two labels are taken for each other.
    Overlap {
        /// What is right.
        gold: String,
        /// What it is taken for.
        predicted: String,
        /// How often.
        count: u64,
        /// Of how many.
        of: u64,
    },
    /// Two messages say the same and have different labels.
    Contradiction(Conflict),
    /// A learned label was never found where it is right.
    NeverFound {
        /// "intent" or "flag".
        kind: &'static str,
        /// The label.
        label: String,
    },
    /// Only little was there to say what must not be taken over.
    LittleKept {
        /// Messages that were.
        count: u64,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewExamples { kind, label, count } => write!(
                formatter,
                "{kind} {label:?} has {count} examples; {ENOUGH_EXAMPLES} or more make its figures mean something"
            ),
            Self::Overlap { gold, predicted, count, of } => write!(
                formatter,
                "{gold:?} is taken for {predicted:?} in {count} of {of} cases: say in the examples what tells them apart, \
                 or make one of both"
            ),
            Self::Contradiction(Conflict { first, second, similarity }) => {
                let alike = match similarity {
                    None => "the same".to_owned(),
                    Some(similarity) => format!("nearly the same ({similarity:.2})"),
                };
                write!(
                    formatter,
                    "{}: line {} ({:?}) and {}: line {} ({:?}) say {alike} with different labels",
                    first.file, first.line, first.intent, second.file, second.line, second.intent
                )
            }
            Self::NeverFound { kind, label } => {
                write!(formatter, "{kind} {label:?} was not found in any example that was held out")
            }
            Self::LittleKept { count } => write!(
                formatter,
                "{count} messages say what new labels must not take over; give a few hundred of your own with --keep"
            ),
        }
    }
}

impl Serialize for Warning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Kept messages that say enough of what must not be taken over.
const ENOUGH_KEPT: u64 = 200;

impl Report {
    pub(super) fn of(
        base: &Manifest,
        plan: &Plan,
        set: &TrainingSet<'_>,
        fits: &[HeadFit],
    ) -> Self {
        let purposes = |purpose| {
            set.examples.iter().filter(|example| example.purpose == purpose).count() as u64
        };
        let intents = Intents::of(base, plan, set, fits);
        let flags = flags(plan, set, fits);
        let mut report = Self {
            schema: "signalbox.adaptation",
            version: 1,
            mode: match plan.mode() {
                Mode::Extend => "extend",
                Mode::Replace => "replace",
            },
            examples: purposes(Purpose::Learn),
            kept: purposes(Purpose::Keep),
            folds: set.folds.count(),
            heads: fits
                .iter()
                .map(|fit| HeadReport {
                    head: fit.adapted.head.name,
                    penalty: fit.penalty,
                    temperature: fit.temperature,
                })
                .collect(),
            intents: intents.labels(),
            confusions: intents.confusions(),
            existing: (plan.mode() == Mode::Extend).then(|| intents.existing()),
            flags,
            warnings: vec![],
        };
        report.warnings = report.warnings(plan, set, &intents);
        report
    }

    fn warnings(&self, plan: &Plan, set: &TrainingSet<'_>, intents: &Intents<'_>) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for (kind, labels) in [("intent", &self.intents), ("flag", &self.flags)] {
            for label in labels {
                let (count, name) = (label.examples, label.label.clone());
                if count < ENOUGH_EXAMPLES as u64 {
                    warnings.push(Warning::FewExamples { kind, label: name, count });
                } else if label.recall == Some(0.0) {
                    warnings.push(Warning::NeverFound { kind, label: name });
                }
            }
        }
        if self.existing.is_some() && self.kept < ENOUGH_KEPT {
            warnings.push(Warning::LittleKept { count: self.kept });
        }
        for confusion in &self.confusions {
            let Confusion { gold, predicted, count } = confusion.clone();
            let of = intents.support(&gold);
            let share = ratio(count, of).unwrap_or_default();
            if count >= LEAST_OVERLAPPING && share >= OVERLAP {
                warnings.push(Warning::Overlap { gold, predicted, count, of });
            }
        }
        let labelled = |example: &Example| {
            let case = example.case.as_ref()?;
            let intent = intents.labels.get(case.primary)?.to_owned();
            let place = Labelled { file: plan.file(case).to_owned(), line: case.line, intent };
            Some((case.primary, place))
        };
        warnings.extend(conflicts::find(set, labelled).into_iter().map(Warning::Contradiction));
        warnings
    }
}

/// Leading intents before and after.
struct Intents<'a> {
    plan: &'a Plan,
    set: &'a TrainingSet<'a>,
    labels: LabelSet,
    thresholds: &'a [f32],
    /// What leads each example after adaptation, held out; empty when no head of intents changed.
    after: Vec<LabelId>,
    /// What led it before.
    before: Vec<Option<LabelId>>,
}

impl<'a> Intents<'a> {
    fn of(base: &Manifest, plan: &'a Plan, set: &'a TrainingSet<'a>, fits: &'a [HeadFit]) -> Self {
        let fit = |name| fits.iter().find(|fit| fit.adapted.head.name == name);
        let ranked_by = if base.head(HeadName::Primary).is_some() {
            HeadName::Primary
        } else {
            HeadName::Intent
        };
        let before = |example: &Example| {
            let logits = example.output.logits(ranked_by);
            logits.map(|logits| leading(logits.iter().copied().map(f64::from)).0)
        };
        let after = fit(ranked_by).map(|fit| {
            fit.held_out.rows().map(|logits| leading(logits.iter().copied()).0).collect()
        });
        let head = plan.manifest().head(ranked_by);
        Self {
            plan,
            set,
            labels: head.map_or_else(|| LabelSet::new::<&str>([]), |head| head.labels.clone()),
            thresholds: fit(HeadName::Intent).map_or(&[], |fit| &fit.adapted.head.thresholds),
            after: after.unwrap_or_default(),
            before: set.examples.iter().map(before).collect(),
        }
    }

    fn name(&self, id: LabelId) -> String {
        self.labels.get(id).unwrap_or_default().to_owned()
    }

    /// Returns examples with what led them before and what leads them now.
    fn judged(&self) -> impl Iterator<Item = (&Example, Option<LabelId>, LabelId)> {
        let led = self.before.iter().zip(&self.after);
        self.set
            .examples
            .iter()
            .zip(led)
            .map(|(example, (before, after))| (example, *before, *after))
    }

    /// Returns how many examples an intent leads.
    fn support(&self, name: &str) -> u64 {
        let cases = self.set.examples.iter().filter_map(|example| example.case.as_ref());
        cases.filter(|case| self.labels.get(case.primary) == Some(name)).count() as u64
    }

    fn labels(&self) -> Vec<LabelReport> {
        if self.after.is_empty() {
            return vec![];
        }
        let changed =
            self.plan.intents().enumerate().filter(|(_, (_, role))| *role != LabelRole::Kept);
        changed
            .map(|(index, (label, role))| {
                let id = LabelId(index);
                let mut counts = Counts::default();
                for (example, _, after) in self.judged() {
                    let gold = example.case.as_ref().is_some_and(|case| case.primary == id);
                    count(&mut counts, gold, after == id);
                }
                LabelReport {
                    threshold: self.thresholds.get(index).copied(),
                    read_before_as: self.read_before_as(id, role),
                    ..label_report(label, role, &counts)
                }
            })
            .collect()
    }

    /// Returns what the model took most examples of a new intent for.
    fn read_before_as(&self, id: LabelId, role: LabelRole) -> Option<(String, u64)> {
        if role != LabelRole::New || self.plan.mode() == Mode::Replace {
            return None;
        }
        let mut counts: BTreeMap<LabelId, u64> = BTreeMap::new();
        for (example, before, _) in self.judged() {
            if example.case.as_ref().is_some_and(|case| case.primary == id) {
                *counts.entry(before?).or_default() += 1;
            }
        }
        let most =
            counts.into_iter().max_by_key(|(label, count)| (*count, std::cmp::Reverse(*label)));
        most.map(|(label, count)| (self.name(label), count))
    }

    fn confusions(&self) -> Vec<Confusion> {
        let mut counts: BTreeMap<(LabelId, LabelId), u64> = BTreeMap::new();
        let learned: Vec<LabelId> = self.plan.learned_intents().collect();
        for (example, _, after) in self.judged() {
            let Some(case) = &example.case else { continue };
            let concerns = learned.contains(&case.primary) || learned.contains(&after);
            if concerns && case.primary != after {
                *counts.entry((case.primary, after)).or_default() += 1;
            }
        }
        let mut confusions: Vec<Confusion> = counts
            .into_iter()
            .map(|((gold, predicted), count)| Confusion {
                gold: self.name(gold),
                predicted: self.name(predicted),
                count,
            })
            .collect();
        confusions.sort_by_key(|confusion| std::cmp::Reverse(confusion.count));
        confusions
    }

    fn existing(&self) -> Existing {
        let new: Vec<bool> = self.plan.intents().map(|(_, role)| role == LabelRole::New).collect();
        let is_new = |id: LabelId| new.get(id.0).copied().unwrap_or_default();
        let mut existing = Existing::default();
        for (example, before, after) in self.judged() {
            let case = example.case.as_ref();
            if case.is_some_and(|case| is_new(case.primary)) {
                continue;
            }
            existing.messages += 1;
            existing.changed += u64::from(before != Some(after));
            existing.taken_over += u64::from(is_new(after));
            if let Some(case) = case {
                existing.labelled += 1;
                existing.right_before += u64::from(before == Some(case.primary));
                existing.right_now += u64::from(after == case.primary);
            }
        }
        existing
    }
}

fn flags(plan: &Plan, set: &TrainingSet<'_>, fits: &[HeadFit]) -> Vec<LabelReport> {
    let fit = fits.iter().find(|fit| fit.adapted.head.name == HeadName::Flags);
    let Some(fit) = fit else { return vec![] };
    let changed = plan.flags().enumerate().filter(|(_, (_, role))| *role != LabelRole::Kept);
    changed
        .map(|(index, (label, role))| {
            let id = LabelId(index);
            let threshold = fit.adapted.head.thresholds.get(index).copied();
            let mut counts = Counts::default();
            for (example, logits) in set.examples.iter().zip(fit.held_out.rows()) {
                let gold = match &example.case {
                    Some(case) => holds(case, HeadName::Flags, id),
                    None => Some(false),
                };
                let probability = logits.get(index).map_or(0.0, |logit| sigmoid(*logit));
                let raised = threshold.is_some_and(|least| probability >= f64::from(least));
                if let Some(gold) = gold {
                    count(&mut counts, gold, raised);
                }
            }
            LabelReport { threshold, ..label_report(label, role, &counts) }
        })
        .collect()
}

fn count(counts: &mut Counts, gold: bool, predicted: bool) {
    counts.both += u64::from(gold && predicted);
    counts.only_predicted += u64::from(!gold && predicted);
    counts.only_gold += u64::from(gold && !predicted);
}

fn label_report(label: &str, role: LabelRole, counts: &Counts) -> LabelReport {
    LabelReport {
        label: label.to_owned(),
        role: match role {
            LabelRole::Kept => "kept",
            LabelRole::Adjusted => "adjusted",
            LabelRole::New => "new",
        },
        examples: counts.support(),
        precision: counts.precision(),
        recall: counts.recall(),
        f1: counts.f1(),
        threshold: None,
        read_before_as: None,
    }
}
