//! E-mail and web addresses.

use std::ops::Range;

use super::folding::ascii_form;
use super::reading::Reading;
use super::{Entity, EntityType};

/// Longest local part of an e-mail address, in bytes (RFC 5321).
const MAX_LOCAL_BYTES: usize = 64;

/// Longest host name, in bytes (RFC 1035).
const MAX_HOST_BYTES: usize = 253;

/// Longest web address that is read, in bytes.
const MAX_URL_BYTES: usize = 2_048;

/// Endings by which a host without `www.` and without a path is known.
///
/// Endings that are words (`it`, `is`, `me`, `net`) need one of these: a full stop without a space after it is more
/// frequent in messages than such an address.
const PLAIN_ENDINGS: [&str; 26] = [
    "com", "org", "example", "info", "shop", "store", "io", "eu", "uk", "ru", "pl", "jp", "cn",
    "kr", "fr", "tr", "nl", "br", "ch", "ca", "au", "ie", "dk", "fi", "ae", "sa",
];

/// Endings by which a host with a path is known.
const PATH_ENDINGS: [&str; 22] = [
    "de", "it", "es", "pt", "se", "at", "be", "net", "biz", "co", "us", "me", "app", "dev",
    "online", "no", "mx", "ar", "in", "to", "ly", "gl",
];

/// Languages in which an ending is a word.
const WORDS: [(&str, &str); 3] = [("com", "pt"), ("net", "nl"), ("shop", "de")];

/// Adds the addresses of a text.
pub(super) fn find(reading: &mut Reading<'_>, found: &mut Vec<Entity>) {
    let mut at = 0;
    while let Some(run) = next_run(reading.text.as_str().as_bytes(), at) {
        at = run.end;
        let Some(address) = address_at(reading, &run) else { continue };
        at = at.max(address.range.end);
        let original = reading.text.original(&address.range);
        let entity = if address.kind == EntityType::Email {
            reading.entity(EntityType::Email, &address.range, lower_case(original), 0.99)
        } else {
            reading.entity(EntityType::Url, &address.range, absolute(original), 0.95)
        };
        found.push(entity);
        reading.take(&address.range);
    }
}

struct Address {
    kind: EntityType,
    range: Range<usize>,
}

/// Returns the next run of characters of a host name that has a dot.
fn next_run(bytes: &[u8], from: usize) -> Option<Range<usize>> {
    let mut at = from;
    loop {
        let start = at + bytes.get(at..)?.iter().position(|byte| is_host(*byte))?;
        let length = bytes.get(start..)?.iter().take_while(|byte| is_host(**byte)).count();
        at = start + length;
        let run = bytes.get(start..at)?;
        let leading = run.iter().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
        let trailing = run.iter().rev().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
        if leading + trailing < length {
            let trimmed = start + leading..at - trailing;
            if bytes.get(trimmed.clone())?.contains(&b'.') {
                return Some(trimmed);
            }
        }
    }
}

fn is_host(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-')
}

fn address_at(reading: &Reading<'_>, run: &Range<usize>) -> Option<Address> {
    let text = &reading.text;
    let host = text.slice(run.clone());
    if !is_host_name(host) || text.byte(run.end) == Some(b'@') {
        return None;
    }
    if text.byte_before(run.start) == Some(b'@') {
        let start = local_part_start(text.as_str().as_bytes(), run.start - 1)?;
        return Some(Address { kind: EntityType::Email, range: start..run.end });
    }
    let scheme = scheme_start(text.slice(0..run.start));
    let end = path_end(text.as_str().as_bytes(), run.end);
    let has_path = end > run.end;
    if scheme.is_none() && !host.starts_with("www.") && !is_known(host, has_path, reading.language)
    {
        return None;
    }
    Some(Address { kind: EntityType::Url, range: scheme.unwrap_or(run.start)..end })
}

