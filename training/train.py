"""Teaches an encoder the labels.

    python training/train.py WORK teacher-0 --layers 12 --without-fold 0
    python training/train.py WORK student --init distilled --teachers teacher-0 teacher-1 teacher-2 teacher-3

A teacher is trained on all authors but those of one of four folds. The student learns from the labels and from
teachers: for each message from the one that has not seen it, whose doubts are honest. Writes WORK/NAME.pt,
WORK/NAME-dev.npy (logits of the dev part), for a teacher WORK/NAME-train.npy and, when it learnt from public messages,
WORK/NAME-public.npy (logits of the train part and of all public messages), and WORK/NAME.json (scores).
"""

import argparse
import json
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from augment import capitals, noise
from base import Base
from distil import new_encoder
from labels import Labels, Targets, fold, read_labels, targets
from network import Classifier, Encoder
from running import Checkpoint, Log, Optimiser, Texts, autocast, batches, device, pad, read_jsonl, seed_everything
from scores import by_language

FOLDS = 4
MAX_TOKENS = 192
ROWS_PER_BATCH, TOKENS_PER_ROW = 64, 64
ROWS_TO_PREDICT, TOKENS_TO_PREDICT = 512, 8192
HEADS_RATE = 1e-3
NOISE_SHARE = 0.35
# Share of messages to which another of the same language is joined.
JOINED_SHARE, JOINED_CHARS = 0.07, 500
LABEL_SMOOTHING = 0.05
# Weights of the losses of primary, intent, polarity and flags, so that none drowns the others.
WEIGHTS = (1.0, 0.5, 0.7, 0.5)
# Share of the polarity's target that its neighbours on the scale get.
NEIGHBOUR_SHARE = 0.06
SOFTMAX_TEMPERATURE = 2.0
PUBLIC_WEIGHT = 0.35
# Intents that are nothing beside another one: two messages of which one has them are not joined.
ALONE = {
    "chat.greeting",
    "chat.thanks",
    "system.no_reply",
    "system.spam",
    "other.business_inquiry",
    "other.out_of_scope",
    "feedback.complaint",
    "feedback.praise",
    "support.human_agent",
}
MOST_INTENTS = 3


@dataclass
class Row:
    """A text to learn from. `teacher` is its place among the teachers' logits, or -1."""

    text: str
    primary: int
    intents: np.ndarray
    polarity: int
    flags: np.ndarray
    teacher: int = -1
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0)
    three_way: bool = False


class Corpus:
    """The rows of the train part, and how one pass over them is made."""

    def __init__(self, labels: Labels, rows: list[dict], index: list[int], public: list[dict]):
        self._labels, self._rows, self._index = labels, rows, index
        self._targets: Targets = targets(labels, rows)
        self._public = public
        self._by_language: dict[str, list[int]] = {}
        for i in index:
            self._by_language.setdefault(rows[i]["lang"], []).append(i)

    def __len__(self) -> int:
        return len(self._index)

    def joined(self, i: int, j: int) -> Row | None:
        """Two messages sent as one, or None where that would say something else."""
        a, b = self._rows[i], self._rows[j]
        both = set(a["intents"]) | set(b["intents"])
        if len(a["text"]) + len(b["text"]) > JOINED_CHARS or both & ALONE or len(both) > MOST_INTENTS:
            return None
        text = a["text"].rstrip() + random.choice((" ", "\n", ". ", "\n\n")) + b["text"]
        t = self._targets
        return Row(
            text,
            int(t.primary[i]),
            np.maximum(t.intents[i], t.intents[j]),
            int(t.polarity[i]),
            np.maximum(t.flags[i], t.flags[j]),
            weights=(1.0, 0.0, 1.0),
        )

    def one_pass(self, public_rows: int) -> list[Row]:
        """Every message once, some changed, and a sample of the public ones."""
        result = []
        t = self._targets
        for i in self._index:
            row = self._rows[i]
            chance = random.random()
            if chance < JOINED_SHARE:
                made = self.joined(i, random.choice(self._by_language[row["lang"]]))
                if made:
                    result.append(made)
                    continue
            text = noise(row["text"], random, row["lang"]) if chance < JOINED_SHARE + NOISE_SHARE else row["text"]
            made = Row(text, int(t.primary[i]), t.intents[i], int(t.polarity[i]), t.flags[i], teacher=i)
            if text != row["text"] and text == capitals(row["text"], row["lang"]):
                # Who shouts may be angry: only what is wanted stays the same.
                made.weights, made.teacher = (1.0, 0.0, 0.0), -1
            result.append(made)
        for i in random.sample(range(len(self._public)), min(public_rows, len(self._public))):
            result.append(self._public_row(self._public[i], teacher=len(self._rows) + i))
        return result

    def _public_row(self, row: dict, teacher: int) -> Row:
        """A public message says less: intents, polarity and flags may each be unknown."""
        intents = np.zeros(len(self._labels.intents), np.float32)
        flags = np.zeros(len(self._labels.flags), np.float32)
        known = [self._labels.intents.index(name) for name in row.get("intents") or []]
        intents[known] = 1
        for name in row.get("flags") or []:
            if name in self._labels.flags:
                flags[self._labels.flags.index(name)] = 1
        polarity = {"negative": 1, "neutral": 2, "positive": 3}.get(row.get("polarity3"), -1)
        return Row(
            noise(row["text"], random) if random.random() < NOISE_SHARE else row["text"],
            known[0] if known else 0,
            intents,
            max(polarity, 0),
            flags,
            teacher=teacher,
            weights=(
                PUBLIC_WEIGHT if known else 0.0,
                PUBLIC_WEIGHT if polarity >= 0 else 0.0,
                PUBLIC_WEIGHT if row.get("flags") is not None else 0.0,
            ),
            three_way=True,
        )


