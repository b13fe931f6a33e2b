"""Runs a model over JSONL files of messages and keeps the logits in an .npz file.

    python training/predict.py MODEL_DIR OUT.npz FILE.jsonl...

The result holds one array a head, `[messages, labels]`, in the order of the input lines, and `unknown_share`: the
share of a message's tokens, special ones aside, that the vocabulary does not know.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import running
import torch
from bundle import Bundle, pad

TOKENS_PER_BATCH = 4096
SPECIAL_TOKENS_PER_MESSAGE = 2


def read_jsonl(paths: list[Path]) -> list[dict]:
    """Returns the rows of all files in order."""
    return [row for path in paths for row in running.read_jsonl(path)]


def batches(lengths: list[int]) -> Iterator[list[int]]:
    """Yields indices of messages of similar length, so that little is padded."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[index] > TOKENS_PER_BATCH:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def predict(bundle: Bundle, texts: list[str]) -> dict[str, np.ndarray]:
    """Returns the logits of each head and the share of unknown tokens."""
    unknown_id = bundle.tokenizer.token_to_id("<unk>")
    ids = [bundle.encode(text) for text in texts]
    result = {h["name"]: np.zeros((len(texts), len(h["labels"])), np.float32) for h in bundle.manifest["heads"]}
    for batch in batches([len(message) for message in ids]):
        logits = bundle(*pad([ids[index] for index in batch], bundle.encoder.config.pad_token_id))
        for head, values in logits.items():
            result[head][batch] = values.numpy()
    result["unknown_share"] = np.array(
        [message.count(unknown_id) / max(1, len(message) - SPECIAL_TOKENS_PER_MESSAGE) for message in ids], np.float32
    )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL_DIR", type=Path)
    parser.add_argument("out", metavar="OUT.npz", type=Path)
    parser.add_argument("files", metavar="FILE.jsonl", type=Path, nargs="+")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    rows = read_jsonl(arguments.files)
    np.savez_compressed(arguments.out, **predict(Bundle.load(arguments.model), [row["text"] for row in rows]))
    print(f"{len(rows)} messages")


if __name__ == "__main__":
    main()
