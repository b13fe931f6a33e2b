//! Time that a policy of 200 rules takes for one message, beside the same conditions in the `cel` crate's interpreter, and
//! time that the default policy takes.
//!
//! `taskset -c 0 cargo bench --bench policy`. The two take turns, so that neither has the machine for itself, and every round
//! is checked: both must find the same rules.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, reason = "a bench")]

use std::collections::HashMap;
use std::hint::black_box;
use std::time::{Duration, Instant, SystemTime};

use cel::{Context, Program, Value};
use signalbox::message::{Channel, Customer, CustomerTier, Money, Order, OrderState};
use signalbox::policy::{
    DecideOptions, Facts, Mood, Policy, Predicted, PredictedLabel, Received, Vocabulary,
};
use signalbox::taxonomy::{DEFAULT_YAML, Taxonomy};

const RULES: usize = 200;
const ROUNDS: usize = 200;
/// Decisions of one round; a single one is short for the clock.
const DECISIONS: u32 = 50;

const INTENTS: [&str; 12] = [
    "order.status",
    "order.cancel",
    "order.change",
    "shipping.not_received",
    "return.request",
    "return.status",
    "refund.status",
    "item.damaged",
    "payment.issue",
    "account.access",
    "support.human_agent",
    "feedback.complaint",
];
const FLAGS: [&str; 6] =
    ["angry", "urgent", "repeat_contact", "threat_legal", "churn_risk", "safety_risk"];
const LANGUAGES: [&str; 5] = ["de", "en", "fr", "tr", "ja"];

const HEAD: &str = "format: 1
name: bench
queues: { general: {}, orders: { alternatives: [general] } }
priority: { levels: { P1: 80, P2: 50, P3: 20 } }
service_levels:
  standard:
    P1: { first_response: 1h, resolution: 8h }
    P2: { first_response: 4h, resolution: 1d }
    P3: { first_response: 1d, resolution: 3d }
    P4: { first_response: 2d, resolution: 5d }
default_service_level: standard
confidence: { auto: 0.9, suggest: 0.6 }
flows: [track]
required_entities: { order.status: [order_number|tracking_number] }
rules:
";

/// Conditions of five to eight terms; most begin with terms that hold for the message, so that they are read on.
fn condition(index: usize) -> String {
    let intent = INTENTS[index % INTENTS.len()];
    let flag = FLAGS[index % FLAGS.len()];
    let language = LANGUAGES[index % LANGUAGES.len()];
    let number = index % 7 + 1;
    match index % 4 {
        0 => format!(
            "primary == {intent:?} && \"order_number\" in entities && !({flag:?} in flags) && \
             channel in [\"email\", \"form\"] && primary_probability >= 0.{number} && \
             language == {language:?}"
        ),
        1 => format!(
            "channel == \"email\" && language_supported && !abstained && \
             (has(order.days_late) && order.days_late > {number} || \
             thread.customer_messages > {number}) && \
             polarity.score < -0.{number} && {flag:?} in flags"
        ),
        2 => format!(
            "customer.tier in [\"vip\", \"loyal\"] && has(customer.lifetime_orders) && \
             customer.lifetime_orders > {number} && \
             ({intent:?} in intents || probabilities[{intent:?}] > 0.{number}) && \
             order.state != \"delivered\" && !(\"threat_legal\" in flags) && \
             size(intents) >= 1 && tenant != \"t{index}\""
        ),
        _ => format!(
            "{flag:?} in flags && intents.exists(i, i.startsWith(\"order.\")) && \
             customer.tags.exists(t, t.startsWith(\"b2b-{number}\")) && attachments.images > 0 && \
             message.length > {index} && thread.trend == \"falling\""
        ),
    }
}

fn policy_file() -> String {
    let rule = |index: usize| {
        let then = if index.is_multiple_of(3) {
            format!("{{ points: {}, tags: [t{index}], queue: orders }}", index % 9 + 1)
        } else {
            "{ points: 1, action: { type: SELF_SERVICE, flow: track } }".to_owned()
        };
        format!("  - {{ id: rule-{index}, when: '{}', then: {then} }}\n", condition(index))
    };
    HEAD.to_owned() + &(0..RULES).map(rule).collect::<String>()
}

fn vocabulary() -> Vocabulary {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let steps = ["very_negative", "negative", "neutral", "positive", "very_positive"];
    Vocabulary::new(list(&INTENTS), list(&FLAGS), list(&steps), Vec::new())
}

