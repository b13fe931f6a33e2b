//! Conditions mean what they mean in CEL: random ones are evaluated by another interpreter, too.

use std::collections::HashMap;
use std::time::Duration;

use cel::{Context, Program, Value};
use proptest::prelude::*;

use super::super::check::check;
use super::super::evaluate::{Overflow, Unobserved, holds};
use super::super::expression;
use super::super::facts::{Conversation, Mood, MoodTrend, Scope};
use super::super::{Facts, entity_types};
use super::support::{abstain_reasons, noon, vocabulary};
use crate::message::{Channel, Customer, CustomerTier, Money, Order, OrderState};

const TAGS: [&str; 5] = ["", "vip-2024", "b2b", "Größe", "x.y"];
const TENANTS: [&str; 4] = ["", "acme", "acme-eu", "größe"];

fn quoted(names: Vec<String>) -> impl Strategy<Value = String> + Clone {
    prop::sample::select(names).prop_map(|name| format!("{name:?}"))
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn with_none(mut names: Vec<String>) -> Vec<String> {
    names.push(String::new());
    names
}

/// A variable that holds a text, and texts that it can hold.
fn text_variable() -> impl Strategy<Value = (&'static str, Vec<String>)> {
    let vocabulary = vocabulary();
    let mut steps = vocabulary.polarity.clone();
    steps.push("unknown".to_owned());
    prop::sample::select(vec![
        ("primary", with_none(vocabulary.intents.clone())),
        ("primary_group", with_none(vocabulary.groups().to_vec())),
        ("polarity.label", steps),
        ("language", owned(&["de", "en", "und"])),
        ("channel", owned(&Channel::ALL.map(Channel::as_str))),
        ("tenant", owned(&TENANTS)),
        ("abstain_reason", owned(&abstain_reasons())),
        ("customer.tier", owned(&["unknown", "vip"])),
        ("order.state", owned(&["shipped", "delivered"])),
        ("order.currency", owned(&["", "EUR"])),
        ("thread.trend", owned(&["falling", "steady"])),
    ])
}

/// A variable that holds a list, and texts that it can hold.
fn list_variable() -> impl Strategy<Value = (&'static str, Vec<String>)> {
    let vocabulary = vocabulary();
    prop::sample::select(vec![
        ("intents", vocabulary.intents.clone()),
        ("groups", vocabulary.groups().to_vec()),
        ("flags", vocabulary.flags),
        ("entities", owned(&entity_types())),
        ("customer.tags", owned(&TAGS)),
    ])
}

fn comparison() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="])
}

/// A whole number; some grow too large.
fn whole() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => prop::sample::select(vec![
            "thread.length", "thread.customer_messages", "thread.agent_messages",
            "attachments.count", "attachments.images", "message.length",
        ]).prop_map(str::to_owned),
        2 => (-3..6_i64).prop_map(|number| number.to_string()),
        1 => Just("9223372036854775807".to_owned()),
        1 => Just("-9223372036854775808".to_owned()),
        2 => list_variable().prop_map(|(name, _)| format!("size({name})")),
        1 => text_variable().prop_map(|(name, _)| format!("{name}.size()")),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            (inner.clone(), prop::sample::select(vec!["+", "-", "*"]), inner.clone())
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            inner.prop_map(|inner| format!("-({inner})")),
        ]
    })
}

fn real() -> impl Strategy<Value = String> {
    let vocabulary = vocabulary();
    let leaf = prop_oneof![
        Just("primary_probability".to_owned()),
        Just("polarity.score".to_owned()),
        Just("probabilities[primary]".to_owned()),
        quoted(vocabulary.intents).prop_map(|name| format!("probabilities[{name}]")),
        quoted(vocabulary.flags).prop_map(|name| format!("flag_probabilities[{name}]")),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        let number = prop::sample::select(vec!["0.5", "2.0", "1e3", "-0.25"]);
        (inner, prop::sample::select(vec!["+", "-", "*"]), number)
            .prop_map(|(left, operator, right)| format!("({left} {operator} {right})"))
    })
}

