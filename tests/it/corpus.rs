//! The labelled messages of `data/messages`: labels that the taxonomy has, and no author in two parts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use signalbox::taxonomy::{LabelEntry, Taxonomy};

const PARTS: [&str; 3] = ["train", "dev", "test"];

/// Languages that the model is made for: each has messages in every part.
const LANGUAGES: [&str; 15] =
    ["ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "sv", "tr", "zh"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    text: String,
    lang: String,
    intents: Vec<String>,
    polarity: String,
    flags: Vec<String>,
    channel: String,
    batch: String,
}

impl Record {
    /// Who wrote it. From wave 4 on an author has several batches, which differ in their last number; before, a batch is
    /// an author, and in wave 1 one of each language.
    fn author(&self) -> String {
        match self.batch.get(..2) {
            Some("w1") => format!("{} {}", self.lang, self.batch),
            Some("w2" | "w3") => self.batch.clone(),
            _ => self.batch.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned(),
        }
    }
}

fn read(part: &str) -> Vec<Record> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/messages").join(part);
    let mut records = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        for (number, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
            let record: Record = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{}:{}: {error}", path.display(), number + 1));
            assert_eq!(path.file_stem().unwrap().to_str(), Some(record.lang.as_str()));
            records.push(record);
        }
    }
    records
}

#[test]
fn labels_are_those_of_the_taxonomy() {
    let taxonomy = Taxonomy::parse(include_str!("../../config/taxonomy.yaml"), "taxonomy").unwrap();
    let names = |entries: Vec<&LabelEntry>| -> BTreeSet<String> {
        entries.into_iter().map(|entry| entry.name().to_owned()).collect()
    };
    let intents = names(taxonomy.intents().collect());
    let flags = names(taxonomy.flags().collect());
    let polarity = names(taxonomy.polarity().collect());
    let channels = ["chat", "email", "form", "review", "sms", "social"];
    let mut faults = Vec::new();
    for part in PARTS {
        for record in read(part) {
            let distinct: BTreeSet<&String> = record.intents.iter().collect();
            let holds = |flag: &str| record.flags.iter().any(|set| set == flag);
            let is_right = !record.text.trim().is_empty()
                && (1..=3).contains(&record.intents.len())
                && distinct.len() == record.intents.len()
                && record.intents.iter().all(|name| intents.contains(name))
                && record.flags.iter().all(|name| flags.contains(name))
                && polarity.contains(&record.polarity)
                && channels.contains(&record.channel.as_str())
                && (!holds("promoter") || record.polarity.ends_with("positive"))
                && (!holds("angry") || record.polarity.ends_with("negative"));
            if !is_right {
                faults.push(format!("{part} {} {}", record.batch, record.text));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn no_author_and_no_text_is_in_two_parts() {
    let mut authors = BTreeMap::new();
    let mut texts = BTreeMap::new();
    let mut faults = Vec::new();
    for part in PARTS {
        for record in read(part) {
            let author = record.author();
            if *authors.entry(author.clone()).or_insert(part) != part {
                faults.push(format!("author {author} is in {part} and elsewhere"));
            }
            let text = (record.lang, record.text);
            if *texts.entry(text.clone()).or_insert(part) != part {
                faults.push(format!("{text:?} is in {part} and elsewhere"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn every_language_has_messages_in_every_part() {
    for part in PARTS {
        let found: BTreeSet<String> = read(part).into_iter().map(|record| record.lang).collect();
        let missing: Vec<_> = LANGUAGES.iter().filter(|tag| !found.contains(**tag)).collect();
        assert!(missing.is_empty(), "{part} lacks {missing:?}");
    }
}
