"""GetStatus: state, limits, and counters that always add up."""

import concurrent.futures
import contextlib
import time

import grpc

from signalbox_client import request, server_pb

# By name, so that a counter that is new in the contract does not slip through.
OUTCOMES = {"answered", "shed", "expired", "cancelled", "failed", "in_flight"}
OUTSIDE = {"rejected"}


def test_status_tells_state_and_limits(client):
    status = client.server.GetStatus(server_pb.GetStatusRequest(), timeout=5)

    assert status.version
    assert status.state == server_pb.SERVER_STATE_SERVING
    assert status.started_at.seconds > 1_700_000_000
    assert status.limits.max_text_chars == 65_536
    assert status.limits.max_batch_items == 1_024
    assert status.limits.stream_window == 64
    for field in server_pb.Limits.DESCRIPTOR.fields:
        assert getattr(status.limits, field.name) > 0, field.name


def test_every_outcome_is_counted(client):
    before = client.counters()

    client.classify("hello")
    client.classify("")
    client.classify_batch([request("hello"), request("hello", channel=99), request("hello")])
    list(client.classify_stream([request("hello"), request("hello", channel=99)]))
    with contextlib.suppress(grpc.RpcError):
        client.classify("hello", channel=99)

    after = client.counters()
    assert after.answered - before.answered == 5
    assert after.offered - before.offered == 5
    assert after.rejected - before.rejected == 3
    assert_adds_up(after)


def test_counters_add_up_at_any_moment(client):
    texts = ["Where is my order?"] * 16

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        batches = [
            pool.submit(client.classify_batch, [request(text) for text in texts]) for _ in range(8)
        ]
        samples = 0
        while samples < 20 or not all(batch.done() for batch in batches):
            assert_adds_up(client.counters())
            samples += 1
            time.sleep(0.005)  # leaves the cores to the server

    for batch in batches:
        assert len(batch.result().results) == len(texts)
    assert client.counters().in_flight == 0


def assert_adds_up(counters) -> None:
    """Checks that every offered message has exactly one outcome."""
    values = {field.name: getattr(counters, field.name) for field in counters.DESCRIPTOR.fields}
    assert set(values) == OUTCOMES | OUTSIDE | {"offered"}
    assert values["offered"] == sum(values[name] for name in OUTCOMES), values
