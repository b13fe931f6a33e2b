//! Decisions of the policy become wire replies. This can't fail.

use std::time::SystemTime;

use crate::grpc::pb;
use crate::policy::{
    Action, ActionType, ConfidenceTier, Contribution, Escalation, EscalationLevel, MissingEntity,
    Priority, Routing, RuleOutcome, RuleTrace, ServiceLevel,
};

use super::reply::entity_type;

/// Turns a decision into its part of a reply.
pub(super) fn routing(routing: &Routing) -> pb::Routing {
    pb::Routing {
        queue: routing.queue.clone(),
        alternative_queues: routing.alternatives.clone(),
        priority: priority(routing.priority).into(),
        priority_score: routing.score,
        priority_contributions: routing.contributions.iter().map(contribution).collect(),
        service_level: Some(service_level(&routing.service_level)),
        escalation: Some(escalation(&routing.escalation)),
        action: Some(action(&routing.action)),
        tags: routing.tags.clone(),
        skills: routing.skills.clone(),
        matched_rules: routing.matched_rules.clone(),
        trace: routing.trace.iter().map(trace).collect(),
        missing_entities: routing.missing_entities.iter().map(missing_entity).collect(),
        policy: routing.policy.clone(),
        priority_raised_by: routing.raised_by.clone().unwrap_or_default(),
    }
}

fn priority(priority: Priority) -> pb::Priority {
    match priority {
        Priority::P1 => pb::Priority::P1,
        Priority::P2 => pb::Priority::P2,
        Priority::P3 => pb::Priority::P3,
        Priority::P4 => pb::Priority::P4,
    }
}

fn contribution(contribution: &Contribution) -> pb::PriorityContribution {
    pb::PriorityContribution { reason: contribution.reason.clone(), points: contribution.points }
}

fn service_level(level: &ServiceLevel) -> pb::ServiceLevel {
    pb::ServiceLevel {
        first_response: level.first_response.try_into().ok(),
        resolution: level.resolution.try_into().ok(),
        first_response_due_at: timestamp(level.due_at),
        resolution_due_at: level
            .due_at
            .checked_sub(level.first_response)
            .and_then(|sent_at| sent_at.checked_add(level.resolution))
            .and_then(timestamp),
        name: level.name.clone(),
    }
}

/// Returns a time on the wire; `None` for one past the year 9999, which protobuf can't say.
fn timestamp(time: SystemTime) -> Option<prost_types::Timestamp> {
    const LAST: i64 = 253_402_300_799;
    let timestamp = prost_types::Timestamp::from(time);
    (timestamp.seconds <= LAST).then_some(timestamp)
}

fn escalation(escalation: &Escalation) -> pb::Escalation {
    let level = match escalation.level {
        EscalationLevel::None => pb::EscalationLevel::None,
        EscalationLevel::Senior => pb::EscalationLevel::Senior,
        EscalationLevel::Retention => pb::EscalationLevel::Retention,
        EscalationLevel::Supervisor => pb::EscalationLevel::Supervisor,
        EscalationLevel::Privacy => pb::EscalationLevel::Privacy,
        EscalationLevel::Fraud => pb::EscalationLevel::Fraud,
        EscalationLevel::Legal => pb::EscalationLevel::Legal,
        EscalationLevel::Safety => pb::EscalationLevel::Safety,
    };
    pb::Escalation { level: level.into(), reasons: escalation.reasons.clone() }
}

fn action(action: &Action) -> pb::Action {
    let kind = match action.kind {
        ActionType::AutoReply => pb::ActionType::AutoReply,
        ActionType::SelfService => pb::ActionType::SelfService,
        ActionType::Macro => pb::ActionType::Macro,
        ActionType::Suggest => pb::ActionType::Suggest,
        ActionType::Human => pb::ActionType::Human,
        ActionType::AutoClose => pb::ActionType::AutoClose,
        ActionType::Snooze => pb::ActionType::Snooze,
    };
    let tier = match action.tier {
        ConfidenceTier::Auto => pb::ConfidenceTier::Auto,
        ConfidenceTier::Suggest => pb::ConfidenceTier::Suggest,
        ConfidenceTier::Review => pb::ConfidenceTier::Review,
    };
    pb::Action {
        r#type: kind.into(),
        confidence_tier: tier.into(),
        flow: action.flow.clone().unwrap_or_default(),
        macro_id: action.macro_id.clone().unwrap_or_default(),
        automation_off: action.automation_off.clone(),
    }
}

fn missing_entity(missing: &MissingEntity) -> pb::MissingEntity {
    let types = missing.any_of.iter().map(|kind| entity_type(*kind).into());
    pb::MissingEntity { intent: missing.intent.clone(), any_of: types.collect() }
}

fn trace(trace: &RuleTrace) -> pb::RuleTrace {
    let outcome = match trace.outcome {
        RuleOutcome::Matched => pb::RuleOutcome::Matched,
        RuleOutcome::NotMatched => pb::RuleOutcome::NotMatched,
        RuleOutcome::NotReached => pb::RuleOutcome::NotReached,
        RuleOutcome::Failed => pb::RuleOutcome::Failed,
    };
    let terms = trace.terms.iter().map(|term| pb::TermTrace {
        expression: term.expression.clone(),
        value: term.value.clone(),
        result: Some(term.result),
    });
    pb::RuleTrace {
        rule_id: trace.rule_id.clone(),
        condition: trace.condition.clone(),
        outcome: outcome.into(),
        terms: terms.collect(),
    }
}
