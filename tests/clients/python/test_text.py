"""What is read of a mail: this time's words, not the quoted ones; plain text or HTML; languages that nobody trained."""

import pytest

from invariants import assert_not_automatic, assert_sound, quoted
from signalbox_client import message_pb, options, triage_pb

ASKED = "I want to return the shoes, they are too small."
QUOTE = (
    "\n\nOn Tue, Nov 17, 2026 at 9:12 AM Shop <help@shop.example> wrote:\n"
    "> Dear customer,\n> your order 48213 was cancelled, we are furious.\n> You will get your money back tomorrow.\n"
)
HTML_QUOTE = (
    '<div dir="ltr">I want to return the shoes &#128095; &mdash; they&nbsp;are too small.</div><br>'
    '<div class="gmail_quote"><div class="gmail_attr">On Tue, Nov 17, 2026 at 9:12 AM Shop '
    '&lt;<a href="mailto:help@shop.example">help@shop.example</a>&gt; wrote:<br></div>'
    '<blockquote class="gmail_quote">Where is my money? Your order 48213 was cancelled.</blockquote></div>'
)


def test_quoted_text_changes_nothing_that_the_model_says(client):
    alone = client.classify(ASKED, options=options(top_k=50))
    reply = client.classify(ASKED + QUOTE, options=options(top_k=50))

    assert [intent.name for intent in reply.intents] == [intent.name for intent in alone.intents]
    assert reply.primary_intent.name == "return.request"
    assert reply.primary_intent.probability == pytest.approx(alone.primary_intent.probability, abs=1e-4)
    assert reply.polarity.score == pytest.approx(alone.polarity.score, abs=1e-4)
    assert [flag.above for flag in reply.flags] == [flag.above for flag in alone.flags]
    assert reply.token_count == alone.token_count
    assert_sound(reply, ASKED + QUOTE)


@pytest.mark.parametrize("text", [ASKED + QUOTE, HTML_QUOTE])
def test_a_number_that_stands_only_in_the_quote_is_found_there(client, text):
    reply = client.classify(text)

    (number,) = [one for one in reply.entities if one.type == triage_pb.ENTITY_TYPE_ORDER_NUMBER]
    assert number.section == triage_pb.SECTION_QUOTE
    assert quoted(number, text) == number.value == "48213"
    assert reply.primary_intent.name == "return.request"
    assert not reply.routing.missing_entities, "what is needed stands in the quote"


def test_a_signature_is_told_from_the_body(client):
    text = "Where is my parcel?\n\n-- \nJane Doe\nTel. +49 30 901820\n"

    reply = client.classify(text)

    (phone,) = reply.entities
    assert phone.type == triage_pb.ENTITY_TYPE_PHONE and phone.section == triage_pb.SECTION_SIGNATURE


def test_a_bare_quote_leaves_the_subject_and_says_so(client):
    reply = client.classify(QUOTE.strip(), subject="Where is my order?")

    assert reply.primary_intent.name == "order.status"
    assert [notice.code for notice in reply.notices] == [triage_pb.NOTICE_CODE_SUBJECT_ONLY]
    assert all(notice.message for notice in reply.notices)


def test_a_bare_forward_is_the_message(client):
    text = (
        "---------- Forwarded message ---------\nFrom: Jane <jane@example.com>\nDate: Tue, Nov 17, 2026 at 9:12 AM\n"
        "Subject: parcel\nTo: <help@shop.example>\n\nWhere is my order 48213?\n"
    )

    reply = client.classify(text)

    assert reply.primary_intent.name == "order.status"
    assert triage_pb.SECTION_FORWARD in [entity.section for entity in reply.entities]


def test_a_mail_in_html_reads_as_the_plain_one(client):
    plain = client.classify("Where is my order 48213? I have been waiting for two weeks.")
    html = client.classify(
        "<html><head><style>p { color: red }</style><title>x</title></head><body><p>Where is my <b>order</b> 48213?</p>"
        "<p>I have been waiting for two weeks.</p><script>cancel()</script></body></html>"
    )

    assert html.primary_intent.name == plain.primary_intent.name == "order.status"
    assert html.primary_intent.probability == pytest.approx(plain.primary_intent.probability, abs=0.05)
    assert abs(html.token_count - plain.token_count) <= 2


# What stands between, and the same written as a complete number.
REFERENCES = {
    "no-break space and Chinese": ("<p>你好%s我的订单在哪里？</p>", "&nbsp;", "&#160;"),
    "ampersand and an umlaut": ("<p>Wo ist meine Bestellung, Müller %sÖzdemir aus Köln?</p>", "&amp;", "&#38;"),
    "quotation mark and Cyrillic": ("<p>Где мой заказ %sЧайник&#34;, уже две недели жду</p>", "&quot;", "&#34;"),
    "umlaut and sharp s": ("<p>Sch%sße Grüße, wo ist mein Paket?</p>", "&ouml;", "&#246;"),
    "bare ampersand and an umlaut": ("<p>Müller %sÖzdemir fragt, wo Bestellung 48213 ist</p>", "&", "&#38;"),
    "bare angle and Chinese": ("<p>hi %s我的订单在哪里</p>", "<", "&#60;"),
    "number without semicolon": ("<p>hi%s我的订单在哪里</p>", "&#160", "&#160;"),
    "no-break space and an emoji": ("<p>Where is my order?%s📦📦</p>", "&nbsp;", "&#160;"),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_html_reads_the_same_however_a_character_before_others_is_written(client, name):
    template, written, number = REFERENCES[name]

    replies = [client.classify(template % reference) for reference in (written, number)]

    assert replies[0].token_count == replies[1].token_count
    assert replies[0].language.tag == replies[1].language.tag
    assert replies[0].primary_intent.name == replies[1].primary_intent.name


UNSUPPORTED = {
    "uk": "Де моє замовлення? Я чекаю вже два тижні, а посилка досі не прийшла. Дайте відповідь, будь ласка.",
    "hu": "Hol van a rendelésem? Már két hete várok rá, és senki sem válaszol az üzeneteimre. Kérem, segítsenek!",
}


@pytest.mark.parametrize("tag", UNSUPPORTED)
def test_a_language_that_the_model_does_not_know_goes_to_a_person(client, tag):
    reply = client.classify(UNSUPPORTED[tag])

    assert reply.language.tag == tag and not reply.language.supported
    assert reply.abstention.reason == triage_pb.ABSTAIN_REASON_UNSUPPORTED_LANGUAGE
    assert tag in reply.abstention.detail
    assert not reply.HasField("group_fallback")
    assert reply.routing.queue == "triage"
    assert "unsupported-language" in reply.routing.matched_rules
    assert reply.routing.action.type == triage_pb.ACTION_TYPE_HUMAN
    assert reply.routing.action.confidence_tier == triage_pb.CONFIDENCE_TIER_REVIEW
    assert not any("spam" in tag or "." in tag for tag in reply.routing.tags), "no label that nobody should trust"
    assert_not_automatic(reply)
    assert_sound(reply, UNSUPPORTED[tag])


def test_the_locale_hint_decides_where_the_text_can_not(client):
    assert client.classify("48213?", locale_hint="tr-TR").language.tag == "tr"


def test_a_review_without_words_abstains_and_is_routed(client):
    reply = client.classify("", channel=message_pb.CHANNEL_REVIEW)

    assert reply.abstention.reason == triage_pb.ABSTAIN_REASON_EMPTY
    assert_not_automatic(reply)
