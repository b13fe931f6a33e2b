//! `model.safetensors`, or shards of it: tensors by name, kept as they are stored and decoded to f32 on demand.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};

use super::error::ModelError;
use super::files::{Bytes, WEIGHTS, WeightFiles};
use super::layout::Requirement;
use super::shards::INDEX;

/// What a tensor may be stored as.
const SUPPORTED_TYPES: &str = "type F32, F16, BF16, or I8 with scales";
/// The tensor of that name plus this holds the scales of an I8 tensor.
pub(super) const SCALE_SUFFIX: &str = "_scale";
/// -128 as a byte. Symmetric quantisation never gives it.
const MINUS_128: u8 = 0x80;

/// The tensors of a model. Cheap to clone.
#[derive(Clone)]
pub struct Weights(Arc<Stored>);

struct Stored {
    files: Vec<(Cow<'static, str>, Bytes)>,
    /// What is named where a tensor is in no file.
    list: &'static str,
    tensors: HashMap<String, Entry>,
}

struct Entry {
    dtype: Dtype,
    shape: Vec<usize>,
    /// Which file it is in, counted from 0.
    file: usize,
    /// Where the values lie in the file.
    range: Range<usize>,
}

/// A tensor of any type as a file holds it.
#[derive(Clone, Debug)]
pub(super) struct RawTensor<'a> {
    pub(super) dtype: Dtype,
    pub(super) shape: Vec<usize>,
    /// Values in row-major order, little-endian.
    pub(super) bytes: Cow<'a, [u8]>,
}

/// One tensor, as it is stored.
#[derive(Clone, Copy, Debug)]
pub struct WeightTensor<'a> {
    shape: &'a [usize],
    values: StoredValues<'a>,
}

/// Values in row-major order, little-endian.
#[derive(Clone, Copy, Debug)]
pub enum StoredValues<'a> {
    /// Four bytes each.
    F32(&'a [u8]),
    /// Two bytes each, half precision.
    F16(&'a [u8]),
    /// Two bytes each, the upper half of an f32.
    Bf16(&'a [u8]),
    /// One byte each; the value is integer × scale of its row.
    I8 {
        /// Integers in -127..=127, two's complement.
        values: &'a [u8],
        /// One f32 for each row, four bytes each.
        scales: &'a [u8],
    },
}

impl fmt::Debug for Weights {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Weights")
            .field("tensors", &self.0.tensors.len())
            .field("bytes", &self.bytes_len())
            .finish()
    }
}

impl Weights {
    /// Reads the headers of the files. Every tensor is in the file that the index names, if there is one.
    pub(super) fn parse(files: WeightFiles) -> Result<Self, ModelError> {
        let mut tensors = HashMap::new();
        let (list, files) = match files {
            WeightFiles::One(bytes) => {
                read_header(&bytes, 0, WEIGHTS.into(), &mut tensors)?;
                (WEIGHTS, vec![(WEIGHTS.into(), bytes)])
            }
            WeightFiles::Shards { index, shards, .. } => {
                let mut files = Vec::with_capacity(shards.len());
                for (number, (file, bytes)) in shards.into_iter().enumerate() {
                    let mut in_shard = HashMap::new();
                    read_header(&bytes, number, file.clone().into(), &mut in_shard)?;
                    for tensor in in_shard.keys() {
                        index.check(&file, tensor)?;
                    }
                    tensors.extend(in_shard);
                    files.push((file.into(), bytes));
                }
                index.check_all(|tensor| tensors.contains_key(tensor))?;
                (INDEX, files)
            }
        };
        Ok(Self(Arc::new(Stored { files, list, tensors })))
    }

    /// Checks that every tensor is there, has its shape and a type that is read, and holds numbers only.
    pub(super) fn check(&self, requirements: &[Requirement]) -> Result<(), ModelError> {
        for Requirement { tensor: name, shape } in requirements {
            let tensor = self.tensor(name)?;
            if tensor.shape() != shape {
                let found = format!("{:?}", tensor.shape());
                return Err(self.refuse(name, format!("shape {shape:?}"), found));
            }
            tensor.check_values(|suffix, expected, found| {
                self.refuse(&format!("{name}{suffix}"), expected, found)
            })?;
        }
        Ok(())
    }

    /// Returns the name of the file that holds a tensor; for one that is absent, of the file that lists them.
    pub(super) fn file_of(&self, tensor: &str) -> Cow<'static, str> {
        let entry = self.0.tensors.get(tensor);
        let file = entry.and_then(|entry| self.0.files.get(entry.file));
        file.map_or(Cow::Borrowed(self.0.list), |(name, _)| name.clone())
    }

    fn refuse(&self, tensor: &str, expected: String, found: String) -> ModelError {
        ModelError::Tensor {
            file: self.file_of(tensor),
            tensor: tensor.to_owned(),
            expected,
            found,
        }
    }

    /// Returns the names of all tensors, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.tensors.keys().map(String::as_str)
    }

    /// Returns every tensor as its file holds it, scales of I8 tensors among them, in no order.
    pub(super) fn raw(&self) -> impl Iterator<Item = (&str, RawTensor<'_>)> {
        self.0.tensors.iter().map(|(name, entry)| {
            let bytes = Cow::Borrowed(self.bytes_of(entry));
            (name.as_str(), RawTensor { dtype: entry.dtype, shape: entry.shape.clone(), bytes })
        })
    }

    /// Returns the size of the files in bytes.
    #[must_use]
    pub fn bytes_len(&self) -> usize {
        self.0.files.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Returns a tensor.
    ///
    /// # Errors
    /// [`ModelError::Tensor`] when it is absent or has a type that is not read.
    pub fn tensor(&self, name: &str) -> Result<WeightTensor<'_>, ModelError> {
        let entry = self.0.tensors.get(name);
        let absent = || self.refuse(name, SUPPORTED_TYPES.into(), "no such tensor".into());
        let entry = entry.ok_or_else(absent)?;
        let bytes = self.bytes_of(entry);
        let values = if let Some(values) = StoredValues::of_floats(entry.dtype, bytes) {
            values
        } else if entry.dtype == Dtype::I8 {
            let scales = self.scales(name, &entry.shape)?;
            StoredValues::I8 { values: bytes, scales }
        } else {
            let found = format!("type {:?}", entry.dtype);
            return Err(self.refuse(name, SUPPORTED_TYPES.into(), found));
        };
        Ok(WeightTensor { shape: &entry.shape, values })
    }

    fn scales(&self, name: &str, shape: &[usize]) -> Result<&[u8], ModelError> {
        let &[rows, _] = shape else {
            let found = format!("{shape:?}");
            return Err(self.refuse(name, "shape [out, in] for type I8".into(), found));
        };
        let scale_name = format!("{name}{SCALE_SUFFIX}");
        let expected = || format!("type F32 and shape [{rows}], one scale for each row of {name}");
        match self.0.tensors.get(&scale_name) {
            Some(entry) if entry.dtype == Dtype::F32 && entry.shape == [rows] => {
                Ok(self.bytes_of(entry))
            }
            Some(entry) => {
                let found = format!("type {:?} and shape {:?}", entry.dtype, entry.shape);
                Err(self.refuse(&scale_name, expected(), found))
            }
            None => Err(self.refuse(&scale_name, expected(), "no such tensor".into())),
        }
    }

    fn bytes_of(&self, entry: &Entry) -> &[u8] {
        // `read_metadata` has checked every range against the length of the file.
        let file = self.0.files.get(entry.file);
        file.and_then(|(_, bytes)| bytes.get(entry.range.clone())).unwrap_or_default()
    }
}

