"""The example client that the documentation shows."""

import subprocess
import sys

from signalbox_client import ROOT


def test_the_python_example_prints_intent_and_polarity(server):
    command = [sys.executable, str(ROOT / "examples/python/classify.py"), server.address, "Wo ist meine Bestellung?"]

    output = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout

    intent, polarity, flags = output.splitlines()
    assert intent.startswith("intent    order.status")
    assert polarity.startswith("polarity  ")
    assert flags.startswith("flags     ")
