"""Compares `signalbox train` with scikit-learn on a few examples of each intent.

    python training/measure_few_shot.py messages.jsonl --program target/release/signalbox

messages.jsonl has lines `{"text", "label_raw", "split": "train" or "test"}` (also .jsonl.gz), such as a public set of
intents. For each seed ten intents are drawn, and ten training messages of each. `signalbox train --only` learns them and
`signalbox eval` counts how many of their test messages it gets right. scikit-learn fits LogisticRegression to the
standardised sentence vectors of the same model (`bundle.py`), with the best of eleven C by five-fold cross-validation, on the
same messages.
"""

import argparse
import gzip
import json
import random
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from bundle import Bundle, pad

COSTS = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1, 3, 10)
BATCH = 64


def read(path: Path) -> list[dict]:
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")
    with opened as file:
        return [json.loads(line) for line in file]


def vectors(bundle: Bundle, texts: list[str]) -> np.ndarray:
    """Sentence vectors `[n, hidden]`: the mean over all tokens."""
    result = []
    for start in range(0, len(texts), BATCH):
        ids, mask = pad(
            [bundle.encode(text) for text in texts[start : start + BATCH]], bundle.encoder.config.pad_token_id
        )
        with torch.inference_mode():
            hidden = bundle.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask[:, :, None].to(hidden.dtype)
        result.append(((hidden * weights).sum(dim=1) / weights.sum(dim=1)).numpy())
    return np.concatenate(result)


def sklearn_accuracy(bundle: Bundle, train: list[dict], test: list[dict]) -> float:
    scaler = StandardScaler()
    x = scaler.fit_transform(vectors(bundle, [row["text"] for row in train]))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    model = LogisticRegressionCV(Cs=COSTS, cv=folds, max_iter=1000)
    model.fit(x, [row["label_raw"] for row in train])
    x = scaler.transform(vectors(bundle, [row["text"] for row in test]))
    return float(model.score(x, [row["label_raw"] for row in test]))


def write(path: Path, rows: list[dict]) -> None:
    lines = [{"text": row["text"], "lang": row.get("lang", "en"), "intents": [row["label_raw"]]} for row in rows]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def signalbox_accuracy(program: Path, base: Path, train: list[dict], test: list[dict]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        write(work / "train.jsonl", train)
        write(work / "test.jsonl", test)
        model = work / "model"
        command = [
            program,
            "train",
            "--only",
            "--data",
            work / "train.jsonl",
            "--base",
            base,
            "--out",
            model,
            "--no-texts",
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        command = [
            program,
            "eval",
            work / "test.jsonl",
            "--model",
            model,
            "--bootstrap",
            "0",
            "--json",
            work / "eval.json",
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        report = json.loads((work / "eval.json").read_text(encoding="utf-8"))
        return report["overall"]["primary_accuracy"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("messages", metavar="MESSAGES", type=Path)
    parser.add_argument("--program", type=Path, required=True, help="the signalbox program")
    parser.add_argument("--base", type=Path, default=Path("models/default"))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--intents", type=int, default=10)
    parser.add_argument("--examples", type=int, default=10)
    arguments = parser.parse_args()

    rows = read(arguments.messages)
    bundle = Bundle.load(arguments.base)
    names = sorted({row["label_raw"] for row in rows})
    results = []
    for seed in range(arguments.seeds):
        chance = random.Random(seed)
        chosen = chance.sample(names, arguments.intents)
        train, test = [], []
        for name in chosen:
            of_name = [row for row in rows if row["label_raw"] == name]
            train += chance.sample([row for row in of_name if row["split"] == "train"], arguments.examples)
            test += [row for row in of_name if row["split"] == "test"]
        ours = signalbox_accuracy(arguments.program, arguments.base, train, test)
        theirs = sklearn_accuracy(bundle, train, test)
        results.append((ours, theirs))
        print(f"seed {seed}: {len(test)} messages, signalbox {ours:.4f}, scikit-learn {theirs:.4f}", flush=True)
    ours, theirs = np.array(results).mean(axis=0)
    print(f"mean: signalbox {ours:.4f}, scikit-learn {theirs:.4f}")


if __name__ == "__main__":
    main()