fn known() -> (Customer, Order, SystemTime) {
    let sent_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
    let customer = Customer {
        tier: CustomerTier::Vip,
        lifetime_orders: Some(12),
        contacts_7d: Some(1),
        refunds_90d: Some(0),
        tags: vec!["newsletter".to_owned(), "b2b-2".to_owned(), "summer".to_owned()],
    };
    let order = Order {
        state: OrderState::Shipped,
        promised_by: Some(sent_at - Duration::from_secs(4 * 86_400)),
        value: Some(Money { currency_code: "EUR".to_owned(), amount_micros: 59_900_000 }),
    };
    (customer, order, sent_at)
}

fn facts<'a>(customer: &'a Customer, order: &'a Order, sent_at: SystemTime) -> Facts<'a> {
    let mut facts = Facts::new(customer, order, sent_at);
    facts.primary = "order.status";
    facts.primary_group = "order";
    facts.primary_probability = 0.93;
    facts.intents = vec!["order.status", "shipping.not_received"];
    facts.groups = vec!["order", "shipping"];
    facts.probabilities = INTENTS.iter().map(|intent| (*intent, 0.02)).collect();
    facts.flags = vec!["urgent", "repeat_contact"];
    facts.flag_probabilities = FLAGS.iter().map(|flag| (*flag, 0.1)).collect();
    facts.mood = Mood { label: "negative", score: -0.48, mixed: false };
    facts.entities = vec!["order_number", "date"];
    facts.language = "de";
    facts.channel = Channel::Email;
    facts.tenant = "acme";
    facts.thread.length = 3;
    facts.thread.customer_messages = 2;
    facts.thread.agent_messages = 1;
    facts.images = 1;
    facts.attachments = 1;
    facts.message_length = 240;
    facts.tells_person_required = true;
    facts
}

/// The same facts for the `cel` crate; what no condition of this bench asks for is left out.
fn context(facts: &Facts<'_>) -> Context<'static, 'static> {
    let texts = |list: &[&str]| -> Value {
        list.iter().map(|text| (*text).to_owned()).collect::<Vec<String>>().into()
    };
    let text = |text: &str| Value::from(text.to_owned());
    let map = |entries: &[(&str, Value)]| -> Value {
        let entries = entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        entries.collect::<HashMap<String, Value>>().into()
    };
    let tags: Vec<&str> = facts.customer.tags.iter().map(String::as_str).collect();
    let probabilities: Vec<(&str, Value)> =
        facts.probabilities.iter().map(|(name, number)| (*name, Value::Float(*number))).collect();
    let customer =
        [("tier", text("vip")), ("lifetime_orders", Value::Int(12)), ("tags", texts(&tags))];
    let mut context = Context::default();
    for (name, value) in [
        ("primary", text(facts.primary)),
        ("primary_probability", Value::Float(facts.primary_probability)),
        ("intents", texts(&facts.intents)),
        ("probabilities", map(&probabilities)),
        ("flags", texts(&facts.flags)),
        ("entities", texts(&facts.entities)),
        ("language", text(facts.language)),
        ("language_supported", Value::Bool(true)),
        ("channel", text("email")),
        ("tenant", text(facts.tenant)),
        ("abstained", Value::Bool(false)),
        ("polarity", map(&[("score", Value::Float(facts.mood.score))])),
        ("customer", map(&customer)),
        ("order", map(&[("state", text("shipped")), ("days_late", Value::Int(4))])),
        ("thread", map(&[("customer_messages", Value::Int(2)), ("trend", text("unknown"))])),
        ("attachments", map(&[("images", Value::Int(1))])),
        ("message", map(&[("length", Value::Int(240))])),
    ] {
        context.add_variable_from_value(name, value);
    }
    context
}

