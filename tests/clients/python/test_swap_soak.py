"""Versions of the real model take each other's place under load, many times. Not part of the usual tests.

SIGNALBOX_SOAK_SWAPS=200 python -m pytest -s tests/clients/python/test_swap_soak.py

SIGNALBOX_SOAK_MODEL names the directory of another model than models/default.
"""

import json
import math
import os
import pathlib
import shutil
import statistics
import threading
import time

import pytest

from signalbox_client import CALL_TIMEOUT_S, ENVIRONMENT, Client, model_pb, options, request, wait_until
from test_rollout import DEFAULT, add_version

SWAPS = int(os.environ.get("SIGNALBOX_SOAK_SWAPS", "0"))
MODEL = pathlib.Path(os.environ.get("SIGNALBOX_SOAK_MODEL", DEFAULT))
# Loading takes seconds, in a debug build on a busy machine many.
LOAD_TIMEOUT_S = 300.0
CALLERS = 4
# Until then memory still grows, whatever is swapped; over as many the median is taken.
WARM_UP_SWAPS = 20
MAX_GROWTH = 0.05
TEXTS = (
    "Where is my order 48213? It should have been here on Monday.",
    "Ich möchte den Pullover zurückgeben, er ist zu klein.",
    "Merci beaucoup, tout est parfait !",
    "This is the third time I write. Cancel it and refund me now!",
)

pytestmark = pytest.mark.skipif(SWAPS == 0, reason="SIGNALBOX_SOAK_SWAPS is not set")


def temperature_of(version: int) -> float:
    """Every version has its own, so that its probabilities are those of no other."""
    return 0.5 + version / 64


def assert_of_one_version(reply) -> None:
    """Computes the primary intent's probability from the raw outputs and the version that the reply names."""
    temperature = temperature_of(int(reply.revisions.model_version))
    primary = next(head for head in reply.raw_logits if head.head == "primary")
    scaled = [value / temperature for value in primary.values]
    total = sum(math.exp(value - max(scaled)) for value in scaled)
    probability = 1.0 / total
    assert primary.labels[scaled.index(max(scaled))] == reply.primary_intent.name
    assert abs(probability - reply.primary_intent.probability) < 1e-4, reply.revisions


class Callers:
    """Calls without a pause, until told to stop."""

    def __init__(self, server) -> None:
        self.over = threading.Event()
        self.calls = [0] * CALLERS
        self.failures: list[str] = []
        self.threads = [threading.Thread(target=self._call, args=(server, index)) for index in range(CALLERS)]
        for thread in self.threads:
            thread.start()

    def _call(self, server, index: int) -> None:
        with server.channel() as channel:
            client = Client(channel)
            while not self.over.is_set():
                message = request(TEXTS[self.calls[index] % len(TEXTS)], options=options(raw_logits=True))
                try:
                    assert_of_one_version(client.classifier.Classify(message, timeout=CALL_TIMEOUT_S))
                except Exception as error:  # whatever it is, it is what is counted
                    self.failures.append(repr(error))
                self.calls[index] += 1

    def stop(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()


def resident_mib(pid: int) -> float:
    """Returns the resident memory of a process."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def swap(client: Client, repository: pathlib.Path, version: int) -> None:
    """Loads a version, lets it be shadow and canary, makes it the one for all and takes its predecessor out."""
    add_version(repository, str(version), temperature_of(version), MODEL)
    models = client.models
    models.LoadModel(model_pb.LoadModelRequest(name="shop", version=str(version)), timeout=LOAD_TIMEOUT_S)
    canary = model_pb.Canary(version=str(version), percent=50, key=model_pb.ROLLOUT_KEY_MESSAGE)
    shadow = model_pb.Shadow(version=str(version), percent=20)
    models.SetRollout(model_pb.SetRolloutRequest(name="shop", canary=canary, shadow=shadow))
    asked = model_pb.GetRolloutRequest(name="shop")
    wait_until(lambda: models.GetRollout(asked).rollout.canary.answered >= 5, 60, "the canary answers")
    models.SetModelLabel(model_pb.SetModelLabelRequest(name="shop", label="stable", version=str(version)))
    models.ClearRollout(model_pb.ClearRolloutRequest(name="shop"))
    models.UnloadModel(model_pb.UnloadModelRequest(name="shop", version=str(version - 1)))

    def is_gone() -> bool:
        listed = models.ListModelVersions(model_pb.ListModelVersionsRequest(name="shop")).versions
        return all(v.state != model_pb.MODEL_VERSION_STATE_UNLOADING for v in listed)

    wait_until(is_gone, 60, "the old version is let go of")
    shutil.rmtree(repository / "shop" / str(version - 1))


def test_swaps_lose_and_mix_nothing_and_memory_stays(start_server, tmp_path, monkeypatch):
    # glibc keeps what a thread frees for that thread's arena: memory goes up and down then by half of itself, and a leak
    # would not be seen for it.
    monkeypatch.setitem(ENVIRONMENT, "MALLOC_ARENA_MAX", "1")
    repository = tmp_path / "models"
    add_version(repository, "0", temperature_of(0), MODEL)
    server = start_server(
        *("--set", f"models.repository={repository}", "--set", "models.allow_control=true"),
        *("--set", f"models.state_path={tmp_path / 'models.json'}"),
    )
    memory = []
    with server.channel() as channel:
        client = Client(channel)
        label = model_pb.SetModelLabelRequest(name="shop", label="stable", version="0")
        client.models.SetModelLabel(label)
        callers, started = Callers(server), time.monotonic()
        try:
            for version in range(1, SWAPS + 1):
                swap(client, repository, version)
                memory.append(resident_mib(server.process.pid))
                if version % 10 == 0:
                    calls = sum(callers.calls)
                    print(f"{version} swaps, {calls} calls, {len(callers.failures)} failures, {memory[-1]:.0f} MiB")
        finally:
            callers.stop()
        counters = client.counters()
    seconds = time.monotonic() - started
    growth = None
    if len(memory) > 2 * WARM_UP_SWAPS:
        early = statistics.median(memory[WARM_UP_SWAPS : 2 * WARM_UP_SWAPS])
        growth = statistics.median(memory[-WARM_UP_SWAPS:]) / early - 1
    figures = {
        "swaps": SWAPS,
        "seconds": round(seconds),
        "calls": sum(callers.calls),
        "failures": len(callers.failures),
        "memory_mib": [round(mib) for mib in memory[:: max(1, SWAPS // 20)]],
        "growth": growth,
    }
    print(json.dumps(figures))
    assert not callers.failures, callers.failures[:3]
    assert counters.offered == counters.answered == sum(callers.calls)
    assert growth is None or growth <= MAX_GROWTH, figures
