//! How often people agree with the models.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::database::Judgement;
use super::submission::Labels;

/// How often people agree with each version of each model.
///
/// A message counts once for each kind of label, with what was said about it last.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Agreement {
    /// By name and version.
    pub models: Vec<ModelAgreement>,
}

/// How often people agree with one version of a model.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct ModelAgreement {
    /// Name of the model.
    pub model_name: String,
    /// Version of the model.
    pub model_version: String,
    /// Messages that something was submitted about.
    pub messages: u64,
    /// The leading intent.
    pub primary: PartAgreement,
    /// All intents of a message.
    pub intents: PartAgreement,
    /// The mood.
    pub polarity: PartAgreement,
    /// All flags of a message.
    pub flags: PartAgreement,
}

/// How often people agree with a model on one kind of label.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct PartAgreement {
    /// Messages for which both the model and a person said something.
    pub judged: u64,
    /// Those for which both said exactly the same.
    pub agreed: u64,
    /// Each label that either of them used.
    pub labels: BTreeMap<String, LabelCounts>,
}

/// How often people agree with a model on one label: precision is agreed / predicted, recall agreed / corrected.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct LabelCounts {
    /// Messages for which the model said it.
    pub predicted: u64,
    /// Messages for which a person says that it is right.
    pub corrected: u64,
    /// Messages for which both do.
    pub agreed: u64,
}

impl PartAgreement {
    /// Returns agreed / judged; `None` when nothing was judged.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        share(self.agreed, self.judged)
    }

    fn add(&mut self, predicted: &[String], corrected: &[String]) {
        let set = |labels: &[String]| labels.iter().cloned().collect::<BTreeSet<String>>();
        let (predicted, corrected) = (set(predicted), set(corrected));
        self.judged += 1;
        self.agreed += u64::from(predicted == corrected);
        for label in &predicted {
            self.labels.entry(label.clone()).or_default().predicted += 1;
        }
        for label in &corrected {
            let counts = self.labels.entry(label.clone()).or_default();
            counts.corrected += 1;
            counts.agreed += u64::from(predicted.contains(label));
        }
    }
}

impl LabelCounts {
    /// Returns agreed / predicted; `None` when the model never said it.
    #[must_use]
    pub fn precision(&self) -> Option<f64> {
        share(self.agreed, self.predicted)
    }

    /// Returns agreed / corrected; `None` when no person said it.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        share(self.agreed, self.corrected)
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// What was said last about one answer, kind by kind.
#[derive(Debug, Default)]
struct Judged {
    predicted: Labels,
    corrected: Labels,
}

impl Judged {
    fn update(&mut self, predicted: Labels, corrected: Labels) {
        if corrected.intents.is_some() {
            self.corrected.intents = corrected.intents;
            self.predicted.intents = predicted.intents;
        }
        if corrected.polarity.is_some() {
            self.corrected.polarity = corrected.polarity;
            self.predicted.polarity = predicted.polarity;
        }
        if corrected.flags.is_some() {
            self.corrected.flags = corrected.flags;
            self.predicted.flags = predicted.flags;
        }
    }
}

/// Counts submissions that come message by message.
#[derive(Debug, Default)]
pub(super) struct Counting {
    models: BTreeMap<(String, String), ModelAgreement>,
    /// Tenant and id of the message that comes at the moment.
    message: (String, String),
    /// What was said about its answers, by model and version.
    answers: BTreeMap<(String, String), Judged>,
}

impl Counting {
    pub(super) fn add(&mut self, judgement: Judgement) {
        let message = (judgement.tenant, judgement.message_id);
        if message != self.message {
            self.end_message();
            self.message = message;
        }
        let model = (judgement.model_name, judgement.model_version);
        let answer = self.answers.entry(model).or_default();
        answer.update(judgement.predicted, judgement.corrected);
    }

    pub(super) fn finish(mut self) -> Agreement {
        self.end_message();
        Agreement { models: self.models.into_values().collect() }
    }

    fn end_message(&mut self) {
        for (model, judged) in std::mem::take(&mut self.answers) {
            let (model_name, model_version) = model.clone();
            let named = || ModelAgreement { model_name, model_version, ..Default::default() };
            self.models.entry(model).or_insert_with(named).add(&judged);
        }
    }
}

impl ModelAgreement {
    fn add(&mut self, Judged { predicted, corrected }: &Judged) {
        self.messages += 1;
        if let (Some(predicted), Some(corrected)) = (&predicted.intents, &corrected.intents) {
            self.intents.add(predicted, corrected);
            let first = |labels: &[String]| labels.first().cloned().into_iter().collect::<Vec<_>>();
            self.primary.add(&first(predicted), &first(corrected));
        }
        if let (Some(predicted), Some(corrected)) = (&predicted.polarity, &corrected.polarity) {
            self.polarity.add(std::slice::from_ref(predicted), std::slice::from_ref(corrected));
        }
        if let (Some(predicted), Some(corrected)) = (&predicted.flags, &corrected.flags) {
            self.flags.add(predicted, corrected);
        }
    }
}
