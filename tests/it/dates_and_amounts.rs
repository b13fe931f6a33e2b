//! Dates and amounts in the labelled messages of `data/entities`, language by language.
//!
//! Right is what has the span, the value and the granularity or currency of a label.

#![allow(
    clippy::print_stdout,
    clippy::string_slice,
    reason = "a table; code points of tested spans"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use signalbox::entities::{EntityFinder, EntityType, Reference};

/// Least precision and recall, a little under what was measured: dates and amounts of all languages.
const DEVELOPMENT_FLOORS: [(EntityType, f64, f64); 2] =
    [(EntityType::Date, 0.98, 0.98), (EntityType::Amount, 0.98, 0.98)];
const TEST_FLOORS: [(EntityType, f64, f64); 2] =
    [(EntityType::Date, 0.93, 0.94), (EntityType::Amount, 0.94, 0.94)];

/// First and one past the last code point, value, granularity or currency.
type Item = (usize, usize, String, String);

/// Counts of one type in one language.
#[derive(Clone, Copy, Default)]
struct Counts {
    labelled: u32,
    found: u32,
    right: u32,
}

impl Counts {
    fn precision(self) -> f64 {
        f64::from(self.right) / f64::from(self.found.max(1))
    }

    fn recall(self) -> f64 {
        f64::from(self.right) / f64::from(self.labelled.max(1))
    }
}

/// Counts by type and language; "all" is the sum of the languages.
fn counts(file: &str) -> BTreeMap<(EntityType, String), Counts> {
    let finder = EntityFinder::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/entities").join(file);
    let mut counts: BTreeMap<(EntityType, String), Counts> = BTreeMap::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        let message: Value = serde_json::from_str(line).unwrap();
        let language = message["lang"].as_str().unwrap();
        for kind in [EntityType::Date, EntityType::Amount] {
            let labelled = labelled(&message, kind);
            let found = found(&finder, &message, kind);
            let right = labelled.intersection(&found).count();
            for missing in labelled.difference(&found) {
                println!("{} {kind} missing: {missing:?}", message["id"]);
            }
            for wrong in found.difference(&labelled) {
                println!("{} {kind} wrong: {wrong:?}", message["id"]);
            }
            for group in [language, "all"] {
                let count = counts.entry((kind, group.to_owned())).or_default();
                count.labelled += u32::try_from(labelled.len()).unwrap();
                count.found += u32::try_from(found.len()).unwrap();
                count.right += u32::try_from(right).unwrap();
            }
        }
    }
    counts
}

fn labelled(message: &Value, kind: EntityType) -> BTreeSet<Item> {
    let place = |label: &Value, name: &str| usize::try_from(label[name].as_u64().unwrap()).unwrap();
    let attribute = if kind == EntityType::Date { "granularity" } else { "currency" };
    let labels = message["entities"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|label| label["type"] == kind.as_str());
    labels
        .map(|label| {
            let value = label["value"].as_str().unwrap().to_owned();
            (
                place(label, "start"),
                place(label, "end"),
                value,
                label[attribute].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

fn found(finder: &EntityFinder, message: &Value, kind: EntityType) -> BTreeSet<Item> {
    let text = message["text"].as_str().unwrap();
    let sent_at: jiff::Timestamp = message["sent_at"].as_str().unwrap().parse().unwrap();
    let seconds = u64::try_from(sent_at.as_second()).unwrap();
    let reference = Reference {
        language: message["lang"].as_str().unwrap(),
        locale: "",
        sent_at: UNIX_EPOCH + Duration::from_secs(seconds),
    };
    let code_points = |bytes: usize| text[..bytes].chars().count();
    let found = finder.find(text, &reference).into_iter().filter(|entity| entity.kind == kind);
    found
        .map(|entity| {
            let attribute = entity.attributes.values().next().cloned().unwrap_or_default();
            (code_points(entity.span.start), code_points(entity.span.end), entity.value, attribute)
        })
        .collect()
}

fn assert_floors(file: &str, floors: [(EntityType, f64, f64); 2]) {
    let counts = counts(file);

    println!("{file}: type, language, labelled, found, precision, recall");
    for ((kind, language), count) in &counts {
        let (precision, recall) = (count.precision(), count.recall());
        println!(
            "{kind:7} {language:3} {:4} {:4} {precision:.3} {recall:.3}",
            count.labelled, count.found
        );
    }
    for (kind, precision, recall) in floors {
        let count = counts[&(kind, "all".to_owned())];
        assert!(count.precision() >= precision, "precision of {kind} is {}", count.precision());
        assert!(count.recall() >= recall, "recall of {kind} is {}", count.recall());
    }
}

#[test]
fn dates_and_amounts_of_the_development_messages_are_found() {
    assert_floors("dev.jsonl", DEVELOPMENT_FLOORS);
}

#[test]
fn dates_and_amounts_of_the_test_messages_are_found() {
    assert_floors("test.jsonl", TEST_FLOORS);
}
