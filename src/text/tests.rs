use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::message::{Limits, MessageDraft, ValidationErrors};

fn message(subject: &str, text: &str) -> Message {
    MessageDraft { subject: subject.into(), text: text.into(), ..MessageDraft::default() }
        .validate(&Limits::default(), ValidationErrors::default())
        .unwrap()
}

#[test]
fn control_and_zero_width_characters_are_removed() {
    assert_eq!(normalize("\u{feff}wh\0ere\u{200b} is\r\nmy\torder\u{7} "), "where is\nmy order");
}

#[test]
fn combining_marks_are_composed_and_emoji_sequences_stay() {
    assert_eq!(normalize("u\u{308}ber"), "über");
    assert_eq!(normalize("👩\u{200d}🚀"), "👩\u{200d}🚀");
}

#[test]
fn blank_text_leaves_the_subject() {
    let normalized = NormalizedText::of(&message("Where is it?", " \u{200b}\n"));

    assert_eq!(normalized.text, "Where is it?");
    assert!(normalized.subject_only);
}

#[test]
fn subject_comes_before_the_text() {
    assert_eq!(NormalizedText::of(&message("Order", "late")).text, "Order\n\nlate");
    assert!(NormalizedText::of(&message("\u{200b}", "\0\n")).is_blank());
}

#[test]
fn a_bare_quote_leaves_the_subject_and_a_bare_forward_is_the_message() {
    let quote = NormalizedText::of(&message("Re: refund?", "> We are\n> looking into it"));
    let forward = NormalizedText::of(&message(
        "Fwd",
        "---------- Forwarded message ---------\nFrom: a@b.example\nSubject: x\n\nYour parcel is lost.",
    ));

    assert_eq!(quote.text, "Re: refund?");
    assert!(quote.subject_only);
    assert_eq!(forward.text, "Fwd\n\nYour parcel is lost.");
}

#[test]
fn subjects_are_not_cut() {
    assert_eq!(NormalizedText::of(&message("> Sent from my iPhone", "")).text, "> Sent from my iPhone");
}

/// Returns the part of `raw` that code points `span` are.
fn code_points(raw: &str, span: std::ops::Range<usize>) -> String {
    raw.chars().skip(span.start).take(span.len()).collect()
}

#[test]
fn spans_lead_back_through_html_entities_and_composition() {
    let raw = "<p>Gr\u{fc}\u{df}e, Tom &amp; Ann: u\u{308}ber \u{1f600} &lt;42&gt;</p>";
    let cleaned = CleanedText::of(raw);
    let original = |part: &str| {
        let start = cleaned.plain().find(part).unwrap();
        let span = cleaned.original_span(start..start + part.len());
        code_points(raw, span)
    };

    assert_eq!(cleaned.plain(), "Grüße, Tom & Ann: über 😀 <42>");
    assert_eq!(original("Tom & Ann"), "Tom &amp; Ann");
    assert_eq!(original("&"), "&amp;");
    assert_eq!(original("über"), "u\u{308}ber");
    assert_eq!(original("<42>"), "&lt;42&gt;");
    let end = cleaned.plain().len();
    assert_eq!(cleaned.original_span(end - 1..end).end, raw.chars().count() - 4);
    assert_eq!(cleaned.original_span_utf16(end - 1..end).end, raw.encode_utf16().count() - 4);
}

#[test]
fn hidden_text_comments_and_styles_are_dropped() {
    let raw = "<html><head><style>p{}</style><title>T</title></head><body><!-- c --><div style=\"display: none\">no\
               <div>no</div></div><p>yes</p><script>1<2</script></body></html>";

    assert_eq!(CleanedText::of(raw).plain(), "yes");
}

#[test]
fn sections_tell_quotes_signatures_and_notices_apart() {
    let raw = "Where is it?\n\nSent from my iPhone\n\nOn Mon, Nov 3, 2025 at 10:00 AM Shop <a@b.example> wrote:\n> hi";
    let cleaned = CleanedText::of(raw);

    let kinds: Vec<SectionKind> = cleaned.sections().iter().map(|section| section.kind).collect();

    assert_eq!(kinds, [SectionKind::Body, SectionKind::Signature, SectionKind::Quote]);
    assert_eq!(cleaned.section_at(raw.len() - 1), SectionKind::Quote);
    assert_eq!(cleaned.section_at(0), SectionKind::Body);
}

/// A message of `data/text`.
#[derive(Deserialize)]
struct LabelledMail {
    id: String,
    kind: String,
    raw: String,
    body: String,
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// Returns the share of messages of `data/text/<part>.jsonl` whose body is found word for word, and lists the others.
fn exact_share(part: &str) -> f64 { exact(part, true) }
fn exact_share_quiet(part: &str) -> f64 { exact(part, false) }
fn exact(part: &str, show: bool) -> f64 {
    let path = format!("{}/data/text/{part}.jsonl", env!("CARGO_MANIFEST_DIR"));
    let lines = std::fs::read_to_string(path).unwrap();
    let mails: Vec<LabelledMail> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut right = 0;
    for mail in &mails {
        let body = CleanedText::of(&mail.raw).body();
        if words(&body) == words(&mail.body) {
            right += 1;
        } else if show && std::env::args().any(|argument| argument == "--nocapture") {
            eprintln!("{} {}\n--- expected\n{}\n--- found\n{body}\n", mail.id, mail.kind, mail.body);
        }
    }
    f64::from(right) / mails.len() as f64
}

#[test]
fn bodies_of_labelled_mails_are_found() {
    let (dev, test) = (exact_share("dev"), exact_share_quiet("test"));
    eprintln!("exact: dev {dev:.3}, test {test:.3}");
}
