"""Measures the service as a whole, each figure beside the one that it should be compared with.

    pip install grpcio grpcio-health-checking
    python benches/peers/service.py [--rounds 5] [--seconds 4] [--json OUT]

Builds the release program and times, taking turns where two things are compared:

- overhead: round trip of a call on one connection less the time of its inference;
- padding: the highest rate with a 99th percentile of at most 25 ms, of `signalbox serve` and of a server that pads and
  batches by count (`benches/padded.rs`, at the best of several counts);
- overload: goodput at twice the highest rate against the highest, and how soon a refused call hears so;
- cores: batches of mixed lengths on one core, and on two at the same time;
- start: from the start of the process to SERVING, resident memory, size of the program without the model.

The server has the first core and the generator the second, so that neither takes from the other.
"""

import argparse
import contextlib
import json
import random
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import grpc
from compare import SHAPES, Ours, cpu_name
from grpc_health.v1 import health_pb2, health_pb2_grpc

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "target" / "release" / "signalbox"
SERVER_CORE, GENERATOR_CORE = 0, 1
ADDRESS = "127.0.0.1:50171"
COUNTS = (4, 8, 16, 32)
MAX_P99 = "25ms"
# 32 tokens by the default model's tokenizer.
TEXT = (
    "Hello, I ordered a blue jacket two weeks ago and it has still not arrived, could you please tell me where it is?"
)


def build() -> dict[str, Path]:
    """Builds the program and the padding server."""
    subprocess.run(["cargo", "build", "--quiet", "--release"], cwd=ROOT, check=True)
    command = ["cargo", "bench", "--no-run", "--message-format", "json", "--bench", "padded"]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    made = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    padded = [line["executable"] for line in made if line.get("target", {}).get("name") == "padded"]
    return {"ragged": PROGRAM, "padded": Path(padded[-1])}


def pinned(core: int, command: list) -> list[str]:
    """The command, kept on one core. What it runs becomes the process itself."""
    return ["taskset", "--cpu-list", str(core), *map(str, command)]


@contextlib.contextmanager
def running(command: list):
    """A server that is SERVING, and how long that took."""
    started = time.perf_counter()
    server = subprocess.Popen(pinned(SERVER_CORE, command), stdout=subprocess.DEVNULL)
    try:
        with grpc.insecure_channel(ADDRESS, options=[("grpc.initial_reconnect_backoff_ms", 20)]) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest()
            while True:
                answer = stub.Check(request, wait_for_ready=True, timeout=30)
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    break
                time.sleep(0.002)
            took = time.perf_counter() - started
        yield server, took
    finally:
        server.terminate()
        server.wait(30)


def serve(kind: str, programs: dict[str, Path], count: int = 0) -> list:
    if kind == "padded":
        return [programs["padded"], ADDRESS, count]
    return [programs["ragged"], "serve", "--set", f"server.listen={ADDRESS}", "--set", "log.filter=warn"]


def bench(*arguments: str) -> dict:
    """A report of `signalbox bench` with the generator on its own core."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        command = [PROGRAM, "bench", ADDRESS, "--quiet", "--threads", "1", "--json", out, *arguments]
        subprocess.run(pinned(GENERATOR_CORE, command), check=True, stdout=subprocess.DEVNULL)
        return json.loads(out.read_text())


def overhead(programs: dict, seconds: int) -> float:
    """Milliseconds that a call takes beside its inference, at the median."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as text, running(serve("ragged", programs)):
        text.write(TEXT + "\n")
        text.flush()
        load = ("--connections", "1", "--warm-up", "1s", "--duration", f"{seconds}s", "--input", text.name)
        step = bench(*load)["steps"][0]
        call = step["service"]["p50_ms"]
        inference = next(stage["time"]["p50_ms"] for stage in step["stages"] if stage["stage"] == "inference")
        others = call - inference
        print(
            f"overhead: {step['tokens']:.0f} tokens, call {call:.3f} ms, inference {inference:.3f} ms, "
            f"others {others:.3f} ms"
        )
        return others