fn optional() -> impl Strategy<Value = String> {
    let names = vec![
        "customer.lifetime_orders",
        "customer.contacts_7d",
        "customer.refunds_90d",
        "order.days_late",
        "order.value",
        "thread.change",
    ];
    (prop::sample::select(names), comparison(), prop::sample::select(vec!["1", "1.5"]), 0..4_u8)
        .prop_map(|(name, operator, number, form)| match form {
            0 => format!("has({name}) && {name} {operator} {number}"),
            1 => format!("!has({name}) || {name} {operator} {number}"),
            2 => format!("has({name}) ? {name} {operator} {number} : abstained"),
            _ => format!("!(!has({name}) || abstained) && {name} {operator} {number}"),
        })
}

fn text_leaf() -> impl Strategy<Value = String> {
    text_variable().prop_flat_map(|(name, values)| {
        let part = quoted(values.clone());
        let list = prop::collection::vec(quoted(values.clone()), 0..4);
        prop_oneof![
            quoted(values).prop_map(move |value| format!("{name} == {value}")),
            part.clone().prop_map(move |value| format!("{value} != {name}")),
            list.prop_map(move |list| format!("{name} in [{}]", list.join(", "))),
            part.clone().prop_map(move |part| format!("{name}.startsWith({part})")),
            part.clone().prop_map(move |part| format!("{name}.endsWith({part})")),
            part.prop_map(move |part| format!("{name}.contains({part})")),
            Just(format!("{name}.matches(r\"[a-z]+\")")),
            Just(format!("(abstained ? {name} : tenant) == \"acme\"")),
        ]
    })
}

fn list_leaf() -> impl Strategy<Value = String> {
    list_variable().prop_flat_map(|(name, values)| {
        let quantifier = prop::sample::select(vec!["exists", "all", "exists_one"]);
        let body = prop_oneof![
            quoted(values.clone()).prop_map(|value| format!("e == {value}")),
            quoted(values.clone()).prop_map(|value| format!("!(e in [{value}])")),
            quoted(values.clone()).prop_map(|value| format!("e.startsWith({value})")),
            whole().prop_map(|number| format!("size(e) > {number}")),
            Just("e.matches(\"[a-z]\") || abstained".to_owned()),
        ];
        prop_oneof![
            quoted(values).prop_map(move |value| format!("{value} in {name}")),
            (quantifier, body)
                .prop_map(move |(quantifier, body)| format!("{name}.{quantifier}(e, {body})")),
        ]
    })
}

fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        3 => text_leaf(),
        3 => list_leaf(),
        2 => optional(),
        1 => prop::sample::select(vec!["true", "false", "abstained", "polarity.mixed", "language_supported"])
            .prop_map(str::to_owned),
        2 => (whole(), comparison(), whole()).prop_map(|(a, operator, b)| format!("{a} {operator} {b}")),
        2 => (real(), comparison(), prop::sample::select(vec!["0.5", "0.25"]))
            .prop_map(|(a, operator, b)| format!("{a} {operator} {b}")),
        1 => (whole(), comparison(), real()).prop_map(|(a, operator, b)| format!("{a} {operator} {b}")),
        1 => (whole(), prop::collection::vec(0..4_i64, 1..4))
            .prop_map(|(a, list)| format!("{a} in {list:?}")),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| parts
                .iter()
                .map(|p| format!("({p})"))
                .collect::<Vec<_>>()
                .join(" && ")),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| parts
                .iter()
                .map(|p| format!("({p})"))
                .collect::<Vec<_>>()
                .join(" || ")),
            inner.clone().prop_map(|inner| format!("!({inner})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("({a}) ? ({b}) : ({c})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a}) == ({b})")),
        ]
    })
}

