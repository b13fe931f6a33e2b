"""The labels of the four heads, in the order in which the model gives them, and records in numbers."""

import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from network import Sizes

# The languages that the model is made for; a few messages in others teach it to carry over.
LANGUAGES = "en de tr ja zh fr es it pt nl pl sv ru ar ko".split()
TAXONOMY = Path(__file__).parent.parent / "config" / "taxonomy.yaml"


@dataclass(frozen=True)
class Labels:
    """Names by head; `primary` and `intent` have the same."""

    intents: list[str]
    polarity: list[str]
    flags: list[str]

    @property
    def sizes(self) -> Sizes:
        return Sizes(len(self.intents), len(self.polarity), len(self.flags))


def read_labels(taxonomy: Path = TAXONOMY) -> Labels:
    """Reads the labels from the taxonomy of the service, so that both have the same."""
    document = yaml.safe_load(taxonomy.read_text(encoding="utf-8"))
    return Labels(*(list(document[kind]) for kind in ("intents", "polarity", "flags")))


@dataclass(frozen=True)
class Targets:
    """What a message's labels are, as arrays over many messages."""

    primary: np.ndarray
    intents: np.ndarray
    polarity: np.ndarray
    flags: np.ndarray


def targets(labels: Labels, rows: list[dict]) -> Targets:
    """Turns records into arrays: `[N]`, `[N, intents]`, `[N]`, `[N, flags]`."""
    intent = {name: index for index, name in enumerate(labels.intents)}
    flag = {name: index for index, name in enumerate(labels.flags)}
    result = Targets(
        np.array([intent[row["intents"][0]] for row in rows], np.int64),
        np.zeros((len(rows), len(intent)), np.float32),
        np.array([labels.polarity.index(row["polarity"]) for row in rows], np.int64),
        np.zeros((len(rows), len(flag)), np.float32),
    )
    for index, row in enumerate(rows):
        result.intents[index, [intent[name] for name in row["intents"]]] = 1
        result.flags[index, [flag[name] for name in row["flags"]]] = 1
    return result


def author(batch: str) -> str:
    """Names who wrote a batch.

    In wave 1 a stretch of the same number runs parallel between languages, so that all of them count as one author;
    from wave 4 on a batch is one file of an author's: `w4-de-a1` and `w4-de-a2` are both by `w4-de-a`.
    """
    wave = re.match(r"w(\d+)", batch)
    return batch.rstrip("0123456789") if wave and int(wave[1]) >= 4 else batch


def fold(batch: str, folds: int) -> int:
    """The fold of an author, from 0: the same whatever else is in the corpus."""
    return zlib.crc32(author(batch).encode()) % folds
