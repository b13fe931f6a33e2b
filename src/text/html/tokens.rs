//! Receives what the HTML tokenizer finds, with positions.

use std::convert::Infallible;
use std::mem::take;
use std::ops::Range;

use html5gum::{Emitter, Error, State, naive_next_state};

use super::element::StartTag;

/// Takes tags and text as they come; ranges are bytes of the raw text.
pub(super) trait TokenWriter {
    fn start_tag(&mut self, tag: &StartTag, raw: Range<usize>);
    fn end_tag(&mut self, name: &[u8], raw: Range<usize>);
    /// `same` tells that `text` is just what stands in the raw text.
    fn text(&mut self, text: &str, raw: Range<usize>, same: bool);
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum TagKind {
    #[default]
    Start,
    End,
}

/// Which attribute is being read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Attribute {
    #[default]
    Other,
    Class,
    Id,
    Style,
    Kind,
}

/// The tokenizer's side.
pub(super) struct TokenReceiver<'a, W> {
    raw: &'a str,
    writer: &'a mut W,
    /// Bytes read so far.
    position: usize,
    /// Where the text or tag being read begins.
    pending: usize,
    kind: TagKind,
    tag: StartTag,
    last_start_tag: Vec<u8>,
    attribute_name: Vec<u8>,
    attribute: Attribute,
    value: Vec<u8>,
    /// First bytes of a character whose last ones have not come yet.
    partial: Vec<u8>,
}

impl<'a, W: TokenWriter> TokenReceiver<'a, W> {
    pub(super) fn new(raw: &'a str, writer: &'a mut W) -> Self {
        Self {
            raw,
            writer,
            position: 0,
            pending: 0,
            kind: TagKind::default(),
            tag: StartTag::default(),
            last_start_tag: Vec::new(),
            attribute_name: Vec::new(),
            attribute: Attribute::default(),
            value: Vec::new(),
            partial: Vec::new(),
        }
    }

    /// Returns the raw range from what has been handed on to `end`.
    fn advance(&mut self, end: usize) -> Range<usize> {
        let end = end.min(self.raw.len());
        let start = self.pending.min(end);
        self.pending = end;
        start..end
    }

    fn finish_name(&mut self) {
        if self.attribute_name.is_empty() {
            return;
        }
        self.attribute = match self.attribute_name.as_slice() {
            b"class" => Attribute::Class,
            b"id" => Attribute::Id,
            b"style" => Attribute::Style,
            b"type" | b"name" => Attribute::Kind,
            _ => Attribute::Other,
        };
        match self.attribute_name.as_slice() {
            b"hidden" => self.tag.is_hidden = true,
            b"cite" => self.tag.has_cite = true,
            _ => {}
        }
        self.attribute_name.clear();
    }

    fn finish_attribute(&mut self) {
        self.finish_name();
        let target = match self.attribute {
            Attribute::Other => None,
            Attribute::Class => Some(&mut self.tag.class),
            Attribute::Id => Some(&mut self.tag.id),
            Attribute::Style => Some(&mut self.tag.style),
            Attribute::Kind => Some(&mut self.tag.kind),
        };
        if let Some(target) = target.filter(|target| target.is_empty()) {
            *target = String::from_utf8_lossy(&self.value).into_owned();
        }
        self.attribute = Attribute::Other;
        self.value.clear();
    }
}

impl<W: TokenWriter> Emitter for TokenReceiver<'_, W> {
    type Token = Infallible;

    fn set_last_start_tag(&mut self, last_start_tag: Option<&[u8]>) {
        self.last_start_tag = last_start_tag.unwrap_or_default().to_vec();
    }

    fn emit_eof(&mut self) {}

    fn emit_error(&mut self, _error: Error) {}

    fn should_emit_errors(&mut self) -> bool {
        false
    }

    fn pop_token(&mut self) -> Option<Infallible> {
        None
    }

    fn move_position(&mut self, offset: isize) {
        self.position = self.position.saturating_add_signed(offset);
    }

    fn emit_string(&mut self, characters: &[u8]) {
        // The tokenizer reads bytes: what stands after a reference may come in two parts that split a character.
        let mut bytes = take(&mut self.partial);
        bytes.extend_from_slice(characters);
        if let Err(error) = std::str::from_utf8(&bytes) {
            self.partial = bytes.split_off(error.valid_up_to());
            // More than the beginning of one character is no text at all.
            if self.partial.len() > 3 {
                self.partial.clear();
            }
        }
        let characters = bytes.as_slice();
        let text = std::str::from_utf8(characters).unwrap_or_default();
        // Text that was held back until it was clear that it is no tag or entity ends before what has been read.
        let end = self.position.saturating_sub(self.partial.len()).min(self.raw.len());
        let raw = self.raw.as_bytes();
        let start = end.saturating_sub(characters.len());
        let same = start >= self.pending && raw.get(start..end) == Some(characters);
        let from = if same { start } else { self.pending };
        self.pending = from;
        let range = self.advance(end);
        self.writer.text(text, range, same);
    }

    fn init_start_tag(&mut self) {
        self.kind = TagKind::Start;
        self.tag.clear();
    }

    fn init_end_tag(&mut self) {
        self.kind = TagKind::End;
        self.tag.clear();
    }

    fn init_comment(&mut self) {}

    fn emit_current_tag(&mut self) -> Option<State> {
        self.finish_attribute();
        let range = self.advance(self.position);
        let tag = take(&mut self.tag);
        let mut next = None;
        match self.kind {
            TagKind::Start => {
                self.last_start_tag.clone_from(&tag.name);
                next = naive_next_state(&tag.name);
                self.writer.start_tag(&tag, range);
            }
            TagKind::End => {
                self.last_start_tag.clear();
                self.writer.end_tag(&tag.name, range);
            }
        }
        self.tag = tag;
        next
    }

    fn emit_current_comment(&mut self) {
        self.pending = self.position;
    }

    fn emit_current_doctype(&mut self) {
        self.pending = self.position;
    }

    fn set_self_closing(&mut self) {}

    fn set_force_quirks(&mut self) {}

    fn push_tag_name(&mut self, name: &[u8]) {
        self.tag.name.extend_from_slice(name);
    }

    fn push_comment(&mut self, _comment: &[u8]) {}

    fn push_doctype_name(&mut self, _name: &[u8]) {}

    fn init_doctype(&mut self) {}

    fn init_attribute(&mut self) {
        self.finish_attribute();
    }

    fn push_attribute_name(&mut self, name: &[u8]) {
        self.attribute_name.extend_from_slice(name);
    }

    fn push_attribute_value(&mut self, value: &[u8]) {
        self.finish_name();
        if self.attribute != Attribute::Other {
            self.value.extend_from_slice(value);
        }
    }

    fn set_doctype_public_identifier(&mut self, _value: &[u8]) {}

    fn set_doctype_system_identifier(&mut self, _value: &[u8]) {}

    fn push_doctype_public_identifier(&mut self, _value: &[u8]) {}

    fn push_doctype_system_identifier(&mut self, _value: &[u8]) {}

    fn current_is_appropriate_end_tag_token(&mut self) -> bool {
        self.kind == TagKind::End
            && !self.last_start_tag.is_empty()
            && self.last_start_tag == self.tag.name
    }
}
