//! The fields of a scenario that a request has, too.

use std::time::SystemTime;

use super::super::reading::{choice, lines};
use super::Scenario;
use crate::message::{
    Author, Channel, Customer, CustomerTier, Money, Order, OrderState, ThreadMessage,
};
use crate::yaml::{Faults, Fields, Node, quoted};

const AUTHORS: [Author; 3] = [Author::Customer, Author::Agent, Author::Bot];

/// Largest value of an order, in main units.
const MOST_VALUE: f64 = 1e9;

pub(super) fn read(fields: &mut Fields<'_>, scenario: &mut Scenario, faults: &mut Faults) {
    scenario.text = text(fields.optional("text"), faults);
    scenario.subject = text(fields.optional("subject"), faults);
    scenario.locale_hint = text(fields.optional("locale_hint"), faults);
    scenario.tenant = text(fields.optional("tenant"), faults);
    if let Some(node) = fields.optional("channel") {
        scenario.channel = choice(node, &Channel::ALL, Channel::as_str, faults).unwrap_or_default();
    }
    scenario.sent_at = fields.optional("sent_at").and_then(|node| time(node, faults));
    if let Some(node) = fields.optional("customer") {
        scenario.customer = customer(node, faults).unwrap_or_default();
    }
    if let Some(node) = fields.optional("order") {
        scenario.order = order(node, faults).unwrap_or_default();
        if scenario.order.promised_by.is_some() && scenario.sent_at.is_none() {
            faults.add(node.position, "promised_by needs sent_at, to tell how late it is");
        }
    }
    if let Some(list) = fields.optional("thread").and_then(|node| node.list(faults)) {
        scenario.thread = list.iter().filter_map(|node| message(node, faults)).collect();
    }
    if let Some(list) = fields.optional("attachments").and_then(|node| node.list(faults)) {
        // The same media type may come twice.
        scenario.attachments =
            list.iter().filter_map(|node| node.text(faults).map(str::to_owned)).collect();
    }
}

fn text(node: Option<&Node>, faults: &mut Faults) -> String {
    node.and_then(|node| node.text(faults)).unwrap_or_default().to_owned()
}

fn time(node: &Node, faults: &mut Faults) -> Option<SystemTime> {
    let written = node.text(faults)?;
    let parsed = written.parse::<jiff::Timestamp>().ok();
    let time = parsed.and_then(|time| SystemTime::try_from(time).ok());
    if time.is_none() {
        let message =
            format!("{} is no time, they look like 2026-11-20T10:00:00Z", quoted(written));
        faults.add(node.position, message);
    }
    time
}

fn count(node: Option<&Node>, faults: &mut Faults) -> Option<u32> {
    let node = node?;
    let number = node.integer(faults)?;
    let count = u32::try_from(number).ok();
    if count.is_none() {
        faults.add(node.position, format!("{number} is no count"));
    }
    count
}

fn customer(node: &Node, faults: &mut Faults) -> Option<Customer> {
    let mut fields = Fields::of(node, faults)?;
    let tier = fields
        .optional("tier")
        .and_then(|node| choice(node, &CustomerTier::ALL, CustomerTier::as_str, faults));
    let customer = Customer {
        tier: tier.unwrap_or_default(),
        lifetime_orders: count(fields.optional("lifetime_orders"), faults),
        contacts_7d: count(fields.optional("contacts_7d"), faults),
        refunds_90d: count(fields.optional("refunds_90d"), faults),
        tags: lines(fields.optional("tags"), faults),
    };
    fields.finish(faults);
    Some(customer)
}

fn order(node: &Node, faults: &mut Faults) -> Option<Order> {
    let mut fields = Fields::of(node, faults)?;
    let state = fields
        .optional("state")
        .and_then(|node| choice(node, &OrderState::ALL, OrderState::as_str, faults));
    let promised_by = fields.optional("promised_by").and_then(|node| time(node, faults));
    let value = fields.optional("value");
    let currency_node = fields.optional("currency");
    let currency_code = text(currency_node, faults);
    fields.finish(faults);
    if value.is_some() != currency_node.is_some() {
        faults.add(node.position, "value and currency go together");
    }
    let value = value.and_then(|node| {
        let number = node.number(faults)?;
        if !(0.0..=MOST_VALUE).contains(&number) {
            faults.add(node.position, format!("{number} is no value of an order"));
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 10^15")]
        let amount_micros = (number * 1e6).round() as i64;
        Some(Money { currency_code, amount_micros })
    });
    Some(Order { state: state.unwrap_or_default(), promised_by, value })
}

fn message(node: &Node, faults: &mut Faults) -> Option<ThreadMessage> {
    let mut fields = Fields::of(node, faults)?;
    let author = fields
        .required("author", faults)
        .and_then(|node| choice(node, &AUTHORS, author_name, faults));
    let written = text(fields.required("text", faults), faults);
    let sent_at = fields.optional("sent_at").and_then(|node| time(node, faults));
    fields.finish(faults);
    Some(ThreadMessage { author: author?, text: written, sent_at })
}

fn author_name(author: Author) -> &'static str {
    match author {
        Author::Customer => "customer",
        Author::Agent => "agent",
        Author::Bot => "bot",
    }
}
