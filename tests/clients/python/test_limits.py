"""Limits and odd texts: what is accepted, what is refused, and how it is said."""

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from invariants import assert_sound
from signalbox_client import message_pb, options, request, violations

MAX_CHARS = 65_536

ODD_TEXTS = {
    "emoji": "📦😡🤬 where??? 👩‍👩‍👧‍👦🏳️‍🌈",
    "right to left": "\u202eأين طلبي؟ ההזמנה שלי לא הגיעה\u202c",
    "combining marks": "Z" + "\u0351\u0323\u0336" * 500 + "algo: Cafe\u0301 n\u0303o llego\u0301",
    "NUL": "where is\0 my order\0",
    "control characters": "".join(map(chr, range(1, 32))) + "where is my order\x7f\x85",
    "noncharacters": "order \ufffe\uffff\U0010ffff number \ufffd",
    "byte order mark": "\ufeffwhere is my order",
    "zero width": "w\u200bh\u200be\u200br\u200be is my order\u2060",
    "markup": "<p>Where is <b>my order</b>?</p><script>alert(1)</script>&nbsp;&#x1F4E6;",
    "format strings": "%s %n {} ${jndi:ldap://x} '; DROP TABLE orders;--",
    "one word of 60,000 letters": "a" * 60_000,
    "60,000 punctuation marks": "?!" * 30_000,
    "60,000 blanks before a word": " " * 60_000 + "order",
    "20,000 lines": "order\n" * 10_000,
    "unassigned": "\U000e0001\U000e0041 order",
}


@pytest.mark.parametrize("name", ODD_TEXTS)
def test_odd_texts_are_answered(client, name):
    reply = client.classify(ODD_TEXTS[name])

    assert_sound(reply, ODD_TEXTS[name])


@pytest.mark.parametrize("character", ["a", "ü", "注", "📦"])
def test_a_text_at_the_limit_is_accepted_whatever_its_bytes(client, character):
    text = character * MAX_CHARS

    reply = client.classify(text)

    assert_sound(reply, text)


@pytest.mark.parametrize("character", ["a", "📦"])
def test_a_text_over_the_limit_is_refused_with_limit_and_value(client, character):
    with pytest.raises(grpc.RpcError) as refused:
        client.classify(character * (MAX_CHARS + 1))

    said = violations(refused.value)
    assert list(said) == ["text"]
    assert_says(said["text"], MAX_CHARS, MAX_CHARS + 1)


def test_a_megabyte_is_refused(client):
    with pytest.raises(grpc.RpcError) as refused:
        client.classify("a" * 1_000_000)

    assert_says(violations(refused.value)["text"], MAX_CHARS, 1_000_000)


def test_more_bytes_than_a_request_may_have_are_refused_and_the_connection_lives_on(client):
    bytes_over = client.limits().max_request_bytes + 1

    with pytest.raises(grpc.RpcError) as refused:
        client.classify("a" * bytes_over)

    assert refused.value.code() == grpc.StatusCode.OUT_OF_RANGE
    assert client.classify("hello").primary_intent.name


def test_all_violations_are_told_at_once(client):
    broken = request(
        "a" * (MAX_CHARS + 1),
        id="i" * 129,
        subject="s" * 1_025,
        channel=99,
        locale_hint="x" * 36,
        thread=[message_pb.ThreadMessage(author=message_pb.AUTHOR_CUSTOMER), message_pb.ThreadMessage(author=99)],
        customer=message_pb.CustomerFacts(tier=99, tags=["fine", "t" * 65]),
        order=message_pb.OrderFacts(
            state=99, value=message_pb.Money(currency_code="eur", amount_micros=-1)
        ),
        tenant="t" * 129,
        options=options(top_k=1_001, min_probability=1.5, truncation=99),
    )

    with pytest.raises(grpc.RpcError) as refused:
        client.classifier.Classify(broken)

    assert set(violations(refused.value)) == {
        "id",
        "text",
        "subject",
        "channel",
        "locale_hint",
        "thread[1].author",
        "customer.tier",
        "customer.tags[1]",
        "order.state",
        "order.value.currency_code",
        "order.value.amount_micros",
        "tenant",
        "options.top_k",
        "options.min_probability",
        "options.truncation",
    }


REFUSED = {
    "id": {"id": "a\nb"},
    "thread": {"thread": [message_pb.ThreadMessage(author=message_pb.AUTHOR_AGENT)] * 51},
    "thread[0].author": {"thread": [message_pb.ThreadMessage(text="hello")]},
    "thread[0].text": {
        "thread": [message_pb.ThreadMessage(author=message_pb.AUTHOR_AGENT, text="a" * (MAX_CHARS + 1))]
    },
    "customer.tags": {"customer": message_pb.CustomerFacts(tags=["tag"] * 65)},
    "customer.tags[0]": {"customer": message_pb.CustomerFacts(tags=[""])},
    "options.min_probability": {"options": options(min_probability=float("nan"))},
    "options.tag_style": {"options": options(tag_style=99)},
    "options.offset_encoding": {"options": options(offset_encoding=99)},
    "options.views": {"options": options(views=["zendesk"] * 17)},
    "attachments": {"attachments": [message_pb.Attachment(media_type="image/png")] * 101},
    "attachments[1].media_type": {
        "attachments": [message_pb.Attachment(media_type="image/png"), message_pb.Attachment(size_bytes=1)]
    },
    "attachments[0].media_type": {"attachments": [message_pb.Attachment(media_type="a" * 129)]},
    "attachments[2].media_type": {
        "attachments": [message_pb.Attachment(media_type=name) for name in ("image/png", "image/png", "image\n/png")]
    },
    "sent_at": {"sent_at": Timestamp(seconds=10**12)},
}


@pytest.mark.parametrize("field", REFUSED)
def test_a_broken_rule_names_its_field(client, field):
    with pytest.raises(grpc.RpcError) as refused:
        client.classify("hello", **REFUSED[field])

    said = violations(refused.value)
    assert list(said) == [field]
    assert said[field]


def test_what_is_at_its_limit_is_accepted(client):
    reply = client.classify(
        "hello",
        id="i" * 128,
        subject="s" * 1_024,
        thread=[message_pb.ThreadMessage(author=message_pb.AUTHOR_AGENT, text="hello")] * 50,
        customer=message_pb.CustomerFacts(tags=["t" * 64] * 64),
        tenant="t" * 128,
        attachments=[message_pb.Attachment(media_type="a" * 128, size_bytes=2**64 - 1)] * 100,
        options=options(top_k=1_000, min_probability=1.0, views=["zendesk"] * 16),
    )

    assert reply.id == "i" * 128


def assert_says(description: str, *numbers: int) -> None:
    """Checks that a description names these numbers, with or without separators."""
    for number in numbers:
        assert str(number) in description.replace(",", ""), description