def highest(kind: str, programs: dict, seconds: int, count: int = 0, bound: bool = True) -> float:
    """Highest sustained rate, calls a second, in steps of 8 %."""
    with running(serve(kind, programs, count)):
        limits = ("--max-p99", MAX_P99) if bound else ()
        load = ("--steps", "20:8000:x1.08", "--duration", f"{seconds}s", "--warm-up", "1s", "--texts", "mixed")
        return bench(*load, *limits)["saturation"]["highest_sustained"] or 0.0


def overload(programs: dict, peak: float, seconds: int) -> tuple[float, float]:
    """Goodput at twice the peak as a share of it, and the 99th percentile of a refusal in milliseconds."""
    with running(serve("ragged", programs)):
        load = ("--duration", f"{3 * seconds}s", "--warm-up", "2s", "--concurrency", "1000")
        step = bench("--rate", f"{2 * peak:.0f}", *load)["steps"][0]
        refusal = step["refusal"]["p99_ms"] if step["refusal"] else float("nan")
        print(
            f"overload: offered {step['offered']:.0f}/s, answered {step['goodput']:.0f}/s, shed {step['shed']}, timeouts "
            f"{step['timeouts']}, refusals p50 {step['refusal'] and step['refusal']['p50_ms']} ms, p99 {refusal} ms"
        )
        return step["goodput"] / peak, refusal


def cores(rounds: int) -> list[float]:
    """Batches of mixed lengths a second on two cores over those on one, in each round."""
    model = ROOT / "models" / "default"
    engines = [Ours(model, core) for core in (0, 1)]
    lengths, name = SHAPES["32 mixed"], engines[0].names[0]
    repetitions = 20
    for engine in engines:
        engine.time(name, lengths, repetitions)
    ratios = []
    for _ in range(rounds):
        alone = statistics.mean(statistics.mean(engine.time(name, lengths, repetitions)) for engine in engines)
        for engine in engines:
            engine.ask(name, lengths, repetitions)
        together = [statistics.mean(engine.answer()) for engine in engines]
        ratios.append(sum(alone / seconds for seconds in together))
    return ratios


def start(programs: dict, rounds: int) -> None:
    """Prints how long a start takes and what it takes."""
    times, memory = [], 0.0
    for _ in range(rounds):
        with running(serve("ragged", programs)) as (server, took):
            times.append(took)
            bench("--connections", "2", "--calls", "300", "--warm-up", "0s")
            status = Path(f"/proc/{server.pid}/status").read_text()
            memory = max(memory, int(status.split("VmRSS:")[1].split()[0]) / 1024)
    model = sum(file.stat().st_size for file in (ROOT / "models" / "default").iterdir()) / 1e6
    size = PROGRAM.stat().st_size / 1e6
    print(
        f"start: SERVING after {statistics.median(times):.2f} s (median of {rounds}), {memory:.0f} MiB resident, "
        f"program {size:.1f} MB, {size - model:.1f} MB without the model"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    programs = build()
    print(cpu_name())
    record: dict = {"cpu": cpu_name()}
    record["overhead_ms"] = [overhead(programs, arguments.seconds) for _ in range(arguments.rounds)]
    start(programs, arguments.rounds)
    record["cores"] = cores(arguments.rounds)
    print("two cores over one:", [round(ratio, 2) for ratio in record["cores"]])

    best = {count: highest("padded", programs, arguments.seconds, count) for count in COUNTS}
    print("padded, highest rate at p99 of", MAX_P99, "by messages of a batch:", best)
    count = max(best, key=best.get)
    turns: dict[str, list[float]] = {"ragged": [], "padded": []}
    for _ in range(arguments.rounds):
        for kind in random.sample(list(turns), 2):
            turns[kind].append(highest(kind, programs, arguments.seconds, count))
    record["rates"] = turns
    ratios = [a / b for a, b in zip(turns["ragged"], turns["padded"], strict=True)]
    print("highest rate at p99 of", MAX_P99, turns, "ratios", [round(ratio, 2) for ratio in ratios])

    peak = highest("ragged", programs, arguments.seconds, bound=False)
    record["overload"] = [overload(programs, peak, arguments.seconds) for _ in range(3)]
    print(f"peak {peak:.0f}/s; at twice that goodput is", [f"{share:.0%}" for share, _ in record["overload"]])
    if arguments.json:
        arguments.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
