"""Bytes that no generated client would send."""

import grpc
import pytest

from signalbox_client import classifier_pb, request

CLASSIFY = "/signalbox.v1.ClassifierService/Classify"
STREAM = "/signalbox.v1.ClassifierService/ClassifyStream"


def text_field(value: bytes) -> bytes:
    """Encodes `ClassifyRequest.text` as it is, up to 127 bytes."""
    return bytes([0x12, len(value)]) + value


REFUSED = {
    "invalid UTF-8": text_field(b"order \xff\xfe"),
    "a lone surrogate": text_field(b"order \xed\xa0\x80"),
    "an overlong NUL": text_field(b"order \xc0\x80"),
    "a cut character": text_field("注".encode()[:2]),
    "above U+10FFFF": text_field(b"\xf4\x90\x80\x80"),
    "garbage": bytes(range(255, 127, -1)),
    "a length past the end": bytes([0x12, 0x7F]) + b"order",
    "a varint without end": b"\x20" + b"\xff" * 11,
    "field number 0": b"\x02\x01a",
    "a group that never ends": b"\x9b\x06" * 200,
}


@pytest.mark.parametrize("name", REFUSED)
def test_bytes_that_are_no_request_are_an_invalid_argument(client, name):
    with pytest.raises(grpc.RpcError) as refused:
        client.channel.unary_unary(CLASSIFY)(REFUSED[name], timeout=30)

    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert client.classify("hello").primary_intent.name


def test_bytes_that_are_no_request_end_a_stream_with_an_invalid_argument(client):
    with pytest.raises(grpc.RpcError) as refused:
        list(client.channel.stream_stream(STREAM)(iter([REFUSED["garbage"]]), timeout=30))

    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_wrong_wire_type_is_refused_or_ignored(client):
    """Implementations of protobuf differ here: some refuse it, some take it for an unknown field."""
    call = client.channel.unary_unary(CLASSIFY).future(b"\x10\x01", timeout=30)

    assert call.code() in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT)


def test_fields_of_a_later_version_are_ignored(client):
    later = request("Where is my order?").SerializeToString() + b"\xfa\x7f\x03abc"

    reply = client.channel.unary_unary(CLASSIFY)(later, timeout=30)

    assert classifier_pb.ClassifyResponse.FromString(reply).primary_intent.name == "order.status"


def test_an_unknown_method_is_unimplemented(client):
    with pytest.raises(grpc.RpcError) as refused:
        client.channel.unary_unary("/signalbox.v1.ClassifierService/NoSuchMethod")(b"", timeout=30)

    assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
