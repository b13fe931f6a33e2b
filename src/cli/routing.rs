//! Decisions of the policy for people and programs.

use serde::Serialize;

use crate::policy::{Routing, RuleOutcome, RuleTrace};

/// A decision as JSON.
#[derive(Serialize)]
pub(super) struct RoutingLine<'a> {
    queue: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    alternative_queues: &'a [String],
    priority: &'static str,
    priority_score: i32,
    priority_contributions: Vec<ContributionLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority_raised_by: Option<&'a str>,
    service_level: ServiceLevelLine<'a>,
    escalation: EscalationLine<'a>,
    action: ActionLine<'a>,
    tags: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    skills: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing_entities: Vec<MissingLine<'a>>,
    matched_rules: &'a [String],
    policy: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trace: Vec<TraceLine<'a>>,
}

#[derive(Serialize)]
struct ContributionLine<'a> {
    reason: &'a str,
    points: i32,
}

#[derive(Serialize)]
struct ServiceLevelLine<'a> {
    name: &'a str,
    #[serde(with = "humantime_serde")]
    first_response: std::time::Duration,
    #[serde(with = "humantime_serde")]
    resolution: std::time::Duration,
}

#[derive(Serialize)]
struct EscalationLine<'a> {
    level: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    reasons: &'a [String],
}

#[derive(Serialize)]
struct ActionLine<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    confidence_tier: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    macro_id: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    automation_off: &'a [String],
}

#[derive(Serialize)]
struct MissingLine<'a> {
    intent: &'a str,
    any_of: Vec<&'static str>,
}

#[derive(Serialize)]
struct TraceLine<'a> {
    rule: &'a str,
    outcome: &'static str,
    condition: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    terms: Vec<TermLine<'a>>,
}

#[derive(Serialize)]
struct TermLine<'a> {
    expression: &'a str,
    value: &'a str,
    result: bool,
}

impl<'a> RoutingLine<'a> {
    /// Shows a decision.
    pub(super) fn of(routing: &'a Routing) -> Self {
        let (level, action) = (&routing.service_level, &routing.action);
        let contributions = routing.contributions.iter();
        let missing = routing.missing_entities.iter();
        Self {
            queue: &routing.queue,
            alternative_queues: &routing.alternatives,
            priority: routing.priority.as_str(),
            priority_score: routing.score,
            priority_contributions: contributions
                .map(|part| ContributionLine { reason: &part.reason, points: part.points })
                .collect(),
            priority_raised_by: routing.raised_by.as_deref(),
            service_level: ServiceLevelLine {
                name: &level.name,
                first_response: level.first_response,
                resolution: level.resolution,
            },
            escalation: EscalationLine {
                level: routing.escalation.level.as_str(),
                reasons: &routing.escalation.reasons,
            },
            action: ActionLine {
                kind: action.kind.as_str(),
                confidence_tier: action.tier.as_str(),
                flow: action.flow.as_deref(),
                macro_id: action.macro_id.as_deref(),
                automation_off: &action.automation_off,
            },
            tags: &routing.tags,
            skills: &routing.skills,
            missing_entities: missing
                .map(|missing| MissingLine {
                    intent: &missing.intent,
                    any_of: missing.any_of.iter().map(|kind| kind.as_str()).collect(),
                })
                .collect(),
            matched_rules: &routing.matched_rules,
            policy: &routing.policy,
            trace: routing.trace.iter().map(trace_line).collect(),
        }
    }
}

fn trace_line(trace: &RuleTrace) -> TraceLine<'_> {
    let terms = trace.terms.iter().map(|term| TermLine {
        expression: &term.expression,
        value: &term.value,
        result: term.result,
    });
    TraceLine {
        rule: &trace.rule_id,
        outcome: outcome_name(trace.outcome),
        condition: &trace.condition,
        terms: terms.collect(),
    }
}

/// Returns the outcome of a rule as people read it.
pub(super) fn outcome_name(outcome: RuleOutcome) -> &'static str {
    match outcome {
        RuleOutcome::Matched => "matched",
        RuleOutcome::NotMatched => "not_matched",
        RuleOutcome::NotReached => "not_reached",
        RuleOutcome::Failed => "failed",
    }
}

/// Says a decision in a few lines: where, how soon, what to do.
pub(super) fn summary(routing: &Routing) -> String {
    let action = &routing.action;
    let what = action.flow.as_deref().or(action.macro_id.as_deref());
    let what = what.map_or_else(String::new, |what| format!(" {what}"));
    let mut lines = vec![
        format!("{} {}", routing.priority.as_str(), routing.queue),
        format!("{}{what} ({})", action.kind.as_str(), action.tier.as_str()),
    ];
    if routing.escalation.level != crate::policy::EscalationLevel::None {
        lines.push(format!("→ {}", routing.escalation.level.as_str()));
    }
    lines.join("\n")
}
