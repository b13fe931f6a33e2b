//! Facts to a decision: the rules in their order, then the safety floor.

use std::collections::HashSet;

use super::Policy;
use super::evaluate::{Unobserved, holds};
use super::facts::{Facts, Scope};
use super::floor;
use super::routing::{
    Action, ActionType, ConfidenceTier, Contribution, Escalation, EscalationLevel, MissingEntity,
    Priority, Routing, RuleOutcome, RuleTrace, ServiceLevel,
};
use super::rule::{ActionSetting, AutomaticTags, Index, Rule, Settings};
use super::trace::Recorder;
use super::variables::UNKNOWN;
use crate::message::TagStyle;

/// How a decision is told.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DecideOptions {
    /// Give the trace of every rule.
    pub explain: bool,
    /// Spell tags in this style instead of the policy's own.
    pub tag_style: Option<TagStyle>,
}

/// Decides; see [`Policy::decide`].
pub(super) fn decide(policy: &Policy, facts: &Facts<'_>, options: DecideOptions) -> Routing {
    let settings = &policy.settings;
    let missing = policy.missing_entities(&facts.intents, &facts.entities);
    let scope = Scope::new(facts, types_of(&missing));
    let mut outcome = Outcome::default();
    let mut trace = Vec::with_capacity(if options.explain { policy.rules.len() } else { 0 });
    let mut stopped = false;
    let mut recorder = Recorder::default();
    for rule in &policy.rules {
        if options.explain {
            let traced = trace_rule(rule, &scope, stopped, &mut recorder);
            if traced.outcome == RuleOutcome::Matched {
                outcome.matched.push(rule);
                stopped = rule.stop;
            }
            trace.push(traced);
        } else if holds(&rule.condition, &scope, &mut Unobserved) == Ok(true) {
            outcome.matched.push(rule);
            if rule.stop {
                break;
            }
        }
    }
    let style = options.tag_style.unwrap_or(settings.tags.style);
    outcome.routing(settings, facts, style, missing, trace)
}

fn types_of(missing: &[MissingEntity]) -> Vec<&'static str> {
    let mut types = Vec::new();
    for entity in missing.iter().flat_map(|missing| &missing.any_of) {
        if !types.contains(&entity.as_str()) {
            types.push(entity.as_str());
        }
    }
    types
}

fn trace_rule(rule: &Rule, scope: &Scope<'_>, stopped: bool, recorder: &mut Recorder) -> RuleTrace {
    let condition = recorder.condition(&rule.when);
    let outcome = if stopped {
        RuleOutcome::NotReached
    } else {
        match holds(&rule.condition, scope, recorder) {
            Ok(true) => RuleOutcome::Matched,
            Ok(false) => RuleOutcome::NotMatched,
            Err(_) => RuleOutcome::Failed,
        }
    };
    let terms = std::mem::take(&mut recorder.terms);
    RuleTrace { rule_id: rule.id.clone(), condition, outcome, terms }
}

/// The rules that matched, in order.
#[derive(Default)]
struct Outcome<'p> {
    matched: Vec<&'p Rule>,
}

impl<'p> Outcome<'p> {
    fn routing(
        &self,
        settings: &'p Settings,
        facts: &Facts<'_>,
        style: TagStyle,
        missing_entities: Vec<MissingEntity>,
        trace: Vec<RuleTrace>,
    ) -> Routing {
        let contributions = self.contributions();
        let score = contributions.iter().fold(0_i32, |sum, part| sum.saturating_add(part.points));
        let (priority, raised_by) = self.priority(settings, score);
        let (queue, alternatives, skills) = self.placement(settings);
        Routing {
            policy: settings.name.clone(),
            queue,
            alternatives,
            priority,
            score,
            contributions,
            raised_by,
            service_level: self.service_level(settings, facts, priority),
            escalation: self.escalation(),
            action: self.action(settings, facts),
            tags: self.tags(settings, facts, style),
            skills,
            matched_rules: self.matched.iter().map(|rule| rule.id.clone()).collect(),
            missing_entities,
            trace,
        }
    }

