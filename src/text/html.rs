//! HTML e-mail to plain text, with the parts that mail programs mark as quotes or signatures.

mod detect;
mod element;
mod tokens;

use std::ops::Range;

use html5gum::Tokenizer;

use super::offsets::MappedText;
use element::{ElementRole, StartTag, role};
use tokens::{TokenReceiver, TokenWriter};

pub(super) use detect::{looks_like_html, tag_starts, without_tags};

/// Containers within containers that are told apart; deeper ones count as this deep.
const MAX_DEPTH: usize = 8;

/// What a mail program says about a part of its HTML.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Mark {
    /// Quoted, within `depth` containers of quotes.
    Quote { depth: u8 },
    /// The sender's signature.
    Signature,
    /// From here on to the end is what the message answers or forwards.
    Rest,
}

/// A marked part, in bytes of the raw text; a point for [`Mark::Rest`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct MarkedRange {
    pub(super) raw: Range<usize>,
    pub(super) mark: Mark,
}

/// Turns HTML into text: entities decoded, blocks on lines of their own, hidden parts dropped.
///
/// The marked ranges are in order of their beginning.
pub(super) fn to_text(raw: &str) -> (MappedText, Vec<MarkedRange>) {
    let mut converter = Converter::new(raw);
    let receiver = TokenReceiver::new(raw, &mut converter);
    let Ok(()) = Tokenizer::new_with_emitter(raw, receiver).finish();
    converter.finish()
}

/// An open element that changes what is done with what is in it.
struct Container {
    name: Vec<u8>,
    /// Elements of the same name that are open within it, itself included.
    open: usize,
    role: ElementRole,
    raw_start: usize,
    depth: u8,
}

/// Lays out the text of HTML.
struct Converter<'a> {
    raw: &'a str,
    text: MappedText,
    marks: Vec<MarkedRange>,
    containers: Vec<Container>,
    /// Line ends owed before the next word, at most 2.
    breaks: usize,
    /// A space is owed before the next word.
    space: bool,
    /// The line has had a no-break space and nothing else: it was meant to be empty.
    filled: bool,
    line_is_empty: bool,
    preformatted: usize,
}

impl<'a> Converter<'a> {
    fn new(raw: &'a str) -> Self {
        Self {
            raw,
            text: MappedText::default(),
            marks: Vec::new(),
            containers: Vec::new(),
            breaks: 0,
            space: false,
            filled: false,
            line_is_empty: true,
            preformatted: 0,
        }
    }

    fn finish(mut self) -> (MappedText, Vec<MarkedRange>) {
        let end = self.raw.len();
        while let Some(container) = self.containers.pop() {
            self.close(&container, end);
        }
        self.marks.sort_by_key(|marked| marked.raw.start);
        (self.text, self.marks)
    }

    fn is_hidden(&self) -> bool {
        self.containers.last().is_some_and(|container| container.role == ElementRole::Hidden)
    }

    fn break_line(&mut self, breaks: usize) {
        let breaks = if self.filled { 2 } else { breaks };
        self.breaks = self.breaks.max(breaks);
        self.space = false;
        self.filled = false;
        self.line_is_empty = true;
    }

    fn open(&mut self, tag: &StartTag, role: ElementRole, at: usize) {
        let quotes = self.containers.iter().filter(|open| open.role == ElementRole::Quote).count();
        if self.containers.len() >= MAX_DEPTH {
            return;
        }
        self.break_line(1);
        let depth = u8::try_from(quotes + 1).unwrap_or(u8::MAX);
        let name = tag.name.clone();
        self.containers.push(Container { name, open: 1, role, raw_start: at, depth });
    }

    /// Counts an element towards the innermost container of its name, whose end tag must not be taken for it.
    fn count(&mut self, name: &[u8]) {
        if let Some(container) = self.containers.iter_mut().rfind(|open| open.name == name) {
            container.open += 1;
        }
    }

    /// Ends an open paragraph before a block, as its end tag may be left out (HTML, section 13.1.2.4).
    fn end_paragraph(&mut self, tag: &StartTag, at: usize) {
        let is_block = element::breaks_after(&tag.name).is_some();
        if let Some(paragraph) = self.containers.pop_if(|open| is_block && open.name == b"p") {
            self.close(&paragraph, at);
        }
    }

