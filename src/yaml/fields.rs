//! Takes the parts of a map by name and notices those that nobody asked for.

use super::{Entry, Faults, Node, Position, quoted};
use crate::suggestion::did_you_mean;

/// The fields of a map with a fixed set of names.
///
/// Every field that may occur must be asked for before [`Fields::finish`], which reports the others.
#[derive(Debug)]
pub struct Fields<'a> {
    position: Position,
    entries: &'a [Entry],
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Looks at a node as a map; reports it and gives `None` if it is none, reports fields that occur twice.
    pub fn of(node: &'a Node, faults: &mut Faults) -> Option<Self> {
        let entries = node.entries(faults)?;
        Some(Self { position: node.position, entries, known: vec![] })
    }

    /// Returns the place of the map.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Returns a field, or `None` if it is left out.
    pub fn optional(&mut self, name: &'static str) -> Option<&'a Node> {
        self.entry(name).map(|entry| &entry.value)
    }

    /// Returns a field, or reports that it is missing.
    pub fn required(&mut self, name: &'static str, faults: &mut Faults) -> Option<&'a Node> {
        let found = self.optional(name);
        if found.is_none() {
            faults.add(self.position, format!("field {name:?} is missing"));
        }
        found
    }

    /// Returns a field with its key, or `None` if it is left out.
    pub fn entry(&mut self, name: &'static str) -> Option<&'a Entry> {
        self.known.push(name);
        self.entries.iter().find(|entry| entry.key.text == name)
    }

    /// Reports every field that was not asked for.
    pub fn finish(self, faults: &mut Faults) {
        for Entry { key, .. } in self.entries {
            if !self.known.contains(&key.text.as_str()) {
                let hint = did_you_mean(&key.text, self.known.iter().copied());
                let expected = if hint.is_empty() {
                    format!(", expected one of {}", self.known.join(", "))
                } else {
                    hint
                };
                faults.add(key.position, format!("unknown field {}{expected}", quoted(&key.text)));
            }
        }
    }
}
