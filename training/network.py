"""The encoder and its heads in PyTorch, made for training: one matrix for query, key and value, short batches.

`export.py` writes it in the layout of transformers' BertModel; `bundle.py` runs that layout.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

LAYER_NORM_EPSILON = 1e-12


@dataclass(frozen=True)
class Sizes:
    """Labels of each head, in the order in which the outputs stand side by side."""

    intents: int
    polarity: int
    flags: int

    @property
    def outputs(self) -> int:
        return 2 * self.intents + self.polarity + self.flags

    def split(self, logits):
        """Cuts `[B, outputs]` into primary, intent, polarity and flags."""
        a, b, c = self.intents, 2 * self.intents, 2 * self.intents + self.polarity
        return logits[:, :a], logits[:, a:b], logits[:, b:c], logits[:, c:]


def dropout(x: torch.Tensor, share: float, generator: torch.Generator | None) -> torch.Tensor:
    """Leaves a share of the numbers out; without a generator none, which is what inference wants."""
    if generator is None or share == 0:
        return x
    return x * torch.empty_like(x).bernoulli_(1 - share, generator=generator) / (1 - share)


class Layer(nn.Module):
    """One layer of BERT, layer norm after each part."""

    def __init__(self, hidden: int, ffn: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(hidden, 3 * hidden)
        self.attention_output = nn.Linear(hidden, hidden)
        self.attention_norm = nn.LayerNorm(hidden, eps=LAYER_NORM_EPSILON)
        self.ffn_input = nn.Linear(hidden, ffn)
        self.ffn_output = nn.Linear(ffn, hidden)
        self.ffn_norm = nn.LayerNorm(hidden, eps=LAYER_NORM_EPSILON)

    def forward(
        self, x: torch.Tensor, mask: torch.Tensor, drop: float, generator: torch.Generator | None
    ) -> torch.Tensor:
        batch, length, hidden = x.shape
        query, key, value = self.qkv(x).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        # On CPUs the backward pass of F.scaled_dot_product_attention takes longer than the rest of the layer.
        scores = query @ (key / math.sqrt(hidden // self.heads)).transpose(2, 3) + mask
        attended = scores.softmax(dim=3).to(value.dtype) @ value
        attended = self.attention_output(attended.transpose(1, 2).reshape(batch, length, hidden))
        x = self.attention_norm(x + dropout(attended, drop, generator))
        out = self.ffn_output(F.gelu(self.ffn_input(x)))
        return self.ffn_norm(x + dropout(out, drop, generator))


class Encoder(nn.Module):
    """Token ids to one vector for each token."""

    def __init__(self, vocabulary: int, layers: int, hidden: int, ffn: int, heads: int, positions: int):
        super().__init__()
        # Sparse gradients on a CPU: a batch touches a few hundred of tens of thousands of rows. A GPU updates all rows
        # sooner than it sorts out those few.
        self.words = nn.Embedding(vocabulary, hidden, sparse=not torch.cuda.is_available())
        self.positions = nn.Embedding(positions, hidden)
        self.norm = nn.LayerNorm(hidden, eps=LAYER_NORM_EPSILON)
        self.layers = nn.ModuleList([Layer(hidden, ffn, heads) for _ in range(layers)])
        self.embedding_dropout = 0.0
        self.layer_dropout = 0.0

    def forward(
        self,
        ids: torch.Tensor,
        lengths: torch.Tensor,
        generator: torch.Generator | None = None,
        every_layer: bool = False,
    ):
        """`ids` `[B, T]`, padded at the right; returns `[B, T, hidden]`, of every layer when asked.

        With a generator, numbers are dropped as in training.
        """
        keep = torch.arange(ids.shape[1], device=ids.device)[None, :] < lengths[:, None]
        x = self.norm(self.words(ids) + self.positions.weight[: ids.shape[1]])
        x = dropout(x, self.embedding_dropout, generator)
        mask = torch.where(keep, 0.0, -10000.0).to(torch.get_autocast_dtype(ids.device.type))[:, None, None, :]
        states = []
        for layer in self.layers:
            x = layer(x, mask, self.layer_dropout, generator)
            states.append(x)
        return states if every_layer else x


def mean_over_tokens(states: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """`[B, T, hidden]` to `[B, hidden]` in f32."""
    keep = torch.arange(states.shape[1], device=states.device)[None, :, None] < lengths[:, None, None]
    return (states * keep).float().sum(dim=1) / lengths[:, None]


class Classifier(nn.Module):
    """An encoder with four linear heads on the mean of its tokens.

    The mean is shifted and scaled by fixed numbers first: vectors of e5 all point nearly the same way, and heads learn
    slowly on them. `export.py` folds the shift and the scale into the heads.
    """

    def __init__(self, encoder: Encoder, sizes: Sizes):
        super().__init__()
        hidden = encoder.norm.normalized_shape[0]
        self.encoder = encoder
        self.sizes = sizes
        self.heads = nn.Linear(hidden, sizes.outputs)
        nn.init.normal_(self.heads.weight, std=0.02)
        nn.init.zeros_(self.heads.bias)
        self.head_dropout = 0.1
        self.register_buffer("shift", torch.zeros(hidden))
        self.register_buffer("scale", torch.ones(()))

    def pooled(
        self, ids: torch.Tensor, lengths: torch.Tensor, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        return mean_over_tokens(self.encoder(ids, lengths, generator), lengths)

    def forward(
        self, ids: torch.Tensor, lengths: torch.Tensor, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        vector = (self.pooled(ids, lengths, generator) - self.shift) / self.scale
        return self.heads(dropout(vector, self.head_dropout, generator))
