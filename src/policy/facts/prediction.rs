//! Facts about a message that a model has read: how much of what it says is believed.

use std::time::SystemTime;

use super::super::floor::calls_for_person;
use super::{Conversation, Facts, Mood, MoodTrend};
use crate::labels::group_of;
use crate::message::{Author, Channel, Customer, Order, ThreadMessage};
use crate::scoring::AbstainReason;

/// A label as a model scored it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PredictedLabel<'a> {
    /// Its name.
    pub name: &'a str,
    /// Probability that the message carries it, in [0, 1].
    pub probability: f64,
    /// The probability reaches the label's threshold.
    pub present: bool,
    /// The taxonomy of the model says that it calls for a person.
    pub person_required: bool,
}

/// What a model says about a message.
#[derive(Clone, Debug, Default)]
pub struct Predicted<'a> {
    /// Intents, the leading one first.
    pub intents: Vec<PredictedLabel<'a>>,
    /// Probability that the first one leads, in [0, 1].
    pub leading: f64,
    /// The group that is sure where no intent is.
    pub group_fallback: Option<&'a str>,
    /// Why the model declines to decide.
    pub abstention: Option<AbstainReason>,
    /// Every flag that the model knows, set or not; none for a model that has no flags.
    pub flags: Vec<PredictedLabel<'a>>,
    /// Mood; `None` for a model that has no polarity.
    pub mood: Option<Mood<'a>>,
    /// How the mood went over the conversation, and by how much; `None` when unknown.
    pub trend: Option<(MoodTrend, f64)>,
    /// Flags that call for a person in earlier messages of the customer.
    pub earlier_person_required: Vec<&'a str>,
    /// A part of the text was left out.
    pub truncated: bool,
}

/// What is known about a message without a model.
#[derive(Clone, Debug)]
pub struct Received<'a> {
    /// What is known about the customer.
    pub customer: &'a Customer,
    /// What is known about the order.
    pub order: &'a Order,
    /// When the message was sent.
    pub sent_at: SystemTime,
    /// Where it came in.
    pub channel: Channel,
    /// Shop or brand; empty for none.
    pub tenant: &'a str,
    /// Earlier messages.
    pub thread: &'a [ThreadMessage],
    /// Media types of the attachments.
    pub media_types: Vec<&'a str>,
    /// Language of the text as a tag of BCP-47; "und" when it cannot be told.
    pub language: &'a str,
    /// The model was trained on this language.
    pub language_supported: bool,
    /// Types of entities that were found; the same one may come twice.
    pub entities: Vec<&'a str>,
    /// Code points of what the customer wrote.
    pub message_length: usize,
}

/// How much of what a model says is taken for a fact.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Belief {
    /// The leading intent is present.
    Everything,
    /// The leading intent is present only if it reaches its threshold, like any other.
    AllButTheLead,
    /// The text is none that the model can read, but a flag that is set all the same may only add people.
    Flags,
    /// There was nothing to read.
    Nothing,
}

impl Belief {
    fn of(predicted: &Predicted<'_>) -> Self {
        match predicted.abstention {
            None if predicted.group_fallback.is_none() => Self::Everything,
            None | Some(AbstainReason::LowConfidence | AbstainReason::Ambiguous) => {
                Self::AllButTheLead
            }
            Some(AbstainReason::OutOfDistribution | AbstainReason::UnsupportedLanguage) => {
                Self::Flags
            }
            Some(AbstainReason::Empty) => Self::Nothing,
        }
    }
}

impl<'a> Facts<'a> {
    /// Makes the facts about a message from what a model says and what is known without one.
    #[must_use]
    pub fn from_prediction(predicted: &Predicted<'a>, received: &Received<'a>) -> Self {
        let mut facts = Self::new(received.customer, received.order, received.sent_at);
        facts.add_received(received);
        facts.abstain_reason = predicted.abstention.map_or("", AbstainReason::as_str);
        // Where there is nothing to read, nobody can threaten.
        facts.tells_person_required = predicted.abstention == Some(AbstainReason::Empty)
            || predicted.flags.iter().any(|flag| calls_for_person(flag.name, flag.person_required));
        facts.earlier_person_required.clone_from(&predicted.earlier_person_required);
        facts.truncated = predicted.truncated;
        let belief = Belief::of(predicted);
        match belief {
            Belief::Everything | Belief::AllButTheLead => {
                facts.add_intents(predicted, belief == Belief::Everything);
                facts.add_flags(predicted);
                facts.add_mood(predicted);
            }
            Belief::Flags => facts.add_flags(predicted),
            Belief::Nothing => {}
        }
        facts
    }

    fn add_received(&mut self, received: &Received<'a>) {
        self.channel = received.channel;
        self.tenant = received.tenant;
        self.language = received.language.split(['-', '_']).next().unwrap_or_default();
        self.language_supported = received.language_supported;
        for kind in &received.entities {
            add_once(&mut self.entities, kind);
        }
        let written_by = |author| received.thread.iter().filter(|m| m.author == author).count();
        self.thread = Conversation {
            length: received.thread.len(),
            customer_messages: written_by(Author::Customer),
            agent_messages: written_by(Author::Agent),
            ..Conversation::default()
        };
        self.attachments = received.media_types.len();
        self.images = received.media_types.iter().filter(|kind| is_image(kind)).count();
        self.message_length = received.message_length;
    }

    fn add_intents(&mut self, predicted: &Predicted<'a>, leads: bool) {
        if let Some(primary) = predicted.intents.first() {
            self.primary = primary.name;
            self.primary_group = group_of(primary.name);
            self.primary_probability = predicted.leading;
        }
        self.probabilities.reserve(predicted.intents.len());
        for (rank, intent) in predicted.intents.iter().enumerate() {
            self.probabilities.push((intent.name, intent.probability));
            if (leads && rank == 0) || intent.present {
                self.intents.push(intent.name);
                add_once(&mut self.groups, group_of(intent.name));
                self.note_person_required(intent);
            }
        }
        // A model that declines falls back to nothing.
        if let (Some(group), None) = (predicted.group_fallback, predicted.abstention) {
            self.group_fallback = group;
            add_once(&mut self.groups, group);
        }
    }

    fn add_flags(&mut self, predicted: &Predicted<'a>) {
        self.flag_probabilities.reserve(predicted.flags.len());
        for flag in &predicted.flags {
            self.flag_probabilities.push((flag.name, flag.probability));
            if flag.present {
                self.flags.push(flag.name);
                self.note_person_required(flag);
            }
        }
    }

    fn note_person_required(&mut self, label: &PredictedLabel<'a>) {
        if label.person_required {
            self.person_required.push(label.name);
        }
    }

    fn add_mood(&mut self, predicted: &Predicted<'a>) {
        self.mood = predicted.mood.unwrap_or_default();
        if let Some((trend, change)) = predicted.trend {
            self.thread.trend = trend;
            self.thread.change = Some(change);
        }
    }
}

fn add_once<'a>(names: &mut Vec<&'a str>, name: &'a str) {
    if !names.contains(&name) {
        names.push(name);
    }
}

fn is_image(media_type: &str) -> bool {
    media_type.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("image/"))
}

#[cfg(test)]
mod tests;
