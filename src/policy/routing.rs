//! What a policy decides about a message.

use std::time::{Duration, SystemTime};

use crate::entities::EntityType;

/// How soon a message must be served. The more urgent is the smaller.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Priority {
    /// At once.
    P1,
    /// Before the ordinary.
    P2,
    /// Ordinary.
    P3,
    /// When there is time.
    P4,
}

impl Priority {
    /// Every level, the most urgent first.
    pub const ALL: [Self; 4] = [Self::P1, Self::P2, Self::P3, Self::P4];

    /// Returns the level as policies and replies spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::P1 => "P1",
            Self::P2 => "P2",
            Self::P3 => "P3",
            Self::P4 => "P4",
        }
    }
}

/// Who must see a message beyond the ordinary queue. The more severe is the greater.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum EscalationLevel {
    /// Nobody.
    #[default]
    None,
    /// An experienced agent.
    Senior,
    /// The team that keeps customers.
    Retention,
    /// A supervisor.
    Supervisor,
    /// Whoever answers for data protection.
    Privacy,
    /// The fraud team.
    Fraud,
    /// The legal team.
    Legal,
    /// Whoever answers for product safety.
    Safety,
}

impl EscalationLevel {
    /// Every level, the least severe first.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::Senior,
        Self::Retention,
        Self::Supervisor,
        Self::Privacy,
        Self::Fraud,
        Self::Legal,
        Self::Safety,
    ];

    /// Returns the level as policies and replies spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Senior => "SENIOR",
            Self::Retention => "RETENTION",
            Self::Supervisor => "SUPERVISOR",
            Self::Privacy => "PRIVACY",
            Self::Fraud => "FRAUD",
            Self::Legal => "LEGAL",
            Self::Safety => "SAFETY",
        }
    }
}

/// What to do with a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ActionType {
    /// Answer automatically.
    AutoReply,
    /// Offer a self-service flow.
    SelfService,
    /// Apply a macro.
    Macro,
    /// Suggest an answer to the agent.
    Suggest,
    /// Leave it to a person.
    Human,
    /// Close without an answer.
    AutoClose,
    /// Put aside until later.
    Snooze,
}

impl ActionType {
    /// Every type.
    pub const ALL: [Self; 7] = [
        Self::AutoReply,
        Self::SelfService,
        Self::Macro,
        Self::Suggest,
        Self::Human,
        Self::AutoClose,
        Self::Snooze,
    ];

    /// Returns the type as policies and replies spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AutoReply => "AUTO_REPLY",
            Self::SelfService => "SELF_SERVICE",
            Self::Macro => "MACRO",
            Self::Suggest => "SUGGEST",
            Self::Human => "HUMAN",
            Self::AutoClose => "AUTO_CLOSE",
            Self::Snooze => "SNOOZE",
        }
    }

    /// Tells whether something can happen to the message without a person.
    #[must_use]
    pub fn is_automatic(self) -> bool {
        match self {
            Self::AutoReply | Self::SelfService | Self::Macro | Self::AutoClose | Self::Snooze => {
                true
            }
            Self::Suggest | Self::Human => false,
        }
    }
}

/// How much of an action may run without a person.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum ConfidenceTier {
    /// A person must look first.
    Review,
    /// May be suggested to an agent.
    Suggest,
    /// May run by itself.
    Auto,
}

impl ConfidenceTier {
    /// Every tier, the least confident first.
    pub const ALL: [Self; 3] = [Self::Review, Self::Suggest, Self::Auto];

    /// Returns the tier as replies spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "AUTO",
            Self::Suggest => "SUGGEST",
            Self::Review => "REVIEW",
        }
    }
}

/// Where a message should go, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Routing {
    /// Name of the policy that decided.
    pub policy: String,
    /// Queue to put it in.
    pub queue: String,
    /// Other queues that would do, best first.
    pub alternatives: Vec<String>,
    /// How soon it must be served.
    pub priority: Priority,
    /// Points behind the priority; more is sooner.
    pub score: i32,
    /// Each part of the score, in the order of the rules.
    pub contributions: Vec<Contribution>,
    /// The rule that raised the priority above what the score gives, if one did.
    pub raised_by: Option<String>,
    /// When it must be answered and solved.
    pub service_level: ServiceLevel,
    /// Who must see it.
    pub escalation: Escalation,
    /// What to do with it.
    pub action: Action,
    /// Tags to set, without repeats: the automatic ones first, then those of the rules in order.
    pub tags: Vec<String>,
    /// Skills that whoever answers should have, without repeats: the queue's first.
    pub skills: Vec<String>,
    /// Ids of the rules that matched, in order.
    pub matched_rules: Vec<String>,
    /// What the policy requires for the intents found and the message does not say, intent by intent.
    pub missing_entities: Vec<MissingEntity>,
    /// Every rule with its outcome, in order; empty unless asked for.
    pub trace: Vec<RuleTrace>,
}

/// One part of a priority score.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Contribution {
    /// What gave the points.
    pub reason: String,
    /// The points; may be negative.
    pub points: i32,
}

/// Times promised for a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServiceLevel {
    /// Name in the policy.
    pub name: String,
    /// Time to the first answer.
    pub first_response: Duration,
    /// Time to the solution.
    pub resolution: Duration,
    /// When the first answer is due.
    pub due_at: SystemTime,
}

/// Who must see a message beyond the ordinary queue, and why.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Escalation {
    /// Who.
    pub level: EscalationLevel,
    /// Descriptions, or ids, of the rules that asked for a level, the most severe first.
    pub reasons: Vec<String>,
}

/// What to do with a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Action {
    /// Kind of action.
    pub kind: ActionType,
    /// How much of it may run without a person.
    pub tier: ConfidenceTier,
    /// Self-service flow; with [`ActionType::SelfService`] only.
    pub flow: Option<String>,
    /// Macro in the language of the message; with [`ActionType::Human`] a suggestion to the agent.
    pub macro_id: Option<String>,
    /// Why nothing may run without a person, whatever the policy says. Empty when the policy alone decided.
    pub automation_off: Vec<String>,
}

/// Something that is needed to act on an intent and that the message does not say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MissingEntity {
    /// Name of the intent.
    pub intent: String,
    /// Types of entities, one of which will do.
    pub any_of: Vec<EntityType>,
}

/// What became of a rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RuleOutcome {
    /// Its condition held.
    Matched,
    /// Its condition did not hold.
    NotMatched,
    /// An earlier rule ended the evaluation.
    NotReached,
    /// Its condition could not be computed, for a whole number became too large. It counts as not matched.
    Failed,
}

/// One rule of the policy as it was evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleTrace {
    /// Id of the rule.
    pub rule_id: String,
    /// Its condition.
    pub condition: String,
    /// What became of it.
    pub outcome: RuleOutcome,
    /// Each part of the condition that was looked at, in order.
    pub terms: Vec<TermTrace>,
}

/// One part of a condition as it was evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct TermTrace {
    /// The part as it is written, such as `polarity.score < -0.3`.
    pub expression: String,
    /// What was found for its variables, such as `-0.42`; several are joined by commas.
    pub value: String,
    /// Whether it held; a part that could not be computed did not.
    pub result: bool,
}
