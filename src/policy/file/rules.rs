//! Rules in the file of a policy.

use std::collections::HashMap;

use super::super::check::check;
use super::super::condition::Condition;
use super::super::expression;
use super::super::reading::{choice, line, lines, name, points, position_of, probability};
use super::super::routing::{ActionType, EscalationLevel, Priority};
use super::super::rule::{ActionSetting, Effects, Points, Rule, Settings, Thresholds};
use super::super::vocabulary::Vocabulary;
use super::origin::position_in;
use crate::yaml::{Faults, Fields, Node, Position, Value, quoted};

/// Rules of a policy at most.
pub(in crate::policy) const MAX_RULES: usize = 2_000;

/// Bytes of all conditions of a policy at most: what every message may cost. The default policy has 12,000.
const MAX_CONDITION_BYTES: usize = 256 << 10;

/// Patterns of `matches` in a policy at most; each compiled one takes up to 256 KiB.
const MAX_PATTERNS: usize = 200;

/// Faults of one condition that are told at most.
const MAX_CONDITION_FAULTS: usize = 20;
/// Faults whose exact place is looked for at most.
const MAX_PLACED_FAULTS: usize = 100;

/// Reads rules, with the settings that they refer to.
pub(super) struct Reader<'a> {
    pub(super) source: &'a str,
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) settings: &'a Settings,
}

/// Returns the rules whose conditions together stay within what a policy may cost; the first one beyond is a fault.
fn within_limits<'n>(nodes: &'n [Node], faults: &mut Faults) -> &'n [Node] {
    let (mut bytes, mut patterns) = (0, 0);
    for (index, node) in nodes.iter().enumerate() {
        let condition = condition_of(node);
        bytes += condition.len();
        patterns += condition.matches("matches").count();
        let fault = if bytes > MAX_CONDITION_BYTES {
            format!("the conditions have more than {MAX_CONDITION_BYTES} bytes together")
        } else if patterns > MAX_PATTERNS {
            format!("the conditions have more than {MAX_PATTERNS} patterns together")
        } else {
            continue;
        };
        faults.add(node.position, fault);
        return nodes.get(..index).unwrap_or_default();
    }
    nodes
}

/// Returns the text of a rule's condition, empty if there is none.
fn condition_of(rule: &Node) -> &str {
    let Value::Map(entries) = &rule.value else { return "" };
    let when = entries.iter().find(|entry| entry.key.text == "when");
    match when.map(|entry| &entry.value.value) {
        Some(Value::Text(text)) => text,
        _ => "",
    }
}

/// A rule with the place of its condition.
struct Placed {
    rule: Rule,
    when: Position,
}

