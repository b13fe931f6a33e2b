"""ClassifyStream: matching, errors in band, half-close, cancelling."""

import itertools
import threading

import grpc

from invariants import assert_sound
from signalbox_client import classifier_pb, error_pb, options, request, wait_until


def test_several_hundred_messages_get_one_answer_each(client):
    texts = [f"Where is my order {i}?" for i in range(300)]

    replies = list(client.classify_stream(request(text, id=f"m{i}") for i, text in enumerate(texts)))

    assert sorted(reply.sequence for reply in replies) == list(range(300))
    for reply in replies:
        assert reply.id == f"m{reply.sequence}" == reply.response.id
        assert_sound(reply.response, texts[reply.sequence])


def test_bad_messages_are_answered_in_band_and_the_stream_goes_on(client):
    items = [request("hello", id=f"m{i}") for i in range(10)]
    items[4] = request("hello", id="m4", channel=99, subject="s" * 1_025)

    replies = {reply.sequence: reply for reply in client.classify_stream(items)}

    assert len(replies) == 10
    assert replies[4].id == "m4"
    assert replies[4].error.code == error_pb.ERROR_CODE_INVALID_ARGUMENT
    assert {one.field for one in replies[4].error.field_violations} == {"channel", "subject"}
    assert all(replies[i].WhichOneof("outcome") == "response" for i in range(10) if i != 4)


def test_messages_of_a_stream_are_routed_each_by_its_own_options(client):
    items = [
        request("Where is my order 48213?"),
        request("Where is my order 48213?", options=options(include_routing=False)),
        request("Where is my order 48213?", options=options(views=["gorgias"])),
        request("hello", options=options(views=["no-such-view"])),
    ]

    replies = {reply.sequence: reply for reply in client.classify_stream(items)}

    assert replies[0].response.routing.queue == replies[2].response.routing.queue == "orders"
    assert not replies[1].response.HasField("routing")
    assert [view.name for view in replies[2].response.views] == ["gorgias"]
    assert replies[3].error.code == error_pb.ERROR_CODE_INVALID_ARGUMENT
    assert [one.field for one in replies[3].error.field_violations] == ["options.views[0]"]


def test_a_message_without_a_request_is_told_so(client):
    items = [classifier_pb.ClassifyStreamRequest(), classifier_pb.ClassifyStreamRequest(request=request("hello"))]

    replies = {reply.sequence: reply for reply in client.classifier.ClassifyStream(iter(items), timeout=60)}

    assert [one.field for one in replies[0].error.field_violations] == ["request"]
    assert replies[1].HasField("response")


def test_a_stream_that_ends_at_once_ends_well(client):
    call = client.classify_stream([])

    assert list(call) == []
    assert call.code() == grpc.StatusCode.OK


def test_a_sender_that_is_faster_than_the_server_is_held_and_never_cut_off(client):
    """Thousands of tiny messages wait unread; an HTTP/2 server may take that for an attack and close the connection."""
    sent = [0]

    def flood():
        while True:
            sent[0] += 1
            yield request("hi")

    call = client.classify_stream(flood())
    received = list(itertools.islice(call, 300))

    assert all(reply.HasField("response") for reply in received)
    assert sent[0] < 50_000, "flow control holds the sender"
    assert client.classify("hello").primary_intent.name, "the connection lives on"
    assert next(call).HasField("response")
    call.cancel()


def test_answers_come_while_the_stream_is_open(client):
    answered = threading.Event()

    def conversation():
        yield request("hello", id="first")
        assert answered.wait(60), "no answer before half-close"
        yield request("hello", id="second")

    call = client.classify_stream(conversation())

    assert next(call).id == "first"
    answered.set()
    assert next(call).id == "second"
    assert list(call) == []


def test_a_deadline_ends_an_idle_stream(client):
    release = threading.Event()

    def idle():
        release.wait(60)
        yield from ()

    call = client.classify_stream(idle(), timeout=0.5)

    try:
        list(call)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    else:
        raise AssertionError("the stream outlived its deadline")
    finally:
        release.set()


def test_cancelling_a_stream_frees_its_places(client):
    call = client.classify_stream(request("hello", id=str(i)) for i in itertools.count())
    for _ in range(20):
        next(call)

    call.cancel()

    wait_until(lambda: client.counters().in_flight == 0, 30, "places are free again")
    assert client.classify("hello").primary_intent.name
