use proptest::prelude::*;

use crate::text::{CleanedText, normalize};

/// Pieces that mails are made of, good and bad.
const PIECES: &[&str] = &[
    "Where is my order 48213?",
    "I <3 it",
    "size <40 & >38",
    "Thanks,",
    "Maria Lopez",
    "hello",
    "\u{301}",
    "u\u{308}",
    "> quoted text",
    ">",
    ">> deeper",
    ">:(",
    "> 40",
    "＞ 引用",
    "On Mon, Nov 3, 2025 at 10:00 AM Shop <a@b.example> wrote:",
    "On Mon, Nov 3, 2025 at 10:00 AM Shop",
    "<a@b.example> wrote:",
    "wrote:",
    "Am 05.11.25 um 16:20 schrieb Shop:",
    "On 01/01/2024, Shop wrote:",
    "Shop <a@b.example> wrote:",
    "On Monday, January 1, 2024, Shop",
    "Anna wrote:",
    "2025年11月3日(月) 10:00 店 <a@b.example>:",
    "Shop <a@b.example> wrote 3.11.2025 10:00: hello",
    "From: Shop <a@b.example>",
    "Sent: Monday",
    "To: me",
    "Subject: x",
    "Von: x",
    "件名: x",
    "________________________________",
    "-----",
    "-- ",
    "--",
    "---------- Forwarded message ---------",
    "-----Original Message-----",
    "Begin forwarded message:",
    "Fwd: x",
    "Best regards,",
    "Viele Grüße, Anke",
    "Best",
    "Tom Abara",
    "+44 20 7946 0000",
    "tom@abara.example",
    "Head | Abara Ltd",
    "Sent from my iPhone",
    "iPhoneから送信",
    "##- Please type your reply above this line -##",
    "This message is confidential. If you are not the intended recipient, delete it.",
    "Please cancel it!",
    "PS: soon",
    "https://shop.example/p?utm_source=x&id=1",
    "http://click.m.example/abc.",
    "<https://a.example/?gclid=1>",
    "://",
    "http://",
    "<p>",
    "</p>",
    "<br>",
    "<br/>",
    "<div>",
    "</div>",
    "<div class=\"gmail_quote\">",
    "<div class=gmail_attr>",
    "<blockquote type=\"cite\">",
    "<blockquote>",
    "</blockquote>",
    "<div id=\"appendonsend\"></div>",
    "<div id=divRplyFwdMsg>",
    "<div style=\"display:none\">",
    "<div class=\"moz-signature\">",
    "<style>",
    "</style>",
    "<title>",
    "<script>",
    "<!--",
    "-->",
    "<pre>",
    "</pre>",
    "<td>",
    "<li>",
    "&amp;",
    "&lt;p&gt;",
    "&lt;br&gt;",
    "&nbsp;",
    "&#39;",
    "&#x301;",
    "&nGt;",
    "&amp;lt;br&gt;",
    "<",
    ">",
    "&",
    "<b",
    "<b>",
    "\u{200b}",
    "\u{a0}",
    "\t",
    "\0",
    "\u{2028}",
    "😀",
    "각",
    "각",
];

const JOINTS: &[&str] =
    &["\n", "\n", "\n", "\n\n", "\r\n", " ", "", "\n \n", "\n> ", "<br>", "</p><p>"];

/// Mails put together at random from what mails are made of.
fn mixtures() -> impl Strategy<Value = String> {
    let part = (0..PIECES.len(), 0..JOINTS.len());
    prop::collection::vec(part, 0..24).prop_map(|parts| {
        parts
            .into_iter()
            .map(|(piece, joint)| format!("{}{}", PIECES[piece], JOINTS[joint]))
            .collect()
    })
}

/// Lines only, so that rules meet more often.
fn plain_mixtures() -> impl Strategy<Value = String> {
    let part = (0..54_usize, 0..4_usize);
    prop::collection::vec(part, 0..24).prop_map(|parts| {
        parts
            .into_iter()
            .map(|(piece, joint)| format!("{}{}", PIECES[piece], JOINTS[joint]))
            .collect()
    })
}

