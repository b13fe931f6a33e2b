mod corpus;
mod properties;

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
fn what_the_model_reads_leads_back_to_subject_and_text() {
    let raw = "> quoted\n\nsee https://click.m.example/see?see=1 or <\u{200b}b> it";
    let normalized = NormalizedText::of(&message(" Re: it ", raw));
    let parts = normalized.parts();
    let found = |word: &str| {
        let start = normalized.text.rfind(word).unwrap();
        let located = parts.locate(&(start..start + word.len())).unwrap();
        (located.in_subject, located.field.original_span(located.range))
    };

    assert_eq!(normalized.text, "Re: it\n\nsee click.m.example or < b> it");
    assert_eq!(found("Re"), (true, 1..3));
    assert_eq!(found("see"), (false, 10..13));
    assert_eq!(found("click.m.example"), (false, 22..37));
    assert_eq!(found("b> it"), (false, 53..58));
    assert_eq!(code_points(raw, 53..58), "b> it");
    let end = normalized.text.len();
    assert_eq!(parts.locate(&(end..end)), None);
    assert_eq!(parts.locate(&(6..8)), None, "the line ends between them stand nowhere");
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
    assert_eq!(
        NormalizedText::of(&message("> Sent from my iPhone", "")).text,
        "> Sent from my iPhone"
    );
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
fn a_hidden_paragraph_without_end_tag_ends_with_the_next() {
    assert_eq!(CleanedText::of("<p style=\"display:none\">no<p>yes").plain(), "yes");
}

#[test]
fn what_is_typed_into_a_signature_stays() {
    let typed = "<div>Hi</div><div id=\"Signature\">please cancel my order<br>Tom</div>";
    let alone = "<div id=\"Signature\">All gone.</div>";
    let signed = "<div>Hi</div><div id=\"Signature\">Tom<br>Abara Ltd</div>";

    assert_eq!(CleanedText::of(typed).body(), "Hi\nplease cancel my order\nTom");
    assert_eq!(CleanedText::of(alone).body(), "All gone.");
    assert_eq!(CleanedText::of(signed).body(), "Hi");
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

#[test]
fn headers_are_of_a_forward_when_they_say_so_and_of_a_quote_otherwise() {
    let header = "From: a@b.example\nSent: Monday\nSubject: x\n\nold";
    let kinds = |raw: String| -> Vec<SectionKind> {
        CleanedText::of(&raw).sections().iter().map(|section| section.kind).collect()
    };

    let answered = kinds(format!("new\n\n{header}"));
    let forwarded = kinds(format!("new\n\n---- Forwarded message ----\n{header}"));
    let alone = kinds(header.to_owned());

    assert_eq!(answered, [SectionKind::Body, SectionKind::Quote]);
    assert_eq!(forwarded, [SectionKind::Body, SectionKind::Forward, SectionKind::Quote]);
    assert_eq!(alone, [SectionKind::Forward, SectionKind::Body]);
}

#[test]
fn a_line_of_name_firm_and_telephone_is_a_signature() {
    let raw = "The lid is cracked.\n\nRegards,\nDr. Kim Lee | ACME Inc. | +1 555 010 0199";
    let alone = "The lid is cracked.\n\nDr. Kim Lee | ACME Inc. | +1 555 010 0199";
    let kinds = |raw: &str| -> Vec<SectionKind> {
        CleanedText::of(raw).sections().iter().map(|section| section.kind).collect()
    };

    assert_eq!(kinds(raw), [SectionKind::Body, SectionKind::Signature]);
    assert_eq!(kinds(alone), [SectionKind::Body, SectionKind::Signature]);
}

#[test]
fn a_line_of_what_is_ordered_between_bars_stays() {
    let raw = "Please send:\n\nRed | Size 42 | +1 extra pair";

    assert_eq!(CleanedText::of(raw).body(), raw);
}

#[test]
fn text_between_and_behind_marked_quotes_stays() {
    let raw = "New:\n> old one\n> old two\nanswer one\n> old three\n\nanswer two";

    assert_eq!(CleanedText::of(raw).body(), "New:\n\nanswer one\n\nanswer two");
}

#[test]
fn an_introduction_does_not_reach_over_a_quote() {
    let raw =
        "On Mon, Nov 3, 2025 at 10:00 AM I called\n> Please wait\n<a@b.example> wrote:\nsorry";

    assert_eq!(
        CleanedText::of(raw).body(),
        "On Mon, Nov 3, 2025 at 10:00 AM I called\n\n<a@b.example> wrote:\nsorry"
    );
}

#[test]
fn a_forwarded_message_under_its_own_subject_is_the_message() {
    let raw =
        "Fwd: Receipt\n\n---------- Forwarded message ---------\nFrom: a@b.example\n\nPaid twice.";

    assert_eq!(CleanedText::of(raw).body(), "Fwd: Receipt\n\nPaid twice.");
}

#[test]
fn what_becomes_a_tag_by_cleaning_stays_text() {
    assert_eq!(CleanedText::of("<\u{200b}a>").body(), "< a>");
    assert_eq!(CleanedText::of("<p>&lt;br&gt;</p>").body(), "< br>");
}

#[test]
fn phrases_are_folded_as_texts_are() {
    use super::phrases::{self, closings, devices, fold, footers};

    for phrase in [
        phrases::FORWARDED,
        phrases::BEGIN_FORWARDED,
        phrases::ORIGINAL,
        phrases::WROTE,
        phrases::WROTE_BEFORE_NAME,
        phrases::REPLY_ABOVE,
        phrases::FORWARD_PREFIXES,
        closings::CLOSINGS,
        closings::CONTENT_STEMS,
        closings::FROM_PLACE,
        closings::PARTICLES,
        devices::SENT_FROM,
        devices::DEVICES,
        footers::FOOTERS,
    ]
    .into_iter()
    .flatten()
    {
        assert_eq!(fold(&normalize(&format!("x{phrase}x"))), format!("x{phrase}x"));
    }
}

#[test]
fn html_loses_nothing_between_a_reference_and_a_character_of_several_bytes() {
    for (raw, expected) in [
        ("<p>你好&nbsp;我的订单在哪里？</p>", "你好 我的订单在哪里？"),
        ("<p>Müller &Özdemir fragt</p>", "Müller &Özdemir fragt"),
        ("<p>R&D，我的订单</p>", "R&D，我的订单"),
        ("<p>hi <我的订单在哪里</p>", "hi <我的订单在哪里"),
        ("<p>I paid 49,90&nbsp;€ &ampü &#65é</p>", "I paid 49,90 € &ü Aé"),
    ] {
        let body = CleanedText::of(raw).body().replace('\u{a0}', " ");
        assert_eq!(body, expected, "{raw}");
    }
}
