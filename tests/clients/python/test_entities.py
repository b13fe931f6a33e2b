"""Entities: what is found, and that offsets cut it out of the text that was sent."""

import pytest
from google.protobuf import text_format

from invariants import assert_sound, quoted
from signalbox_client import message_pb, options, timestamp, triage_pb

# A Friday.
SENT_AT = timestamp("2026-11-20T10:00:00Z")
CODE_POINTS = message_pb.OFFSET_ENCODING_CODE_POINTS
UTF16 = message_pb.OFFSET_ENCODING_UTF16

IBAN = "DE89370400440532013000"
CARD = "4111111111111111"
# Both as people write them.
SECRETS = {
    "IBAN in groups": ("My account is DE89 3704 0044 0532 0130 00, thanks.", triage_pb.ENTITY_TYPE_IBAN, IBAN),
    "IBAN in one": (f"order number: {IBAN}", triage_pb.ENTITY_TYPE_IBAN, IBAN),
    "IBAN in a link": (f"Pay at https://bank.example/?iban={IBAN} please", triage_pb.ENTITY_TYPE_IBAN, IBAN),
    "card in groups": ("I paid with 4111 1111 1111 1111.", triage_pb.ENTITY_TYPE_PAYMENT_CARD, CARD),
    "card with hyphens": ("card 4111-1111-1111-1111 exp 12/27", triage_pb.ENTITY_TYPE_PAYMENT_CARD, CARD),
    "card as order number": (f"Order {CARD} please", triage_pb.ENTITY_TYPE_PAYMENT_CARD, CARD),
    "card in markup": ("<p>card 4111<b>1111</b>1111 1111</p>", triage_pb.ENTITY_TYPE_PAYMENT_CARD, CARD),
}

# A subject is never markup.
SECRET_PLACES = [(name, "text") for name in SECRETS] + [(name, "subject") for name in SECRETS if "markup" not in name]

EVERY_KIND = {
    "ORDER_NUMBER": ("Where is my order 48213?", "48213", "48213", {}),
    "TRACKING_NUMBER": ("Tracking 1Z999AA10123456784", "1Z999AA10123456784", "1Z999AA10123456784", {"carrier": "ups"}),
    "EMAIL": ("Write to Jane.Doe@example.com!", "Jane.Doe@example.com", None, {}),
    "PHONE": ("Call me at +49 30 901820.", "+49 30 901820", "+4930901820", {}),
    "AMOUNT": ("I paid 49,90 € for it.", "49,90 €", "49.90", {"currency": "EUR"}),
    "DATE": ("I need it by tomorrow please.", "tomorrow", "2026-11-21", {"granularity": "day"}),
    "URL": ("See https://shop.example/item for it.", "https://shop.example/item", None, {}),
    "INVOICE_NUMBER": ("Please send invoice INV-2026-0042 again.", "INV-2026-0042", "INV-2026-0042", {}),
    "PROMO_CODE": ("My promo code SAVE20 does not work.", "SAVE20", "SAVE20", {}),
    "IBAN": ("Refund to DE89 3704 0044 0532 0130 00", "DE89 3704 0044 0532 0130 00", "DE89**************3000", {}),
    "PAYMENT_CARD": ("card 4111 1111 1111 1111", "4111 1111 1111 1111", "************1111", {}),
}

BEFORE = {
    "nothing": "",
    "an emoji outside the BMP": "📦 ",
    "a family of seven code points": "👩‍👩‍👧‍👦 ",
    "combining marks that NFC joins": "Cafe\u0301 n\u0303o ",
    "zero-width characters": "w\u200bait\u2060 ",
    "a byte order mark": "\ufeff",
    "full-width letters": "ＡＢＣ ",
    "line ends of Windows": "Hi,\r\n\r\n",
}


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_kind_is_found_with_its_value_and_its_place(client, kind):
    text, cut, value, attributes = EVERY_KIND[kind]

    reply = client.classify(text, sent_at=SENT_AT)

    (entity,) = [one for one in reply.entities if one.type == triage_pb.EntityType.Value(f"ENTITY_TYPE_{kind}")]
    assert quoted(entity, text) == cut
    assert value is None or entity.value == value
    assert attributes.items() <= dict(entity.attributes).items()
    assert entity.field == triage_pb.MESSAGE_FIELD_TEXT and entity.section == triage_pb.SECTION_BODY
    assert_sound(reply, text)


@pytest.mark.parametrize("encoding", [CODE_POINTS, UTF16])
@pytest.mark.parametrize("before", BEFORE)
def test_offsets_cut_the_text_as_it_was_sent(client, before, encoding):
    text = BEFORE[before] + "Where is my order 48213 📦? I paid 49,90 €, mail jane@example.com."

    reply = client.classify(text, sent_at=SENT_AT, options=options(offset_encoding=encoding))

    assert [quoted(one, text, encoding) for one in reply.entities] == ["48213", "49,90 €", "jane@example.com"]