def polarity_targets(steps: torch.Tensor, count: int) -> torch.Tensor:
    """A distribution over the scale with its mass on the step and a little on its neighbours."""
    distance = (torch.arange(count, device=steps.device)[None, :] - steps[:, None]).abs()
    near = (distance == 1).float()
    return (distance == 0).float() * (1 - NEIGHBOUR_SHARE) + NEIGHBOUR_SHARE * near / near.sum(dim=1, keepdim=True)


def three_way_loss(log_probabilities: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
    """Loss of a polarity of which only the sign is known: 1 negative, 2 neutral, 3 positive."""
    parts = torch.stack(
        [
            torch.logsumexp(log_probabilities[:, :2], dim=1),
            log_probabilities[:, 2],
            torch.logsumexp(log_probabilities[:, 3:], dim=1),
        ],
        dim=1,
    )
    return -parts.gather(1, (steps - 1).clamp(0, 2)[:, None])[:, 0]


class Loss:
    """The loss of a batch: labels, and teachers where there are any.

    `teachers` `[N, outputs]` are their logits; rows of NaN where they say nothing.
    """

    def __init__(self, labels: Labels, teachers: torch.Tensor | None, teacher_share: float, positive: torch.Tensor):
        self._sizes, self._share, self._positive = labels.sizes, teacher_share, positive
        self._teachers = None if teachers is None else teachers.to(device())

    def __call__(self, logits: torch.Tensor, rows: list[Row]) -> torch.Tensor:
        def stacked(values) -> torch.Tensor:
            return torch.from_numpy(np.array(values)).to(logits.device)

        primary, intent, polarity, flags = self._sizes.split(logits.float())
        weights = stacked([row.weights for row in rows]).float()
        steps = stacked([row.polarity for row in rows])
        log_polarity = polarity.log_softmax(dim=1)
        soft_steps = polarity_targets(steps, self._sizes.polarity)
        by_polarity = torch.where(
            stacked([row.three_way for row in rows]),
            three_way_loss(log_polarity, steps),
            -(soft_steps * log_polarity).sum(dim=1),
        )
        first = F.cross_entropy(
            primary, stacked([row.primary for row in rows]), reduction="none", label_smoothing=LABEL_SMOOTHING
        )
        present = F.binary_cross_entropy_with_logits(
            intent, stacked([row.intents for row in rows]), reduction="none"
        ).sum(dim=1)
        raised = F.binary_cross_entropy_with_logits(
            flags, stacked([row.flags for row in rows]), reduction="none", pos_weight=self._positive
        ).sum(dim=1)
        hard = (
            WEIGHTS[0] * weights[:, 0] * first
            + WEIGHTS[1] * weights[:, 0] * present
            + WEIGHTS[2] * weights[:, 1] * by_polarity
            + WEIGHTS[3] * weights[:, 2] * raised
        )
        if self._teachers is None:
            return hard.mean()
        places = stacked([row.teacher for row in rows])
        said = self._teachers[places.clamp(min=0)].float()
        heard = (places >= 0) & ~said[:, 0].isnan()
        theirs = self._sizes.split(said.nan_to_num())
        t = SOFTMAX_TEMPERATURE
        soft = (
            WEIGHTS[0] * t * t * 0.5 * distance((primary / t), (theirs[0] / t))
            + WEIGHTS[1] * F.binary_cross_entropy_with_logits(intent, theirs[1].sigmoid(), reduction="none").sum(dim=1)
            + WEIGHTS[2] * distance(polarity, theirs[2])
            + WEIGHTS[3] * F.binary_cross_entropy_with_logits(flags, theirs[3].sigmoid(), reduction="none").sum(dim=1)
        )
        return torch.where(heard, (1 - self._share) * hard + self._share * soft, hard).mean()


def distance(ours: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    """Kullback-Leibler divergence of softmax outputs, for each row."""
    return F.kl_div(ours.log_softmax(dim=1), theirs.softmax(dim=1), reduction="none").sum(dim=1)


@torch.no_grad()
def predict(model: Classifier, ids: list[list[int]]) -> np.ndarray:
    """Returns the logits `[N, outputs]`."""
    result = np.zeros((len(ids), model.sizes.outputs), np.float32)
    for batch in batches(ids, TOKENS_TO_PREDICT, ROWS_TO_PREDICT):
        with autocast():
            result[batch] = model(*pad([ids[i] for i in batch])).float().cpu().numpy()
    return result


@torch.no_grad()
def standardise(model: Classifier, ids: list[list[int]]) -> None:
    """Sets the shift and the scale of the mean vector from some messages."""
    vectors = []
    for batch in batches(ids, TOKENS_TO_PREDICT, ROWS_TO_PREDICT):
        with autocast():
            vectors.append(model.pooled(*pad([ids[i] for i in batch])))
    stacked = torch.cat(vectors)
    model.shift.copy_(stacked.mean(dim=0))
    model.scale.copy_((stacked - stacked.mean(dim=0)).pow(2).mean().sqrt())


def teachers_logits(work: Path, names: list[str], rows: list[dict], public: list[dict]) -> torch.Tensor:
    """Logits for the messages and, behind them, for the public ones: of the teacher that has not seen the author.

    For public messages it is the mean of all teachers. Messages that were appended after the teachers were made have
    NaN: a teacher is not in honest doubt about a kind of message that it has never seen, but ignorant.
    """

    def said(part: str) -> np.ndarray:
        return np.stack([np.load(work / f"{name}-{part}.npy") for name in names]).astype(np.float32)

    train = said("train")
    authored = train.mean(axis=0)
    folds = np.array([fold(row["batch"], FOLDS) for row in rows[: len(authored)]])
    for name, logits in zip(names, train, strict=True):
        unseen = folds == json.loads((work / f"{name}.json").read_text())["without_fold"]
        authored[unseen] = logits[unseen]
    result = np.full((len(rows) + len(public), authored.shape[1]), np.nan, np.float32)
    result[: len(authored)] = authored
    if public and all((work / f"{name}-public.npy").exists() for name in names):
        result[len(rows) :] = said("public").mean(axis=0)
    return torch.from_numpy(result).half()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", metavar="WORK", type=Path)
    parser.add_argument("name")
    parser.add_argument("--init", help="WORK/INIT.pt, an encoder that distil.py wrote; else the layers of the base")
    parser.add_argument("--layers", type=int, nargs="+", default=list(range(12)), help="layers of the base")
    parser.add_argument("--without-fold", type=int, help="leave the authors of this fold out")
    parser.add_argument("--teachers", nargs="*", default=[])
    parser.add_argument("--teacher-share", type=float, default=0.6)
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--rate", type=float, default=6e-5)
    parser.add_argument("--words-rate", type=float, default=None, help="of the word vectors; as --rate if left out")
    parser.add_argument("--layer-dropout", type=float, default=0.05)
    parser.add_argument("--flag-weight", type=float, default=1.0, help="weight of flags that are there")
    parser.add_argument("--public-rows", type=int, default=0, help="public messages a pass")
    parser.add_argument("--rows", type=int, default=ROWS_PER_BATCH, help="messages a batch, short ones")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--share", type=float, default=1.0, help="share of the authors, for a curve or a trial")
    parser.add_argument("--test", action="store_true", help="score WORK/test.jsonl, too")
    arguments = parser.parse_args()

    log = Log(arguments.name)
    seed_everything(arguments.seed)
    work: Path = arguments.work
    labels = read_labels()
    rows = read_jsonl(work / "train.jsonl")
    index = [
        i
        for i, row in enumerate(rows)
        if (arguments.without_fold is None or fold(row["batch"], FOLDS) != arguments.without_fold)
        and fold(row["batch"], 1000) < 1000 * arguments.share
    ]
    public = read_jsonl(work / "public.jsonl") if arguments.public_rows else []
    corpus = Corpus(labels, rows, index, public)
    log(len(corpus), "messages of", len(rows))

    pieces = json.loads((work / "pieces.json").read_text())
    base = Base(work / "e5-small-q4.bin")
    if arguments.init:
        weights = torch.load(work / f"{arguments.init}.pt", map_location="cpu")
        shape = base.shape
        layers = 1 + max(int(name.split(".")[1]) for name in weights if name.startswith("layers."))
        encoder = Encoder(len(pieces), layers, shape.hidden, shape.ffn, shape.heads, shape.positions)
        encoder.load_state_dict(weights)
    else:
        encoder = new_encoder(base, arguments.layers, pieces)
    encoder.embedding_dropout, encoder.layer_dropout = 0.1, arguments.layer_dropout
    model = Classifier(encoder, labels.sizes).to(device())
    reader = Texts(work, MAX_TOKENS)
    standardise(model, reader.ids([rows[i]["text"] for i in random.sample(index, min(1024, len(index)))]))

    named = [(name, weight) for name, weight in model.encoder.named_parameters() if name != "words.weight"]
    optimiser = Optimiser(
        [
            {"params": [w for _, w in named if w.ndim > 1], "lr": arguments.rate},
            {"params": [w for _, w in named if w.ndim == 1], "lr": arguments.rate, "weight_decay": 0.0},
            {"params": list(model.heads.parameters()), "lr": HEADS_RATE, "weight_decay": 0.0},
        ],
        model.encoder.words.weight,
        arguments.words_rate or arguments.rate,
        arguments.seed,
    )
    teachers = teachers_logits(work, arguments.teachers, rows, public) if arguments.teachers else None
    loss_of = Loss(
        labels,
        teachers,
        arguments.teacher_share,
        torch.full((labels.sizes.flags,), arguments.flag_weight, device=device()),
    )

    dev = read_jsonl(work / "dev.jsonl")
    dev_ids = reader.ids([row["text"] for row in dev])
    checkpoint = Checkpoint(work / f"{arguments.name}.checkpoint", model, optimiser)
    for number in range(checkpoint.load(), arguments.passes):
        made = corpus.one_pass(arguments.public_rows)
        ids = reader.ids([row.text for row in made])
        parts = list(batches(ids, arguments.rows * TOKENS_PER_ROW, arguments.rows, random))
        running = 0.0

        def loss_of_part(part: list[int], generator: torch.Generator) -> torch.Tensor:
            with autocast():
                logits = model(*pad([ids[i] for i in part]), generator)
            return loss_of(logits, [made[i] for i in part])

        for step, batch in enumerate(parts):
            loss = optimiser.step(batch, loss_of_part, (number + step / len(parts)) / arguments.passes)
            running = loss if step == 0 else 0.98 * running + 0.02 * loss
        checkpoint.save(number + 1)
        mean = by_language(labels, predict(model, dev_ids), dev)["mean"]
        log("pass", number + 1, f"loss {running:.3f} dev", {key: round(value, 4) for key, value in mean.items()})

    logits = predict(model, dev_ids)
    np.save(work / f"{arguments.name}-dev.npy", logits)
    record = {"without_fold": arguments.without_fold, "arguments": vars(arguments) | {"work": str(work)}}
    record["dev"] = by_language(labels, logits, dev)
    if arguments.test:
        test = read_jsonl(work / "test.jsonl")
        record["test"] = by_language(labels, predict(model, reader.ids([row["text"] for row in test])), test)
        log("test", {key: round(value, 4) for key, value in record["test"]["mean"].items()})
    if arguments.without_fold is not None:
        logits = predict(model, reader.ids([row["text"] for row in rows]))
        np.save(work / f"{arguments.name}-train.npy", logits.astype(np.float16))
        if public:
            said = predict(model, reader.ids([row["text"] for row in public]))
            np.save(work / f"{arguments.name}-public.npy", said.astype(np.float16))
        unseen = [i for i, row in enumerate(rows) if fold(row["batch"], FOLDS) == arguments.without_fold]
        record["unseen"] = by_language(labels, logits[unseen], [rows[i] for i in unseen])
        log("unseen fold", {key: round(value, 4) for key, value in record["unseen"]["mean"].items()})
    (work / f"{arguments.name}.json").write_text(json.dumps(record, indent=1) + "\n")
    torch.save(model.state_dict(), work / f"{arguments.name}.pt")
    checkpoint.remove()


if __name__ == "__main__":
    main()