fn check_everything(raw: &str) -> Result<(), TestCaseError> {
    let cleaned = CleanedText::of(raw);
    let plain = cleaned.plain();

    prop_assert!(plain.len() <= 3 * raw.len() + 8);
    prop_assert_eq!(&normalize(plain), plain);

    let mut end = 0;
    for section in cleaned.sections() {
        prop_assert_eq!(section.range.start, end);
        prop_assert!(plain.is_char_boundary(section.range.start));
        end = section.range.end;
    }
    prop_assert_eq!(end, plain.len());

    let characters = raw.chars().count();
    let units = raw.encode_utf16().count();
    let mut before = 0..0;
    for (at, character) in plain.char_indices() {
        let span = cleaned.original_span(at..at + character.len_utf8());
        prop_assert!(span.start <= span.end && span.end <= characters);
        prop_assert!(before.start <= span.start && before.end <= span.end);
        let wide = cleaned.original_span_utf16(at..at + character.len_utf8());
        prop_assert!(wide.start <= wide.end && wide.end <= units);
        before = span;
    }

    let body = cleaned.body();
    let parts = cleaned.body_parts();
    let mut last = 0;
    for (at, character) in body.char_indices().filter(|(_, c)| !c.is_whitespace()) {
        let in_plain = parts.in_plain(&(at..at + character.len_utf8()));
        let in_plain = in_plain.expect("a character of the body is one of the text");
        prop_assert!(last <= in_plain.start);
        last = in_plain.end;
        prop_assert_eq!(plain.get(in_plain), body.get(at..at + character.len_utf8()));
    }
    prop_assert_eq!(CleanedText::of(&body).body(), body);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn cleaning_holds_its_promises_on_any_characters(raw in "\\PC{0,64}|.{0,64}|[<>&;:a-b \n\u{300}-\u{310}]{0,64}") {
        check_everything(&raw)?;
    }

    #[test]
    fn cleaning_holds_its_promises_on_mixtures(raw in mixtures()) {
        check_everything(&raw)?;
    }

    #[test]
    fn cleaning_holds_its_promises_on_lines(raw in plain_mixtures()) {
        check_everything(&raw)?;
    }

    #[test]
    fn normalizing_twice_changes_nothing_and_length_is_bounded(text in "\\PC{0,64}|.{0,64}") {
        let once = normalize(&text);

        prop_assert!(once.len() <= 3 * text.len());
        prop_assert_eq!(normalize(&once), once);
    }
}

#[test]
fn hostile_texts_of_the_greatest_length_are_cleaned() {
    for unit in [
        "<",
        "> ",
        "> a\n",
        "On ",
        "&",
        "From: a@b\n",
        "From: a\nTo: b\nDate: c\n",
        "<blockquote>",
        "<div class=gmail_attr>",
        "<div></span>",
        "Regards\nA\n",
        "--\nA\n",
        "On 3.3.2025 10:00 a@b wrote:\n",
        "-- Forwarded message\nSent from my iPhone\n",
        "a\u{301}\u{323}",
        "\u{301}",
        "http://",
        "<p ",
        "\n",
        "<p style='display:none'>",
        "&amp;",
        "山田\n〒150-0001\n電話 03-1234-5678\n\n",
        "On 1/1/2024, Shop <a@b> wrote:\nAnna wrote:\n",
        "Fwd: x\n--Forwarded message\n",
    ] {
        let raw: String = unit.chars().cycle().take(65_536).collect();

        let cleaned = CleanedText::of(&raw);

        assert!(cleaned.plain().len() <= 3 * raw.len(), "{unit:?}");
        assert_eq!(
            cleaned.sections().last().map_or(0, |last| last.range.end),
            cleaned.plain().len()
        );
    }
}
