//! What is known about a message when a policy decides.

mod prediction;

pub use prediction::{Predicted, PredictedLabel, Received};

use std::time::{Duration, SystemTime};

use super::variables::{
    BooleanVariable, ListVariable, MapVariable, OptionalVariable, RealVariable, TextVariable,
    UNKNOWN, WholeVariable,
};
use crate::message::{Channel, Customer, Order};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// `Money::amount_micros` of one main unit.
const MICROS: f64 = 1e6;

/// How the customer's mood went over a conversation.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum MoodTrend {
    /// Not known, for example because there are no earlier messages.
    #[default]
    Unknown,
    /// It got worse.
    Falling,
    /// About as before.
    Steady,
    /// It got better.
    Rising,
}

impl MoodTrend {
    /// Every way.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Falling, Self::Steady, Self::Rising];

    /// Returns the trend as conditions spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => UNKNOWN,
            Self::Falling => "falling",
            Self::Steady => "steady",
            Self::Rising => "rising",
        }
    }
}

/// Mood of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mood<'a> {
    /// Name of the most probable step; "unknown" when the model has no polarity.
    pub label: &'a str,
    /// Expected position in [-1, 1]; 0 when unknown.
    pub score: f64,
    /// Both sides of the scale are probable.
    pub mixed: bool,
}

impl Default for Mood<'_> {
    fn default() -> Self {
        Self { label: UNKNOWN, score: 0.0, mixed: false }
    }
}

/// Earlier messages of the conversation, without the one that is decided on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Conversation {
    /// All of them.
    pub length: usize,
    /// Those that the customer wrote.
    pub customer_messages: usize,
    /// Those that people of the helpdesk wrote.
    pub agent_messages: usize,
    /// How the customer's mood went.
    pub trend: MoodTrend,
    /// Score of this message minus the mean of the earlier ones, in [-2, 2]; `None` when unknown.
    pub change: Option<f64>,
}

/// What is known about a message when a policy decides. Numbers must be finite.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The leading intent; empty when there is none.
    pub primary: &'a str,
    /// Its group; empty when there is none.
    pub primary_group: &'a str,
    /// Probability that it leads, in [0, 1].
    pub primary_probability: f64,
    /// Intents that count as present: the primary one first, unless the model does not stand by it.
    pub intents: Vec<&'a str>,
    /// Groups of `intents` and the group fallen back to, without repeats.
    pub groups: Vec<&'a str>,
    /// The group fallen back to; empty when there is none.
    pub group_fallback: &'a str,
    /// Probability of each intent to be present.
    pub probabilities: Vec<(&'a str, f64)>,
    /// Flags that are set.
    pub flags: Vec<&'a str>,
    /// Probability of each flag.
    pub flag_probabilities: Vec<(&'a str, f64)>,
    /// Labels among `intents` and `flags` that call for a person by the taxonomy of the model.
    pub person_required: Vec<&'a str>,
    /// The model knows a flag that calls for a person, so that it says something when none is set.
    pub tells_person_required: bool,
    /// Flags that call for a person in earlier messages of the customer, as far as those were looked at.
    pub earlier_person_required: Vec<&'a str>,
    /// A part of the text was left out: the model has not read all of it.
    pub truncated: bool,
    /// Mood.
    pub mood: Mood<'a>,
    /// Types of entities that were found, without repeats; see [`super::entity_types`].
    pub entities: Vec<&'a str>,
    /// Language of the text: a primary subtag of BCP-47, or "und".
    pub language: &'a str,
    /// The model was trained on this language.
    pub language_supported: bool,
    /// Where the message came in.
    pub channel: Channel,
    /// Shop or brand; empty for none.
    pub tenant: &'a str,
    /// Why the model declines to decide, as conditions spell it; empty when it decides.
    pub abstain_reason: &'a str,
    /// What is known about the customer.
    pub customer: &'a Customer,
    /// What is known about the order.
    pub order: &'a Order,
    /// When the message was sent.
    pub sent_at: SystemTime,
    /// The conversation so far.
    pub thread: Conversation,
    /// Attachments.
    pub attachments: usize,
    /// Attachments that are images.
    pub images: usize,
    /// Code points of what the customer wrote.
    pub message_length: usize,
}

impl<'a> Facts<'a> {
    /// Makes the facts about a message of which nothing is known but customer, order and time; nothing may happen to it
    /// without a person. [`Self::from_prediction`] makes those about a message that a model has read.
    #[must_use]
    pub fn new(customer: &'a Customer, order: &'a Order, sent_at: SystemTime) -> Self {
        Self {
            primary: "",
            primary_group: "",
            primary_probability: 0.0,
            intents: Vec::new(),
            groups: Vec::new(),
            group_fallback: "",
            probabilities: Vec::new(),
            flags: Vec::new(),
            flag_probabilities: Vec::new(),
            person_required: Vec::new(),
            tells_person_required: false,
            earlier_person_required: Vec::new(),
            truncated: false,
            mood: Mood::default(),
            entities: Vec::new(),
            language: "und",
            language_supported: true,
            channel: Channel::Unknown,
            tenant: "",
            abstain_reason: "",
            customer,
            order,
            sent_at,
            thread: Conversation::default(),
            attachments: 0,
            images: 0,
            message_length: 0,
        }
    }

    /// Tells whether the model declines to decide.
    #[must_use]
    pub fn abstained(&self) -> bool {
        !self.abstain_reason.is_empty()
    }

    /// Returns the whole days that the message was sent after delivery was promised; negative before.
    #[must_use]
    pub fn days_late(&self) -> Option<i64> {
        let promised = self.order.promised_by?;
        let day = i128::from(DAY.as_secs()) * 1_000_000_000;
        let nanoseconds = |duration: Duration| i128::try_from(duration.as_nanos()).ok();
        let late = match self.sent_at.duration_since(promised) {
            Ok(after) => nanoseconds(after)?,
            Err(before) => -nanoseconds(before.duration())?,
        };
        i64::try_from(late.div_euclid(day)).ok()
    }
}

/// The facts as conditions look at them, with what is computed once for all of them.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    facts: &'a Facts<'a>,
    missing: Vec<&'a str>,
    customer_tags: Vec<&'a str>,
    days_late: Option<i64>,
    order_value: Option<f64>,
}

