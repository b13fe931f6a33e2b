use serde::Deserialize;

use crate::text::CleanedText;

/// A message of `data/text`.
#[derive(Deserialize)]
struct LabelledMail {
    id: String,
    raw: String,
    body: String,
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// Asserts that the body is found word for word in all of `data/text/<part>.jsonl` but `allowed` messages.
fn assert_bodies_are_found(part: &str, allowed: usize) {
    let path = format!("{}/data/text/{part}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let lines = std::fs::read_to_string(path).unwrap();
    let mails: Vec<LabelledMail> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(mails.len() >= 70);

    let wrong: Vec<&str> = mails
        .iter()
        .filter(|mail| words(&CleanedText::of(&mail.raw).body()) != words(&mail.body))
        .map(|mail| mail.id.as_str())
        .collect();

    assert!(wrong.len() <= allowed, "{} of {} are wrong: {wrong:?}", wrong.len(), mails.len());
}

#[test]
fn bodies_of_the_mails_that_rules_were_tuned_on_are_found() {
    assert_bodies_are_found("dev", 2);
}

#[test]
fn bodies_of_other_mails_are_found() {
    assert_bodies_are_found("test", 4);
}
