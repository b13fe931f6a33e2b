//! Links that carry more tracking than meaning.

use std::borrow::Cow;
use std::ops::Range;

use super::characters::is_boundary;

/// Bytes from which a link says less than it takes.
const MAX_LINK_BYTES: usize = 120;

/// Query parameters that only count clicks.
const TRACKING_PARAMETERS: [&str; 14] = [
    "utm_", "fbclid=", "gclid=", "gbraid=", "wbraid=", "dclid=", "msclkid=", "yclid=", "igshid=",
    "mc_cid=", "mc_eid=", "_hsenc=", "mkt_tok=", "vero_id=",
];

/// Beginnings of hosts that only redirect from a mailing.
const REDIRECT_PREFIXES: [&str; 9] = [
    "click.",
    "clicks.",
    "clicktracking.",
    "links.",
    "link.",
    "email.",
    "trk.",
    "go.mail.",
    "mailing.",
];

/// Parts of hosts that only redirect from a mailing.
const REDIRECT_HOSTS: [&str; 9] = [
    "list-manage.com",
    "sendgrid",
    "mandrillapp.com",
    "mailchi.mp",
    "hubspotlinks",
    "safelinks.protection.outlook.com",
    "urldefense",
    "awstrack.me",
    "mailgun",
];

/// Puts the host alone in the place of every link in a line that tracks or is very long.
pub(super) fn shorten(line: &str) -> Cow<'_, str> {
    match shortened_parts(line) {
        None => Cow::Borrowed(line),
        Some(parts) => Cow::Owned(parts.into_iter().filter_map(|part| line.get(part)).collect()),
    }
}

/// Returns the parts of a line that [`shorten`] keeps, in bytes and in order; `None` when it keeps all of it.
pub(super) fn shortened_parts(line: &str) -> Option<Vec<Range<usize>>> {
    let mut parts = Vec::new();
    let mut kept = 0;
    let mut rest = line;
    while let Some((_, scheme, after)) = next_link(rest) {
        let (link, tail) = split_link(after);
        // A mark that combines with the link's last character must not combine with the host's.
        let is_whole = tail.chars().next().is_none_or(is_boundary);
        if let Some(host) = host(link).filter(|host| is_whole && is_noise(host, link)) {
            let start = line.len() - after.len();
            parts.push(kept..start - scheme.len());
            parts.push(start..start + host.len());
            kept = line.len() - tail.len();
        }
        rest = tail;
    }
    if parts.is_empty() {
        return None;
    }
    parts.push(kept..line.len());
    Some(parts)
}

/// Returns what is before the next link, its scheme and what follows the scheme.
fn next_link(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let colon = from + text.get(from..)?.find("://")?;
        let (head, tail) = text.split_at_checked(colon + 3)?;
        for scheme in ["https://", "http://"] {
            if let Some(before) = head.strip_suffix(scheme) {
                return Some((before, scheme, tail));
            }
        }
        from = colon + 3;
    }
}

/// Splits a text that begins within a link behind the link.
fn split_link(text: &str) -> (&str, &str) {
    let ends = |character: char| {
        !character.is_ascii()
            || character.is_ascii_whitespace()
            || matches!(character, '<' | '>' | '"' | ')' | ']' | '}' | '|' | '`')
    };
    let end = text.find(ends).unwrap_or(text.len());
    let link = text.get(..end).unwrap_or_default();
    let length = link.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '*', '_']).len();
    text.split_at_checked(length).unwrap_or((text, ""))
}

/// Returns the host of a link without its scheme, if it is one that can stand alone.
fn host(link: &str) -> Option<&str> {
    let authority = link.split(['/', '?', '#']).next()?;
    let host = authority.split(':').next()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    let first = host.bytes().next()?;
    (first.is_ascii_alphanumeric() && host.contains('.') && host.bytes().all(plain)).then_some(host)
}

fn is_noise(host: &str, link: &str) -> bool {
    link.len() > MAX_LINK_BYTES
        || REDIRECT_PREFIXES.iter().any(|prefix| host.starts_with(prefix))
        || REDIRECT_HOSTS.iter().any(|part| host.contains(part))
        || link.split_once('?').is_some_and(|(_, query)| {
            TRACKING_PARAMETERS.iter().any(|parameter| query.contains(parameter))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracking_links_become_their_host() {
        assert_eq!(
            shorten("see https://shop.example/p?utm_source=x&id=5, and http://click.m.example/a."),
            "see shop.example, and click.m.example."
        );
    }

    #[test]
    fn other_links_stay() {
        let line = "https://shop.example/p?id=5 (http://a.example) ftp://b.example/?utm_x=1 ://";

        assert_eq!(shorten(line), line);
    }

    #[test]
    fn a_mark_that_combines_with_a_link_keeps_it_whole() {
        let line = "https://a.example/?utm_source=1\u{301}";

        assert_eq!(shorten(line), line);
    }

    #[test]
    fn a_host_that_could_be_taken_for_markup_stays_a_link() {
        assert_eq!(shorten("<https://b?utm_source=1>"), "<https://b?utm_source=1>");
    }
}
