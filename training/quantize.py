"""Converts a model directory to int8 weights.

    python training/quantize.py IN_DIR OUT_DIR --name default --version 2026.11.1

Every matrix of the encoder (linear layers and the word, position and token type embeddings) is stored as I8
`[rows, columns]` beside `<name>_scale`, F32 `[rows]`: weight = int8 * scale, row by row, symmetric, without a zero
point. Heads, biases and layer norms keep their type: together they are under 1 % of the file. tokenizer.json and
config.json are copied byte for byte; signalbox.json gets the new name, version and digests. A directory without
signalbox.json, as transformers writes it, stays without.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from bundle import FILES_WITH_DIGEST, SCALE_SUFFIX, dequantise, digest, read_tensors, write_manifest
from safetensors.torch import save_file

LARGEST = 127
# Heads of bundles and of `*ForSequenceClassification`.
HEAD_PREFIXES = ("heads.", "classifier.", "pre_classifier.", "head.")


def is_quantised(name: str, tensor: torch.Tensor) -> bool:
    """Says whether a tensor becomes int8: the matrices of the encoder do, heads do not."""
    return tensor.dim() == 2 and not name.startswith(HEAD_PREFIXES)


def quantise_matrix(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns int8 values `[rows, columns]` and f32 scales `[rows]`.

    A row of zeros gets scale 1: any scale would do, and 1 never divides by zero.
    """
    weight = weight.to(torch.float32)
    scale = weight.abs().amax(dim=1) / LARGEST
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    values = (weight / scale[:, None]).round().clamp(-LARGEST, LARGEST).to(torch.int8)
    return values, scale


def quantise(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Replaces every matrix of the encoder by its int8 values and scales."""
    result = {}
    for name, tensor in tensors.items():
        if is_quantised(name, tensor):
            result[name], result[name + SCALE_SUFFIX] = quantise_matrix(tensor)
        else:
            result[name] = tensor
    return result


def verify(original: dict[str, torch.Tensor], directory: Path) -> float:
    """Loads the written file back and compares it with the original; returns the largest error in scale steps.

    Raises ValueError when a tensor is missing, is not finite, or is off by more than half a step.
    """
    stored = read_tensors(directory / "model.safetensors")
    restored = dequantise(stored)
    if restored.keys() != original.keys():
        raise ValueError(f"tensors differ: {sorted(restored.keys() ^ original.keys())}")
    largest = 0.0
    for name, tensor in original.items():
        error = (restored[name] - tensor.to(torch.float32)).abs()
        if not torch.isfinite(restored[name]).all():
            raise ValueError(f"{name} is not finite")
        if not is_quantised(name, tensor):
            if error.max() > 0:
                raise ValueError(f"{name} changed although it is not quantised")
            continue
        steps = (error / stored[name + SCALE_SUFFIX][:, None]).max().item()
        if steps > 0.5001:
            raise ValueError(f"{name} is off by {steps:.4f} steps, at most half a step is expected")
        largest = max(largest, steps)
    return largest


def convert(source: Path, target: Path, name: str, version: str, extra: dict | None = None) -> float:
    """Writes the int8 form of `source` to `target`; `extra` replaces or adds fields of signalbox.json."""
    target.mkdir(parents=True, exist_ok=True)
    tensors = read_tensors(source / "model.safetensors")
    save_file(quantise(tensors), target / "model.safetensors", metadata={"format": "pt"})
    for file in FILES_WITH_DIGEST[1:]:
        shutil.copyfile(source / file, target / file)
        if digest(source / file) != digest(target / file):
            raise ValueError(f"{file} changed while it was copied")
    if (source / "signalbox.json").exists():
        manifest = json.loads((source / "signalbox.json").read_text(encoding="utf-8"))
        write_manifest(target, {**manifest, "name": name, "version": version, **(extra or {})})
    return verify(tensors, target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="IN_DIR", type=Path)
    parser.add_argument("target", metavar="OUT_DIR", type=Path)
    parser.add_argument("--name", required=True, help="name of the model in signalbox.json")
    parser.add_argument("--version", required=True, help="version of the model in signalbox.json")
    parser.add_argument("--extra", type=Path, help="JSON object with fields to set in signalbox.json")
    arguments = parser.parse_args()

    extra = json.loads(arguments.extra.read_text(encoding="utf-8")) if arguments.extra else None
    steps = convert(arguments.source, arguments.target, arguments.name, arguments.version, extra)
    before, after = ((d / "model.safetensors").stat().st_size for d in (arguments.source, arguments.target))
    print(f"model.safetensors: {before:,} -> {after:,} bytes; largest error {steps:.4f} steps")


if __name__ == "__main__":
    main()