fn main() {
    let file = policy_file();
    let started = Instant::now();
    let policy = Policy::parse(&file, "bench.yaml", &vocabulary()).unwrap();
    println!("{RULES} rules read and checked in {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
    let started = Instant::now();
    let programs: Vec<Program> =
        (0..RULES).map(|index| Program::compile(&condition(index)).unwrap()).collect();
    println!("same conditions compiled by cel in {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
    let (customer, order, sent_at) = known();
    let facts = facts(&customer, &order, sent_at);
    let context = context(&facts);

    let mut timings: [Vec<Duration>; 3] = Default::default();
    for _ in 0..ROUNDS {
        let mut found = [0; 3];
        for (kind, explain) in [false, true].into_iter().enumerate() {
            let options = DecideOptions { explain, ..DecideOptions::default() };
            let started = Instant::now();
            for _ in 0..DECISIONS {
                found[kind] = policy.decide(black_box(&facts), options).matched_rules.len();
            }
            timings[kind].push(started.elapsed() / DECISIONS);
        }
        let started = Instant::now();
        let held = programs
            .iter()
            .filter(|program| program.execute(black_box(&context)).unwrap() == Value::Bool(true));
        found[2] = held.count();
        timings[2].push(started.elapsed());

        assert!(found[0] > 0 && found[0] < RULES / 4, "{} rules match", found[0]);
        assert_eq!(found, [found[0]; 3], "all find the same rules");
    }
    println!(
        "{} rules match; µs for one message:    median      p90      p99",
        rules_found(&policy, &facts)
    );
    report("decision, all included", &mut timings[0]);
    report("decision with explanation", &mut timings[1]);
    report("conditions alone, by cel", &mut timings[2]);
    default_policy();
}

/// A customer who writes again because a parcel is late, as the model and the shop see it.
fn late_parcel<'a>(
    taxonomy: &'a Taxonomy,
    customer: &'a Customer,
    order: &'a Order,
    sent_at: SystemTime,
) -> (Predicted<'a>, Received<'a>) {
    let label = |name: &'a str, present: bool| PredictedLabel {
        name,
        probability: if present { 0.93 } else { 0.02 },
        present,
        person_required: taxonomy.person_required(name),
    };
    let rest =
        taxonomy.intents().map(|intent| intent.name()).filter(|name| *name != "order.status");
    let predicted = Predicted {
        intents: std::iter::once(label("order.status", true))
            .chain(rest.map(|name| label(name, false)))
            .collect(),
        leading: 0.93,
        flags: taxonomy
            .flags()
            .map(|flag| label(flag.name(), ["urgent", "repeat_contact"].contains(&flag.name())))
            .collect(),
        mood: Some(Mood { label: "negative", score: -0.48, mixed: false }),
        ..Predicted::default()
    };
    let received = Received {
        customer,
        order,
        sent_at,
        channel: Channel::Email,
        tenant: "acme",
        thread: &[],
        media_types: Vec::new(),
        language: "de",
        language_supported: true,
        entities: vec!["order_number", "date"],
        message_length: 240,
    };
    (predicted, received)
}

/// Times facts and decision of the policy that is built in.
fn default_policy() {
    let taxonomy = Taxonomy::parse(DEFAULT_YAML, "taxonomy.yaml").unwrap();
    let vocabulary = Vocabulary::of(std::iter::once(&taxonomy));
    let file = include_str!("../config/policy.yaml");
    let policy = Policy::parse(file, "policy.yaml", &vocabulary).unwrap();
    let (customer, order, sent_at) = known();
    let (predicted, received) = late_parcel(&taxonomy, &customer, &order, sent_at);
    let mut timings: [Vec<Duration>; 3] = Default::default();
    let mut matched = 0;
    for _ in 0..ROUNDS {
        let started = Instant::now();
        for _ in 0..DECISIONS {
            black_box(Facts::from_prediction(black_box(&predicted), &received));
        }
        timings[0].push(started.elapsed() / DECISIONS);
        let facts = Facts::from_prediction(&predicted, &received);
        for (kind, explain) in [(1, false), (2, true)] {
            let options = DecideOptions { explain, ..DecideOptions::default() };
            let started = Instant::now();
            for _ in 0..DECISIONS {
                matched = policy.decide(black_box(&facts), options).matched_rules.len();
            }
            timings[kind].push(started.elapsed() / DECISIONS);
        }
    }
    let rules = policy.rule_ids().count();
    println!("default policy: {matched} of {rules} rules match;     median      p90      p99");
    let [facts, decision, explained] = &mut timings;
    report("facts", facts);
    report("decision, all included", decision);
    report("decision with explanation", explained);
}

fn rules_found(policy: &Policy, facts: &Facts<'_>) -> usize {
    policy.decide(facts, DecideOptions::default()).matched_rules.len()
}

fn report(what: &str, timings: &mut [Duration]) {
    timings.sort_unstable();
    let at = |percent: usize| timings[timings.len() * percent / 100].as_secs_f64() * 1e6;
    println!("{what:<36} {:>9.1} {:>8.1} {:>8.1}", at(50), at(90), at(99));
}
