"""Policies that tests write."""

import os
import pathlib

TEMPLATE = """\
format: 1
name: {name}
views: [{views}]
queues:
  {queue}: {{ description: Everything }}
priority:
  levels: {{ P1: 80, P2: 50, P3: 20 }}
service_levels:
  standard:
    P1: {{ first_response: 1h, resolution: 8h }}
    P2: {{ first_response: 4h, resolution: 1d }}
    P3: {{ first_response: 1d, resolution: 3d }}
    P4: {{ first_response: 2d, resolution: 5d }}
default_service_level: standard
confidence: {{ auto: 0.90, suggest: 0.60 }}
rules:
{rules}"""

RULE = """\
  - id: everything
    when: message.length >= 0
    then: { points: 5 }
"""

# Faults of three kinds: a field that is none, a value that a channel never has, a queue that is not there.
FAULTY = """\
colour: blue
"""
FAULTY_RULE = """\
  - id: typing
    when: channel == "emial"
    then: { queue: genral }
"""


def shop_policy(name: str = "shop", queue: str = "inbox", rules: str = RULE, views: str = "") -> str:
    """Makes a small policy; `queue` is where everything goes."""
    return TEMPLATE.format(name=name, queue=queue, rules=rules, views=views)


def faulty_policy() -> str:
    """Makes a policy with three faults."""
    return shop_policy(queue="general", rules=FAULTY_RULE) + FAULTY


def write(path: pathlib.Path, text: str) -> pathlib.Path:
    """Puts a file in place at once, as deployments do."""
    draft = path.with_suffix(".draft")
    draft.write_text(text)
    os.replace(draft, path)
    return path