impl RawTensor<'_> {
    /// Decodes floating-point numbers; `None` for other types, such as the numbers of positions that old checkpoints
    /// hold.
    pub(super) fn floats(&self) -> Option<Vec<f32>> {
        let values = StoredValues::of_floats(self.dtype, &self.bytes)?;
        Some(WeightTensor { shape: &self.shape, values }.to_f32())
    }
}

impl<'a> StoredValues<'a> {
    /// Returns values of a type of floating-point numbers that is read; `None` for other types.
    fn of_floats(dtype: Dtype, bytes: &'a [u8]) -> Option<Self> {
        // The list of types in safetensors is open, so this can't be a match over all of them.
        if dtype == Dtype::F32 {
            Some(Self::F32(bytes))
        } else if dtype == Dtype::F16 {
            Some(Self::F16(bytes))
        } else if dtype == Dtype::BF16 {
            Some(Self::Bf16(bytes))
        } else {
            None
        }
    }
}

impl<'a> WeightTensor<'a> {
    /// Returns the shape.
    #[must_use]
    pub fn shape(&self) -> &'a [usize] {
        self.shape
    }

    /// Returns the values as they are stored.
    #[must_use]
    pub fn stored(&self) -> StoredValues<'a> {
        self.values
    }

    /// Returns the number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Tells whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Decodes all values, row-major.
    #[must_use]
    pub fn to_f32(&self) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.len());
        match self.values {
            StoredValues::I8 { values: bytes, scales } => {
                let scales = f32s(scales);
                for (row, scale) in bytes.chunks_exact(self.row_len().max(1)).zip(scales) {
                    decode_i8(row, scale, &mut values);
                }
            }
            StoredValues::F32(bytes) => values.extend(f32s(bytes)),
            StoredValues::F16(bytes) => decode_f16(bytes, &mut values),
            StoredValues::Bf16(bytes) => decode_bf16(bytes, &mut values),
        }
        values
    }

    /// Decodes one row of a matrix to the end of `values`; appends nothing past the last row.
    pub fn append_row(&self, row: usize, values: &mut Vec<f32>) {
        match self.values {
            StoredValues::I8 { values: bytes, scales } => {
                let scale = slice_of(scales, row, 4).map(f32s).and_then(|mut scale| scale.next());
                let integers = slice_of(bytes, row, self.row_len());
                if let (Some(integers), Some(scale)) = (integers, scale) {
                    decode_i8(integers, scale, values);
                }
            }
            StoredValues::F32(bytes) => {
                let bytes = slice_of(bytes, row, 4 * self.row_len());
                values.extend(f32s(bytes.unwrap_or_default()));
            }
            StoredValues::F16(bytes) => {
                let bytes = slice_of(bytes, row, 2 * self.row_len());
                decode_f16(bytes.unwrap_or_default(), values);
            }
            StoredValues::Bf16(bytes) => {
                let bytes = slice_of(bytes, row, 2 * self.row_len());
                decode_bf16(bytes.unwrap_or_default(), values);
            }
        }
    }

    /// Values in one row of a matrix.
    fn row_len(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// Checks every value. `refuse` makes the error from what the name of the tensor goes on with, what was expected and
    /// what was found.
    fn check_values(
        &self,
        refuse: impl Fn(&str, String, String) -> ModelError,
    ) -> Result<(), ModelError> {
        let finite = match self.values {
            StoredValues::F32(bytes) => f32s(bytes).all(f32::is_finite),
            // All ones in the exponent are infinity or NaN. On the bits, since this reads every weight.
            StoredValues::F16(bytes) => u16s(bytes).all(|bits| bits & 0x7c00 != 0x7c00),
            StoredValues::Bf16(bytes) => u16s(bytes).all(|bits| bits & 0x7f80 != 0x7f80),
            StoredValues::I8 { values, scales } => {
                if let Some((row, scale)) =
                    f32s(scales).enumerate().find(|(_, scale)| !scale.is_finite() || *scale < 0.0)
                {
                    return Err(refuse(
                        SCALE_SUFFIX,
                        "finite scales of at least 0".into(),
                        format!("{scale} in row {row}"),
                    ));
                }
                if values.contains(&MINUS_128) {
                    return Err(refuse("", "integers from -127 to 127".into(), "-128".into()));
                }
                true
            }
        };
        if finite {
            return Ok(());
        }
        let index = self.to_f32().iter().position(|value| !value.is_finite());
        let found = format!("infinity or NaN at {}", index.unwrap_or_default());
        Err(refuse("", "finite values".into(), found))
    }
}

