//! Copies of a model that can be damaged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use tempfile::TempDir;

use crate::fixtures::fixture;

/// A copy of a model in a directory of its own.
pub(crate) struct ModelCopy(TempDir);

/// A tensor as it is stored.
#[derive(Clone)]
pub(crate) struct StoredTensor {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    pub(crate) bytes: Vec<u8>,
}

impl ModelCopy {
    /// Copies a fixture. The digests in `signalbox.json` are dropped, so that files can be changed one by one.
    pub(crate) fn of(name: &str) -> Self {
        let copy = Self(TempDir::new().unwrap());
        for entry in std::fs::read_dir(fixture(name)).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            if file != "golden.json" {
                std::fs::copy(fixture(name).join(&file), copy.path(&file)).unwrap();
            }
        }
        if copy.path("signalbox.json").exists() {
            copy.edit("signalbox.json", |manifest| {
                manifest.as_object_mut().unwrap().remove("files");
            });
        }
        copy
    }

    pub(crate) fn directory(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    pub(crate) fn remove(&self, file: &str) {
        std::fs::remove_file(self.path(file)).unwrap();
    }

    pub(crate) fn write(&self, file: &str, bytes: &[u8]) {
        std::fs::write(self.path(file), bytes).unwrap();
    }

    /// Changes a JSON file.
    pub(crate) fn edit(&self, file: &str, change: impl FnOnce(&mut Value)) {
        let mut value = serde_json::from_slice(&std::fs::read(self.path(file)).unwrap()).unwrap();
        change(&mut value);
        self.write(file, value.to_string().as_bytes());
    }

    /// Sets a field of a JSON file by its JSON pointer.
    pub(crate) fn set(&self, file: &str, pointer: &str, value: Value) {
        self.edit(file, |root| {
            if let Some(place) = root.pointer_mut(pointer) {
                *place = value;
            } else {
                let (parent, field) = pointer.rsplit_once('/').unwrap();
                root.pointer_mut(parent).unwrap()[field] = value;
            }
        });
    }

    /// Changes the tensors of `model.safetensors`.
    pub(crate) fn edit_tensors(&self, change: impl FnOnce(&mut BTreeMap<String, StoredTensor>)) {
        self.edit_tensors_of("model.safetensors", change);
    }

    /// Changes the tensors of a file.
    pub(crate) fn edit_tensors_of(
        &self,
        file_name: &str,
        change: impl FnOnce(&mut BTreeMap<String, StoredTensor>),
    ) {
        let bytes = std::fs::read(self.path(file_name)).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let mut tensors: BTreeMap<_, _> = file
            .iter()
            .map(|(name, view)| {
                let tensor = StoredTensor {
                    dtype: view.dtype(),
                    shape: view.shape().to_vec(),
                    bytes: view.data().to_vec(),
                };
                (name.to_owned(), tensor)
            })
            .collect();
        change(&mut tensors);
        let views = tensors.iter().map(|(name, tensor)| {
            let view = TensorView::new(tensor.dtype, tensor.shape.clone(), &tensor.bytes);
            (name, view.unwrap())
        });
        let bytes = safetensors::serialize(views, None).unwrap();
        self.write(file_name, &bytes);
    }

    /// Changes one tensor.
    pub(crate) fn edit_tensor(&self, name: &str, change: impl FnOnce(&mut StoredTensor)) {
        self.edit_tensors(|tensors| change(tensors.get_mut(name).unwrap()));
    }
}