@pytest.mark.parametrize("encoding", [CODE_POINTS, UTF16])
def test_offsets_count_markup_and_references_of_html(client, encoding):
    text = (
        "<html><body><p>Hi 👋🏽 &amp; hello,</p><!-- 99999 --><p>where is my <b>order&nbsp;48213</b>?</p>"
        "<br/>Write to&#32;jane@example.com &#128230;</body></html>"
    )

    reply = client.classify(text, options=options(offset_encoding=encoding))

    assert [quoted(one, text, encoding) for one in reply.entities] == ["48213", "jane@example.com"]
    assert reply.primary_intent.name == "order.status"


@pytest.mark.parametrize("space", ["&nbsp;", "&#160;", "\u00a0", "\u202f", " ", ""])
def test_an_amount_may_be_kept_together_by_any_space(client, space):
    text = f"<p>I paid 49,90{space}€ for it.</p>"

    (amount,) = client.classify(text).entities

    assert amount.value == "49.90" and quoted(amount, text) == f"49,90{space}€"


def test_code_points_are_the_default(client):
    text = "📦📦📦 order 48213"

    default, code_points, utf16 = (
        client.classify(text, options=options(offset_encoding=encoding)).entities[0]
        for encoding in (message_pb.OFFSET_ENCODING_UNSPECIFIED, CODE_POINTS, UTF16)
    )

    assert (default.start, default.end) == (code_points.start, code_points.end) == (10, 15)
    assert (utf16.start, utf16.end) == (13, 18)


def test_entities_of_the_subject_come_first_and_count_in_the_subject(client):
    text, subject = "Is tracking 1Z999AA10123456784 mine?", "Re: 📦 order #48213"

    reply = client.classify(text, subject=subject)

    first, second = reply.entities
    assert first.field == triage_pb.MESSAGE_FIELD_SUBJECT and quoted(first, subject) == "48213"
    assert second.field == triage_pb.MESSAGE_FIELD_TEXT and quoted(second, text) == "1Z999AA10123456784"
    assert_sound(reply, text, subject)


@pytest.mark.parametrize(("name", "field"), SECRET_PLACES)
def test_accounts_and_cards_are_redacted_everywhere(client, server, name, field):
    written, kind, secret = SECRETS[name]
    fields = {"text": written} if field == "text" else {"text": "See the subject.", "subject": written}

    reply = client.classify(
        **fields, options=options(explain=True, views=["gorgias", "zendesk"], raw_logits=True)
    )

    assert [one.type for one in reply.entities if one.type == kind]
    for one in reply.entities:
        assert hidden(one.value, secret), f"{triage_pb.EntityType.Name(one.type)} shows it"
    assert all(hidden(one.value, secret) for rule in reply.routing.trace for one in rule.terms)
    shown = text_format.MessageToString(reply)
    assert secret not in shown and written not in shown
    assert secret not in server.log_path.read_text(errors="replace")


def hidden(value: str, secret: str) -> bool:
    """Tells whether a value shows no more than the ends of a secret, whatever separates its characters."""
    bare = "".join(character for character in value if character.isalnum())
    return secret[4:-4] not in bare


def test_relative_dates_count_from_when_the_message_was_sent(client):
    text = "I ordered yesterday."

    values = [
        client.classify(text, sent_at=timestamp(day)).entities[0].value
        for day in ("2026-11-20T10:00:00Z", "2024-03-01T10:00:00Z", "2027-01-01T10:00:00Z")
    ]

    assert values == ["2026-11-19", "2024-02-29", "2026-12-31"]


def test_a_message_that_names_nothing_has_no_entities(client):
    assert not client.classify("Where is my order?").entities


def test_a_reply_carries_the_first_256_and_says_so(client):
    most, more = ("".join(f"order {number}, " for number in range(48_000, 48_000 + count)) for count in (256, 257))

    whole, cut = client.classify(most), client.classify(more)

    assert len(whole.entities) == len(cut.entities) == 256
    codes = [[notice.code for notice in reply.notices] for reply in (whole, cut)]
    assert triage_pb.NOTICE_CODE_ENTITIES_CUT not in codes[0] and triage_pb.NOTICE_CODE_ENTITIES_CUT in codes[1]
    assert cut.entities[-1].value == "48255"


def test_an_empty_text_leaves_the_entities_of_the_subject(client):
    subject = "order 48213"

    reply = client.classify("", subject=subject)

    assert [quoted(one, subject) for one in reply.entities] == ["48213"]
