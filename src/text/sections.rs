//! Which lines of a message are the customer's own.
//!
//! Two passes. The first goes from the beginning and marks what can be told line by line: marked quotes, introductions,
//! announcements of a forwarded or answered message. The second goes from the end of what is left and takes off signatures
//! and notices, one after the other.
//!
//! Cutting a body again must change nothing. So no rule of the first pass looks across a blank line except from an
//! introduction to a quote, which goes too; the second pass sees a blank line where something was cut; and it goes on until
//! it finds nothing more.

use std::ops::Range;

use super::lines::Line;
use super::quotes::{
    self, Announcement, Certainty, Fields, MAX_INTRODUCTION_LINES, announcement, introduction_at,
    is_introduction_with_quote, is_marked, is_reply_mark,
};
use super::signature::{self, Ending};

/// What a part of a message is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum SectionKind {
    /// What the customer wrote this time.
    Body,
    /// What the message answers, with the line or header that introduces it.
    Quote,
    /// The header of a forwarded message.
    Forward,
    /// The sender's signature: closing formula, name, addresses, what the mail program says about itself.
    Signature,
    /// Notices of firms, programs and helpdesks.
    Footer,
}

/// Tells what each line is; a blank line is what the line before is.
pub(super) fn classify(lines: &[Line<'_>]) -> Vec<SectionKind> {
    let mut sectioner = Sectioner {
        lines,
        fields: Fields::of(lines),
        kinds: vec![SectionKind::Body; lines.len()],
        depth: 0,
    };
    sectioner.run();
    sectioner.fill_blank_lines();
    sectioner.kinds
}

struct Sectioner<'a> {
    lines: &'a [Line<'a>],
    fields: Fields,
    kinds: Vec<SectionKind>,
    /// Containers of quotes around the message that is being read.
    depth: u8,
}

/// A place from which all that follows is what the message answers or forwards.
struct Cut {
    start: usize,
    /// What announces it; without, it is an answered message.
    announcement: Option<Announcement>,
}

