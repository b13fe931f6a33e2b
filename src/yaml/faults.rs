//! Faults of a file, collected so that all of them can be told at once.

use std::fmt;

use crate::suggestion::did_you_mean;

/// Faults that are kept; of the rest only the number is told.
const MAX_FAULTS: usize = 100;
/// Characters of a quoted text at most.
const MAX_QUOTED: usize = 60;

/// A place in a file. Lines and columns count from 1, columns in characters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// Line.
    pub line: u64,
    /// Column.
    pub column: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

/// One thing that is wrong with a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// Where, unless it concerns the file as a whole.
    pub position: Option<Position>,
    /// What: lower case, without full stop.
    pub message: String,
}

/// Everything that is wrong with a file; shown as one `origin:line:column: message` a line, in the order of the file.
///
/// It is filled while the file is read and becomes the error in [`Faults::finish`].
#[derive(Clone, Debug)]
pub struct Faults {
    origin: String,
    list: Vec<Fault>,
    omitted: usize,
}

impl Faults {
    /// Begins without a fault. `origin` names the file.
    #[must_use]
    pub fn new(origin: &str) -> Self {
        Self { origin: origin.to_owned(), list: vec![], omitted: 0 }
    }

    /// Adds a fault at a place.
    pub fn add(&mut self, position: Position, message: impl Into<String>) {
        self.push(Some(position), message.into());
    }

    /// Adds a fault about a name that is not known, with the nearest of the known ones if one is near.
    pub fn add_unknown<'a>(
        &mut self,
        position: Position,
        message: impl Into<String>,
        name: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) {
        // Not computed for a fault that is only counted: both lists may be long.
        let is_kept = self.list.len() < MAX_FAULTS;
        let hint = if is_kept { did_you_mean(name, known) } else { String::new() };
        self.push(Some(position), message.into() + &hint);
    }

    /// Adds a fault of the file as a whole.
    pub fn add_general(&mut self, message: impl Into<String>) {
        self.push(None, message.into());
    }

    fn push(&mut self, position: Option<Position>, message: String) {
        if self.list.len() < MAX_FAULTS {
            self.list.push(Fault { position, message });
        } else {
            self.omitted += 1;
        }
    }

    /// Tells whether nothing is wrong so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Returns the name of the file.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns what is wrong, at most 100 faults; in the order of the file after [`Faults::finish`].
    #[must_use]
    pub fn list(&self) -> &[Fault] {
        &self.list
    }

    /// Gives out what was read, if nothing is wrong.
    ///
    /// # Errors
    /// The faults, in the order of the file, if there is one.
    pub fn finish<T>(mut self, read: T) -> Result<T, Self> {
        if self.is_empty() {
            return Ok(read);
        }
        self.list.sort_by_key(|fault| fault.position);
        Err(self)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.list.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{}:", self.origin)?;
            if let Some(position) = fault.position {
                write!(formatter, "{position}:")?;
            }
            write!(formatter, " {}", fault.message)?;
        }
        match self.omitted {
            0 => Ok(()),
            omitted => write!(formatter, "\n{}: and {omitted} more", self.origin),
        }
    }
}

impl std::error::Error for Faults {}

/// Returns a text in quotes for a message: escaped, and cut after 60 characters.
#[must_use]
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_QUOTED) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", text.get(..end).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_in_the_order_of_the_file() {
        let mut faults = Faults::new("a.yaml");
        faults.add(Position { line: 3, column: 1 }, "second");
        faults.add(Position { line: 2, column: 9 }, "first");
        faults.add_general("of the file");

        let error = faults.finish(()).unwrap_err();

        assert_eq!(error.to_string(), "a.yaml: of the file\na.yaml:2:9: first\na.yaml:3:1: second");
    }

    #[test]
    fn without_a_fault_the_result_is_given_out() {
        assert_eq!(Faults::new("a.yaml").finish(7).unwrap(), 7);
    }

    #[test]
    fn a_flood_of_faults_is_cut_and_counted() {
        let mut faults = Faults::new("a.yaml");
        for line in 1..=103 {
            faults.add(Position { line, column: 1 }, "wrong");
        }

        let error = faults.finish(()).unwrap_err();

        assert_eq!(error.list().len(), 100);
        assert!(error.to_string().ends_with("\na.yaml: and 3 more"));
    }

    #[test]
    fn quotes_are_escaped_and_short() {
        assert_eq!(quoted("a\u{7}\"b"), r#""a\u{7}\"b""#);
        assert_eq!(quoted(&"ä".repeat(61)), format!("\"{}\"…", "ä".repeat(60)));
    }
}
