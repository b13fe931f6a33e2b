//! What HTML elements mean for the text of a mail.

/// A start tag with the attributes that matter, names in lower case.
#[derive(Debug, Default)]
pub(super) struct StartTag {
    pub(super) name: Vec<u8>,
    pub(super) class: String,
    pub(super) id: String,
    pub(super) style: String,
    /// Values of `type` and `name`.
    pub(super) kind: String,
    pub(super) is_hidden: bool,
    pub(super) has_cite: bool,
}

impl StartTag {
    pub(super) fn clear(&mut self) {
        self.name.clear();
        self.class.clear();
        self.id.clear();
        self.style.clear();
        self.kind.clear();
        self.is_hidden = false;
        self.has_cite = false;
    }

    /// Returns how many line ends the tag puts before its content; `None` when it is part of a line.
    pub(super) fn breaks(&self) -> Option<usize> {
        let breaks = breaks_after(&self.name)?;
        // Outlook makes each line a paragraph.
        let is_line = self.class.starts_with("Mso") || self.class.starts_with("x_Mso");
        Some(if is_line { 1 } else { breaks })
    }

    /// Tells whether the element has no end tag.
    pub(super) fn is_void(&self) -> bool {
        matches!(
            self.name.as_slice(),
            b"area"
                | b"base"
                | b"br"
                | b"col"
                | b"embed"
                | b"hr"
                | b"img"
                | b"input"
                | b"link"
                | b"meta"
                | b"source"
                | b"track"
                | b"wbr"
        )
    }
}

/// Returns how many line ends follow an element: 2 behind a paragraph, 1 behind another block, `None` within a line.
pub(super) fn breaks_after(name: &[u8]) -> Option<usize> {
    match name {
        b"blockquote" | b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6" | b"hr" | b"ol" | b"pre"
        | b"p" | b"table" | b"ul" => Some(2),
        b"address" | b"article" | b"aside" | b"body" | b"center" | b"dd" | b"div" | b"dl"
        | b"dt" | b"fieldset" | b"footer" | b"form" | b"header" | b"li" | b"main" | b"nav"
        | b"section" | b"tbody" | b"tfoot" | b"thead" | b"tr" => Some(1),
        _ => None,
    }
}

/// What is done with the content of an element.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ElementRole {
    /// Nothing special.
    Plain,
    /// Not shown to a reader: dropped.
    Hidden,
    /// What the message answers.
    Quote,
    /// The sender's signature.
    Signature,
    /// What the message answers begins here and goes on to the end.
    Rest,
}

/// Classes of containers that hold a quote and nothing else.
const QUOTE_CLASSES: [&str; 6] =
    ["gmail_attr", "moz-cite-prefix", "tutanota_quote", "zmail_extra", "mail_quote", "wt_quote"];

/// Identifiers of elements that hold a quote and nothing else.
const QUOTE_IDS: [&str; 4] = [
    "isReplyContent",
    "OLK_SRC_BODY_SECTION",
    "mail-editor-reference-message-container",
    "replySplit",
];

const SIGNATURE_CLASSES: [&str; 4] =
    ["gmail_signature", "moz-signature", "protonmail_signature_block", "tutanota_signature"];

const SIGNATURE_IDS: [&str; 3] = ["Signature", "ms-outlook-mobile-signature", "signature"];

/// Tells what to do with an element.
pub(super) fn role(tag: &StartTag) -> ElementRole {
    if tag.is_void() {
        return ElementRole::Plain;
    }
    if is_hidden(tag) {
        return ElementRole::Hidden;
    }
    let id = without_prefix(&tag.id);
    if matches!(id, "appendonsend" | "divRplyFwdMsg") {
        return ElementRole::Rest;
    }
    let mut classes = tag.class.split_ascii_whitespace().map(without_prefix);
    let has_class = |names: &[&str], class: &str| names.contains(&class);
    if is_quote(tag)
        || QUOTE_IDS.contains(&id)
        || classes.clone().any(|class| has_class(&QUOTE_CLASSES, class))
    {
        return ElementRole::Quote;
    }
    if SIGNATURE_IDS.contains(&id) || classes.any(|class| has_class(&SIGNATURE_CLASSES, class)) {
        return ElementRole::Signature;
    }
    ElementRole::Plain
}

/// Outlook puts `x_` before names that came with a mail, once for each time it passes through.
fn without_prefix(name: &str) -> &str {
    name.trim_start_matches("x_")
}

fn is_hidden(tag: &StartTag) -> bool {
    if matches!(tag.name.as_slice(), b"script" | b"style" | b"title" | b"noscript" | b"iframe") {
        return true;
    }
    if tag.is_hidden {
        return true;
    }
    if tag.style.is_empty() {
        return false;
    }
    let declarations = tag.style.split(';').filter_map(|declaration| declaration.split_once(':'));
    for (name, value) in declarations {
        let value = value.trim().trim_end_matches("!important").trim();
        let zero = matches!(value, "0" | "0px" | "0pt" | "0em");
        let name = name.trim();
        let hides = match name.to_ascii_lowercase().as_str() {
            "display" => value.eq_ignore_ascii_case("none"),
            "visibility" => value.eq_ignore_ascii_case("hidden"),
            "mso-hide" => value.eq_ignore_ascii_case("all"),
            "max-height" => zero,
            _ => false,
        };
        if hides {
            return true;
        }
    }
    false
}

fn is_quote(tag: &StartTag) -> bool {
    if tag.class.contains("yahoo_quoted")
        || matches!(tag.kind.as_str(), "quote" | "messageReplySection")
    {
        return true;
    }
    if tag.name != b"blockquote" {
        return false;
    }
    // Gmail's button for indenting makes a blockquote too, with a margin and no border.
    let style = tag.style.to_ascii_lowercase();
    tag.has_cite
        || tag.kind == "cite"
        || tag.class.contains("quote")
        || tag.class.contains("cite")
        || style.contains("border-left")
        || style.contains("border-right")
        || (style.is_empty() && tag.class.is_empty())
}
