"""Deadlines and giving up."""

import contextlib

import grpc
import pytest

from signalbox_client import error_pb, request, wait_until



def test_a_timeout_of_1_ms_is_a_deadline_exceeded(client):
    client.classify("hello")

    for _ in range(20):
        with pytest.raises(grpc.RpcError) as late:
            client.classify("Where is my order? " * 500, timeout=0.001)

        assert late.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_the_server_answers_deadline_exceeded_before_the_callers_timer(client):
    """50 ms are less than a batch of long texts takes in a debug build, and far over the server's margin."""
    client.classify("hello")
    codes = []

    for _ in range(10):
        try:
            results = client.classify_batch([request("Where is my order? " * 500)] * 256, timeout=0.05).results
        except grpc.RpcError as error:
            codes.append(error.code())
        else:
            assert {result.error.code for result in results} <= {0, error_pb.ERROR_CODE_DEADLINE_EXCEEDED}

    assert set(codes) <= {grpc.StatusCode.DEADLINE_EXCEEDED}


def test_expired_messages_are_counted(client):
    client.classify("hello")
    wait_until(lambda: client.counters().in_flight == 0, 30, "earlier calls have ended")
    before = client.counters()

    for _ in range(20):
        with contextlib.suppress(grpc.RpcError):
            client.classify("Where is my order? " * 500, timeout=0.004)

    wait_until(lambda: client.counters().in_flight == 0, 30, "the late calls have ended")
    after = client.counters()
    assert after.expired > before.expired
    assert after.failed == before.failed


def test_a_cancelled_call_frees_its_place(client):
    call = client.classifier.Classify.future(request("Where is my order? " * 500), timeout=60)

    call.cancel()

    assert call.code() == grpc.StatusCode.CANCELLED
    wait_until(lambda: client.counters().in_flight == 0, 30, "the place is free again")
