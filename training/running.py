"""What every training step shares: device, seeds, token ids, batches, checkpoints."""

import contextlib
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from bundle import load_tokenizer, truncate

PAD = 1


def seed_everything(seed: int) -> None:
    """Makes a run repeatable on the same machine and the same number of threads."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def device() -> torch.device:
    """The GPU when there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast():
    """bf16 where the hardware multiplies it: on GPUs and on CPUs with AMX.

    Without AMX, bf16 on a CPU is many times slower than f32.
    """
    kind = device().type
    flags = (
        Path("/proc/cpuinfo").read_text(encoding="utf-8") if kind == "cpu" and os.path.exists("/proc/cpuinfo") else ""
    )
    if kind == "cuda" or "amx_bf16" in flags:
        return torch.autocast(kind, torch.bfloat16)
    return contextlib.nullcontext()


class Texts:
    """Turns texts into token ids, the middle of long ones cut out as the service does."""

    def __init__(self, directory: Path, max_tokens: int):
        self.tokenizer = load_tokenizer(directory)
        self.max_tokens = max_tokens

    def ids(self, texts: list[str]) -> list[list[int]]:
        # Longer texts than this are not in the data; the bound keeps a stray one from filling the memory.
        encodings = self.tokenizer.encode_batch([text[:6000] for text in texts])
        return [truncate(encoding.ids, self.max_tokens) for encoding in encodings]


def pad(rows: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns ids `[B, T]`, padded at the right, and the lengths `[B]`."""
    lengths = [len(row) for row in rows]
    ids = np.full((len(rows), max(lengths)), PAD, np.int64)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
    target = device()
    return torch.from_numpy(ids).to(target), torch.tensor(lengths).to(target)


def batches(
    ids: list[list[int]], tokens: int, rows: int, shuffle: random.Random | None = None, chunk: int = 6000
) -> Iterator[list[int]]:
    """Yields indices of messages of similar length: at most `rows` of them and about `tokens` tokens with padding.

    Shuffled, lengths are sorted within random chunks only, and batches come in random order.
    """
    order = list(range(len(ids)))
    if shuffle:
        shuffle.shuffle(order)
    else:
        chunk = len(order) or 1
    result = []
    for start in range(0, len(order), chunk):
        batch: list[int] = []
        for index in sorted(order[start : start + chunk], key=lambda index: len(ids[index])):
            if batch and ((len(batch) + 1) * len(ids[index]) > tokens or len(batch) >= rows):
                result.append(batch)
                batch = []
            batch.append(index)
        if batch:
            result.append(batch)
    if shuffle:
        shuffle.shuffle(result)
    yield from result


class Gradients:
    """Gradients of a batch, on a CPU of parts of it at the same time.

    One thread for each part is 1.8 times as fast on two cores as two threads for each operation: many operations are
    too small to be shared. Each part has a generator of its own, so that a run can be repeated.
    """

    def __init__(self, weights: list[torch.nn.Parameter], seed: int):
        count = torch.get_num_threads() if device().type == "cpu" else 1
        self._weights = weights
        self._generators = [torch.Generator(device()) for _ in range(count)]
        for number, generator in enumerate(self._generators):
            generator.manual_seed(seed * 1000 + number)
        self._threads = ThreadPoolExecutor(count, initializer=lambda: torch.set_num_threads(1)) if count > 1 else None

    def of(self, batch: list[int], loss_of: Callable[[list[int], torch.Generator], torch.Tensor]) -> torch.Tensor:
        """Sets the gradients of the mean loss over `batch`, and returns that loss, without waiting for a GPU."""
        count = len(self._generators)
        parts = [(batch[i::count], generator) for i, generator in enumerate(self._generators) if batch[i::count]]

        def part(rows: list[int], generator: torch.Generator):
            loss = loss_of(rows, generator) * (len(rows) / len(batch))
            return loss.detach(), torch.autograd.grad(loss, self._weights)

        run = self._threads.map if self._threads else map
        losses, gradients = zip(*run(part, *zip(*parts, strict=True)), strict=True)
        for weight, *parts_of in zip(self._weights, *gradients, strict=True):
            weight.grad = sum(parts_of[1:], start=parts_of[0])
        return sum(losses)

    def state(self) -> list[torch.Tensor]:
        return [generator.get_state() for generator in self._generators]

    def set_state(self, states: list[torch.Tensor]) -> None:
        for generator, state in zip(self._generators, states, strict=False):
            generator.set_state(state.cpu())


class Optimiser:
    """AdamW, for word vectors with sparse gradients sparse Adam, one schedule: linear warm-up, then linear decay."""

    WARM_UP = 0.06
    LAST = 0.01

    def __init__(self, groups: list[dict], words: torch.nn.Parameter, words_rate: float, seed: int):
        self._clipped = [weight for group in groups for weight in group["params"]]
        if words.is_cuda:
            groups = [*groups, {"params": [words], "lr": words_rate, "weight_decay": 0.0}]
        self._all = [torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.01, fused=True)]
        if not words.is_cuda:
            self._all.append(torch.optim.SparseAdam([words], lr=words_rate, betas=(0.9, 0.98)))
        self._rates = [[group["lr"] for group in optimiser.param_groups] for optimiser in self._all]
        self._gradients = Gradients([*self._clipped, words], seed)

    def step(
        self, batch: list[int], loss_of: Callable[[list[int], torch.Generator], torch.Tensor], progress: float
    ) -> torch.Tensor:
        """One step at `progress` of the whole run, from 0 to 1; returns the loss."""
        factor = min(1.0, (progress + 1e-4) / self.WARM_UP) * max(self.LAST, 1 - progress)
        for optimiser, rates in zip(self._all, self._rates, strict=True):
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * factor
        loss = self._gradients.of(batch, loss_of)
        torch.nn.utils.clip_grad_norm_(self._clipped, 1.0)
        for optimiser in self._all:
            optimiser.step()
        return loss

    def state_dict(self) -> dict:
        return {
            "optimisers": [optimiser.state_dict() for optimiser in self._all],
            "generators": self._gradients.state(),
        }

    def load_state_dict(self, state: dict) -> None:
        for optimiser, its_state in zip(self._all, state["optimisers"], strict=True):
            optimiser.load_state_dict(its_state)
        self._gradients.set_state(state["generators"])


class Checkpoint:
    """The state between two passes over the data, so that a run that was stopped goes on where it was."""

    def __init__(self, path: Path, model: torch.nn.Module, optimiser: Optimiser):
        self._path, self._model, self._optimiser = path, model, optimiser

    def load(self) -> int:
        """Returns the number of passes that are done."""
        if not self._path.exists():
            return 0
        state = torch.load(self._path, map_location=device(), weights_only=False)
        self._model.load_state_dict(state["model"])
        self._optimiser.load_state_dict(state["optimiser"])
        random.setstate(state["python"])
        return state["passes"]

    def save(self, passes: int) -> None:
        state = {
            "model": self._model.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "python": random.getstate(),
            "passes": passes,
        }
        part = self._path.with_suffix(".part")
        torch.save(state, part)
        part.replace(self._path)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)


class Log:
    """Lines with the seconds since the start."""

    def __init__(self, name: str):
        self._name, self._start = name, time.monotonic()

    def __call__(self, *values) -> None:
        print(f"[{self._name} {time.monotonic() - self._start:.0f} s]", *values, flush=True)


def read_jsonl(path: Path) -> list[dict]:
    """Returns the rows of a JSONL file."""
    # Not splitlines(): that would also split at U+2028 and others, which JSON may hold as they are.
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