impl<'a> Scope<'a> {
    /// `missing` are the types of entities that the policy requires and the message lacks.
    pub(super) fn new(facts: &'a Facts<'a>, missing: Vec<&'a str>) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "exact up to nine billion main units")]
        let value = facts.order.value.as_ref().map(|money| money.amount_micros as f64 / MICROS);
        Self {
            facts,
            missing,
            customer_tags: facts.customer.tags.iter().map(String::as_str).collect(),
            days_late: facts.days_late(),
            order_value: value,
        }
    }

    pub(super) fn text(&self, variable: TextVariable) -> &'a str {
        let facts = self.facts;
        match variable {
            TextVariable::Primary => facts.primary,
            TextVariable::PrimaryGroup => facts.primary_group,
            TextVariable::GroupFallback => facts.group_fallback,
            TextVariable::PolarityLabel => facts.mood.label,
            TextVariable::Language => facts.language,
            TextVariable::Channel => facts.channel.as_str(),
            TextVariable::Tenant => facts.tenant,
            TextVariable::AbstainReason => facts.abstain_reason,
            TextVariable::CustomerTier => facts.customer.tier.as_str(),
            TextVariable::OrderState => facts.order.state.as_str(),
            TextVariable::OrderCurrency => {
                facts.order.value.as_ref().map_or("", |money| &money.currency_code)
            }
            TextVariable::ThreadTrend => facts.thread.trend.as_str(),
        }
    }

    pub(super) fn boolean(&self, variable: BooleanVariable) -> bool {
        match variable {
            BooleanVariable::PolarityMixed => self.facts.mood.mixed,
            BooleanVariable::LanguageSupported => self.facts.language_supported,
            BooleanVariable::Abstained => self.facts.abstained(),
        }
    }

    /// Returns a whole number, 0 if it is unknown.
    pub(super) fn whole(&self, variable: WholeVariable) -> i64 {
        let customer = self.facts.customer;
        let known = |number: Option<u32>| i64::from(number.unwrap_or_default());
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        match variable {
            WholeVariable::LifetimeOrders => known(customer.lifetime_orders),
            WholeVariable::ContactsInWeek => known(customer.contacts_7d),
            WholeVariable::RefundsInQuarter => known(customer.refunds_90d),
            WholeVariable::DaysLate => self.days_late.unwrap_or_default(),
            WholeVariable::ThreadLength => count(self.facts.thread.length),
            WholeVariable::CustomerMessages => count(self.facts.thread.customer_messages),
            WholeVariable::AgentMessages => count(self.facts.thread.agent_messages),
            WholeVariable::Attachments => count(self.facts.attachments),
            WholeVariable::Images => count(self.facts.images),
            WholeVariable::MessageLength => count(self.facts.message_length),
        }
    }

    /// Returns a number with fractions, 0 if it is unknown.
    pub(super) fn real(&self, variable: RealVariable) -> f64 {
        match variable {
            RealVariable::PrimaryProbability => self.facts.primary_probability,
            RealVariable::PolarityScore => self.facts.mood.score,
            RealVariable::OrderValue => self.order_value.unwrap_or_default(),
            RealVariable::ThreadChange => self.facts.thread.change.unwrap_or_default(),
        }
    }

    pub(super) fn list(&self, variable: ListVariable) -> &[&'a str] {
        match variable {
            ListVariable::Intents => &self.facts.intents,
            ListVariable::Groups => &self.facts.groups,
            ListVariable::Flags => &self.facts.flags,
            ListVariable::Entities => &self.facts.entities,
            ListVariable::MissingEntities => &self.missing,
            ListVariable::CustomerTags => &self.customer_tags,
        }
    }

    /// Returns the entry of a map, 0 if there is none.
    pub(super) fn entry(&self, map: MapVariable, key: &str) -> f64 {
        let entries = match map {
            MapVariable::Probabilities => &self.facts.probabilities,
            MapVariable::FlagProbabilities => &self.facts.flag_probabilities,
        };
        entries.iter().find(|(name, _)| *name == key).map_or(0.0, |(_, number)| *number)
    }

    pub(super) fn present(&self, variable: OptionalVariable) -> bool {
        let customer = self.facts.customer;
        match variable {
            OptionalVariable::LifetimeOrders => customer.lifetime_orders.is_some(),
            OptionalVariable::ContactsInWeek => customer.contacts_7d.is_some(),
            OptionalVariable::RefundsInQuarter => customer.refunds_90d.is_some(),
            OptionalVariable::OrderValue => self.order_value.is_some(),
            OptionalVariable::DaysLate => self.days_late.is_some(),
            OptionalVariable::ThreadChange => self.facts.thread.change.is_some(),
        }
    }
}