/// Random facts, owned.
#[derive(Clone, Debug)]
struct Drawn {
    customer: Customer,
    order: Order,
    intents: Vec<String>,
    flags: Vec<String>,
    entities: Vec<&'static str>,
    probability: f64,
    score: f64,
    counts: [usize; 6],
    change: Option<f64>,
    choices: [usize; 5],
    mixed: bool,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let count = || prop::option::of(0..4_u32);
    let customer = (count(), count(), count(), prop::sample::subsequence(owned(&TAGS), 0..=5));
    let order = (prop::option::of(-3..4_i64), prop::option::of(0..3_000_000_i64), any::<bool>());
    let vocabulary = vocabulary();
    (
        (customer, order),
        (
            prop::sample::subsequence(vocabulary.intents, 0..=6),
            prop::sample::subsequence(vocabulary.flags, 0..=6),
            prop::sample::subsequence(entity_types().to_vec(), 0..=13),
        ),
        (0.0..=1.0, -1.0..=1.0, prop::option::of(-2.0..=2.0), any::<bool>()),
        (any::<[u8; 6]>(), any::<[u8; 5]>()),
    )
        .prop_map(
            |((customer, order), (intents, flags, entities), numbers, (counts, choices))| {
                let (lifetime_orders, contacts_7d, refunds_90d, tags) = customer;
                let (days, micros, shipped) = order;
                let (probability, score, change, mixed) = numbers;
                Drawn {
                    customer: Customer {
                        tier: if shipped { CustomerTier::Vip } else { CustomerTier::Unknown },
                        lifetime_orders,
                        contacts_7d,
                        refunds_90d,
                        tags,
                    },
                    order: Order {
                        state: if shipped { OrderState::Shipped } else { OrderState::Delivered },
                        promised_by: days.map(|days| {
                            let distance = Duration::from_secs(days.unsigned_abs() * 86_400);
                            if days < 0 { noon() + distance } else { noon() - distance }
                        }),
                        value: micros.map(|amount_micros| Money {
                            currency_code: "EUR".to_owned(),
                            amount_micros,
                        }),
                    },
                    intents,
                    flags,
                    entities,
                    probability,
                    score,
                    counts: counts.map(|count| usize::from(count % 5)),
                    change,
                    choices: choices.map(usize::from),
                    mixed,
                }
            },
        )
}

impl Drawn {
    fn facts(&self) -> Facts<'_> {
        let mut facts = Facts::new(&self.customer, &self.order, noon());
        let [channel, tenant, abstain, label, language] = self.choices;
        facts.primary = self.intents.first().map_or("", |intent| intent);
        facts.primary_group =
            if facts.primary.is_empty() { "" } else { crate::labels::group_of(facts.primary) };
        facts.primary_probability = self.probability;
        facts.intents = self.intents.iter().map(String::as_str).collect();
        for intent in &self.intents {
            let group = crate::labels::group_of(intent);
            if !facts.groups.contains(&group) {
                facts.groups.push(group);
            }
        }
        facts.probabilities =
            self.intents.iter().map(|intent| (intent.as_str(), self.probability)).collect();
        facts.flags = self.flags.iter().map(String::as_str).collect();
        facts.flag_probabilities = self.flags.iter().map(|flag| (flag.as_str(), 0.75)).collect();
        facts.entities.clone_from(&self.entities);
        let labels = ["negative", "neutral", "unknown"];
        facts.mood = Mood { label: labels[label % 3], score: self.score, mixed: self.mixed };
        facts.language = ["de", "en", "und"][language % 3];
        facts.language_supported = language % 2 == 0;
        facts.channel =
            [Channel::Unknown, Channel::Chat, Channel::Email, Channel::Review][channel % 4];
        facts.tenant = TENANTS[tenant % 4];
        facts.abstain_reason = abstain_reasons()[abstain % 6];
        let [length, customer_messages, agent_messages, attachments, images, characters] =
            self.counts;
        facts.thread = Conversation {
            length,
            customer_messages,
            agent_messages,
            trend: if self.mixed { MoodTrend::Falling } else { MoodTrend::Steady },
            change: self.change,
        };
        facts.attachments = attachments;
        facts.images = images;
        facts.message_length = characters;
        facts
    }
}

fn texts(list: &[&str]) -> Value {
    list.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>().into()
}

fn text(text: &str) -> Value {
    text.to_owned().into()
}

fn count_value(number: usize) -> Value {
    Value::Int(i64::try_from(number).unwrap())
}

/// A map without the entries that are unknown.
fn map<const N: usize>(entries: [(&str, Option<Value>); N]) -> Value {
    let known = entries.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    known.collect::<HashMap<String, Value>>().into()
}

/// A number for each name, 0 where there is none; for the empty name, too.
fn numbers(names: &[String], known: &[(&str, f64)]) -> Value {
    let number = |name: &str| {
        known.iter().find(|(known, _)| *known == name).map_or(0.0, |(_, number)| *number)
    };
    let names = names.iter().map(String::as_str).chain([""]);
    let entries = names.map(|name| (name.to_owned(), Value::Float(number(name))));
    entries.collect::<HashMap<String, Value>>().into()
}

