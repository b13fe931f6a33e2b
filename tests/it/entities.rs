//! Entities in the labelled messages of `data/entities`: what is found of each type, and how much of it is right.

#![expect(
    clippy::string_slice,
    clippy::print_stdout,
    reason = "test code; the table is for people"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::SystemTime;

use serde_json::Value;
use signalbox::entities::{Entity, EntityFinder, EntityType, Reference};

/// Least precision and recall of each type, a little under what was measured on `dev.jsonl`.
const DEVELOPMENT_FLOORS: &[(EntityType, f64, f64)] = &[
    (EntityType::OrderNumber, 0.97, 0.97),
    (EntityType::TrackingNumber, 0.97, 0.97),
    (EntityType::Email, 0.99, 0.99),
    (EntityType::Phone, 0.97, 0.97),
    (EntityType::Url, 0.99, 0.99),
    (EntityType::Sku, 0.95, 0.88),
    (EntityType::PostalCode, 0.97, 0.95),
    (EntityType::InvoiceNumber, 0.95, 0.95),
    (EntityType::Iban, 0.99, 0.99),
    (EntityType::PaymentCard, 0.99, 0.99),
    (EntityType::PromoCode, 0.95, 0.95),
];

/// Least precision and recall of the same types together on `test.jsonl`.
const TEST_FLOORS: (f64, f64) = (0.94, 0.87);

/// Least share of found tracking numbers with the right carrier, on `dev.jsonl` and on `test.jsonl`.
const CARRIER_FLOORS: (f64, f64) = (0.98, 0.93);

/// What is compared: the message, the type, the first code point and the one past the last, the value.
type Item = (String, EntityType, usize, usize, String);

/// Labelled and found items of one file, each with its carrier, country, currency or granularity.
#[derive(Default)]
struct Comparison {
    labelled: BTreeMap<Item, Option<String>>,
    found: BTreeMap<Item, Option<String>>,
}

/// Counts of one type.
#[derive(Clone, Copy, Default)]
struct Counts {
    labelled: usize,
    found: usize,
    right: usize,
    right_attribute: usize,
}

impl Counts {
    fn precision(self) -> f64 {
        share(self.right, self.found)
    }

    fn recall(self) -> f64 {
        share(self.right, self.labelled)
    }

    fn add(&mut self, other: Self) {
        self.labelled += other.labelled;
        self.found += other.found;
        self.right += other.right;
        self.right_attribute += other.right_attribute;
    }
}

fn share(part: usize, whole: usize) -> f64 {
    let part = u32::try_from(part).map_or(0.0, f64::from);
    let whole = u32::try_from(whole).map_or(0.0, f64::from);
    if whole > 0.0 { part / whole } else { 1.0 }
}

impl Comparison {
    fn of(file: &str) -> Self {
        let finder = EntityFinder::new();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/entities").join(file);
        let mut comparison = Self::default();
        for line in std::fs::read_to_string(path).unwrap().lines() {
            let message: Value = serde_json::from_str(line).unwrap();
            comparison.add(&finder, &message);
        }
        comparison
    }

    fn add(&mut self, finder: &EntityFinder, message: &Value) {
        let id = message["id"].as_str().unwrap();
        let text = message["text"].as_str().unwrap();
        let sent_at: prost_types::Timestamp = message["sent_at"].as_str().unwrap().parse().unwrap();
        let reference = Reference {
            language: message["lang"].as_str().unwrap(),
            locale: "",
            sent_at: SystemTime::try_from(sent_at).unwrap(),
        };
        for label in message["entities"].as_array().unwrap() {
            let (item, attribute) = labelled(id, label);
            self.labelled.insert(item, attribute);
        }
        for entity in finder.find(text, &reference) {
            let (item, attribute) = found(id, text, &entity);
            self.found.insert(item, attribute);
        }
    }

    fn counts(&self, kind: EntityType) -> Counts {
        let is_kind = |item: &&Item| item.1 == kind;
        let right = self
            .labelled
            .iter()
            .filter(|(item, _)| item.1 == kind && self.found.contains_key(item));
        Counts {
            labelled: self.labelled.keys().filter(is_kind).count(),
            found: self.found.keys().filter(is_kind).count(),
            right: right.clone().count(),
            right_attribute: right
                .filter(|(item, attribute)| self.found.get(item) == Some(attribute))
                .count(),
        }
    }

