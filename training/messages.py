"""Brings authored messages into data/messages and checks what is there.

    python training/messages.py add PART FILE.tsv...     # PART: train, dev or test
    python training/messages.py check

An author writes one message a line, five fields between tabs: intents (joined by +, the primary one first), polarity
(vn, n, 0, p, vp), flags (joined by commas, - for none), channel, text with line breaks as \\n. The file's name is the
batch, w<wave>-<language>-<author><number>.tsv. `add` refuses a file with a fault and names line and field.

`check` refuses unknown labels, authors in two parts, the same text twice, and near-duplicates between parts: two texts
of which more than SIMILAR of all character n-grams are shared.
"""

import argparse
import json
import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

from labels import Labels, author, read_labels
from running import read_jsonl

MESSAGES = Path(__file__).parent.parent / "data" / "messages"
PARTS = ("train", "dev", "test")
POLARITY = {"vn": "very_negative", "n": "negative", "0": "neutral", "p": "positive", "vp": "very_positive"}
CHANNELS = ("email", "chat", "social", "sms", "form", "review")
MOST_INTENTS = 3
BATCH = re.compile(r"w(\d+)[a-z]?-(?:([a-z]{2})-)?[a-z]*\d+")
SIMILAR = 0.6
# Shorter texts, such as "thanks!", are alike by nature.
FEWEST_GRAMS = 12
# A gram that more texts have says little about any of them.
COMMON_GRAM = 400


def faults_of(row: dict, labels: Labels) -> list[str]:
    """Says what is wrong with the labels of a record."""
    faults = [f"intent {name!r} is unknown" for name in row["intents"] if name not in labels.intents]
    faults += [f"flag {name!r} is unknown" for name in row["flags"] if name not in labels.flags]
    if row["polarity"] not in labels.polarity:
        faults.append(f"polarity {row['polarity']!r} is unknown")
    if row["channel"] not in CHANNELS:
        faults.append(f"channel {row['channel']!r} is unknown")
    if not 1 <= len(row["intents"]) <= MOST_INTENTS or len(set(row["intents"])) < len(row["intents"]):
        faults.append(f"intents {row['intents']} are not 1 to {MOST_INTENTS} different ones")
    if "promoter" in row["flags"] and row["polarity"] not in ("positive", "very_positive"):
        faults.append(f"flag promoter with polarity {row['polarity']}")
    if "angry" in row["flags"] and row["polarity"] not in ("negative", "very_negative"):
        faults.append(f"flag angry with polarity {row['polarity']}")
    if not row["text"].strip():
        faults.append("text is empty")
    return faults


def read_tsv(path: Path, labels: Labels) -> tuple[list[dict], list[str]]:
    """Reads an author's file; returns the records and what is wrong with it."""
    match = BATCH.fullmatch(path.stem)
    if not match or not match[2]:
        return [], [f"{path}: the name is not w<wave>-<language>-<author><number>.tsv"]
    rows, faults = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != 5:
            faults.append(f"{path}:{number}: {len(fields)} fields, 5 are expected")
            continue
        intents, polarity, flags, channel, text = fields
        row = {
            "text": text.replace("\\n", "\n").strip(),
            "lang": match[2],
            "intents": intents.split("+"),
            "polarity": POLARITY.get(polarity, polarity),
            "flags": [] if flags in ("-", "") else flags.split(","),
            "channel": channel,
            "batch": path.stem,
        }
        faults += [f"{path}:{number}: {fault}" for fault in faults_of(row, labels)]
        rows.append(row)
    return rows, faults


def add(part: str, files: list[Path]) -> list[str]:
    """Adds files to a part, in place of what it has of the same batches. Does nothing if it returns faults."""
    labels = read_labels()
    new: dict[str, list[dict]] = defaultdict(list)
    faults = []
    for path in files:
        rows, wrong = read_tsv(path, labels)
        faults += wrong
        for row in rows:
            new[row["lang"]].append(row)
    for language, rows in new.items() if not faults else []:
        path = MESSAGES / part / f"{language}.jsonl"
        batches = {row["batch"] for row in rows}
        kept = [row for row in read_jsonl(path) if row["batch"] not in batches] if path.exists() else []
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept + rows), encoding="utf-8")
    return faults


def grams(text: str) -> set[str]:
    """Character n-grams of a text: letters and single spaces only, 4 of alphabets, 3 of scripts without spaces."""
    plain = re.sub(r"[\W\d_]+", " ", text.lower()).strip()
    size = 3 if any(ord(c) > 0x2E80 for c in plain) else 4
    return {plain[i : i + size] for i in range(max(1, len(plain) - size + 1))}


def near_duplicates(rows: dict[str, list[dict]]) -> list[tuple[float, str, dict, str, dict]]:
    """Returns pairs of messages of one language in different parts that are nearly the same."""
    found = []
    for language in sorted({row["lang"] for part in rows.values() for row in part}):
        known = [(part, row) for part in PARTS for row in rows[part] if row["lang"] == language]
        all_grams = [grams(row["text"]) for _, row in known]
        index = defaultdict(list)
        for i, own in enumerate(all_grams):
            for gram in own:
                index[gram].append(i)
        for i, (part, row) in enumerate(known):
            if part == "train" or len(all_grams[i]) < FEWEST_GRAMS:
                continue
            shared = Counter(j for gram in all_grams[i] for j in index[gram][:COMMON_GRAM] if known[j][0] != part)
            for j, _ in shared.most_common(3):
                similarity = len(all_grams[i] & all_grams[j]) / len(all_grams[i] | all_grams[j])
                if similarity > SIMILAR:
                    found.append((similarity, part, row, *known[j]))
    return found


def check() -> list[str]:
    """Returns what is wrong with data/messages."""
    labels = read_labels()
    rows = {part: [r for f in sorted((MESSAGES / part).glob("*.jsonl")) for r in read_jsonl(f)] for part in PARTS}
    faults = []
    part_of_author: dict[str, str] = {}
    part_of_text: dict[tuple[str, str], str] = {}
    for part in PARTS:
        for number, row in enumerate(rows[part], 1):
            place = f"{part} {row['lang']} {row['batch']} (record {number})"
            faults += [f"{place}: {fault}" for fault in faults_of(row, labels)]
            if not BATCH.fullmatch(row["batch"]):
                faults.append(f"{place}: batch {row['batch']!r} is not one")
            name = author(row["batch"])
            # A stretch of wave 1 runs parallel in twin languages only.
            name = f"{row['lang']} {name}" if name.startswith("w1-") else name
            if part_of_author.setdefault(name, part) != part:
                faults.append(f"{place}: author {name} is in {part_of_author[name]}, too")
            if (other := part_of_text.setdefault((row["lang"], row["text"]), part)) != part:
                faults.append(f"{place}: the same text is in {other}")
    for similarity, part, row, other_part, other in near_duplicates(rows):
        faults.append(
            f"{similarity:.2f} alike: {part} {row['batch']} {row['text'][:80]!r} and "
            f"{other_part} {other['batch']} {other['text'][:80]!r}"
        )
    for part in PARTS:
        counts = Counter(row["lang"] for row in rows[part])
        print(part, len(rows[part]), dict(sorted(counts.items())))
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    adding = commands.add_parser("add")
    adding.add_argument("part", choices=PARTS)
    adding.add_argument("files", metavar="FILE.tsv", type=Path, nargs="+")
    commands.add_parser("check")
    arguments = parser.parse_args()

    faults = add(arguments.part, arguments.files) if arguments.command == "add" else check()
    print("\n".join(faults))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
