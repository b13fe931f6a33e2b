//! Messages that come with the program, so that a load can be made without a file.

use serde::{Deserialize, Serialize};

use crate::message::MessageRecord;

/// Messages of `data/messages/dev`, JSON Lines with `length` and the fields of a record.
const MESSAGES: &str = include_str!("../../data/bench/messages.jsonl");

/// Which of the embedded messages are sent.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    /// 9 to 80 characters, as in a chat
    Short,
    /// 41 to 267 characters, as in a form
    Medium,
    /// 495 to 942 characters, as in an e-mail
    Long,
    /// All of them: 24 short, 24 medium, 14 long
    Mixed,
}

impl Length {
    /// Returns the name as reports and the command line spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Medium => "medium",
            Self::Long => "long",
            Self::Mixed => "mixed",
        }
    }
}

#[derive(Deserialize)]
struct Entry {
    length: Length,
    #[serde(flatten)]
    record: MessageRecord,
}

/// Returns the embedded messages of a length.
///
/// # Errors
/// When the embedded file is damaged, which a test rules out.
pub fn messages(length: Length) -> Result<Vec<MessageRecord>, serde_json::Error> {
    let mut records = Vec::new();
    for line in MESSAGES.lines() {
        let entry: Entry = serde_json::from_str(line)?;
        if length == Length::Mixed || entry.length == length {
            records.push(entry.record);
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embedded_messages_are_as_long_as_their_class_says() {
        let bounds = [
            (Length::Short, 24, 9, 80),
            (Length::Medium, 24, 41, 267),
            (Length::Long, 14, 495, 942),
        ];
        for (length, count, least, most) in bounds {
            let records = messages(length).unwrap();
            assert_eq!(records.len(), count, "{length:?}");
            for record in records {
                let chars = record.text.chars().count();
                assert!((least..=most).contains(&chars), "{length:?}: {chars} characters");
            }
        }
        assert_eq!(messages(Length::Mixed).unwrap().len(), 62);
    }
}
