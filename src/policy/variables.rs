//! The variables of conditions: names, types, ranges and the values that they can take.

use super::facts::MoodTrend;
use super::vocabulary::{Vocabulary, entity_types};
use crate::message::{Channel, CustomerTier, OrderState};
use crate::scoring::AbstainReason;

/// Variables that hold a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum TextVariable {
    Primary,
    PrimaryGroup,
    GroupFallback,
    PolarityLabel,
    Language,
    Channel,
    Tenant,
    AbstainReason,
    CustomerTier,
    OrderState,
    OrderCurrency,
    ThreadTrend,
}

/// Variables that hold true or false.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum BooleanVariable {
    PolarityMixed,
    LanguageSupported,
    Abstained,
}

/// Variables that hold a whole number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum WholeVariable {
    LifetimeOrders,
    ContactsInWeek,
    RefundsInQuarter,
    DaysLate,
    ThreadLength,
    CustomerMessages,
    AgentMessages,
    Attachments,
    Images,
    MessageLength,
}

/// Variables that hold a number with fractions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum RealVariable {
    PrimaryProbability,
    PolarityScore,
    OrderValue,
    ThreadChange,
}

/// Variables that hold a list of texts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ListVariable {
    Intents,
    Groups,
    Flags,
    Entities,
    MissingEntities,
    CustomerTags,
}

/// Variables that hold a number for each of a set of names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum MapVariable {
    Probabilities,
    FlagProbabilities,
}

/// Variables that may be unknown; to be used behind `has(…)` only.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum OptionalVariable {
    LifetimeOrders,
    ContactsInWeek,
    RefundsInQuarter,
    OrderValue,
    DaysLate,
    ThreadChange,
}

impl OptionalVariable {
    /// Returns the bit of the variable in a set.
    pub(super) fn bit(self) -> u8 {
        match self {
            Self::LifetimeOrders => 1,
            Self::ContactsInWeek => 2,
            Self::RefundsInQuarter => 4,
            Self::OrderValue => 8,
            Self::DaysLate => 16,
            Self::ThreadChange => 32,
        }
    }
}

/// Any variable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Variable {
    Text(TextVariable),
    Boolean(BooleanVariable),
    Whole(WholeVariable),
    Real(RealVariable),
    List(ListVariable),
    Map(MapVariable),
}

/// Every variable by its name.
pub(super) const VARIABLES: [(&str, Variable); 37] = [
    ("primary", Variable::Text(TextVariable::Primary)),
    ("primary_group", Variable::Text(TextVariable::PrimaryGroup)),
    ("primary_probability", Variable::Real(RealVariable::PrimaryProbability)),
    ("intents", Variable::List(ListVariable::Intents)),
    ("groups", Variable::List(ListVariable::Groups)),
    ("group_fallback", Variable::Text(TextVariable::GroupFallback)),
    ("probabilities", Variable::Map(MapVariable::Probabilities)),
    ("flags", Variable::List(ListVariable::Flags)),
    ("flag_probabilities", Variable::Map(MapVariable::FlagProbabilities)),
    ("polarity.label", Variable::Text(TextVariable::PolarityLabel)),
    ("polarity.score", Variable::Real(RealVariable::PolarityScore)),
    ("polarity.mixed", Variable::Boolean(BooleanVariable::PolarityMixed)),
    ("entities", Variable::List(ListVariable::Entities)),
    ("missing_entities", Variable::List(ListVariable::MissingEntities)),
    ("language", Variable::Text(TextVariable::Language)),
    ("language_supported", Variable::Boolean(BooleanVariable::LanguageSupported)),
    ("channel", Variable::Text(TextVariable::Channel)),
    ("tenant", Variable::Text(TextVariable::Tenant)),
    ("abstained", Variable::Boolean(BooleanVariable::Abstained)),
    ("abstain_reason", Variable::Text(TextVariable::AbstainReason)),
    ("customer.tier", Variable::Text(TextVariable::CustomerTier)),
    ("customer.lifetime_orders", Variable::Whole(WholeVariable::LifetimeOrders)),
    ("customer.contacts_7d", Variable::Whole(WholeVariable::ContactsInWeek)),
    ("customer.refunds_90d", Variable::Whole(WholeVariable::RefundsInQuarter)),
    ("customer.tags", Variable::List(ListVariable::CustomerTags)),
    ("order.state", Variable::Text(TextVariable::OrderState)),
    ("order.value", Variable::Real(RealVariable::OrderValue)),
    ("order.currency", Variable::Text(TextVariable::OrderCurrency)),
    ("order.days_late", Variable::Whole(WholeVariable::DaysLate)),
    ("thread.length", Variable::Whole(WholeVariable::ThreadLength)),
    ("thread.customer_messages", Variable::Whole(WholeVariable::CustomerMessages)),
    ("thread.agent_messages", Variable::Whole(WholeVariable::AgentMessages)),
    ("thread.trend", Variable::Text(TextVariable::ThreadTrend)),
    ("thread.change", Variable::Real(RealVariable::ThreadChange)),
    ("attachments.count", Variable::Whole(WholeVariable::Attachments)),
    ("attachments.images", Variable::Whole(WholeVariable::Images)),
    ("message.length", Variable::Whole(WholeVariable::MessageLength)),
];

