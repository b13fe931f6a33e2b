//! Elements of tensors as bytes, as Triton's `raw_input_contents` and `raw_output_contents` lay them out.

/// Why bytes are not the elements of a BYTES tensor.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum ContentsError {
    /// The bytes end before an element does.
    #[error("cut off within element {element}")]
    CutOff {
        /// Which, from 0.
        element: usize,
    },
    /// There is another element than the shape says.
    #[error("longer than its {expected} elements by {bytes} bytes")]
    TooLong {
        /// Elements that the shape says.
        expected: usize,
        /// Bytes behind the last of them.
        bytes: usize,
    },
}

/// Reads `count` elements, before each of which stands its number of bytes as a little-endian 32-bit number.
///
/// # Errors
/// [`ContentsError`] when the bytes hold fewer elements or more.
pub(super) fn read_bytes(mut raw: &[u8], count: usize) -> Result<Vec<&[u8]>, ContentsError> {
    let mut elements = Vec::with_capacity(count);
    for element in 0..count {
        let cut_off = ContentsError::CutOff { element };
        let (length, rest) = raw.split_first_chunk().ok_or(cut_off)?;
        // A length that the address space has no room for is beyond the end as well.
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| cut_off)?;
        let (bytes, rest) = rest.split_at_checked(length).ok_or(cut_off)?;
        elements.push(bytes);
        raw = rest;
    }
    match raw.len() {
        0 => Ok(elements),
        bytes => Err(ContentsError::TooLong { expected: count, bytes }),
    }
}

/// Appends an element of a BYTES tensor.
pub(super) fn push_bytes(raw: &mut Vec<u8>, element: &[u8]) {
    debug_assert!(u32::try_from(element.len()).is_ok(), "an element is larger than any message");
    let length = u32::try_from(element.len()).unwrap_or(u32::MAX);
    raw.extend_from_slice(&length.to_le_bytes());
    raw.extend_from_slice(element);
}

/// Appends elements of an FP32 tensor.
pub(super) fn push_floats(raw: &mut Vec<u8>, values: &[f32]) {
    raw.extend(values.iter().flat_map(|value| value.to_le_bytes()));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_cut_off_or_too_long_is_refused() {
        let mut raw = Vec::new();
        push_bytes(&mut raw, b"ab");
        push_bytes(&mut raw, b"");

        assert_eq!(read_bytes(&raw, 2), Ok(vec![&b"ab"[..], &b""[..]]));
        assert_eq!(read_bytes(&raw, 1), Err(ContentsError::TooLong { expected: 1, bytes: 4 }));
        assert_eq!(read_bytes(&raw, 3), Err(ContentsError::CutOff { element: 2 }));
        for end in 0..raw.len() {
            assert!(read_bytes(&raw[..end], 2).is_err(), "{end}");
        }
        assert_eq!(read_bytes(&[255; 7], 1), Err(ContentsError::CutOff { element: 0 }));
    }

    #[test]
    fn floats_are_little_endian() {
        let mut raw = Vec::new();
        push_floats(&mut raw, &[1.0, -2.0]);

        assert_eq!(raw, [0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
    }

    proptest! {
        #[test]
        fn any_bytes_give_elements_or_an_error(raw: Vec<u8>, count in 0_usize..20) {
            if let Ok(elements) = read_bytes(&raw, count) {
                let bytes: usize = elements.iter().map(|element| 4 + element.len()).sum();
                prop_assert_eq!((elements.len(), bytes), (count, raw.len()));
            }
        }
    }
}
