//! Tells HTML from text that merely has angle brackets in it.

use std::borrow::Cow;

/// Tells whether a text is HTML: whether some line has a whole tag that mail is written with.
///
/// `size <40`, `I <3 it`, `<b and c>` and `<shop@example.com>` are not.
pub(crate) fn looks_like_html(text: &str) -> bool {
    next_tag(text).is_some()
}

/// Returns a line of text with a space behind every `<` that could be taken for a tag.
///
/// Taken as HTML again they would be lost.
pub(crate) fn without_tags(line: &str) -> Cow<'_, str> {
    let mut result = String::new();
    let mut kept = 0;
    for end in tag_starts(line) {
        result.push_str(line.get(kept..end).unwrap_or_default());
        result.push(' ');
        kept = end;
    }
    if kept == 0 {
        return Cow::Borrowed(line);
    }
    result.push_str(line.get(kept..).unwrap_or_default());
    Cow::Owned(result)
}

/// Returns the bytes before which [`without_tags`] puts a space, in order: those behind each `<`.
pub(crate) fn tag_starts(line: &str) -> impl Iterator<Item = usize> {
    let mut from = 0;
    std::iter::from_fn(move || {
        from += next_tag(line.get(from..)?)? + 1;
        Some(from)
    })
}

/// Returns where the first tag begins.
fn next_tag(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + text.get(from..)?.find('<')?;
        if text.get(at + 1..).is_some_and(is_tag) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// Longest tag that is looked at, in bytes; the style attributes of mail programs are long.
const MAX_TAG_BYTES: usize = 2_048;

/// Tells whether a text begins with the rest of a tag whose `<` stands before it.
fn is_tag(text: &str) -> bool {
    let text = text.strip_prefix('/').unwrap_or(text);
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'!');
    let name_length = text.bytes().take(16).take_while(is_name).count();
    let Some((name, rest)) = text.split_at_checked(name_length) else { return false };
    let name = name.to_ascii_lowercase();
    let is_known = match name.as_str() {
        "!doctype" => return true,
        "b" | "i" | "u" | "s" | "em" | "strong" | "tr" | "tbody" | "thead" | "title" | "small" => {
            true
        }
        "html" | "head" | "body" | "div" | "p" | "br" | "span" | "table" | "td" | "th" | "a"
        | "blockquote" | "img" | "style" | "font" | "meta" | "ul" | "ol" | "li" | "h1" | "h2"
        | "h3" | "h4" | "h5" | "h6" | "hr" | "center" | "pre" | "o:p" => true,
        _ => return false,
    };
    is_known && ends_as_tag(rest)
}

fn ends_as_tag(rest: &str) -> bool {
    if rest.starts_with('>') || rest.starts_with("/>") {
        return true;
    }
    if !rest.starts_with(' ') {
        return false;
    }
    let window = rest.bytes().take(MAX_TAG_BYTES).take_while(|&byte| byte != b'\n' && byte != b'<');
    let mut has_attribute = false;
    for byte in window {
        match byte {
            b'=' => has_attribute = true,
            b'>' => return has_attribute || rest.trim_start().starts_with("/>"),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_hearts_and_addresses_are_not_html() {
        for text in [
            "size <40 and >38",
            "I <3 it",
            "a <b and c> d",
            "Ann <ann@shop.example> wrote:",
            "<https://b.example/>",
            "x < y > z",
            "<<<>>>",
            "<p",
            "<br",
            "<table for 2>",
        ] {
            assert!(!looks_like_html(text), "{text}");
        }
    }

    #[test]
    fn whole_tags_are_html() {
        for text in
            ["<!DOCTYPE html>", "a<br>b", "<BR />", "<p class=\"x\">", "</div>", "I <b>am</b>"]
        {
            assert!(looks_like_html(text), "{text}");
            assert!(!looks_like_html(&without_tags(text)), "{text}");
        }
    }
}
