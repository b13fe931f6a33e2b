"""ClassifyBatch: order, errors in band, limits."""

import grpc
import pytest

from invariants import assert_sound
from signalbox_client import error_pb, message_pb, options, request, timestamp, violations

TEXTS = ["Where is my order?", "I want my money back", "Kann ich umtauschen?", "Thanks, all fine!", "退款"]


def test_results_come_in_the_order_of_the_requests(client):
    texts = [TEXTS[i % len(TEXTS)] + " " * i for i in range(100)]

    results = client.classify_batch([request(text, id=f"m{i}") for i, text in enumerate(texts)]).results

    assert [result.id for result in results] == [f"m{i}" for i in range(100)]
    for i, (result, text) in enumerate(zip(results, texts)):
        assert result.WhichOneof("outcome") == "response" and result.response.id == f"m{i}"
        assert_sound(result.response, text)


def test_a_batch_answers_as_single_calls_do(client):
    single = [client.classify(text).primary_intent for text in TEXTS]

    results = client.classify_batch([request(text) for text in TEXTS]).results

    for alone, result in zip(single, results):
        assert result.response.primary_intent.name == alone.name
        assert result.response.primary_intent.probability == pytest.approx(alone.probability, abs=0.02)


def test_a_batch_routes_as_single_calls_do(client):
    sent = [
        request(text, id="same", sent_at=timestamp("2026-11-20T10:00:00Z"), channel=message_pb.CHANNEL_EMAIL)
        for text in ("Where is my order 48213?", "I am furious, my lawyer will sue you!", "Thanks, all fine!")
    ]
    sent.append(request("Where is my order 48213?", options=options(include_routing=False)))

    results = client.classify_batch(sent).results

    for one, result in zip(sent[:3], results):
        alone = client.classifier.Classify(one)
        assert result.response.routing == alone.routing
        assert result.response.revisions == alone.revisions
        assert list(result.response.entities) == list(alone.entities)
    assert not results[3].response.HasField("routing")


def test_bad_items_carry_their_own_errors_and_the_others_are_answered(client):
    items = [request("Where is my order?", id=f"m{i}") for i in range(5)]
    items[2] = request("a" * 65_537, id="m2", channel=99)
    items[3] = request("hello", id="m3", model="no-such-model")

    results = client.classify_batch(items).results

    assert [result.WhichOneof("outcome") for result in results] == [
        "response",
        "response",
        "error",
        "error",
        "response",
    ]
    assert [result.id for result in results] == [f"m{i}" for i in range(5)]
    assert results[2].error.code == error_pb.ERROR_CODE_INVALID_ARGUMENT
    assert {violation.field for violation in results[2].error.field_violations} == {"text", "channel"}
    assert all(violation.description for violation in results[2].error.field_violations)
    assert results[3].error.code == error_pb.ERROR_CODE_NOT_FOUND
    assert not results[3].error.field_violations


def test_empty_texts_in_a_batch_abstain(client):
    results = client.classify_batch([request(""), request("Where is my order?")]).results

    assert results[0].response.HasField("abstention")
    assert results[1].response.primary_intent.name == "order.status"


def test_a_batch_at_the_limit_is_answered(client):
    count = client.limits().max_batch_items

    results = client.classify_batch([request("ok", id=str(i)) for i in range(count)]).results

    assert [result.id for result in results] == [str(i) for i in range(count)]
    assert {result.WhichOneof("outcome") for result in results} == {"response"}


def test_a_batch_over_the_limit_is_refused(client):
    count = client.limits().max_batch_items + 1

    with pytest.raises(grpc.RpcError) as refused:
        client.classify_batch([request("ok")] * count)

    said = violations(refused.value)
    assert list(said) == ["requests"]
    assert str(count) in said["requests"].replace(",", "")


def test_an_empty_batch_is_refused(client):
    with pytest.raises(grpc.RpcError) as refused:
        client.classify_batch([])

    assert list(violations(refused.value)) == ["requests"]


def test_equal_ids_are_the_callers_business(client):
    results = client.classify_batch([request("hello", id="same")] * 3).results

    assert [result.response.id for result in results] == ["same"] * 3


def test_every_channel_is_accepted(client):
    items = [request("hello", channel=value) for value in message_pb.Channel.values()]

    results = client.classify_batch(items).results

    assert {result.WhichOneof("outcome") for result in results} == {"response"}
