"""The whole recipe with a tiny base, as `training/make_default.sh` runs it. Needs training/requirements.txt."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("torch")
pytest.importorskip("sentencepiece")
pytest.importorskip("transformers")

from base import Base, tokenizer_json  # noqa: E402
from bundle import Bundle, pad  # noqa: E402
from labels import LANGUAGES, read_labels  # noqa: E402

ROOT = Path(__file__).parent.parent.parent
HIDDEN, LAYERS, HEADS, FFN, POSITIONS = 24, 4, 12, 48, 256
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def write_base(path: Path, pieces: int) -> None:
    """Writes a base with random weights in the layout that `base.py` reads, without pieces of its own."""
    source = np.random.default_rng(1)
    shapes = {"emb.word": (pieces, HIDDEN), "emb.pos": (POSITIONS, HIDDEN), "emb.type": (1, HIDDEN)}
    shapes |= {"emb.ln.w": (HIDDEN,), "emb.ln.b": (HIDDEN,)}
    for layer in range(LAYERS):
        for name, out, into in [(x, HIDDEN, HIDDEN) for x in ("q", "k", "v", "ao")] + [
            ("fi", FFN, HIDDEN),
            ("fo", HIDDEN, FFN),
        ]:
            shapes[f"l{layer}.{name}.w"], shapes[f"l{layer}.{name}.b"] = (out, into), (out,)
        for name in ("aln", "oln"):
            shapes[f"l{layer}.{name}.w"] = shapes[f"l{layer}.{name}.b"] = (HIDDEN,)
    values = {
        name: (1.0 if "ln.w" in name else 0.0) + 0.1 * source.standard_normal(shape) for name, shape in shapes.items()
    }
    head = b"E5S1" + struct.pack("<8i", 1, HIDDEN, LAYERS, HEADS, FFN, pieces, POSITIONS, 1)
    head += struct.pack("<fi5iQIIIi", 1e-12, 32, 0, 0, 2, 1, 3, 0, 0, 0, 0, len(values))
    at = len(head) + sum(23 + len(name) for name in values)
    directory, data = b"", b""
    for name, array in values.items():
        raw = array.astype("<f4").tobytes()
        directory += struct.pack(f"<H{len(name)}sBIQQ", len(name), name.encode(), 0, 0, at + len(data), len(raw))
        data += raw
    path.write_bytes(head + directory + data)


def sample(part: str, a_language: int) -> list[dict]:
    """Some messages of each language, by several authors."""
    result = []
    for language in LANGUAGES:
        lines = (ROOT / "data" / "messages" / part / f"{language}.jsonl").read_text("utf-8").split("\n")
        result += [json.loads(line) for line in lines if line][:: len(lines) // a_language][:a_language]
    return result


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """What `prepare.py` leaves, with single characters for pieces."""
    folder = tmp_path_factory.mktemp("work")
    parts = {part: sample(part, count) for part, count in (("train", 12), ("dev", 4))}
    for part, rows in parts.items():
        (folder / f"{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    public = [{"text": row["text"], "lang": row["lang"], "intents": None, "polarity3": "negative", "flags": None}
              for row in parts["dev"]]  # fmt: skip
    (folder / "public.jsonl").write_text("".join(json.dumps(row) + "\n" for row in public))
    letters = sorted({letter for row in parts["train"] for letter in row["text"]} - {" ", "\u2581"})
    pieces = [*SPECIAL, "<mask>", "\u2581", *letters]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json(pieces, [-1.0] * len(pieces), POSITIONS)))
    (folder / "pieces.json").write_text(json.dumps(list(range(len(pieces)))))
    write_base(folder / "e5-small-q4.bin", len(pieces))
    assert Base(folder / "e5-small-q4.bin").shape.layers == LAYERS
    return folder


def run(script: str, *arguments: object) -> str:
    """Runs a script of `training`; returns what it prints."""
    done = python(ROOT / "training" / script, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def python(*arguments: object) -> subprocess.CompletedProcess:
    """Runs Python on one thread, with the modules of `training`."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "training")}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_the_recipe_makes_a_model_from_a_base_and_messages(work):
    run("distil.py", work, "--layers", 0, 2, "--passes", 1)
    for number in range(2):
        run("train.py", work, f"teacher-{number}", "--layers", 0, 1, 2, 3, "--without-fold", number, "--passes", 1,
            "--public-rows", 8)  # fmt: skip
    out = run("train.py", work, "student", "--init", "distilled", "--teachers", "teacher-0", "teacher-1",
              "--passes", 2, "--rows", 16, "--public-rows", 8)  # fmt: skip
    assert "pass 2 loss" in out
    settings = work / "settings.json"
    settings.write_text("{}")
    run("export.py", work, "student", work / "f16", "--version", "1", "--settings", settings)
    run("quantize.py", work / "f16", work / "int8", "--name", "tiny", "--version", "1")

    whole, small = (Bundle.load(work / name) for name in ("f16", "int8"))
    ids = [whole.encode("Where is my order?")]
    answers = whole(*pad(ids, 1)), small(*pad(ids, 1))
    labels = read_labels()
    assert answers[0]["primary"].shape == (1, len(labels.intents))
    for head, logits in answers[0].items():
        assert np.allclose(logits.detach(), answers[1][head].detach(), atol=0.1), head


def test_a_run_that_was_stopped_ends_as_one_that_was_not(work):
    train = ("train.py", work, "whole", "--layers", 0, 1, "--passes", 2)
    run(*train)
    whole = np.load(work / "whole-dev.npy")
    stopped = """
import sys, running, train
sys.argv = ["train.py", *sys.argv[1:]]
save = running.Checkpoint.save
def save_and_stop(self, passes):
    save(self, passes)
    sys.exit(3)
running.Checkpoint.save = save_and_stop
train.main()
"""
    done = python("-c", stopped, work, "stopped", *train[3:])
    assert done.returncode == 3, done.stderr
    assert (work / "stopped.checkpoint").exists()

    run("train.py", work, "stopped", *train[3:])

    assert np.array_equal(np.load(work / "stopped-dev.npy"), whole)
    assert not (work / "stopped.checkpoint").exists()
