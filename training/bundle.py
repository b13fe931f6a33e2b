"""Reads a model directory (signalbox.json, BertModel, heads) and runs it in PyTorch.

This is the reference for what the service computes: weights of any stored type become f32, every message is
encoded alone, and the vector of a message is the mean over all its tokens, special ones included.
"""

import hashlib
import json
from pathlib import Path

import torch
from safetensors import safe_open
from tokenizers import Tokenizer
from torch import nn
from transformers import BertConfig, BertModel

SCALE_SUFFIX = "_scale"
FILES_WITH_DIGEST = ("model.safetensors", "tokenizer.json", "config.json")


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Returns the tensors of a safetensors file as they are stored."""
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}


def dequantise(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Turns stored tensors into f32; an int8 matrix is multiplied by its scale, row by row."""
    weights = {}
    for name, tensor in tensors.items():
        if name.endswith(SCALE_SUFFIX):
            continue
        weight = tensor.to(torch.float32)
        if tensor.dtype == torch.int8:
            weight = weight * tensors[name + SCALE_SUFFIX].to(torch.float32)[:, None]
        weights[name] = weight
    return weights


def load_tokenizer(directory: Path) -> Tokenizer:
    """Loads tokenizer.json without the padding and the truncation that it may ask for."""
    tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def truncate(ids: list[int], max_tokens: int) -> list[int]:
    """Cuts the middle out of a long message: three quarters from its start, the rest from its end.

    Special tokens count and are kept, since they stand at the ends.
    """
    if len(ids) <= max_tokens:
        return ids
    head = max_tokens * 3 // 4
    return ids[:head] + ids[len(ids) - (max_tokens - head) :]


def digest(path: Path) -> str:
    """Returns the SHA-256 of a file as signalbox.json writes it."""
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def write_manifest(directory: Path, manifest: dict) -> None:
    """Writes signalbox.json with the digests of the files beside it."""
    files = {name: digest(directory / name) for name in FILES_WITH_DIGEST}
    text = json.dumps({**manifest, "files": files}, indent=1, ensure_ascii=False)
    (directory / "signalbox.json").write_text(text + "\n", encoding="utf-8")


def pad(batch: list[list[int]], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns input ids `[B, T]`, padded at the right, and the attention mask of the same shape."""
    longest = max(len(ids) for ids in batch)
    input_ids = torch.tensor([ids + [pad_id] * (longest - len(ids)) for ids in batch])
    mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids in batch])
    return input_ids, mask


class Bundle(nn.Module):
    """An encoder with several linear heads on its mean vector."""

    def __init__(self, manifest: dict, config: BertConfig, weights: dict[str, torch.Tensor]):
        super().__init__()
        if manifest["pooling"] != "mean":
            raise ValueError(f"pooling {manifest['pooling']!r} is not supported here, only 'mean'")
        self.manifest = manifest
        config._attn_implementation = "eager"
        self.encoder = BertModel(config, add_pooling_layer=False)
        self.heads = nn.ModuleDict(
            {head["name"]: nn.Linear(config.hidden_size, len(head["labels"])) for head in manifest["heads"]}
        )
        prefixed = {name if name.startswith("heads.") else f"encoder.{name}": w for name, w in weights.items()}
        self.load_state_dict(prefixed, strict=True)
        self.eval()

    @classmethod
    def load(cls, directory: Path) -> "Bundle":
        """Loads a directory whose weights may be F32, F16, BF16 or I8 with scales."""
        manifest = json.loads((directory / "signalbox.json").read_text(encoding="utf-8"))
        config = BertConfig.from_pretrained(directory)
        bundle = cls(manifest, config, dequantise(read_tensors(directory / "model.safetensors")))
        bundle.tokenizer = load_tokenizer(directory)
        return bundle

    def encode(self, text: str) -> list[int]:
        """Turns a message into token ids, cut to `max_tokens`."""
        return truncate(self.tokenizer.encode(text).ids, self.manifest["max_tokens"])

    @torch.no_grad()
    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> dict[str, torch.Tensor]:
        """Returns the logits `[B, L]` of each head."""
        hidden = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask[:, :, None].to(hidden.dtype)
        pooled = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
        return {name: head(pooled) for name, head in self.heads.items()}
