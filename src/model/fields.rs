//! Typed access to the fields of a JSON file; every refusal names the field, what was expected and what was found.

use serde_json::{Map, Value};

use super::error::ModelError;

/// Values longer than this are shortened in error texts.
const MAX_SHOWN_CHARS: usize = 80;

/// A JSON object in a file, with the path that leads to it.
#[derive(Debug)]
pub(super) struct Object<'a> {
    file: &'static str,
    path: String,
    map: &'a Map<String, Value>,
}

/// Parses a file.
pub(super) fn parse(file: &'static str, bytes: &[u8]) -> Result<Value, ModelError> {
    serde_json::from_slice(bytes).map_err(|source| ModelError::Json { file, source })
}

impl<'a> Object<'a> {
    /// Takes the outermost value of a file.
    pub(super) fn root(file: &'static str, value: &'a Value) -> Result<Self, ModelError> {
        let path = String::new();
        let Value::Object(map) = value else {
            return Err(ModelError::Field {
                file,
                field: "(root)".into(),
                expected: "an object".into(),
                found: describe(Some(value)),
            });
        };
        Ok(Self { file, path, map })
    }

    /// Makes the error that says what a field should be.
    pub(super) fn refuse(&self, field: &str, expected: impl Into<String>) -> ModelError {
        let found = describe(self.map.get(field));
        self.refuse_found(field, expected, found)
    }

    /// Makes the error that says what a field should be and what it is instead.
    pub(super) fn refuse_found(
        &self,
        field: &str,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> ModelError {
        ModelError::Field {
            file: self.file,
            field: self.path_of(field),
            expected: expected.into(),
            found: found.into(),
        }
    }

    /// Refuses fields that are not in the list.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ModelError> {
        match self.map.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(self.refuse_found(
                name,
                format!("one of the known fields: {}", known.join(", ")),
                "an unknown field",
            )),
        }
    }

    /// Tells whether a field is there and not null.
    pub(super) fn has(&self, field: &str) -> bool {
        self.map.get(field).is_some_and(|value| !value.is_null())
    }

    /// Reads a field if it is there and not null.
    pub(super) fn optional<T>(
        &self,
        field: &str,
        read: impl FnOnce(&Self, &str) -> Result<T, ModelError>,
    ) -> Result<Option<T>, ModelError> {
        if self.has(field) { read(self, field).map(Some) } else { Ok(None) }
    }

    /// Reads a text.
    pub(super) fn text(&self, field: &str) -> Result<&'a str, ModelError> {
        let value = self.map.get(field).and_then(Value::as_str);
        value.ok_or_else(|| self.refuse(field, "a text"))
    }

    /// Reads a truth value.
    pub(super) fn boolean(&self, field: &str) -> Result<bool, ModelError> {
        let value = self.map.get(field).and_then(Value::as_bool);
        value.ok_or_else(|| self.refuse(field, "true or false"))
    }

    /// Reads a number, whole or not.
    pub(super) fn number(&self, field: &str) -> Result<f64, ModelError> {
        let value = self.map.get(field).and_then(Value::as_f64);
        value.ok_or_else(|| self.refuse(field, "a number"))
    }

    /// Reads a whole number of at least 0.
    pub(super) fn size(&self, field: &str) -> Result<usize, ModelError> {
        let value = self.map.get(field).and_then(Value::as_u64);
        let size = value.and_then(|value| usize::try_from(value).ok());
        size.ok_or_else(|| self.refuse(field, "a whole number"))
    }

    /// Reads a list.
    pub(super) fn list(&self, field: &str) -> Result<&'a [Value], ModelError> {
        let value = self.map.get(field).and_then(Value::as_array);
        value.map(Vec::as_slice).ok_or_else(|| self.refuse(field, "a list"))
    }

    /// Reads a list of texts.
    pub(super) fn texts(&self, field: &str) -> Result<Vec<&'a str>, ModelError> {
        let text = |(index, value): (usize, &'a Value)| {
            value.as_str().ok_or_else(|| {
                self.refuse_found(&format!("{field}[{index}]"), "a text", describe(Some(value)))
            })
        };
        self.list(field)?.iter().enumerate().map(text).collect()
    }

    /// Reads a list of numbers.
    pub(super) fn numbers(&self, field: &str) -> Result<Vec<f64>, ModelError> {
        let number = |(index, value): (usize, &Value)| {
            value.as_f64().ok_or_else(|| {
                self.refuse_found(&format!("{field}[{index}]"), "a number", describe(Some(value)))
            })
        };
        self.list(field)?.iter().enumerate().map(number).collect()
    }

    /// Reads an object.
    pub(super) fn object(&self, field: &str) -> Result<Object<'a>, ModelError> {
        match self.map.get(field).and_then(Value::as_object) {
            Some(map) => Ok(self.inner(self.path_of(field), map)),
            None => Err(self.refuse(field, "an object")),
        }
    }

    /// Reads a list of objects.
    pub(super) fn objects(&self, field: &str) -> Result<Vec<Object<'a>>, ModelError> {
        let object = |(index, value): (usize, &'a Value)| {
            let name = format!("{field}[{index}]");
            match value.as_object() {
                Some(map) => Ok(self.inner(self.path_of(&name), map)),
                None => Err(self.refuse_found(&name, "an object", describe(Some(value)))),
            }
        };
        self.list(field)?.iter().enumerate().map(object).collect()
    }

    /// Returns the names of the fields in the order of the alphabet.
    pub(super) fn names(&self) -> Vec<&'a str> {
        let mut names: Vec<_> = self.map.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }

    fn inner(&self, path: String, map: &'a Map<String, Value>) -> Self {
        Self { file: self.file, path, map }
    }

    fn path_of(&self, field: &str) -> String {
        if self.path.is_empty() { field.to_owned() } else { format!("{}.{field}", self.path) }
    }
}

/// Puts a value into words for an error text.
pub(super) fn describe(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::Array(items)) => format!("a list of {}", items.len()),
        Some(Value::Object(_)) => "an object".to_owned(),
        Some(simple @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_))) => {
            let text = simple.to_string();
            match text.char_indices().nth(MAX_SHOWN_CHARS) {
                None => text,
                Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            }
        }
    }
}

/// Rounds to single precision; too large becomes infinite.
#[expect(
    clippy::cast_possible_truncation,
    reason = "settings are kept in single precision; the callers check the range after rounding"
)]
pub(super) fn to_f32(number: f64) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_names_the_path_and_what_was_found() {
        let value = json!({"heads": [{"labels": ["a", 7]}]});
        let root = Object::root("signalbox.json", &value).unwrap();

        let error = root.objects("heads").unwrap()[0].texts("labels").unwrap_err();

        assert_eq!(
            error.to_string(),
            "signalbox.json: field heads[0].labels[1] should be a text, found 7"
        );
    }

    #[test]
    fn null_counts_as_absent() {
        let value = json!({"problem_type": null});
        let root = Object::root("config.json", &value).unwrap();

        assert_eq!(root.optional("problem_type", Object::text).unwrap(), None);
        assert!(root.text("problem_type").is_err());
    }

    #[test]
    fn long_values_are_shortened_between_characters() {
        let shown = describe(Some(&json!("é".repeat(500))));

        assert_eq!(shown.chars().count(), MAX_SHOWN_CHARS + 1);
    }
}