impl Variable {
    /// Finds a variable by its full name.
    pub(super) fn named(name: &str) -> Option<Self> {
        VARIABLES.iter().find(|(known, _)| *known == name).map(|(_, variable)| *variable)
    }

    /// Returns under which name the variable may be unknown, if it may.
    pub(super) fn optional(self) -> Option<OptionalVariable> {
        match self {
            Self::Whole(WholeVariable::LifetimeOrders) => Some(OptionalVariable::LifetimeOrders),
            Self::Whole(WholeVariable::ContactsInWeek) => Some(OptionalVariable::ContactsInWeek),
            Self::Whole(WholeVariable::RefundsInQuarter) => {
                Some(OptionalVariable::RefundsInQuarter)
            }
            Self::Whole(WholeVariable::DaysLate) => Some(OptionalVariable::DaysLate),
            Self::Real(RealVariable::OrderValue) => Some(OptionalVariable::OrderValue),
            Self::Real(RealVariable::ThreadChange) => Some(OptionalVariable::ThreadChange),
            Self::Whole(
                WholeVariable::ThreadLength
                | WholeVariable::CustomerMessages
                | WholeVariable::AgentMessages
                | WholeVariable::Attachments
                | WholeVariable::Images
                | WholeVariable::MessageLength,
            )
            | Self::Real(RealVariable::PrimaryProbability | RealVariable::PolarityScore)
            | Self::Text(_)
            | Self::Boolean(_)
            | Self::List(_)
            | Self::Map(_) => None,
        }
    }
}

/// Smallest and largest value of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bounds {
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Bounds {
    /// Any number.
    pub(super) const NONE: Self = Self { least: f64::NEG_INFINITY, most: f64::INFINITY };
    /// Zero and everything above.
    pub(super) const COUNT: Self = Self { least: 0.0, most: f64::INFINITY };
    /// A probability.
    pub(super) const PROBABILITY: Self = Self { least: 0.0, most: 1.0 };

    /// Tells whether a number lies within.
    pub(super) fn hold(self, number: f64) -> bool {
        self.least <= number && number <= self.most
    }
}

impl WholeVariable {
    /// Returns the range of its values.
    pub(super) fn bounds(self) -> Bounds {
        match self {
            Self::DaysLate => Bounds::NONE,
            Self::LifetimeOrders
            | Self::ContactsInWeek
            | Self::RefundsInQuarter
            | Self::ThreadLength
            | Self::CustomerMessages
            | Self::AgentMessages
            | Self::Attachments
            | Self::Images
            | Self::MessageLength => Bounds::COUNT,
        }
    }
}

impl RealVariable {
    /// Returns the range of its values.
    pub(super) fn bounds(self) -> Bounds {
        match self {
            Self::PrimaryProbability => Bounds::PROBABILITY,
            Self::PolarityScore => Bounds { least: -1.0, most: 1.0 },
            Self::OrderValue => Bounds::COUNT,
            Self::ThreadChange => Bounds { least: -2.0, most: 2.0 },
        }
    }
}

