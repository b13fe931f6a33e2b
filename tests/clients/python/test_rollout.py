"""Rollouts: a canary and a shadow of the real model, and the command that compares them."""

import hashlib
import json
import pathlib
import shutil

import grpc
import pytest

from signalbox_client import ROOT, Client, model_pb, request, run, violations, wait_until

DEFAULT = ROOT / "models/default"
PERCENT = 40.0


def add_version(repository: pathlib.Path, version: str, temperature: float, model: pathlib.Path = DEFAULT) -> None:
    """Puts a model, the default one unless said otherwise, into a repository, more or less sure of itself."""
    path = repository / "shop" / version
    shutil.copytree(model, path)
    manifest = json.loads((path / "signalbox.json").read_text())
    for head in manifest["heads"]:
        if head["name"] == "primary":
            head["temperature"] = temperature
    (path / "signalbox.json").write_text(json.dumps(manifest))


@pytest.fixture
def shop(start_server, tmp_path):
    """A server with versions 1, labelled stable, and 2."""
    repository = tmp_path / "models"
    for version, temperature in (("1", 0.8), ("2", 1.2)):
        add_version(repository, version, temperature)
    server = start_server(
        *("--set", f"models.repository={repository}", "--set", "models.allow_control=true"),
        *("--set", "models.version_policy=all"),
    )
    with server.channel() as channel:
        client = Client(channel)
        client.models.SetModelLabel(model_pb.SetModelLabelRequest(name="shop", label="stable", version="1"))
        yield server, client


def place(purpose: str, model: str, key: str) -> int:
    """Where a key stands, as docs/rollout.md promises."""
    digest = hashlib.sha256("\0".join((purpose, model, key)).encode()).digest()
    return int.from_bytes(digest[:8], "big") * 100_000 >> 64


def test_callers_can_tell_beforehand_who_meets_the_canary(shop):
    _, client = shop
    canary = model_pb.Canary(version="2", percent=PERCENT, key=model_pb.ROLLOUT_KEY_TENANT)
    client.models.SetRollout(model_pb.SetRolloutRequest(name="shop", canary=canary))

    for number in range(30):
        tenant = f"tenant-{number}"
        reply = client.classify("Where is my order?", tenant=tenant)

        expected = "2" if place("canary", "shop", tenant) < PERCENT * 1_000 else "1"
        assert reply.revisions.model_version == expected, tenant

    named = client.classify("Where is my order?", tenant="tenant-0", model_version="1")
    assert named.revisions.model_version == "1"


def test_a_shadow_is_compared_and_the_command_shows_it(shop):
    server, client = shop
    shadow = model_pb.Shadow(version="2", percent=100)
    client.models.SetRollout(model_pb.SetRolloutRequest(name="shop", shadow=shadow))
    for number in range(10):
        reply = client.classify(f"Where is my order 4711{number}?", id=f"ticket-{number}")
        assert reply.revisions.model_version == "1"

    def compared() -> dict | None:
        printed = run("model", "compare", server.address, "--model", "shop", "--json")
        assert printed.returncode == 0, printed.stderr
        report = json.loads(printed.stdout)
        return report if report["shadow"]["report"]["waiting"] == 0 else None

    report = wait_until(compared, 60, "compared")["shadow"]["report"]
    assert (report["sampled"], report["compared"], report["failed"]) == (10, 10, 0)
    agreement = {row["head"]: (row["compared"], row["agreed"]) for row in report["agreement"]}
    # Another temperature makes a version more or less sure, and changes nothing else.
    for head in ("all", "primary", "intents", "polarity", "flags"):
        assert agreement[head] == (10, 10), head
    assert report["shadow_inference"]["count"] == 10
    counters = client.counters()
    assert (counters.offered, counters.answered) == (10, 10), "a shadow counts apart"
    table = run("model", "compare", server.address, "--model", "shop")
    assert "shadow: 2 for 100 %" in table.stdout and "100.00 %" in table.stdout
    unknown = run("model", "compare", server.address, "--model", "nobody")
    assert unknown.returncode == 1 and "nobody" in unknown.stderr


def test_wrong_rollouts_name_field_limit_and_value(shop):
    _, client = shop
    wrong = model_pb.SetRolloutRequest(name="shop", canary=model_pb.Canary(version="2", percent=100.5))

    with pytest.raises(grpc.RpcError) as refused:
        client.models.SetRollout(wrong)

    assert violations(refused.value) == {"canary.percent": "is 100.5, must lie between 0 and 100"}
    with pytest.raises(grpc.RpcError) as missing:
        client.classifier.Classify(request("hello", conversation_id="c" * 129))
    assert list(violations(missing.value)) == ["conversation_id"]
