//! Messages that come with the program, to be kept in mind where none are given.

use crate::evaluation::records::{self, Case};
use crate::evaluation::vocabulary::Vocabulary;
use crate::message::{Limits, MessageDraft, MessageRecord};

/// Messages of `data/messages/train`, JSON Lines with labels.
const MESSAGES: &str = include_str!("../../data/kept/messages.jsonl");

/// Returns the messages, with their labels where the model knows all of them.
///
/// `file` is the position that their cases name as that of their file.
#[must_use]
pub fn messages(
    file: usize,
    vocabulary: &Vocabulary,
    limits: &Limits,
) -> Vec<(MessageDraft, Option<Case>)> {
    let parsed = MESSAGES.lines().filter_map(|line| {
        let (mut records, _) = records::parse(line.as_bytes(), file, vocabulary, limits);
        if let Some(record) = records.pop() {
            return Some((record.draft, Some(record.case)));
        }
        let record: MessageRecord = serde_json::from_str(line).ok()?;
        Some((record.draft().ok()?, None))
    });
    let numbered = (1..)
        .zip(parsed)
        .map(|(line, (draft, case))| (draft, case.map(|case| Case { line, ..case })));
    numbered.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::vocabulary::tests::vocabulary;

    #[test]
    fn every_message_is_there_with_the_labels_that_the_model_knows() {
        let few = messages(3, &vocabulary(&["order.status"], &["angry"]), &Limits::default());

        assert_eq!(few.len(), 450);
        assert!(few.iter().any(|(_, case)| case.is_none()));
        let known: Vec<&Case> = few.iter().filter_map(|(_, case)| case.as_ref()).collect();
        assert!(!known.is_empty() && known.iter().all(|case| case.file == 3));
        assert!(known.windows(2).all(|pair| pair[0].line < pair[1].line));
    }
}