/// The same facts for the other interpreter.
fn context(facts: &Facts<'_>) -> Context<'static, 'static> {
    let vocabulary = vocabulary();
    let mut context = Context::default();
    for (name, value) in [
        ("primary", text(facts.primary)),
        ("primary_group", text(facts.primary_group)),
        ("primary_probability", Value::Float(facts.primary_probability)),
        ("intents", texts(&facts.intents)),
        ("groups", texts(&facts.groups)),
        ("flags", texts(&facts.flags)),
        ("entities", texts(&facts.entities)),
        ("probabilities", numbers(&vocabulary.intents, &facts.probabilities)),
        ("flag_probabilities", numbers(&vocabulary.flags, &facts.flag_probabilities)),
        ("language", text(facts.language)),
        ("language_supported", Value::Bool(facts.language_supported)),
        ("channel", text(facts.channel.as_str())),
        ("tenant", text(facts.tenant)),
        ("abstained", Value::Bool(facts.abstained())),
        ("abstain_reason", text(facts.abstain_reason)),
        ("customer", customer(facts)),
        ("order", order(facts)),
    ] {
        context.add_variable_from_value(name, value);
    }
    let (mood, thread) = (facts.mood, facts.thread);
    let polarity = map([
        ("label", Some(text(mood.label))),
        ("score", Some(Value::Float(mood.score))),
        ("mixed", Some(Value::Bool(mood.mixed))),
    ]);
    let thread = map([
        ("length", Some(count_value(thread.length))),
        ("customer_messages", Some(count_value(thread.customer_messages))),
        ("agent_messages", Some(count_value(thread.agent_messages))),
        ("trend", Some(text(thread.trend.as_str()))),
        ("change", thread.change.map(Value::Float)),
    ]);
    let attachments = map([
        ("count", Some(count_value(facts.attachments))),
        ("images", Some(count_value(facts.images))),
    ]);
    let message = map([("length", Some(count_value(facts.message_length)))]);
    context.add_variable_from_value("polarity", polarity);
    context.add_variable_from_value("thread", thread);
    context.add_variable_from_value("attachments", attachments);
    context.add_variable_from_value("message", message);
    context
}

fn customer(facts: &Facts<'_>) -> Value {
    let customer = facts.customer;
    let count = |number: Option<u32>| number.map(|number| Value::Int(i64::from(number)));
    let tags: Vec<&str> = customer.tags.iter().map(String::as_str).collect();
    let tier = if customer.tier == CustomerTier::Vip { "vip" } else { "unknown" };
    map([
        ("tier", Some(text(tier))),
        ("lifetime_orders", count(customer.lifetime_orders)),
        ("contacts_7d", count(customer.contacts_7d)),
        ("refunds_90d", count(customer.refunds_90d)),
        ("tags", Some(texts(&tags))),
    ])
}

fn order(facts: &Facts<'_>) -> Value {
    let money = facts.order.value.as_ref();
    #[expect(clippy::cast_precision_loss, reason = "small amounts")]
    let value = money.map(|money| Value::Float(money.amount_micros as f64 / 1e6));
    let state = if facts.order.state == OrderState::Shipped { "shipped" } else { "delivered" };
    map([
        ("state", Some(text(state))),
        ("value", value),
        ("currency", Some(text(money.map_or("", |money| &money.currency_code)))),
        ("days_late", facts.days_late().map(Value::Int)),
    ])
}

/// Evaluates a condition; `None` if it is refused because of a number out of range, which CEL does not know of.
fn ours(source: &str, facts: &Facts<'_>) -> Option<Result<bool, Overflow>> {
    let parsed = expression::parse(source).unwrap_or_else(|fault| panic!("{source}: {fault:?}"));
    match check(&parsed, source, &vocabulary()) {
        Ok(condition) => Some(holds(&condition, &Scope::new(facts, Vec::new()), &mut Unobserved)),
        Err(faults) => {
            let range = faults.iter().all(|fault| fault.message.ends_with("makes no sense"));
            assert!(range, "{source}: {faults:?}");
            None
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn conditions_hold_exactly_where_they_hold_in_cel(source in condition(), drawn in drawn()) {
        let facts = drawn.facts();

        let found = ours(&source, &facts);
        prop_assume!(found.is_some());
        let expected = Program::compile(&source).unwrap().execute(&context(&facts));

        match (&expected, found) {
            (Ok(Value::Bool(expected)), Some(Ok(found))) => prop_assert_eq!(*expected, found, "{}", source),
            (Err(_), Some(Err(Overflow))) => {}
            (expected, found) => prop_assert!(false, "{source}: {expected:?}, but {found:?}"),
        }
    }
}
