"""Times the engine beside ONNX Runtime and candle, taking turns, on one thread each.

    python benches/peers/export_onnx.py models/default ONNX
    python benches/peers/compare.py models/default ONNX [--rounds 15] [--json OUT]

Every round times every engine on every shape once, in another order, so that what else the machine does meets all of
them. A ratio is that of two times of the same round; its median and its quartiles are printed. ONNX Runtime runs with
one thread, all graph optimisations, without spinning; of its f32 and int8 graphs (as exported, and with its own fusions
for BERT) and, for mixed lengths, of one padded batch and of messages one by one, each shape takes the fastest by a first
round. Token `k` of message `i` is 10 + (7919 i + 104729 k) mod 40000, as in `benches/engine.rs`.
"""

import argparse
import json
import platform
import random
import statistics
import subprocess
import time
from pathlib import Path

import numpy as np
import onnxruntime

SHAPES = {
    "1 x 8": [8],
    "1 x 16": [16],
    "1 x 32": [32],
    "1 x 64": [64],
    "1 x 128": [128],
    "32 x 32": [32] * 32,
    # Lengths of messages as shops get them: most are short, a few are long.
    "32 mixed": [6, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 20, 21, 22, 24, 25]
    + [27, 28, 30, 32, 34, 37, 40, 43, 47, 52, 58, 66, 76, 92, 120, 180],
}
SECONDS_A_TURN = 0.15


def token_ids(lengths: list[int]) -> list[np.ndarray]:
    """Token ids of messages of these lengths."""
    return [
        np.array([10 + (7919 * i + 104729 * k) % 40000 for k in range(length)], dtype=np.int64)
        for i, length in enumerate(lengths)
    ]


class OnnxRuntime:
    """One graph in ONNX Runtime on one thread."""

    def __init__(self, path: Path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._types = {value.name: value.type for value in self._session.get_inputs()}

    def _feed(self, messages: list[np.ndarray]) -> dict[str, np.ndarray]:
        longest = max(map(len, messages))
        ids = np.zeros((len(messages), longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, message in enumerate(messages):
            ids[row, : len(message)] = message
            mask[row, : len(message)] = 1
        feed = {"input_ids": ids, "attention_mask": mask}
        numpy_type = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
        return {name: values.astype(numpy_type[self._types[name]]) for name, values in feed.items()}

    def time(self, lengths: list[int], repetitions: int, one_by_one: bool) -> list[float]:
        """Seconds of each repetition, with inputs that are already arrays."""
        messages = token_ids(lengths)
        feeds = [self._feed([message]) for message in messages] if one_by_one else [self._feed(messages)]
        seconds = []
        for _ in range(repetitions):
            started = time.perf_counter()
            for feed in feeds:
                self._session.run(None, feed)
            seconds.append(time.perf_counter() - started)
        return seconds


class Ours:
    """`benches/engine.rs` in a process of its own."""

    def __init__(self, model: Path, core: int | None = None):
        pinned = [] if core is None else ["taskset", "--cpu-list", str(core)]
        command = [*pinned, "cargo", "bench", "--quiet", "--bench", "engine", "--", "--lines", str(model.resolve())]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.names: list[str] = json.loads(self._process.stdout.readline())

    def ask(self, engine: str, lengths: list[int], repetitions: int) -> None:
        """Starts to time an engine."""
        self._process.stdin.write(f"{engine} {repetitions} {','.join(map(str, lengths))}\n")
        self._process.stdin.flush()

    def answer(self) -> list[float]:
        """Seconds of each repetition of what was asked for."""
        return json.loads(self._process.stdout.readline())

    def time(self, engine: str, lengths: list[int], repetitions: int) -> list[float]:
        """Seconds of each repetition."""
        self.ask(engine, lengths, repetitions)
        return self.answer()


def cpu_name() -> str:
    """Name of the processor."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", type=Path)
    parser.add_argument("onnx", metavar="ONNX", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--engines", nargs="+", help="of ours; all of this machine but the portable one if left out")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    ours = Ours(arguments.model)
    engines = arguments.engines or [name for name in ours.names if name != "portable"]
    graphs = {name: OnnxRuntime(arguments.onnx / f"{name}.onnx") for name in ("model", "fused", "int8")}
    print(f"{cpu_name()}, ONNX Runtime {onnxruntime.__version__}, {arguments.rounds} rounds, one thread each")

    timed = {name: lambda lengths, n, name=name: ours.time(name, lengths, n) for name in engines}
    results = {}
    for shape, lengths in SHAPES.items():
        calls = dict(timed)
        for kind, names in {"ort f32": ("model", "fused"), "ort int8": ("int8",)}.items():
            ways = [(name, alone) for name in names for alone in ((False, True) if len(lengths) > 1 else (False,))]
            first = {way: min(graphs[way[0]].time(lengths, 5, way[1])) for way in ways}
            name, alone = min(first, key=first.get)
            calls[kind] = lambda lengths, n, name=name, alone=alone: graphs[name].time(lengths, n, alone)
        results[shape] = run(shape, lengths, calls, arguments.rounds, engines[0])
    if arguments.json:
        record = {"cpu": cpu_name(), "onnxruntime": onnxruntime.__version__, "shapes": results}
        arguments.json.write_text(json.dumps(record, indent=1) + "\n")


def run(shape: str, lengths: list[int], calls: dict, rounds: int, first: str) -> dict[str, list[float]]:
    """Times all engines in turns and prints ratios of the first one to the others."""
    repetitions = {name: max(1, int(SECONDS_A_TURN / min(call(lengths, 3)))) for name, call in calls.items()}
    medians: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name in random.sample(list(calls), len(calls)):
            medians[name].append(statistics.median(calls[name](lengths, repetitions[name])))
    print(f"\n{shape}")
    for name, values in medians.items():
        low, middle, high = statistics.quantiles([a / b for a, b in zip(medians[first], values, strict=True)], n=4)
        print(
            f"  {name:12} {1e3 * statistics.median(values):9.3f} ms"
            f"   {first} takes {middle:.3f} of it ({low:.3f} to {high:.3f})"
        )
    return medians


if __name__ == "__main__":
    main()