impl Sectioner<'_> {
    fn run(&mut self) {
        let mut start = 0;
        let mut above = Vec::new();
        loop {
            let cut = self.mark_quotes(start);
            let end = cut.as_ref().map_or(self.lines.len(), |cut| cut.start);
            let kept = self.mark_endings(&above, start..end);
            let Some(cut) = cut else { return };
            // A message that is nothing but a forwarded one is that message.
            let announcement = cut.announcement.filter(|_| self.says_nothing(&kept));
            let Some(announcement) = announcement else {
                self.mark(cut.start..self.lines.len(), SectionKind::Quote);
                if let Some(found) = cut.announcement.filter(|found| found.says_forwarded) {
                    self.mark(cut.start..found.end, SectionKind::Forward);
                }
                return;
            };
            self.mark(cut.start..announcement.end, SectionKind::Forward);
            self.depth = self.lines.get(cut.start).map_or(0, |line| line.quote_depth);
            start = announcement.end;
            above = kept;
        }
    }

    /// Tells whether the lines above a forwarded message are none, or its subject alone.
    fn says_nothing(&self, kept: &[usize]) -> bool {
        match kept {
            [] => true,
            [line] => {
                self.lines.get(*line).is_some_and(|line| quotes::is_forward_subject(line.text()))
            }
            _ => false,
        }
    }

    fn mark(&mut self, range: Range<usize>, kind: SectionKind) {
        if let Some(kinds) = self.kinds.get_mut(range) {
            kinds.fill(kind);
        }
    }

    /// Marks quotes from line `start` on, up to where everything is one.
    fn mark_quotes(&mut self, start: usize) -> Option<Cut> {
        let lines = self.lines;
        let mut at = start;
        // First line of the paragraph, or behind what was cut in it.
        let mut first = start;
        let mut has_body = false;
        while let Some(line) = lines.get(at) {
            if line.is_blank() {
                at += 1;
                first = at;
                continue;
            }
            if line.begins_rest && at > start {
                let announcement = announcement(lines, at, &self.fields);
                return Some(Cut { start: at, announcement });
            }
            let is_inner = line.quote_depth > self.depth;
            let begins_quote = is_inner && (at == start || !self.is_inner(at - 1));
            if (!is_inner || begins_quote)
                && let Some(found) = announcement(lines, at, &self.fields)
            {
                return Some(Cut { start: at, announcement: Some(found) });
            }
            let end = self.quote_end(at);
            if end > at {
                self.mark(at..end, SectionKind::Quote);
                (at, first) = (end, end);
                continue;
            }
            let text = line.text();
            if is_reply_mark(text) {
                if has_body {
                    return Some(Cut { start: at, announcement: None });
                }
                self.mark(at..at + 1, SectionKind::Footer);
                first = at + 1;
            } else if signature::is_sent_from(text) {
                self.mark(at..at + 1, SectionKind::Signature);
                first = at + 1;
            } else if is_introduction_with_quote(text) {
                return Some(Cut { start: at, announcement: None });
            } else if let Some((begin, certainty)) = introduction_at(lines, first, at) {
                let is_followed = self.is_followed_by_quote(at + 1);
                if is_followed {
                    self.mark(begin..at + 1, SectionKind::Quote);
                    first = at + 1;
                } else if certainty == Certainty::Alone {
                    return Some(Cut { start: begin, announcement: None });
                }
            } else {
                has_body = true;
            }
            at += 1;
        }
        None
    }

    fn is_inner(&self, at: usize) -> bool {
        self.lines.get(at).is_some_and(|line| line.quote_depth > self.depth)
    }

    /// Returns the line behind the quote that begins in line `at`; `at` without one.
    fn quote_end(&self, at: usize) -> usize {
        if self.is_inner(at) {
            return at + 1;
        }
        let is_marked_line =
            |line: &Line<'_>| is_marked(line.text()) && line.quote_depth <= self.depth;
        // Seen from its first line only, or it would be counted again from each.
        if at > 0 && self.lines.get(at - 1).is_some_and(is_marked_line) && !self.was_cut(at - 1) {
            return at;
        }
        let rest = self.lines.get(at..).unwrap_or_default();
        let count = rest.iter().take_while(|line| is_marked_line(line)).count();
        let is_quote = count > 0 && rest.get(..count).is_some_and(quotes::is_quote);
        if is_quote { at + count } else { at }
    }

    fn was_cut(&self, at: usize) -> bool {
        self.kinds.get(at).is_some_and(|&kind| kind != SectionKind::Body)
    }

    /// Tells whether the next line that is not blank, from line `at` on, is quoted.
    fn is_followed_by_quote(&self, at: usize) -> bool {
        let blank = self.lines.get(at..).unwrap_or_default().iter().take(MAX_INTRODUCTION_LINES);
        let next = at + blank.take_while(|line| line.is_blank()).count();
        self.quote_end(next) > next
    }

    /// Marks signatures and notices at the end of what is left of lines; returns what is left then, with the lines `above`.
    fn mark_endings(&mut self, above: &[usize], range: Range<usize>) -> Vec<usize> {
        self.mark_signature_containers(range.clone());
        let mut kept: Vec<Ending<'_>> = Vec::new();
        let mut indices: Vec<usize> = Vec::new();
        let mut is_paragraph = true;
        for at in above.iter().copied().chain(range.clone()) {
            if at == range.start {
                is_paragraph = true;
            }
            let Some(line) = self.lines.get(at) else { break };
            if line.is_blank() || self.was_cut(at) {
                is_paragraph = true;
                continue;
            }
            kept.push(Ending::new(line.text(), is_paragraph));
            indices.push(at);
            is_paragraph = false;
        }
        while let Some((count, kind)) = signature::ending(&mut kept) {
            for _ in 0..count {
                kept.pop();
                if let Some(at) = indices.pop() {
                    self.mark(at..at + 1, kind);
                }
            }
        }
        indices
    }

    /// Marks what mail programs call a signature, unless it is long, says something or is all there is: people write there
    /// too.
    fn mark_signature_containers(&mut self, range: Range<usize>) {
        let is_kept = |&at: &usize| !self.was_cut(at);
        let mut others = range.clone().filter(is_kept).filter_map(|at| self.lines.get(at));
        if !others.any(|line| !line.is_signature && !line.is_blank()) {
            return;
        }
        let mut at = range.start;
        while at < range.end {
            let rest = self.lines.get(at..range.end).unwrap_or_default();
            let is_part = |line: &&Line<'_>| line.is_signature || line.is_blank();
            let count = match rest.first() {
                Some(line) if line.is_signature => rest.iter().take_while(is_part).count(),
                _ => 0,
            };
            let texts = || rest.iter().take(count).map(Line::text).filter(|text| !text.is_empty());
            if texts().count() <= signature::MAX_LINES && !texts().any(signature::says_something) {
                for line in (at..at + count).filter(|&line| !self.was_cut(line)).collect::<Vec<_>>()
                {
                    self.mark(line..line + 1, SectionKind::Signature);
                }
            }
            at += count.max(1);
        }
    }

    fn fill_blank_lines(&mut self) {
        let mut before = None;
        for (line, kind) in self.lines.iter().zip(&mut self.kinds) {
            if line.is_blank()
                && let Some(before) = before
            {
                *kind = before;
            }
            before = Some(*kind);
        }
    }
}