    fn close(&mut self, container: &Container, end: usize) {
        let mark = match container.role {
            ElementRole::Quote => Mark::Quote { depth: container.depth },
            ElementRole::Signature => Mark::Signature,
            ElementRole::Hidden | ElementRole::Rest | ElementRole::Plain => return,
        };
        self.break_line(1);
        self.marks.push(MarkedRange { raw: container.raw_start..end, mark });
    }

    fn word(&mut self, word: &str, raw: Range<usize>, same: bool) {
        if self.breaks > 0 && !self.text.text().is_empty() {
            let ends = if self.breaks == 1 { "\n" } else { "\n\n" };
            self.text.push_replaced(ends, raw.start..raw.start);
        } else if self.space {
            self.text.push_replaced(" ", raw.start..raw.start);
        }
        self.breaks = 0;
        self.space = false;
        self.filled = false;
        self.line_is_empty = false;
        if same {
            self.text.push_same(word, raw.start);
        } else {
            self.text.push_replaced(word, raw);
        }
    }

    /// Adds white space: `character` stands at `raw`.
    fn white_space(&mut self, character: char, raw: Range<usize>) {
        match character {
            '\n' if self.preformatted > 0 => {
                self.breaks = (self.breaks + 1).min(2);
                self.space = false;
                self.line_is_empty = true;
            }
            '\u{a0}' if self.line_is_empty => self.filled = true,
            _ if self.line_is_empty => {}
            // One byte between two words is the usual case and keeps the piece going.
            _ if !self.space && raw.len() == 1 && self.is_before_word(&raw) => {
                self.text.push_same(" ", raw.start);
            }
            _ => self.space = true,
        }
    }

    /// Tells whether a word follows directly in the raw text.
    fn is_before_word(&self, raw: &Range<usize>) -> bool {
        let next = self.raw.get(raw.end..).and_then(|rest| rest.chars().next());
        next.is_some_and(|next| !next.is_whitespace() && !matches!(next, '<' | '&'))
    }
}

impl TokenWriter for Converter<'_> {
    fn start_tag(&mut self, tag: &StartTag, raw: Range<usize>) {
        self.end_paragraph(tag, raw.start);
        let role = if self.is_hidden() { ElementRole::Plain } else { role(tag) };
        let is_container = !matches!(role, ElementRole::Plain | ElementRole::Rest);
        if !is_container || self.containers.len() >= MAX_DEPTH {
            self.count(&tag.name);
        }
        if self.is_hidden() {
            return;
        }
        match tag.name.as_slice() {
            b"br" => {
                self.breaks = (self.breaks + 1).min(2);
                self.space = false;
                self.filled = false;
                self.line_is_empty = true;
            }
            b"td" | b"th" if !self.line_is_empty => self.space = true,
            b"pre" => {
                self.preformatted += 1;
                self.break_line(2);
            }
            _ => {
                if let Some(breaks) = tag.breaks() {
                    self.break_line(breaks);
                }
            }
        }
        match role {
            ElementRole::Plain => {}
            ElementRole::Rest => {
                self.break_line(1);
                self.marks.push(MarkedRange { raw: raw.start..raw.start, mark: Mark::Rest });
            }
            ElementRole::Hidden | ElementRole::Quote | ElementRole::Signature => {
                self.open(tag, role, raw.start);
            }
        }
    }

    fn end_tag(&mut self, name: &[u8], raw: Range<usize>) {
        let found = self.containers.iter().rposition(|container| container.name == name);
        if let Some(index) = found
            && let Some(container) = self.containers.get_mut(index)
        {
            container.open -= 1;
            if container.open == 0 {
                // What was left open within it ends with it.
                for container in self.containers.split_off(index).into_iter().rev() {
                    self.close(&container, raw.end);
                }
            }
        }
        if self.is_hidden() {
            return;
        }
        if name == b"pre" {
            self.preformatted = self.preformatted.saturating_sub(1);
        }
        if let Some(breaks) = element::breaks_after(name) {
            self.break_line(breaks);
        }
    }

    fn text(&mut self, text: &str, raw: Range<usize>, same: bool) {
        if self.is_hidden() {
            return;
        }
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
            if let Some(word) = rest.get(..length).filter(|word| !word.is_empty()) {
                let from = if same { raw.start + at..raw.start + at + length } else { raw.clone() };
                self.word(word, from, same);
                at += length;
            } else if let Some(character) = rest.chars().next() {
                let length = character.len_utf8();
                let from = if same { raw.start + at..raw.start + at + length } else { raw.clone() };
                self.white_space(character, from);
                at += length;
            }
        }
    }
}
