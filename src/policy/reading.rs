//! Kinds of values that the files of policies and scenarios have in common.

use crate::suggestion::did_you_mean;
use crate::yaml::{Faults, Node, Position, quoted};

/// Characters of a name at most.
const MAX_NAME_CHARS: usize = 64;
/// Characters of a description, a tag, a macro's id and the like at most.
const MAX_TEXT_CHARS: usize = 256;

/// Reads a name: small letters, digits and hyphens.
pub(super) fn name<'a>(node: &'a Node, faults: &mut Faults) -> Option<&'a str> {
    let text = node.text(faults)?;
    if is_name(text) {
        return Some(text);
    }
    let message = format!(
        "{} is no name: small letters, digits and hyphens, at most {MAX_NAME_CHARS}",
        quoted(text)
    );
    faults.add(node.position, message);
    None
}

pub(super) fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= MAX_NAME_CHARS && text.bytes().all(allowed)
}

/// Reads a text on one line that is neither blank nor long.
pub(super) fn line<'a>(node: &'a Node, faults: &mut Faults) -> Option<&'a str> {
    let text = node.text(faults)?;
    line_of(text, node.position, faults).then_some(text)
}

/// Reports a text that is not on one line, blank or long; tells whether it is none of these.
pub(super) fn line_of(text: &str, at: Position, faults: &mut Faults) -> bool {
    let wrong = if text.trim().is_empty() {
        "is blank".to_owned()
    } else if text.chars().nth(MAX_TEXT_CHARS).is_some() {
        format!("is longer than {MAX_TEXT_CHARS} characters")
    } else if text.chars().any(char::is_control) {
        "holds line breaks or other control characters".to_owned()
    } else {
        return true;
    };
    faults.add(at, format!("this text {wrong}"));
    false
}

/// Reads a list of texts without repeats.
pub(super) fn lines(node: Option<&Node>, faults: &mut Faults) -> Vec<String> {
    let Some(list) = node.and_then(|node| node.list(faults)) else {
        return Vec::new();
    };
    let mut read: Vec<String> = Vec::new();
    if let Some(extra) = list.get(MAX_TEXT_CHARS) {
        faults.add(extra.position, format!("more than {MAX_TEXT_CHARS} entries"));
        return read;
    }
    for node in list {
        let Some(text) = line(node, faults) else { continue };
        if read.iter().any(|known| known == text) {
            faults.add(node.position, format!("{} occurs twice", quoted(text)));
        } else {
            read.push(text.to_owned());
        }
    }
    read
}

/// Reads one of a fixed set of words.
pub(super) fn choice<T: Copy>(
    node: &Node,
    all: &[T],
    word: impl Fn(T) -> &'static str,
    faults: &mut Faults,
) -> Option<T> {
    let text = node.text(faults)?;
    let found = all.iter().copied().find(|candidate| word(*candidate) == text);
    if found.is_none() {
        let words = all.iter().map(|candidate| word(*candidate));
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        let hint = did_you_mean(text, words.iter().copied());
        let hint =
            if hint.is_empty() { format!(", expected one of {}", words.join(", ")) } else { hint };
        faults.add(node.position, format!("unknown value {}{hint}", quoted(text)));
    }
    found
}

/// Finds a name among those that were defined; `kind` says of what, such as "queue".
pub(super) fn position_of<'a>(
    node: &Node,
    kind: &str,
    names: impl Iterator<Item = &'a str> + Clone,
    faults: &mut Faults,
) -> Option<usize> {
    let text = node.text(faults)?;
    let found = names.clone().position(|name| name == text);
    if found.is_none() {
        let hint = did_you_mean(text, names);
        faults.add(node.position, format!("unknown {kind} {}{hint}", quoted(text)));
    }
    found
}

/// Reads a number in [0, 1].
pub(super) fn probability(node: &Node, faults: &mut Faults) -> Option<f64> {
    let number = node.number(faults)?;
    if (0.0..=1.0).contains(&number) {
        return Some(number);
    }
    faults.add(node.position, format!("{number} is no probability, they lie between 0 and 1"));
    None
}

/// Reads a whole number of moderate size.
pub(super) fn points(node: &Node, faults: &mut Faults) -> Option<i32> {
    const MOST: i32 = 1_000_000;
    let number = node.integer(faults)?;
    match i32::try_from(number) {
        Ok(points) if (-MOST..=MOST).contains(&points) => Some(points),
        Ok(_) | Err(_) => {
            faults.add(node.position, format!("{number} is beyond {MOST} points"));
            None
        }
    }
}
