//! The way from positions in a cleaned text back to the raw text.

use std::ops::Range;

use super::characters::floor_boundary;

/// Bytes of the raw text between two stored counts.
const CHECKPOINT_BYTES: usize = 256;

/// A stretch of a text with the stretch of the raw text that it came from, both in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Piece {
    start: usize,
    length: usize,
    raw_start: usize,
    raw_end: usize,
    /// Byte for byte as in the raw text; otherwise the whole stretch stands for the whole raw stretch.
    same: bool,
}

impl Piece {
    fn end(&self) -> usize {
        self.start + self.length
    }

    /// Returns the raw stretch of a part of this piece.
    fn raw(&self, range: &Range<usize>) -> Range<usize> {
        if self.same {
            let start = range.start.max(self.start) - self.start;
            let end = range.end.min(self.end()) - self.start;
            self.raw_start + start..self.raw_start + end
        } else {
            self.raw_start..self.raw_end
        }
    }
}

/// A text that knows where each part of it came from.
///
/// Pieces are in order and cover the text; raw stretches never go backwards. What was dropped has no piece.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct MappedText {
    text: String,
    pieces: Vec<Piece>,
}

impl MappedText {
    /// Takes a raw text as it is.
    pub(super) fn whole(raw: &str) -> Self {
        let mut mapped = Self::default();
        mapped.push_same(raw, 0);
        mapped
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Adds text that stands in the raw text from byte `raw_start` on.
    pub(super) fn push_same(&mut self, text: &str, raw_start: usize) {
        if text.is_empty() {
            return;
        }
        match self.pieces.last_mut() {
            Some(last) if last.same && last.raw_end == raw_start => {
                last.length += text.len();
                last.raw_end += text.len();
            }
            _ => self.pieces.push(Piece {
                start: self.text.len(),
                length: text.len(),
                raw_start,
                raw_end: raw_start + text.len(),
                same: true,
            }),
        }
        self.text.push_str(text);
    }

    /// Adds text that stands for the raw bytes `raw`.
    pub(super) fn push_replaced(&mut self, text: &str, raw: Range<usize>) {
        if text.is_empty() {
            return;
        }
        self.pieces.push(Piece {
            start: self.text.len(),
            length: text.len(),
            raw_start: raw.start,
            raw_end: raw.end,
            same: false,
        });
        self.text.push_str(text);
    }

    /// Returns the raw bytes that a range of bytes of the text came from.
    pub(super) fn raw_range(&self, range: Range<usize>) -> Range<usize> {
        let first = self.pieces.partition_point(|piece| piece.end() <= range.start);
        let Some(piece) = self.pieces.get(first) else {
            let end = self.pieces.last().map_or(0, |piece| piece.raw_end);
            return end..end;
        };
        let raw_start = piece.raw(&range).start;
        if range.is_empty() {
            return raw_start..raw_start;
        }
        let last = self.pieces.partition_point(|piece| piece.start < range.end);
        let raw_end = last
            .checked_sub(1)
            .and_then(|last| self.pieces.get(last))
            .map_or(raw_start, |piece| piece.raw(&range).end);
        raw_start..raw_end
    }
}

/// Makes a new text from parts of another, in order.
pub(super) struct Rewriter<'a> {
    source: &'a MappedText,
    result: MappedText,
    /// First piece of the source that may still be needed.
    piece: usize,
}

impl<'a> Rewriter<'a> {
    pub(super) fn new(source: &'a MappedText) -> Self {
        let text = String::with_capacity(source.text.len());
        Self { source, result: MappedText { text, pieces: Vec::new() }, piece: 0 }
    }

    /// Takes over the bytes `range`, which begins no earlier than the one before it ended.
    pub(super) fn keep(&mut self, range: Range<usize>) {
        let mut at = range.start;
        while at < range.end {
            let Some(piece) = self.source.pieces.get(self.piece) else { return };
            let end = piece.end().min(range.end);
            if end <= at {
                self.piece += 1;
                continue;
            }
            let part = at..end;
            let raw = piece.raw(&part);
            let text = self.source.text.get(part).unwrap_or_default();
            if piece.same {
                self.result.push_same(text, raw.start);
            } else {
                self.result.push_replaced(text, raw);
            }
            at = end;
        }
    }

