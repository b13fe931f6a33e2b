//! Vectors that begin at a cache line: no 64 bytes of theirs that an instruction reads or writes lie across two lines.

use std::ops::{Deref, DerefMut};

use aligned_vec::{AVec, ConstAlign};

/// Bytes of a cache line.
const LINE: usize = 64;

/// A vector that begins at a cache line.
#[derive(Debug)]
pub(super) struct Lines<T>(AVec<T, ConstAlign<LINE>>);

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Self(AVec::new(LINE))
    }
}

impl<T: Clone + Default> Lines<T> {
    /// Makes it exactly that long.
    pub(super) fn resize(&mut self, len: usize) {
        self.0.resize(len, T::default());
    }

    /// Makes it at least that long.
    pub(super) fn grow(&mut self, len: usize) {
        if self.len() < len {
            self.resize(len);
        }
    }
}

impl<T> Deref for Lines<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for Lines<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_begin_at_a_line_however_often_they_grow() {
        let mut bytes = Lines::<u8>::default();
        for len in [1, 100, 5_000, 200_000] {
            bytes.grow(len);
            assert_eq!(bytes.len(), len);
            assert!(bytes.as_ptr().addr().is_multiple_of(LINE));
        }
        bytes.grow(10);
        assert_eq!(bytes.len(), 200_000);
    }
}