    /// Returns the first setting of its kind.
    fn first<T>(&self, setting: impl Fn(&'p Rule) -> Option<T>) -> Option<T> {
        self.matched.iter().find_map(|rule| setting(rule))
    }

    fn contributions(&self) -> Vec<Contribution> {
        let points = self.matched.iter().filter_map(|rule| rule.effects.points.as_ref());
        points
            .map(|points| Contribution { reason: points.reason.clone(), points: points.points })
            .collect()
    }

    /// Returns the priority and the rule that raised it above what the score gives.
    fn priority(&self, settings: &Settings, score: i32) -> (Priority, Option<String>) {
        let [p1, p2, p3] = settings.levels;
        let by_score = match score {
            score if score >= p1 => Priority::P1,
            score if score >= p2 => Priority::P2,
            score if score >= p3 => Priority::P3,
            _ => Priority::P4,
        };
        let floors =
            self.matched.iter().filter_map(|rule| Some((rule.effects.at_least?, &rule.id)));
        // Of equals the first is named.
        match floors.min_by_key(|(level, _)| *level) {
            Some((level, rule)) if level < by_score => (level, Some(rule.clone())),
            Some(_) | None => (by_score, None),
        }
    }

    /// Returns the queue, its alternatives, and the skills that are needed.
    fn placement(&self, settings: &Settings) -> (String, Vec<String>, Vec<String>) {
        let queue = |index: Index| settings.queues.get(index);
        let set: Vec<Index> = self.matched.iter().filter_map(|rule| rule.effects.queue).collect();
        let chosen = queue(set.first().copied().unwrap_or_default());
        let name = chosen.map(|queue| queue.name.clone()).unwrap_or_default();
        let later = set.iter().skip(1).filter_map(|index| queue(*index)).map(|queue| &queue.name);
        let own = chosen.map(|queue| queue.alternatives.as_slice()).unwrap_or_default();
        let mut alternatives = Unique::default();
        for alternative in later.chain(own) {
            if *alternative != name {
                alternatives.add(alternative);
            }
        }
        let mut skills = Unique::default();
        let of_queue = chosen.map(|queue| queue.skills.as_slice()).unwrap_or_default();
        let of_rules = self.matched.iter().flat_map(|rule| &rule.effects.skills);
        for skill in of_queue.iter().chain(of_rules) {
            skills.add(skill);
        }
        (name, alternatives.list, skills.list)
    }

    fn service_level(
        &self,
        settings: &Settings,
        facts: &Facts<'_>,
        priority: Priority,
    ) -> ServiceLevel {
        let chosen = self.first(|rule| rule.effects.service_level);
        let level = settings.service_levels.get(chosen.unwrap_or(settings.default_service_level));
        let times = level.map(|level| level.of(priority)).unwrap_or_default();
        ServiceLevel {
            name: level.map(|level| level.name.clone()).unwrap_or_default(),
            first_response: times.first_response,
            resolution: times.resolution,
            due_at: facts.sent_at.checked_add(times.first_response).unwrap_or(facts.sent_at),
        }
    }

    fn escalation(&self) -> Escalation {
        let mut asked: Vec<(EscalationLevel, &Rule)> = self
            .matched
            .iter()
            .filter_map(|rule| Some((rule.effects.escalation?, *rule)))
            .filter(|(level, _)| *level != EscalationLevel::None)
            .collect();
        asked.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
        let level = asked.first().map(|(level, _)| *level).unwrap_or_default();
        let mut reasons = Unique::default();
        for (_, rule) in asked {
            let reason = if rule.description.is_empty() { &rule.id } else { &rule.description };
            reasons.add(reason);
        }
        Escalation { level, reasons: reasons.list }
    }

    fn action(&self, settings: &Settings, facts: &Facts<'_>) -> Action {
        let setting = self.first(|rule| rule.effects.action.as_ref());
        let thresholds = setting.map_or(settings.confidence, |setting| setting.thresholds);
        let kind = setting.map_or(ActionType::Human, |setting| setting.kind);
        let macro_id = setting.and_then(|setting| macro_id(setting, settings, facts));
        let flow = setting.and_then(|setting| setting.flow.clone());
        let probability = facts.primary_probability;
        let tier = if facts.abstained() {
            ConfidenceTier::Review
        } else if probability >= thresholds.auto && kind.is_automatic() {
            ConfidenceTier::Auto
        } else if probability >= thresholds.suggest {
            ConfidenceTier::Suggest
        } else {
            ConfidenceTier::Review
        };
        let action = Action { kind, tier, flow, macro_id, automation_off: Vec::new() };
        without_automation(action, floor::reasons(facts))
    }

    fn tags(&self, settings: &Settings, facts: &Facts<'_>, style: TagStyle) -> Vec<String> {
        let prefix = &settings.tags.prefix;
        let mut tags = Unique::default();
        let mut label = |name: &str| tags.add(&format!("{prefix}{}", style.spell(name)));
        for kind in &settings.tags.automatic {
            match kind {
                AutomaticTags::Intents => facts.intents.iter().for_each(|name| label(name)),
                AutomaticTags::Groups => facts.groups.iter().for_each(|name| label(name)),
                AutomaticTags::Flags => facts.flags.iter().for_each(|name| label(name)),
                AutomaticTags::Polarity if facts.mood.label != UNKNOWN => label(facts.mood.label),
                AutomaticTags::Language if facts.language != "und" => label(facts.language),
                AutomaticTags::Polarity | AutomaticTags::Language => {}
            }
        }
        for tag in self.matched.iter().flat_map(|rule| &rule.effects.tags) {
            tags.add(&format!("{prefix}{tag}"));
        }
        tags.list
    }
}

fn macro_id(setting: &ActionSetting, settings: &Settings, facts: &Facts<'_>) -> Option<String> {
    let named = settings.macros.get(setting.macro_?)?;
    Some(named.id(facts.language).to_owned())
}

/// Applies the safety floor: if there is a reason, nothing runs without a person.
fn without_automation(mut action: Action, reasons: Vec<String>) -> Action {
    if reasons.is_empty() {
        return action;
    }
    action.automation_off = reasons;
    action.tier = action.tier.min(ConfidenceTier::Suggest);
    if action.kind.is_automatic() {
        let answers = matches!(action.kind, ActionType::Macro | ActionType::AutoReply);
        action.macro_id = action.macro_id.filter(|_| answers);
        action.flow = None;
        action.kind = ActionType::Human;
    }
    action
}

/// Texts in the order in which they came, each once.
#[derive(Default)]
struct Unique {
    list: Vec<String>,
    seen: HashSet<String>,
}

impl Unique {
    fn add(&mut self, text: &str) {
        if !self.seen.contains(text) {
            self.seen.insert(text.to_owned());
            self.list.push(text.to_owned());
        }
    }
}
