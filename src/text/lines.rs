//! The lines of a plain text as the rules see them.

use std::borrow::Cow;
use std::ops::Range;

use super::html::{Mark, MarkedRange, tag_starts, without_tags};
use super::links::{shorten, shortened_parts};
use super::offsets::MappedText;

/// One line.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// Where it stands in the plain text, in bytes, without its line end.
    pub(super) range: Range<usize>,
    /// What the rules and the model read of it; see [`view`].
    view: Cow<'a, str>,
    /// Containers of quotes around it, 0 without.
    pub(super) quote_depth: u8,
    /// Within a signature, as the mail program says.
    pub(super) is_signature: bool,
    /// What the message answers begins here, as the mail program says.
    pub(super) begins_rest: bool,
}

impl Line<'_> {
    /// Returns what there is to read, without white space around.
    pub(super) fn text(&self) -> &str {
        self.view.trim_start()
    }

    pub(super) fn is_blank(&self) -> bool {
        self.view.is_empty()
    }
}

/// Returns what is read of a line: links shortened, nothing that could be taken for a tag, no white space at its end.
///
/// Tags can be left when HTML spells them out or when something invisible stood within. The rules look at this and not at
/// the line itself, so that they see in a body what they saw in the whole text.
pub(super) fn view(line: &str) -> Cow<'_, str> {
    let line = line.trim_end();
    let shortened = if line.contains("://") { shorten(line) } else { Cow::Borrowed(line) };
    match shortened {
        Cow::Borrowed(line) => without_tags(line),
        Cow::Owned(line) => Cow::Owned(without_tags(&line).into_owned()),
    }
}

fn whole(line: &str) -> Range<usize> {
    0..line.len()
}

/// Returns where each part of the [`view`] of a line begins in the view, and which bytes of the line it is.
///
/// What stands between the parts in the view is not in the line; what the parts leave out of the line is not in the view.
pub(super) fn view_parts(line: &str) -> Vec<(usize, Range<usize>)> {
    let line = line.trim_end();
    let shortened = if line.contains("://") { shortened_parts(line) } else { None };
    let kept = shortened.unwrap_or_else(|| vec![whole(line)]);
    let text: String = kept.iter().filter_map(|part| line.get(part.clone())).collect();
    let mut spaces = tag_starts(&text).peekable();
    let (mut parts, mut read, mut written) = (Vec::new(), 0, 0);
    for part in kept {
        let mut start = part.start;
        while start < part.end {
            let rest = part.end - start;
            let length = spaces.peek().map_or(rest, |space| (space - read).min(rest));
            if length > 0 {
                parts.push((written, start..start + length));
            }
            (start, read, written) = (start + length, read + length, written + length);
            if spaces.next_if_eq(&read).is_some() {
                written += 1;
            }
        }
    }
    parts
}

/// Splits a text into lines and notes what mail programs say about them.
///
/// `marks` are in order of their beginning.
pub(super) fn split<'a>(source: &'a MappedText, marks: &[MarkedRange]) -> Vec<Line<'a>> {
    let mut start = 0;
    let mut lines: Vec<Line<'a>> = Vec::new();
    for line in source.text().split('\n') {
        let range = start..start + line.len();
        start = range.end + 1;
        lines.push(Line {
            range,
            view: view(line),
            quote_depth: 0,
            is_signature: false,
            begins_rest: false,
        });
    }
    if !marks.is_empty() {
        apply(marks, source, &mut lines);
    }
    lines
}

/// Notes the marks on the lines. Containers break lines, so that where a line begins decides.
fn apply(marks: &[MarkedRange], source: &MappedText, lines: &mut [Line<'_>]) {
    let mut next = marks.iter().peekable();
    let mut open: Vec<&MarkedRange> = Vec::new();
    for line in lines.iter_mut().filter(|line| !line.is_blank()) {
        let at = source.raw_range(line.range.clone()).start;
        while let Some(marked) = next.next_if(|marked| marked.raw.start <= at) {
            match marked.mark {
                Mark::Rest => line.begins_rest = true,
                Mark::Quote { .. } | Mark::Signature => open.push(marked),
            }
        }
        open.retain(|marked| at < marked.raw.end);
        for marked in &open {
            match marked.mark {
                Mark::Quote { depth } => line.quote_depth = line.quote_depth.max(depth),
                Mark::Signature => line.is_signature = true,
                Mark::Rest => {}
            }
        }
    }
}
