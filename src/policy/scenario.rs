//! Scenarios: messages with the decision that a policy should come to, for the people who write policies.
//!
//! A file holds any number of them; docs/policy.md describes its form. [`ScenarioFile::parse`] reads it. Where a scenario says
//! what a model would predict, [`Scenario::facts`] gives the facts without a model; else its text goes through the service.
//! [`Expectation::differences`] compares what came out.

mod expectation;
mod request;
mod sketch;

use std::time::SystemTime;

use super::facts::{Facts, Received};
use super::reading::line;
use super::vocabulary::Vocabulary;
use crate::message::{Channel, Customer, Order, ThreadMessage};
use crate::scoring::AbstainReason;
use crate::yaml::{self, Faults, Fields, Node};

pub use expectation::Expectation;
pub use sketch::Sketch;

/// Scenarios of a file at most.
const MAX_SCENARIOS: usize = 10_000;

/// A file of scenarios.
#[derive(Clone, Debug)]
pub struct ScenarioFile {
    /// Path of the policy that they are for; `None` for the default one.
    pub policy: Option<String>,
    /// The scenarios in the order of the file.
    pub scenarios: Vec<Scenario>,
}

/// A message with the decision that is expected for it.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it is about, unique within its file.
    pub name: String,
    /// Line of the file where it begins, from 1.
    pub line: u64,
    /// What the customer wrote.
    pub text: String,
    /// Subject line.
    pub subject: String,
    /// Where it came in.
    pub channel: Channel,
    /// Language that the caller expects; empty for none.
    pub locale_hint: String,
    /// When it was sent.
    pub sent_at: Option<SystemTime>,
    /// Shop or brand; empty for none.
    pub tenant: String,
    /// What is known about the customer.
    pub customer: Customer,
    /// What is known about the order.
    pub order: Order,
    /// Earlier messages, oldest first.
    pub thread: Vec<ThreadMessage>,
    /// Media types of the attachments.
    pub attachments: Vec<String>,
    /// What a model would predict; `None` leaves it to the model.
    pub prediction: Option<Sketch>,
    /// What should come out.
    pub expect: Expectation,
}

/// What the text of a scenario says by itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TextFacts<'a> {
    /// Language: a primary subtag of BCP-47, or "und".
    pub language: &'a str,
    /// Types of entities, without repeats.
    pub entities: Vec<&'a str>,
    /// Code points of what the customer wrote.
    pub message_length: usize,
}

impl ScenarioFile {
    /// Reads scenarios. `origin` names the file in errors; intents, flags and the like must be in the vocabulary.
    ///
    /// # Errors
    /// Everything that is wrong with the file, with line and column.
    pub fn parse(yaml: &str, origin: &str, vocabulary: &Vocabulary) -> Result<Self, Faults> {
        let root = yaml::parse(yaml, origin)?;
        let mut faults = Faults::new(origin);
        let mut file = Self { policy: None, scenarios: Vec::new() };
        if let Some(mut fields) = Fields::of(&root, &mut faults) {
            let policy = fields.optional("policy").and_then(|node| line(node, &mut faults));
            file.policy = policy.map(str::to_owned);
            let list = fields.required("scenarios", &mut faults);
            fields.finish(&mut faults);
            let list = list.and_then(|node| node.list(&mut faults)).unwrap_or_default();
            if let Some(extra) = list.get(MAX_SCENARIOS) {
                faults.add(extra.position, format!("more than {MAX_SCENARIOS} scenarios"));
            }
            for node in list.iter().take(MAX_SCENARIOS) {
                file.scenarios.extend(scenario(node, vocabulary, &mut faults));
            }
            refuse_repeats(&file.scenarios, list, &mut faults);
        }
        faults.finish(file)
    }
}

fn refuse_repeats(scenarios: &[Scenario], list: &[Node], faults: &mut Faults) {
    let mut seen = std::collections::HashSet::new();
    for scenario in scenarios {
        if !seen.insert(scenario.name.as_str()) {
            let node = list.iter().find(|node| node.position.line == scenario.line);
            if let Some(node) = node {
                faults.add(node.position, "a scenario before it has the same name");
            }
        }
    }
}

fn scenario(node: &Node, vocabulary: &Vocabulary, faults: &mut Faults) -> Option<Scenario> {
    let mut fields = Fields::of(node, faults)?;
    let name = fields.required("name", faults).and_then(|node| line(node, faults));
    let mut scenario = Scenario {
        name: name.unwrap_or_default().to_owned(),
        line: node.position.line,
        text: String::new(),
        subject: String::new(),
        channel: Channel::Unknown,
        locale_hint: String::new(),
        sent_at: None,
        tenant: String::new(),
        customer: Customer::default(),
        order: Order::default(),
        thread: Vec::new(),
        attachments: Vec::new(),
        prediction: None,
        expect: Expectation::default(),
    };
    request::read(&mut fields, &mut scenario, faults);
    if let Some(node) = fields.optional("prediction") {
        scenario.prediction = sketch::read(node, vocabulary, faults);
    }
    if let Some(node) = fields.required("expect", faults) {
        scenario.expect = expectation::read(node, faults).unwrap_or_default();
    }
    let has_prediction = fields.optional("prediction").is_some();
    fields.finish(faults);
    if !has_prediction && scenario.text.is_empty() && scenario.subject.is_empty() {
        faults.add(node.position, "a scenario needs a text, a subject or a prediction");
    }
    Some(scenario)
}

impl Scenario {
    /// Returns the facts that its prediction describes, or `None` if it leaves that to a model.
    ///
    /// `text` is what the text itself says; language and entities of the prediction go before it. Without it nothing is
    /// known but the length of the text. The language is one that the model supports unless the prediction says that the
    /// model declines for it.
    #[must_use]
    pub fn facts<'a>(&'a self, text: Option<&TextFacts<'a>>) -> Option<Facts<'a>> {
        let sketch = self.prediction.as_ref()?;
        let mut received = Received {
            customer: &self.customer,
            order: &self.order,
            sent_at: self.sent_at.unwrap_or(SystemTime::UNIX_EPOCH),
            channel: self.channel,
            tenant: &self.tenant,
            thread: &self.thread,
            media_types: self.attachments.iter().map(String::as_str).collect(),
            language: "und",
            language_supported: sketch.abstain != Some(AbstainReason::UnsupportedLanguage),
            entities: Vec::new(),
            message_length: self.text.chars().count(),
        };
        if let Some(text) = text {
            received.language = text.language;
            received.entities.clone_from(&text.entities);
            received.message_length = text.message_length;
        }
        if let Some(language) = &sketch.language {
            received.language = language;
        }
        if let Some(entities) = &sketch.entities {
            received.entities.clone_from(entities);
        }
        Some(Facts::from_prediction(&sketch.predicted(), &received))
    }
}

#[cfg(test)]
mod tests;
