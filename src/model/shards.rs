//! `model.safetensors.index.json`: which file of a model in several holds which tensor.

use std::collections::{BTreeMap, BTreeSet};

use super::error::ModelError;
use super::fields::{self, Object};

/// Which file holds which tensor, where there are several.
pub(super) const INDEX: &str = "model.safetensors.index.json";

const TENSORS: &str = "weight_map";
const SUFFIX: &str = ".safetensors";

/// The content of the index.
#[derive(Debug)]
pub(super) struct ShardIndex(BTreeMap<String, String>);

impl ShardIndex {
    /// Reads the index. Every file in it is a plain name: it can't lead out of the directory.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        let value = fields::parse(INDEX, bytes)?;
        let map = Object::root(INDEX, &value)?.object(TENSORS)?;
        let mut tensors = BTreeMap::new();
        for tensor in map.names() {
            let file = map.text(tensor)?;
            if !is_plain_name(file) {
                let expected = format!(
                    "a file name of letters, digits, '-', '_' and '.' that ends with {SUFFIX}"
                );
                return Err(map.refuse(tensor, expected));
            }
            tensors.insert(tensor.to_owned(), file.to_owned());
        }
        Ok(Self(tensors))
    }

    /// Returns the names of the files, each once, in the order of the alphabet.
    pub(super) fn files(&self) -> BTreeSet<&str> {
        self.0.values().map(String::as_str).collect()
    }

    /// Checks that a file holds a tensor because the index says so.
    pub(super) fn check(&self, file: &str, tensor: &str) -> Result<(), ModelError> {
        let named = self.0.get(tensor);
        if named.is_some_and(|named| named == file) {
            return Ok(());
        }
        Err(ModelError::Field {
            file: INDEX,
            field: format!("{TENSORS}.{tensor}"),
            expected: format!("\"{file}\", which holds this tensor"),
            found: named.map_or_else(|| "nothing".to_owned(), |named| format!("\"{named}\"")),
        })
    }

    /// Checks that every tensor of the index was found.
    pub(super) fn check_all(&self, is_found: impl Fn(&str) -> bool) -> Result<(), ModelError> {
        match self.0.iter().find(|(tensor, _)| !is_found(tensor)) {
            None => Ok(()),
            Some((tensor, file)) => Err(ModelError::Field {
                file: INDEX,
                field: format!("{TENSORS}.{tensor}"),
                expected: "the file that holds this tensor".into(),
                found: format!("\"{file}\", which does not"),
            }),
        }
    }
}

/// Stricter than what file systems take, so that there is nothing to think about: no separator of any system, no parent,
/// no hidden file.
fn is_plain_name(file: &str) -> bool {
    let plain = |char: char| char.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&char);
    file.chars().all(plain) && !file.starts_with('.') && file.ends_with(SUFFIX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index_of(map: &str) -> Result<ShardIndex, ModelError> {
        ShardIndex::parse(format!(r#"{{"metadata": {{}}, "weight_map": {map}}}"#).as_bytes())
    }

    #[test]
    fn files_are_listed_once_in_order() {
        let index =
            index_of(r#"{"a": "m-2.safetensors", "b": "m-1.safetensors", "c": "m-2.safetensors"}"#);

        let index = index.unwrap();
        assert_eq!(Vec::from_iter(index.files()), ["m-1.safetensors", "m-2.safetensors"]);
    }

    #[test]
    fn a_file_outside_of_the_directory_is_refused() {
        for file in [
            "../m.safetensors",
            "/etc/m.safetensors",
            "a/m.safetensors",
            "a\\\\m.safetensors",
            "C:m.safetensors",
            "..",
            "",
            ".safetensors",
            "m.safetensors\\u0000",
            "m.bin",
        ] {
            let error = index_of(&format!(r#"{{"a.weight": "{file}"}}"#)).unwrap_err();

            let text = error.to_string();
            assert!(text.contains("field weight_map.a.weight should be a file name of"), "{text}");
        }
    }

    #[test]
    fn index_and_shards_name_the_same_tensors() {
        let index = index_of(r#"{"a": "m-1.safetensors", "b": "m-2.safetensors"}"#).unwrap();

        assert!(index.check("m-1.safetensors", "a").is_ok());
        assert!(index.check("m-1.safetensors", "b").is_err(), "the index names another file");
        assert!(index.check("m-1.safetensors", "c").is_err(), "the index does not name it");
        assert!(index.check_all(|_| true).is_ok());
        assert!(index.check_all(|tensor| tensor == "a").is_err());
    }
}