    fn print(&self, file: &str) {
        println!("{file}: type, labelled, found, precision, recall, attribute");
        for kind in EntityType::ALL {
            let counts = self.counts(kind);
            println!(
                "{kind:18} {:4} {:4} {:.3} {:.3} {:.3}",
                counts.labelled,
                counts.found,
                counts.precision(),
                counts.recall(),
                share(counts.right_attribute, counts.right),
            );
        }
    }

    fn print_differences(&self) {
        let labelled: BTreeSet<&Item> = self.labelled.keys().collect();
        let found: BTreeSet<&Item> = self.found.keys().collect();
        for item in labelled.symmetric_difference(&found) {
            println!("{} {item:?}", if labelled.contains(item) { "missed" } else { "wrong " });
        }
        for (item, attribute) in &self.labelled {
            if let Some(other) = self.found.get(item).filter(|other| *other != attribute) {
                println!("attribute {item:?} {attribute:?} {other:?}");
            }
        }
    }
}

fn labelled(id: &str, label: &Value) -> (Item, Option<String>) {
    let place = |name: &str| usize::try_from(label[name].as_u64().unwrap()).unwrap();
    let kind: EntityType = label["type"].as_str().unwrap().parse().unwrap();
    let value = label["value"].as_str().unwrap().to_owned();
    let attribute = attribute_of(kind).and_then(|name| label[name].as_str()).map(str::to_owned);
    ((id.to_owned(), kind, place("start"), place("end"), value), attribute)
}

fn found(id: &str, text: &str, entity: &Entity) -> (Item, Option<String>) {
    let start = text[..entity.span.start].chars().count();
    let end = start + text[entity.span.clone()].chars().count();
    let attribute = attribute_of(entity.kind).and_then(|name| entity.attributes.get(name)).cloned();
    ((id.to_owned(), entity.kind, start, end, entity.value.clone()), attribute)
}

/// Returns the attribute of a type that is labelled.
fn attribute_of(kind: EntityType) -> Option<&'static str> {
    match kind {
        EntityType::TrackingNumber => Some("carrier"),
        EntityType::PostalCode => Some("country"),
        EntityType::Amount => Some("currency"),
        EntityType::Date => Some("granularity"),
        EntityType::OrderNumber
        | EntityType::Email
        | EntityType::Phone
        | EntityType::Url
        | EntityType::Sku
        | EntityType::InvoiceNumber
        | EntityType::Iban
        | EntityType::PaymentCard
        | EntityType::PromoCode => None,
    }
}

#[test]
fn entities_of_the_development_messages_are_found() {
    let comparison = Comparison::of("dev.jsonl");

    comparison.print("dev.jsonl");
    comparison.print_differences();
    for (kind, precision, recall) in DEVELOPMENT_FLOORS {
        let counts = comparison.counts(*kind);
        assert!(counts.precision() >= *precision, "precision of {kind}: {}", counts.precision());
        assert!(counts.recall() >= *recall, "recall of {kind}: {}", counts.recall());
    }
    let tracking = comparison.counts(EntityType::TrackingNumber);
    assert!(share(tracking.right_attribute, tracking.right) >= CARRIER_FLOORS.0);
}

#[test]
fn entities_of_unseen_messages_are_found() {
    let comparison = Comparison::of("test.jsonl");

    comparison.print("test.jsonl");
    let mut all = Counts::default();
    for (kind, _, _) in DEVELOPMENT_FLOORS {
        all.add(comparison.counts(*kind));
    }
    println!("together: precision {:.3}, recall {:.3}", all.precision(), all.recall());
    assert!(all.precision() >= TEST_FLOORS.0, "precision: {}", all.precision());
    assert!(all.recall() >= TEST_FLOORS.1, "recall: {}", all.recall());
    let tracking = comparison.counts(EntityType::TrackingNumber);
    assert!(share(tracking.right_attribute, tracking.right) >= CARRIER_FLOORS.1);
}
