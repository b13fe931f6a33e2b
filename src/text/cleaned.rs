//! A cleaned text: plain, in sections, with the way back.

use std::ops::Range;

use super::characters;
use super::html::{looks_like_html, to_text};
use super::lines::{self, view, view_parts};
use super::offsets::{MappedText, RawCounts, Unit};
use super::sections::{SectionKind, classify};

/// A part of a plain text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Section {
    /// What it is.
    pub kind: SectionKind,
    /// Where it stands in [`CleanedText::plain`], in bytes.
    pub range: Range<usize>,
}

/// A stretch of a body with the stretch of the plain text that it came from; the same bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct BodyPart {
    in_body: usize,
    in_plain: usize,
    length: usize,
}

/// The way from [`CleanedText::body`] back to [`CleanedText::plain`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BodyParts(Vec<BodyPart>);

impl BodyParts {
    /// Returns the bytes of the plain text that a range of bytes of the body came from, from the first to the last of
    /// them; `None` for one that holds nothing of it, such as the end of a line.
    #[must_use]
    pub fn in_plain(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let first = self.0.partition_point(|part| part.in_body + part.length <= range.start);
        let last = self.0.partition_point(|part| part.in_body < range.end);
        let (first, last) = (self.0.get(first)?, self.0.get(last.checked_sub(1)?)?);
        let start = first.in_plain + range.start.saturating_sub(first.in_body);
        let end = last.in_plain + range.end.saturating_sub(last.in_body).min(last.length);
        (start < end).then_some(start..end)
    }
}

/// A raw text (plain or HTML e-mail) made plain, cut into sections, with the way back to the original.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CleanedText {
    plain: MappedText,
    sections: Vec<Section>,
    counts: RawCounts,
}

impl CleanedText {
    /// Cleans a message.
    ///
    /// Time and memory grow with the length of the text and nothing else.
    #[must_use]
    pub fn of(raw: &str) -> Self {
        let (text, marks) =
            if looks_like_html(raw) { to_text(raw) } else { (MappedText::whole(raw), Vec::new()) };
        let plain = characters::clean(text);
        let lines = lines::split(&plain, &marks);
        let kinds = classify(&lines);
        let mut sections: Vec<Section> = Vec::new();
        for (line, kind) in lines.iter().zip(kinds) {
            match sections.last_mut() {
                Some(last) if last.kind == kind => last.range.end = line.range.end,
                Some(last) => {
                    last.range.end = line.range.start;
                    sections.push(Section { kind, range: line.range.clone() });
                }
                None => sections.push(Section { kind, range: line.range.clone() }),
            }
        }
        drop(lines);
        Self { plain, sections, counts: RawCounts::of(raw) }
    }

    /// Cleans a text that is the customer's own throughout, such as a subject: only characters change.
    #[must_use]
    pub fn unsectioned(raw: &str) -> Self {
        let plain = characters::clean(MappedText::whole(raw));
        let range = 0..plain.text().len();
        let sections = vec![Section { kind: SectionKind::Body, range }];
        Self { plain, sections, counts: RawCounts::of(raw) }
    }

    /// Returns the whole text, quotes and all: NFC, without control and zero-width characters and without HTML, trimmed.
    ///
    /// At most three times as many bytes as the raw text.
    #[must_use]
    pub fn plain(&self) -> &str {
        self.plain.text()
    }

    /// Returns the sections in order; together they are the whole of [`CleanedText::plain`].
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// Returns what stands at a byte of [`CleanedText::plain`]; at its end or beyond, what stands last.
    #[must_use]
    pub fn section_at(&self, byte: usize) -> SectionKind {
        let index = self.sections.partition_point(|section| section.range.end <= byte);
        let section = self.sections.get(index).or(self.sections.last());
        section.map_or(SectionKind::Body, |section| section.kind)
    }

    /// Returns what the customer wrote this time: the body sections, an empty line between them.
    ///
    /// Links with tracking parameters are cut down to their host, several empty lines to one. Empty when there is nothing
    /// but a quote. Cleaning it again changes nothing.
    #[must_use]
    pub fn body(&self) -> String {
        self.write_body(|_, _| {})
    }

    /// Returns where the parts of [`CleanedText::body`] stand in [`CleanedText::plain`].
    #[must_use]
    pub fn body_parts(&self) -> BodyParts {
        let mut parts = Vec::new();
        self.write_body(|in_body, line| {
            let text = self.plain().get(line.clone()).unwrap_or_default();
            for (in_view, part) in view_parts(text) {
                let in_plain = line.start + part.start;
                parts.push(BodyPart { in_body: in_body + in_view, in_plain, length: part.len() });
            }
        });
        BodyParts(parts)
    }

    /// Writes the body; `note` is told of each line where it begins in the body, and its bytes in the plain text.
    fn write_body(&self, mut note: impl FnMut(usize, Range<usize>)) -> String {
        let mut body = String::new();
        for section in self.sections.iter().filter(|section| section.kind == SectionKind::Body) {
            let text = self.plain().get(section.range.clone()).unwrap_or_default();
            let mut separator = if body.is_empty() { "" } else { "\n\n" };
            let mut end = section.range.start;
            for line in text.split('\n') {
                end += line.len();
                let line = if body.is_empty() { line.trim_start() } else { line };
                let range = end - line.len()..end;
                end += 1;
                let line = view(line);
                if line.is_empty() {
                    separator = if body.is_empty() { "" } else { "\n\n" };
                    continue;
                }
                body.push_str(separator);
                note(body.len(), range);
                body.push_str(&line);
                separator = "\n";
            }
        }
        body
    }

    /// Returns where bytes of [`CleanedText::plain`] stand in the raw text, in Unicode code points.
    ///
    /// What was replaced counts as a whole: part of a decoded entity or composed character leads to all of it.
    #[must_use]
    pub fn original_span(&self, range: Range<usize>) -> Range<usize> {
        self.span(range, Unit::CodePoints)
    }

    /// Returns where bytes of [`CleanedText::plain`] stand in the raw text, in UTF-16 code units.
    ///
    /// As [`CleanedText::original_span`].
    #[must_use]
    pub fn original_span_utf16(&self, range: Range<usize>) -> Range<usize> {
        self.span(range, Unit::Utf16)
    }

    fn span(&self, range: Range<usize>, unit: Unit) -> Range<usize> {
        let end = range.end.min(self.plain().len());
        let raw = self.plain.raw_range(range.start.min(end)..end);
        self.counts.before(raw.start, unit)..self.counts.before(raw.end, unit)
    }
}
