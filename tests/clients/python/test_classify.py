"""Unary Classify: answers and every option."""

import math
import statistics

import grpc
import pytest
from google.rpc import error_details_pb2

from invariants import TOLERANCE, assert_sound, assert_sound_routing
from signalbox_client import detail, message_pb, model_pb, options, timestamp, triage_pb, violations

WHERE_IS_MY_ORDER = {
    "en": "Where is my order?",
    "de": "Wo ist meine Bestellung?",
    "tr": "Siparişim nerede?",
    "ja": "注文した荷物は今どこにありますか？",
    "zh": "我的订单在哪里？",
}


@pytest.mark.parametrize(("tag", "text"), WHERE_IS_MY_ORDER.items())
def test_asking_for_the_order_is_order_status_in_every_language(client, tag, text):
    reply = client.classify(text)

    assert reply.primary_intent.name == "order.status"
    assert reply.primary_intent.group == "order"
    assert reply.language.supported
    assert_sound(reply, text)


def test_a_long_enough_text_tells_its_language(client):
    text = "Guten Tag, ich warte seit zwei Wochen auf meine Bestellung und niemand antwortet mir."

    reply = client.classify(text)

    assert reply.language.tag == "de"
    assert_sound(reply, text)


def test_praise_is_positive_and_anger_is_negative(client):
    praise = client.classify("Thank you so much, the best shop ever, I love it!")
    anger = client.classify("This is a disgrace, worst shop ever, I am furious!")

    assert praise.polarity.score > 0.3
    assert anger.polarity.score < -0.3


def test_every_fact_about_a_message_is_accepted(client):
    text = "It is still not here."
    customer = message_pb.CustomerFacts(
        tier=message_pb.CUSTOMER_TIER_VIP, lifetime_orders=12, contacts_7d=0, refunds_90d=1, tags=["b2b"]
    )
    order = message_pb.OrderFacts(
        state=message_pb.ORDER_STATE_SHIPPED,
        value=message_pb.Money(currency_code="EUR", amount_micros=12_500_000),
    )
    order.promised_by.FromJsonString("2026-11-20T12:00:00Z")
    thread = [
        message_pb.ThreadMessage(
            author=message_pb.AUTHOR_CUSTOMER, text="Where is my parcel?", sent_at=timestamp("2026-11-19T08:00:00Z")
        ),
        message_pb.ThreadMessage(author=message_pb.AUTHOR_BOT, text="On its way."),
    ]

    reply = client.classify(
        text,
        id="ticket-17",
        subject="My order",
        channel=message_pb.CHANNEL_EMAIL,
        locale_hint="en-GB",
        thread=thread,
        customer=customer,
        order=order,
        tenant="shop-1",
        sent_at=timestamp("2026-11-20T10:00:00Z"),
        attachments=[message_pb.Attachment(media_type="image/jpeg", size_bytes=1 << 40)],
    )

    assert reply.id == "ticket-17"
    assert_sound(reply, text, "My order")


def test_the_server_makes_an_id_when_there_is_none(client):
    first, second = client.classify("hello"), client.classify("hello")

    assert first.id != second.id
    assert len(first.id) == 36 and first.id[14] == "7"


@pytest.mark.parametrize("text", ["", "   ", "\t\r\n\u00a0\u3000"])
def test_an_empty_or_blank_text_abstains(client, text):
    reply = client.classify(text)

    assert reply.abstention.reason == triage_pb.ABSTAIN_REASON_EMPTY
    assert not reply.HasField("primary_intent") and not reply.HasField("polarity")
    assert not reply.intents
    assert reply.token_count == 0 and reply.batch_size == 0
    assert_sound_routing(reply)


def test_a_blank_text_leaves_the_subject(client):
    reply = client.classify(" ", subject="Where is my order?")

    assert reply.primary_intent.name == "order.status"
    assert triage_pb.NOTICE_CODE_SUBJECT_ONLY in [notice.code for notice in reply.notices]


@pytest.mark.parametrize(("top_k", "count"), [(0, 5), (1, 1), (7, 7), (1000, None)])
def test_top_k_limits_the_intents(client, top_k, count):
    labels = head(client, "intent").labels

    reply = client.classify("I want my money back", options=options(top_k=top_k))

    assert len(reply.intents) == (count or len(labels))
    assert_sound(reply, "I want my money back")


def test_min_probability_leaves_out_all_but_the_primary_intent(client):
    text = "I want my money back"
    every = client.classify(text, options=options(top_k=1000))
    between = statistics.median(intent.probability for intent in every.intents)

    some = client.classify(text, options=options(top_k=1000, min_probability=between))
    few = client.classify(text, options=options(top_k=1000, min_probability=1.0))

    for reply, least in (some, between), (few, 1.0):
        assert reply.intents[0].name == reply.primary_intent.name == every.primary_intent.name
        assert all(intent.probability >= least for intent in reply.intents[1:])
    assert 1 <= len(few.intents) < len(some.intents) < len(every.intents)