/// The texts that a variable can hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Domain {
    /// Any text.
    Open,
    /// Primary subtags of BCP-47: two or three small letters.
    Language,
    /// Codes of ISO 4217, or nothing.
    Currency,
    Intent,
    IntentOrNone,
    Group,
    GroupOrNone,
    Flag,
    PolarityStep,
    EntityType,
    Channel,
    AbstainReason,
    CustomerTier,
    OrderState,
    Trend,
}

/// Polarity where the model has none.
pub(super) const UNKNOWN: &str = "unknown";

impl Domain {
    /// Returns every value, or `None` if they cannot be listed.
    pub(super) fn values(self, vocabulary: &Vocabulary) -> Option<Vec<&str>> {
        Some(match self {
            Self::Open | Self::Language | Self::Currency => return None,
            Self::Intent => named(&vocabulary.intents, None),
            Self::IntentOrNone => named(&vocabulary.intents, Some("")),
            Self::Group => named(vocabulary.groups(), None),
            Self::GroupOrNone => named(vocabulary.groups(), Some("")),
            Self::Flag => named(&vocabulary.flags, None),
            Self::PolarityStep => named(&vocabulary.polarity, Some(UNKNOWN)),
            Self::EntityType => entity_types().to_vec(),
            Self::Channel => Channel::ALL.map(Channel::as_str).to_vec(),
            Self::AbstainReason => {
                let reasons = AbstainReason::ALL.into_iter().map(AbstainReason::as_str);
                std::iter::once("").chain(reasons).collect()
            }
            Self::CustomerTier => CustomerTier::ALL.map(CustomerTier::as_str).to_vec(),
            Self::OrderState => OrderState::ALL.map(OrderState::as_str).to_vec(),
            Self::Trend => MoodTrend::ALL.map(MoodTrend::as_str).to_vec(),
        })
    }

    /// Tells whether a text is one of the values.
    pub(super) fn holds(self, text: &str, vocabulary: &Vocabulary) -> bool {
        match self {
            Self::Open => true,
            Self::Language => is_language(text),
            Self::Currency => {
                text.is_empty() || text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())
            }
            Self::Intent
            | Self::IntentOrNone
            | Self::Group
            | Self::GroupOrNone
            | Self::Flag
            | Self::PolarityStep
            | Self::EntityType
            | Self::Channel
            | Self::AbstainReason
            | Self::CustomerTier
            | Self::OrderState
            | Self::Trend => self.values(vocabulary).is_none_or(|values| values.contains(&text)),
        }
    }
}

fn named<'a>(list: &'a [String], more: Option<&'a str>) -> Vec<&'a str> {
    more.into_iter().chain(list.iter().map(String::as_str)).collect()
}

/// Tells whether a text is spelled like the primary subtag of a language.
pub(super) fn is_language(text: &str) -> bool {
    (2..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase())
}

impl TextVariable {
    /// Returns the values that it can take.
    pub(super) fn domain(self) -> Domain {
        match self {
            Self::Primary => Domain::IntentOrNone,
            Self::PrimaryGroup | Self::GroupFallback => Domain::GroupOrNone,
            Self::PolarityLabel => Domain::PolarityStep,
            Self::Language => Domain::Language,
            Self::Channel => Domain::Channel,
            Self::Tenant => Domain::Open,
            Self::AbstainReason => Domain::AbstainReason,
            Self::CustomerTier => Domain::CustomerTier,
            Self::OrderState => Domain::OrderState,
            Self::OrderCurrency => Domain::Currency,
            Self::ThreadTrend => Domain::Trend,
        }
    }
}

impl ListVariable {
    /// Returns the values that its elements can take.
    pub(super) fn domain(self) -> Domain {
        match self {
            Self::Intents => Domain::Intent,
            Self::Groups => Domain::Group,
            Self::Flags => Domain::Flag,
            Self::Entities | Self::MissingEntities => Domain::EntityType,
            Self::CustomerTags => Domain::Open,
        }
    }
}

impl MapVariable {
    /// Returns the names that it has a number for.
    pub(super) fn domain(self) -> Domain {
        match self {
            Self::Probabilities => Domain::Intent,
            Self::FlagProbabilities => Domain::Flag,
        }
    }
}