impl Reader<'_> {
    pub(super) fn rules(&self, list: &Node, faults: &mut Faults) -> Vec<Rule> {
        let nodes = list.list(faults).unwrap_or_default();
        if let Some(extra) = nodes.get(MAX_RULES) {
            faults.add(extra.position, format!("more than {MAX_RULES} rules"));
        }
        let nodes = within_limits(nodes.get(..MAX_RULES).unwrap_or(nodes), faults);
        let mut ids = HashMap::new();
        let mut placed = Vec::new();
        for node in nodes {
            placed.extend(self.rule(node, &mut ids, faults));
        }
        let conditions: Vec<_> = placed
            .iter()
            .map(|placed: &Placed| {
                (placed.rule.id.as_str(), &placed.rule.condition, placed.rule.stop)
            })
            .collect();
        for fault in super::super::reach::unreachable(&conditions, self.vocabulary) {
            let Some(placed) = placed.get(fault.rule) else { continue };
            let at = self.place(placed.when, &placed.rule.when, fault.at, faults);
            faults.add(at, fault.message);
        }
        placed.into_iter().map(|placed| placed.rule).collect()
    }

    /// Finds a byte of a condition in the file. Among many faults the place of the condition has to do, for each search
    /// reads the file.
    fn place(&self, start: Position, condition: &str, byte: usize, faults: &Faults) -> Position {
        if faults.list().len() < MAX_PLACED_FAULTS {
            position_in(self.source, start, condition, byte)
        } else {
            start
        }
    }

    fn rule<'n>(
        &self,
        node: &'n Node,
        ids: &mut HashMap<&'n str, Position>,
        faults: &mut Faults,
    ) -> Option<Placed> {
        let mut fields = Fields::of(node, faults)?;
        let id_node = fields.required("id", faults);
        let id = id_node.and_then(|node| name(node, faults));
        if let (Some(node), Some(id)) = (id_node, id) {
            if let Some(first) = ids.get(id) {
                let message = format!("rule {id:?} is there already, on line {}", first.line);
                faults.add(node.position, message);
            } else {
                ids.insert(id, node.position);
            }
        }
        let description = fields.optional("description").and_then(|node| line(node, faults));
        let when = fields.required("when", faults);
        let condition = when.and_then(|node| self.condition(node, faults));
        let effects = fields.required("then", faults);
        let stop = fields.optional("stop").and_then(|node| node.boolean(faults)).unwrap_or(false);
        fields.finish(faults);
        let effects = effects.and_then(|node| self.effects(node, id, stop, faults));
        let (when, condition) = (when?, condition?);
        let Value::Text(written) = &when.value else { return None };
        let rule = Rule {
            id: id?.to_owned(),
            description: description.unwrap_or_default().to_owned(),
            when: written.trim().to_owned(),
            condition,
            effects: effects.unwrap_or_default(),
            stop,
        };
        Some(Placed { rule, when: when.position })
    }

    fn condition(&self, node: &Node, faults: &mut Faults) -> Option<Condition> {
        if let Value::Boolean(_) = node.value {
            faults.add(node.position, "a condition is a text, write \"true\" in quotes");
            return None;
        }
        let source = node.text(faults)?.trim();
        let checked = expression::parse(source)
            .map_err(|fault| vec![fault])
            .and_then(|expression| check(&expression, source, self.vocabulary));
        match checked {
            Ok(condition) => Some(condition),
            Err(list) => {
                for fault in list.into_iter().take(MAX_CONDITION_FAULTS) {
                    let at = self.place(node.position, source, fault.at, faults);
                    faults.add(at, fault.message);
                }
                None
            }
        }
    }

    fn effects(
        &self,
        node: &Node,
        id: Option<&str>,
        stop: bool,
        faults: &mut Faults,
    ) -> Option<Effects> {
        let settings = self.settings;
        let before = faults.list().len();
        let mut fields = Fields::of(node, faults)?;
        let tags = lines(fields.optional("tags"), faults);
        let skills = lines(fields.optional("skills"), faults);
        let points = fields.optional("points").and_then(|node| points_of(node, id, faults));
        let at_least = fields
            .optional("at_least")
            .and_then(|node| choice(node, &Priority::ALL, Priority::as_str, faults));
        let queue = fields.optional("queue").and_then(|node| {
            let names = settings.queues.iter().map(|queue| queue.name.as_str());
            position_of(node, "queue", names, faults)
        });
        let service_level = fields.optional("service_level").and_then(|node| {
            let names = settings.service_levels.iter().map(|level| level.name.as_str());
            position_of(node, "service level", names, faults)
        });
        let escalation = fields
            .optional("escalation")
            .and_then(|node| choice(node, &EscalationLevel::ALL, EscalationLevel::as_str, faults));
        let action = fields.optional("action").and_then(|node| self.action(node, faults));
        fields.finish(faults);
        let effects =
            Effects { tags, points, at_least, queue, service_level, escalation, action, skills };
        if effects.is_empty() && !stop && faults.list().len() == before {
            faults.add(node.position, "the rule sets nothing");
        }
        Some(effects)
    }

    fn action(&self, node: &Node, faults: &mut Faults) -> Option<ActionSetting> {
        let settings = self.settings;
        let mut fields = Fields::of(node, faults)?;
        let kind = fields
            .required("type", faults)
            .and_then(|node| choice(node, &ActionType::ALL, ActionType::as_str, faults));
        let flow_node = fields.optional("flow");
        let flow = flow_node.and_then(|node| {
            let names = settings.flows.iter().map(String::as_str);
            let position = position_of(node, "flow", names, faults)?;
            settings.flows.get(position).cloned()
        });
        let macro_node = fields.optional("macro");
        let macro_ = macro_node.and_then(|node| {
            let names = settings.macros.iter().map(|known| known.name.as_str());
            position_of(node, "macro", names, faults)
        });
        let auto = fields.optional("auto_at").and_then(|node| probability(node, faults));
        let suggest = fields.optional("suggest_at").and_then(|node| probability(node, faults));
        fields.finish(faults);
        let kind = kind?;
        check_parts(kind, node, (flow_node, macro_node), faults);
        let thresholds = Thresholds {
            auto: auto.unwrap_or(settings.confidence.auto),
            suggest: suggest.unwrap_or(settings.confidence.suggest),
        };
        if thresholds.suggest > thresholds.auto {
            let message = format!(
                "suggests from {} but runs by itself from {}",
                thresholds.suggest, thresholds.auto
            );
            faults.add(node.position, message);
        }
        Some(ActionSetting { kind, flow, macro_, thresholds })
    }
}

/// Which parts an action needs, and which it has no use for.
fn check_parts(
    kind: ActionType,
    node: &Node,
    (flow, macro_): (Option<&Node>, Option<&Node>),
    faults: &mut Faults,
) {
    let word = kind.as_str();
    match (kind, flow) {
        (ActionType::SelfService, None) => {
            faults.add(node.position, format!("{word} needs a flow"));
        }
        (ActionType::SelfService, Some(_)) | (_, None) => {}
        (_, Some(flow)) => faults.add(flow.position, format!("{word} has no flow")),
    }
    match (kind, macro_) {
        (ActionType::Macro, None) => faults.add(node.position, format!("{word} needs a macro")),
        (ActionType::AutoClose | ActionType::Snooze, Some(macro_)) => {
            faults.add(macro_.position, format!("{word} has no macro"));
        }
        _ => {}
    }
}

/// Reads points: a number, or a number with its reason.
fn points_of(node: &Node, id: Option<&str>, faults: &mut Faults) -> Option<Points> {
    if !matches!(node.value, Value::Map(_)) {
        let points = points(node, faults)?;
        return Some(Points { reason: id.unwrap_or_default().to_owned(), points });
    }
    let mut fields = Fields::of(node, faults)?;
    let reason = fields.required("reason", faults).and_then(|node| line(node, faults));
    let number = fields.required("points", faults).and_then(|node| points(node, faults));
    fields.finish(faults);
    let points = Points { reason: reason?.to_owned(), points: number? };
    if points.points == 0 {
        faults.add(node.position, format!("{} gives no points", quoted(&points.reason)));
    }
    Some(points)
}
