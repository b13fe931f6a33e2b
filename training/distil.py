"""Makes six layers do what the base's twelve do.

    python training/distil.py WORK --layers 0 2 4 6 8 10 --passes 8

The short encoder starts as some layers of the base and learns the base's vectors of every token, in the middle and at
the end, and the mean over a message. Texts: the authored messages of the train part and, if `WORK/public.jsonl` is
there, public ones; labels are not used. Writes WORK/distilled.pt.
"""

import argparse
import json
import random
from pathlib import Path

import torch
import torch.nn.functional as F

from augment import noise
from base import Base
from network import Encoder, mean_over_tokens
from running import Checkpoint, Log, Optimiser, Texts, autocast, batches, device, pad, read_jsonl, seed_everything

MAX_TOKENS = 96
TOKENS_PER_BATCH, ROWS_PER_BATCH = 4096, 256
NOISE_SHARE = 0.25
HELD_OUT = 1000
# Most public texts are English: of them only some in each pass.
PUBLIC_A_PASS = 20_000
RATE, WORDS_RATE = 3e-4, 3e-4
MEAN_WEIGHT, MIDDLE_WEIGHT = 1.0, 0.5


def new_encoder(base: Base, layers: list[int], pieces: list[int]) -> Encoder:
    """An encoder with weights of the base."""
    shape = base.shape
    encoder = Encoder(len(pieces), len(layers), shape.hidden, shape.ffn, shape.heads, shape.positions)
    encoder.load_state_dict(base.encoder_weights(layers, pieces))
    return encoder


def token_loss(ours: torch.Tensor, theirs: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Mean squared difference of the vectors of real tokens, each coordinate in units of the base's deviation."""
    ours, theirs = ours[keep].float(), theirs[keep].float()
    return F.mse_loss(ours, theirs) / theirs.var(dim=0).mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", metavar="WORK", type=Path)
    parser.add_argument("--layers", type=int, nargs="+", default=[0, 2, 4, 6, 8, 10])
    parser.add_argument("--passes", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", default="distilled")
    parser.add_argument("--share", type=float, default=1.0, help="share of the texts, for a trial")
    arguments = parser.parse_args()

    log = Log("distil")
    seed_everything(arguments.seed)
    work = arguments.work
    base = Base(work / "e5-small-q4.bin")
    pieces = json.loads((work / "pieces.json").read_text())
    teacher = new_encoder(base, list(range(base.shape.layers)), pieces).to(device())
    student = new_encoder(base, arguments.layers, pieces).to(device())

    authored = [row["text"] for row in read_jsonl(work / "train.jsonl")]
    public = [row["text"] for row in read_jsonl(work / "public.jsonl")] if (work / "public.jsonl").exists() else []
    random.shuffle(authored)
    held_out, authored = authored[:HELD_OUT], authored[HELD_OUT:]
    authored = authored[: int(len(authored) * arguments.share)]
    public_a_pass = int(min(len(public), PUBLIC_A_PASS) * arguments.share)
    reader = Texts(work, MAX_TOKENS)

    # Deviations of the mean vector, without which the cosine is near 1 for any two messages.
    with torch.no_grad(), autocast():
        rows = reader.ids(held_out)
        means = []
        for batch in batches(rows, TOKENS_PER_BATCH, ROWS_PER_BATCH):
            ids, lengths = pad([rows[index] for index in batch])
            means.append(mean_over_tokens(teacher(ids, lengths), lengths))
        centre = torch.cat(means).mean(dim=0)

    def losses(
        ids: torch.Tensor, lengths: torch.Tensor, generator: torch.Generator | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad(), autocast():
            theirs = teacher(ids, lengths, every_layer=True)
        with autocast():
            ours = student(ids, lengths, generator, every_layer=True)
        keep = torch.arange(ids.shape[1], device=ids.device)[None, :] < lengths[:, None]
        middle = len(ours) // 2
        cosine = F.cosine_similarity(
            mean_over_tokens(ours[-1], lengths) - centre, mean_over_tokens(theirs[-1], lengths) - centre
        ).mean()
        loss = (
            token_loss(ours[-1], theirs[-1], keep)
            + MIDDLE_WEIGHT * token_loss(ours[middle - 1], theirs[len(theirs) * middle // len(ours) - 1], keep)
            + MEAN_WEIGHT * (1 - cosine)
        )
        return loss, cosine

    def measure() -> float:
        total = 0.0
        with torch.no_grad():
            for batch in batches(rows, TOKENS_PER_BATCH, ROWS_PER_BATCH):
                total += losses(*pad([rows[index] for index in batch]))[1].item() * len(batch)
        return total / len(rows)

    dense = [weight for name, weight in student.named_parameters() if name != "words.weight"]
    optimiser = Optimiser([{"params": dense, "lr": RATE}], student.words.weight, WORDS_RATE, arguments.seed)
    checkpoint = Checkpoint(work / f"{arguments.out}.checkpoint", student, optimiser)
    done = checkpoint.load()
    log(
        len(authored),
        "authored and",
        public_a_pass,
        f"public texts a pass; held-out cosine of the mean vector {measure():.4f}",
    )
    for number in range(done, arguments.passes):
        texts = authored + random.sample(public, public_a_pass)
        noisy = [noise(text, random) if random.random() < NOISE_SHARE else text for text in texts]
        token_ids = reader.ids(noisy)
        parts = list(batches(token_ids, TOKENS_PER_BATCH, ROWS_PER_BATCH, random))
        for step, batch in enumerate(parts):
            loss = optimiser.step(
                batch,
                lambda part, generator: losses(*pad([token_ids[index] for index in part]), generator)[0],
                (number + step / len(parts)) / arguments.passes,
            )
            if step % 200 == 0:
                log(f"pass {number + 1} step {step} of {len(parts)}: loss {loss:.4f}")
        checkpoint.save(number + 1)
        log("pass", number + 1, f"held-out cosine of the mean vector {measure():.4f}")
    torch.save(student.state_dict(), work / f"{arguments.out}.pt")
    checkpoint.remove()


if __name__ == "__main__":
    main()