    /// Puts `text` in the place of the bytes `range`.
    pub(super) fn replace(&mut self, range: Range<usize>, text: &str) {
        let raw = self.source.raw_range(range);
        self.result.push_replaced(text, raw);
    }

    pub(super) fn finish(self) -> MappedText {
        self.result
    }
}

/// What positions in the raw text are counted in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Unit {
    CodePoints,
    Utf16,
}

/// Counts code points and UTF-16 code units before a byte of the raw text.
///
/// A text of ASCII alone needs no counting and is not kept.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct RawCounts {
    raw: String,
    /// Code points and UTF-16 code units before every [`CHECKPOINT_BYTES`]th byte, rounded down to a character.
    checkpoints: Vec<(usize, usize)>,
}

impl RawCounts {
    pub(super) fn of(raw: &str) -> Self {
        if raw.is_ascii() {
            return Self::default();
        }
        let mut checkpoints = vec![(0, 0)];
        let (mut code_points, mut utf16, mut at) = (0, 0, 0);
        while at < raw.len() {
            let end = floor_boundary(raw, checkpoints.len() * CHECKPOINT_BYTES);
            let part = raw.get(at..end).unwrap_or_default();
            code_points += part.chars().count();
            utf16 += part.chars().map(char::len_utf16).sum::<usize>();
            checkpoints.push((code_points, utf16));
            at = end;
        }
        Self { raw: raw.to_owned(), checkpoints }
    }

    /// Returns how many units stand before `byte`.
    pub(super) fn before(&self, byte: usize, unit: Unit) -> usize {
        let index = byte / CHECKPOINT_BYTES;
        let Some(&(code_points, utf16)) = self.checkpoints.get(index) else {
            return match (self.checkpoints.last(), unit) {
                (None, _) => byte,
                (Some(last), Unit::CodePoints) => last.0,
                (Some(last), Unit::Utf16) => last.1,
            };
        };
        let start = floor_boundary(&self.raw, index * CHECKPOINT_BYTES);
        let rest = self.raw.get(start..floor_boundary(&self.raw, byte)).unwrap_or_default();
        match unit {
            Unit::CodePoints => code_points + rest.chars().count(),
            Unit::Utf16 => utf16 + rest.chars().map(char::len_utf16).sum::<usize>(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_lead_back_through_replacements_and_gaps() {
        let mut mapped = MappedText::default();
        mapped.push_same("Tom", 3);
        mapped.push_replaced("&", 6..11);
        mapped.push_same("Ann", 11);

        assert_eq!(mapped.text(), "Tom&Ann");
        assert_eq!(mapped.raw_range(0..3), 3..6);
        assert_eq!(mapped.raw_range(3..4), 6..11);
        assert_eq!(mapped.raw_range(2..5), 5..12);
        assert_eq!(mapped.raw_range(7..7), 14..14);
    }

    #[test]
    fn rewriting_keeps_the_way_back_to_the_first_text() {
        let source = MappedText::whole("a--bcd");
        let mut rewriter = Rewriter::new(&source);
        rewriter.keep(0..1);
        rewriter.keep(3..5);
        rewriter.replace(5..6, "Ð");

        let rewritten = rewriter.finish();

        assert_eq!(rewritten.text(), "abcÐ");
        assert_eq!(rewritten.raw_range(1..3), 3..5);
        assert_eq!(rewritten.raw_range(3..5), 5..6);
    }

    #[test]
    fn counts_hold_at_every_character_of_a_long_text() {
        let raw = "aé語😀".repeat(200);
        let counts = RawCounts::of(&raw);

        let (mut code_points, mut utf16) = (0, 0);
        for (byte, character) in raw.char_indices() {
            assert_eq!(counts.before(byte, Unit::CodePoints), code_points);
            assert_eq!(counts.before(byte, Unit::Utf16), utf16);
            code_points += 1;
            utf16 += character.len_utf16();
        }
        assert_eq!(counts.before(raw.len(), Unit::CodePoints), code_points);
        assert_eq!(counts.before(raw.len(), Unit::Utf16), utf16);
    }
}