fn is_host_name(host: &str) -> bool {
    let ending = host.rsplit('.').next().unwrap_or_default();
    host.len() <= MAX_HOST_BYTES
        && ending.len() >= 2
        && ending.bytes().all(|byte| byte.is_ascii_lowercase())
        && host.split('.').all(|label| !label.is_empty())
}

fn local_part_start(bytes: &[u8], at_sign: usize) -> Option<usize> {
    let is_local = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'%' | b'+' | b'-' | b'\'');
    let before = bytes.get(at_sign.saturating_sub(MAX_LOCAL_BYTES)..at_sign)?;
    let length = before.iter().rev().take_while(|byte| is_local(byte)).count();
    let local = before.get(before.len() - length..)?;
    let leading =
        local.iter().take_while(|byte| !byte.is_ascii_alphanumeric() && **byte != b'_').count();
    (leading < length).then_some(at_sign - length + leading)
}

fn scheme_start(before: &str) -> Option<usize> {
    ["https://", "http://"]
        .into_iter()
        .find(|scheme| before.ends_with(scheme))
        .map(|scheme| before.len() - scheme.len())
}

/// Returns where the port, path and query end that follow a host, without the punctuation of the sentence.
fn path_end(bytes: &[u8], host_end: usize) -> usize {
    let rest = bytes.get(host_end..).unwrap_or_default();
    let begins = match rest {
        [b'/' | b'?' | b'#', ..] => true,
        [b':', digit, ..] => digit.is_ascii_digit(),
        _ => false,
    };
    if !begins {
        return host_end;
    }
    let length = rest.iter().take(MAX_URL_BYTES).take_while(|byte| is_path(**byte)).count();
    let path = rest.get(..length).unwrap_or_default();
    let kept =
        path.len() - path.iter().rev().take_while(|byte| ends_sentence(**byte, path)).count();
    host_end + kept
}

fn is_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&()*+,;=%".contains(&byte)
}

fn ends_sentence(byte: u8, path: &[u8]) -> bool {
    match byte {
        b')' => !path.contains(&b'('),
        b']' => !path.contains(&b'['),
        _ => b".,;:!?(*".contains(&byte),
    }
}

/// Tells whether a host without scheme is one, or two sentences without a space between them.
fn is_known(host: &str, has_path: bool, language: &str) -> bool {
    let Some((name, ending)) = host.rsplit_once('.') else { return false };
    let is_name = name.len() >= 2 && name.bytes().any(|byte| byte.is_ascii_lowercase());
    let is_word = WORDS.contains(&(ending, language));
    is_name
        && ((PLAIN_ENDINGS.contains(&ending) && (has_path || !is_word))
            || (has_path && PATH_ENDINGS.contains(&ending)))
}

fn lower_case(original: &str) -> String {
    original.chars().map(ascii_form).flat_map(char::to_lowercase).collect()
}

/// Returns an address with scheme and with the host in lower case.
fn absolute(original: &str) -> String {
    let ascii: String = original.chars().map(ascii_form).collect();
    let (scheme, rest) = match ascii.split_once("://") {
        Some((scheme, rest)) if scheme.len() <= 5 => (scheme.to_ascii_lowercase(), rest),
        _ => ("https".to_owned(), ascii.as_str()),
    };
    let host_length = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(host_length);
    format!("{scheme}://{}{path}", host.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_lower_case_and_the_path_is_kept() {
        assert_eq!(absolute("Shop.example/P/Kx"), "https://shop.example/P/Kx");
        assert_eq!(absolute("HTTP://Shop.example"), "http://shop.example");
    }

    #[test]
    fn a_missing_space_makes_no_address() {
        assert!(!is_known("arrived.is", false, "en"));
        assert!(!is_known("pedido.com", false, "pt"));
        assert!(is_known("shop.example", false, "pt"));
        assert!(!is_known("z.de", true, "de"));
    }

    #[test]
    fn the_punctuation_of_the_sentence_is_left_out() {
        let text = b"shop.example/a?b=1). ";

        assert_eq!(path_end(text, 12), 18);
    }
}