/// Reads the header of a file, the one with that number, and adds its tensors to those that are known.
fn read_header(
    bytes: &[u8],
    number: usize,
    file: Cow<'static, str>,
    tensors: &mut HashMap<String, Entry>,
) -> Result<(), ModelError> {
    let damaged = |source| ModelError::Safetensors { file, source };
    let (header_bytes, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    // The file begins with the length of the header, 8 bytes.
    let data_start = header_bytes + 8;
    for (name, info) in metadata.tensors() {
        let (start, end) = info.data_offsets;
        let entry = Entry {
            dtype: info.dtype,
            shape: info.shape.clone(),
            file: number,
            range: data_start + start..data_start + end,
        };
        tensors.insert(name, entry);
    }
    Ok(())
}

fn slice_of(bytes: &[u8], row: usize, row_bytes: usize) -> Option<&[u8]> {
    let start = row.checked_mul(row_bytes)?;
    bytes.get(start..start.checked_add(row_bytes)?)
}

fn f32s(bytes: &[u8]) -> impl Iterator<Item = f32> {
    let (chunks, _) = bytes.as_chunks();
    chunks.iter().copied().map(f32::from_le_bytes)
}

fn u16s(bytes: &[u8]) -> impl Iterator<Item = u16> {
    let (chunks, _) = bytes.as_chunks();
    chunks.iter().copied().map(u16::from_le_bytes)
}

fn decode_i8(integers: &[u8], scale: f32, values: &mut Vec<f32>) {
    let decode = |&byte: &u8| f32::from(i8::from_le_bytes([byte])) * scale;
    values.extend(integers.iter().map(decode));
}

/// Values that are decoded at a time: fits the first-level cache.
const DECODE_CHUNK: usize = 1_024;

fn decode_f16(bytes: &[u8], values: &mut Vec<f32>) {
    // Slice conversion uses the processor's instruction; value by value, half asks for it each time.
    let mut halves = [f16::ZERO; DECODE_CHUNK];
    let mut decoded = [0.0; DECODE_CHUNK];
    for chunk in bytes.chunks(2 * DECODE_CHUNK) {
        let mut len = 0;
        for (half, bits) in halves.iter_mut().zip(u16s(chunk)) {
            *half = f16::from_bits(bits);
            len += 1;
        }
        let (Some(halves), Some(decoded)) = (halves.get(..len), decoded.get_mut(..len)) else {
            continue;
        };
        halves.convert_to_f32_slice(decoded);
        values.extend_from_slice(decoded);
    }
}

fn decode_bf16(bytes: &[u8], values: &mut Vec<f32>) {
    values.extend(u16s(bytes).map(|bits| bf16::from_bits(bits).to_f32()));
}
