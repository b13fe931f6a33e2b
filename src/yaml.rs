//! YAML as a tree that knows where each part stands, so that its readers can tell every fault at once.
//!
//! Deserialising into types stops at the first fault. Here [`parse`] gives a [`Node`], and who reads it adds to [`Faults`]
//! whatever is wrong and goes on.

mod faults;
mod fields;

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{MessageFormatter, Options, Spanned, UserMessageFormatter};

pub use faults::{Fault, Faults, Position, quoted};
pub use fields::Fields;

/// Bytes of a file at most.
pub const MAX_BYTES: usize = 1 << 20;
/// Maps and lists within each other at most. Readers of the tree may recurse.
const MAX_DEPTH: usize = 32;
/// Parts of a file at most, those that come from aliases counted each time.
const MAX_NODES: usize = 200_000;

/// A part of a YAML file.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Where it begins; for an alias, where the alias stands.
    pub position: Position,
    /// What it is.
    pub value: Value,
}

/// What a part of a YAML file is. Booleans are `true` and `false` only, so that the language `no` is a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number; may be infinite or not a number at all.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map in the order of the file; a key may occur twice.
    Map(Vec<Entry>),
}

/// An entry of a map.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it is called.
    pub key: Key,
    /// What it holds.
    pub value: Node,
}

/// Key of a map; numbers and the like are taken as they are written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Key {
    /// Where it begins.
    pub position: Position,
    /// The key.
    pub text: String,
}

/// Reads one YAML document of at most [`MAX_BYTES`]. `origin` names the file in faults.
///
/// # Errors
/// [`Faults`] with one fault when it is too large, no YAML, or too deeply nested; what the values are is not looked at.
pub fn parse(text: &str, origin: &str) -> Result<Node, Faults> {
    let mut faults = Faults::new(origin);
    if text.len() > MAX_BYTES {
        faults.add_general(format!(
            "the file has {} bytes, at most {MAX_BYTES} are read",
            text.len()
        ));
        return Err(faults);
    }
    match serde_saphyr::from_str_with_options(text, options()) {
        Ok(node) => Ok(node),
        Err(error) => {
            let message = UserMessageFormatter.format_message(&error).into_owned();
            match error.location() {
                Some(at) if at.line() > 0 => {
                    faults.add(Position { line: at.line(), column: at.column() }, message);
                }
                Some(_) | None => faults.add_general(message),
            }
            Err(faults)
        }
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_documents: 1,
            max_events: 2 * MAX_NODES,
            max_nodes: MAX_NODES,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_recorded_anchor_events: MAX_NODES,
            max_recorded_anchor_bytes: MAX_BYTES,
            max_total_scalar_bytes: MAX_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_NODES / 10,
            max_replay_stack_depth: 8,
        },
        // The readers report keys that occur twice, together with everything else.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        reject_unsupported_tags: true,
        strict_booleans: true,
        null_as_string: true,
        with_snippet: false,
    }
}

impl Node {
    /// Returns the text, or reports that it is none.
    pub fn text(&self, faults: &mut Faults) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Boolean(_) | Value::Integer(_) | Value::Float(_) => {
                self.refuse("a text in quotes", faults)
            }
            Value::Null | Value::List(_) | Value::Map(_) => self.refuse("a text", faults),
        }
    }

    /// Returns the number, or reports that it is none. NaN and infinity are none.
    pub fn number(&self, faults: &mut Faults) -> Option<f64> {
        match &self.value {
            // Exact up to 2^53, and nothing that is configured needs more digits.
            #[expect(clippy::cast_precision_loss, reason = "see above")]
            Value::Integer(number) => Some(*number as f64),
            Value::Float(number) if number.is_finite() => Some(*number),
            Value::Float(_)
            | Value::Null
            | Value::Boolean(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Map(_) => self.refuse("a number", faults),
        }
    }

    /// Returns the whole number, or reports that it is none.
    pub fn integer(&self, faults: &mut Faults) -> Option<i64> {
        if let Value::Integer(number) = self.value {
            return Some(number);
        }
        self.refuse("a whole number", faults)
    }

    /// Returns the boolean, or reports that it is none.
    pub fn boolean(&self, faults: &mut Faults) -> Option<bool> {
        if let Value::Boolean(boolean) = self.value {
            return Some(boolean);
        }
        self.refuse("true or false", faults)
    }

    /// Returns the elements of the list, or reports that it is none.
    pub fn list(&self, faults: &mut Faults) -> Option<&[Self]> {
        if let Value::List(list) = &self.value {
            return Some(list);
        }
        self.refuse("a list", faults)
    }

    /// Returns the entries of the map, or reports that it is none; reports keys that occur twice.
    pub fn entries(&self, faults: &mut Faults) -> Option<&[Entry]> {
        let Value::Map(entries) = &self.value else {
            return self.refuse("a map", faults);
        };
        let mut seen = HashSet::new();
        for Entry { key, .. } in entries {
            if !seen.insert(key.text.as_str()) {
                faults.add(key.position, format!("{} occurs twice", quoted(&key.text)));
            }
        }
        Some(entries)
    }

    /// Returns the part as messages describe it.
    fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".into(),
            Value::Boolean(boolean) => boolean.to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Text(text) => quoted(text),
            Value::List(_) => "a list".into(),
            Value::Map(_) => "a map".into(),
        }
    }

    /// Reports that something else is expected here. Always `None`, for the caller to return.
    pub fn refuse<T>(&self, expected: &str, faults: &mut Faults) -> Option<T> {
        faults.add(self.position, format!("expected {expected}, found {}", self.describe()));
        None
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { position: position(&spanned), value: spanned.value })
    }
}

fn position<T>(spanned: &Spanned<T>) -> Position {
    let at = spanned.referenced;
    Position { line: at.line(), column: at.column() }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, boolean: bool) -> Result<Value, E> {
        Ok(Value::Boolean(boolean))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        i64::try_from(number).map(Value::Integer).map_err(|_| E::custom("the number is too large"))
    }

    fn visit_i128<E: serde::de::Error>(self, _number: i128) -> Result<Value, E> {
        Err(E::custom("the number is too large"))
    }

    fn visit_u128<E: serde::de::Error>(self, _number: u128) -> Result<Value, E> {
        Err(E::custom("the number is too large"))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(node) = elements.next_element()? {
            list.push(node);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let key = Key { position: position(&key), text: key.value };
            entries.push(Entry { key, value: map.next_value()? });
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests;
