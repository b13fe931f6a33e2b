"""The example client that the documentation shows."""

import subprocess
import sys

from signalbox_client import ROOT


SCRIPT = str(ROOT / "examples/python/classify.py")


def run(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, timeout=60)


def test_the_python_example_prints_what_and_where(server):
    result = run(server.address, "Wo ist meine Bestellung 48213?")

    assert result.returncode == 0, result.stderr
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert lines["intent"].startswith("order.status")
    assert lines["entities"] == "48213"
    assert lines["queue"] == "orders, P3"
    assert lines["action"].startswith("SELF_SERVICE track")
    assert "unsure" not in lines


def test_the_python_example_says_when_the_model_declines(server):
    result = run(server.address, "")

    assert result.returncode == 0, result.stderr
    assert "unsure    EMPTY: " in result.stdout
    assert "action    HUMAN (REVIEW)" in result.stdout


def test_the_python_example_says_when_there_is_no_server():
    result = run("127.0.0.1:1")

    assert result.returncode == 1
    assert result.stderr.startswith("no answer from 127.0.0.1:1: UNAVAILABLE")
