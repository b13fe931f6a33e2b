//! Rules and settings of a policy after it was read: names are checked and have become positions.

use std::collections::BTreeMap;
use std::time::Duration;

use super::condition::Condition;
use super::routing::{ActionType, EscalationLevel, Priority};
use crate::entities::EntityType;
use crate::message::TagStyle;

/// Position of a queue, macro or service level in its list of [`Settings`].
pub(super) type Index = usize;

/// What a policy says apart from its rules.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) name: String,
    pub(super) tags: TagSettings,
    pub(super) views: Vec<String>,
    /// At least one; the first takes what no rule places.
    pub(super) queues: Vec<Queue>,
    /// Least scores of P1, P2 and P3.
    pub(super) levels: [i32; 3],
    pub(super) service_levels: Vec<ServiceLevelTimes>,
    pub(super) default_service_level: Index,
    pub(super) confidence: Thresholds,
    pub(super) flows: Vec<String>,
    pub(super) macros: Vec<Macro>,
    pub(super) required: Vec<RequiredEntities>,
}

/// How tags are made.
#[derive(Clone, Debug)]
pub(super) struct TagSettings {
    pub(super) style: TagStyle,
    pub(super) prefix: String,
    pub(super) automatic: Vec<AutomaticTags>,
}

/// Labels that become tags without a rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum AutomaticTags {
    Intents,
    Groups,
    Flags,
    Polarity,
    Language,
}

impl AutomaticTags {
    pub(super) const ALL: [Self; 5] =
        [Self::Intents, Self::Groups, Self::Flags, Self::Polarity, Self::Language];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Intents => "intents",
            Self::Groups => "groups",
            Self::Flags => "flags",
            Self::Polarity => "polarity",
            Self::Language => "language",
        }
    }
}

/// A place where messages wait for people.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) name: String,
    pub(super) skills: Vec<String>,
    pub(super) alternatives: Vec<String>,
}

/// Times of a service level, by priority.
#[derive(Clone, Debug)]
pub(super) struct ServiceLevelTimes {
    pub(super) name: String,
    pub(super) times: [Times; 4],
}

impl ServiceLevelTimes {
    pub(super) fn of(&self, priority: Priority) -> Times {
        let [p1, p2, p3, p4] = self.times;
        match priority {
            Priority::P1 => p1,
            Priority::P2 => p2,
            Priority::P3 => p3,
            Priority::P4 => p4,
        }
    }
}

/// Times of one priority.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    pub(super) first_response: Duration,
    pub(super) resolution: Duration,
}

/// Probabilities from which an action may run by itself, or be suggested; in [0, 1].
#[derive(Clone, Copy, Debug)]
pub(super) struct Thresholds {
    pub(super) auto: f64,
    pub(super) suggest: f64,
}

/// Ids of a macro.
#[derive(Clone, Debug)]
pub(super) struct Macro {
    pub(super) name: String,
    pub(super) default: String,
    pub(super) by_language: BTreeMap<String, String>,
}

impl Macro {
    pub(super) fn id(&self, language: &str) -> &str {
        self.by_language.get(language).unwrap_or(&self.default)
    }
}

/// What is needed to act on an intent: of each group one.
#[derive(Clone, Debug)]
pub(super) struct RequiredEntities {
    pub(super) intent: String,
    pub(super) groups: Vec<Vec<EntityType>>,
}

/// A rule.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) description: String,
    /// The condition as it is written.
    pub(super) when: String,
    pub(super) condition: Condition,
    pub(super) effects: Effects,
    /// No later rule is looked at when this one matches.
    pub(super) stop: bool,
}

/// What a rule sets when it matches.
#[derive(Clone, Debug, Default)]
pub(super) struct Effects {
    pub(super) tags: Vec<String>,
    pub(super) points: Option<Points>,
    pub(super) at_least: Option<Priority>,
    pub(super) queue: Option<Index>,
    pub(super) service_level: Option<Index>,
    pub(super) escalation: Option<EscalationLevel>,
    pub(super) action: Option<ActionSetting>,
    pub(super) skills: Vec<String>,
}

impl Effects {
    /// Tells whether nothing is set.
    pub(super) fn is_empty(&self) -> bool {
        self.tags.is_empty()
            && self.skills.is_empty()
            && self.points.is_none()
            && self.at_least.is_none()
            && self.queue.is_none()
            && self.service_level.is_none()
            && self.escalation.is_none()
            && self.action.is_none()
    }
}

/// Points of a rule.
#[derive(Clone, Debug)]
pub(super) struct Points {
    pub(super) reason: String,
    pub(super) points: i32,
}

/// Action of a rule.
#[derive(Clone, Debug)]
pub(super) struct ActionSetting {
    pub(super) kind: ActionType,
    pub(super) flow: Option<String>,
    pub(super) macro_: Option<Index>,
    pub(super) thresholds: Thresholds,
}