def test_raw_logits_give_the_probabilities_again(client):
    text = "My parcel arrived broken, I want a refund"

    reply = client.classify(text, options=options(raw_logits=True, top_k=1000))

    heads = {head.name: head for head in model(client).heads}
    raw = {one.head: one for one in reply.raw_logits}
    assert list(raw) == list(heads)
    for name, one in raw.items():
        assert list(one.labels) == list(heads[name].labels)
        assert len(one.values) == len(one.labels) and all(map(math.isfinite, one.values))
    primary = softmax(raw["primary"], heads["primary"].temperature)
    assert max(primary, key=primary.get) == reply.primary_intent.name
    assert abs(primary[reply.primary_intent.name] - reply.primary_intent.probability) < TOLERANCE
    present = sigmoid(raw["intent"], heads["intent"].temperature)
    for intent in reply.intents:
        assert abs(present[intent.name] - intent.probability) < TOLERANCE
    flags = sigmoid(raw["flags"], heads["flags"].temperature)
    for flag in reply.flags:
        assert abs(flags[flag.name] - flag.probability) < TOLERANCE
    assert [flag.name for flag in reply.flags] == list(heads["flags"].labels)


def test_raw_logits_are_left_out_unless_asked_for(client):
    assert not client.classify("hello").raw_logits


def test_truncation_keeps_what_was_asked_for(client):
    text = "where is my order " + "and so on " * 2000 + "cancel my subscription"
    kinds = message_pb.TRUNCATION_UNSPECIFIED, message_pb.TRUNCATION_HEAD_TAIL, message_pb.TRUNCATION_HEAD

    default, head_tail, head_only = (
        client.classify(text, options=options(truncation=kind, raw_logits=True)) for kind in kinds
    )

    for reply in (default, head_tail, head_only):
        assert reply.truncated
        assert reply.token_count == model(client).max_tokens
        assert triage_pb.NOTICE_CODE_TEXT_TRUNCATED in [notice.code for notice in reply.notices]
        assert_sound(reply, text)
    assert list(default.raw_logits[0].values) == pytest.approx(list(head_tail.raw_logits[0].values), abs=1e-3)
    assert list(default.raw_logits[0].values) != pytest.approx(list(head_only.raw_logits[0].values), abs=1e-3)


def test_truncation_can_be_refused(client):
    refuse = options(truncation=message_pb.TRUNCATION_REFUSE)

    with pytest.raises(grpc.RpcError) as refused:
        client.classify("and so on " * 2000, options=refuse)

    assert any(str(model(client).max_tokens) in text for text in violations(refused.value).values())
    assert not client.classify("short", options=refuse).truncated


def test_the_model_can_be_named(client):
    default = model(client)

    reply = client.classify("hello", model=default.name, model_version=default.version)

    assert reply.revisions.model_name == default.name
    assert reply.revisions.model_version == default.version
    assert reply.revisions.model_digest == default.digests.model


@pytest.mark.parametrize("fields", [{"model": "no-such-model"}, {"model_version": "no-such-version"}])
def test_an_unknown_model_is_not_found(client, fields):
    with pytest.raises(grpc.RpcError) as missing:
        client.classify("hello", **fields)

    assert missing.value.code() == grpc.StatusCode.NOT_FOUND
    resource = detail(missing.value, error_details_pb2.ResourceInfo)
    assert next(iter(fields.values())) in resource.resource_name
    default = model(client)
    assert f"{default.name}/{default.version}" in missing.value.details(), "says what is loaded"


def test_equal_texts_get_equal_answers(client):
    text = "Can I still change the delivery address?"

    first, second = (client.classify(text, id="same") for _ in range(2))

    assert [i.name for i in first.intents] == [i.name for i in second.intents]
    assert first.primary_intent.probability == pytest.approx(second.primary_intent.probability, abs=TOLERANCE)


def test_every_stage_is_timed(client):
    """A long text, so that the quickest stage takes a microsecond on any machine."""
    timings = client.classify("Where is my order 48213? I paid 49.90 EUR on Friday. " * 20).timings

    for field in timings.DESCRIPTOR.fields:
        # The batch may begin at once, and nobody asked for the words behind the answer.
        assert getattr(timings, field.name) > 0 or field.name in ("queue_us", "explanation_us"), field.name


def test_revisions_name_what_answered(client):
    default = model(client)

    revisions = client.classify("hello").revisions

    assert revisions.model_digest == default.digests.model
    assert revisions.tokenizer_digest == default.digests.tokenizer
    assert revisions.taxonomy_digest == client.get_taxonomy().digest
    assert revisions.policy_digest == client.get_policy().policy.digest


def model(client):
    """Returns the default model."""
    return client.models.GetModel(model_pb.GetModelRequest()).model


def head(client, name: str):
    """Returns one head of the default model."""
    return next(one for one in model(client).heads if one.name == name)


def softmax(raw, temperature: float) -> dict[str, float]:
    """Returns label → probability of a single-label head."""
    highest = max(raw.values)
    weights = [math.exp((value - highest) / temperature) for value in raw.values]
    return {label: weight / sum(weights) for label, weight in zip(raw.labels, weights)}


def sigmoid(raw, temperature: float) -> dict[str, float]:
    """Returns label → probability of a multi-label head."""
    return {
        label: 1.0 / (1.0 + math.exp(-value / temperature)) for label, value in zip(raw.labels, raw.values)
    }
