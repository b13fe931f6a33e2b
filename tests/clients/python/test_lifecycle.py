"""Start, overload, drain, and loss of the server."""

import concurrent.futures
import itertools
import json
import threading

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2

from signalbox_client import NOT_SERVING, SERVING, Client, detail, request

RETRY = {
    "methodConfig": [
        {
            "name": [{"service": "signalbox.v1.ClassifierService"}],
            "waitForReady": True,
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.5s",
                "maxBackoff": "5s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


def test_sigterm_drains(start_server):
    server = start_server()
    with server.channel() as channel:
        client = Client(channel)
        watch = client.health.Watch(health_pb2.HealthCheckRequest(), timeout=60)
        assert next(watch).status == SERVING
        call = client.classify_stream(request("hello", id=f"m{i}") for i in itertools.count())
        replies = [next(call) for _ in range(100)]

        server.terminate()

        assert next(watch).status == NOT_SERVING
        with pytest.raises(grpc.RpcError) as ended:
            replies.extend(call)
        assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
        # Everything that was read was answered: the sequences have no gap.
        assert sorted(reply.sequence for reply in replies) == list(range(len(replies)))
        assert all(reply.WhichOneof("outcome") == "response" for reply in replies)
    assert server.wait() == 0, server.log()


def test_sigterm_without_traffic_ends_at_once(start_server):
    server = start_server()

    server.terminate()

    assert server.wait() == 0, server.log()


def test_a_full_server_sheds_with_a_time_to_come_back(start_server):
    server = start_server("--set", "limits.max_in_flight=1")
    with server.channel() as channel, concurrent.futures.ThreadPoolExecutor(16) as pool:
        client = Client(channel)

        calls = [pool.submit(client.classify, "Where is my order? " * 50) for _ in range(64)]
        errors = [call.exception() for call in calls]

        shed = [error for error in errors if error is not None]
        assert shed and len(shed) < len(calls)
        for error in shed:
            assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            delay = detail(error, error_details_pb2.RetryInfo).retry_delay
            assert delay.ToNanoseconds() > 0
        counters = client.counters()
        assert counters.shed == len(shed)
        assert counters.answered == len(calls) - len(shed)
        assert counters.offered == len(calls)


OK = grpc.StatusCode.OK


def test_a_client_recovers_when_the_server_is_lost_under_load(start_server):
    server = start_server()
    options = (
        ("grpc.service_config", json.dumps(RETRY)),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 500),
    )
    stop = threading.Event()
    with server.channel(*options) as channel, concurrent.futures.ThreadPoolExecutor(4) as pool:
        client = Client(channel)
        loads = [pool.submit(call_until, stop, client) for _ in range(4)]
        for _ in range(20):
            client.classify("hello")

        server.kill()
        try:
            start_server(listen=server.address)
            for _ in range(20):
                assert client.classify("hello").primary_intent.name
        finally:
            stop.set()

    # How many calls are lost in between depends on how long the restart takes; none is lost in another way, and every
    # caller gets answers again.
    assert {code for load in loads for code in load.result()} <= {OK, grpc.StatusCode.UNAVAILABLE}
    assert all(load.result()[-1] == OK for load in loads)


def call_until(stop: threading.Event, client: Client) -> list[grpc.StatusCode]:
    """Calls one after the other and returns how each ended."""
    outcomes = []
    while not stop.is_set():
        try:
            client.classify("Where is my order?")
            outcomes.append(grpc.StatusCode.OK)
        except grpc.RpcError as error:
            outcomes.append(error.code())
    return outcomes
