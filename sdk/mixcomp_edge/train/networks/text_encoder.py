"""A small transformer encoder for classification, out of linear layers, so that each can be quantized by its name."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mixcomp_edge.train.quantized_modules import Value


class EncoderLayer(nn.Module):
    """x + attention(norm(x)), then x + feed_forward(norm(x)); (N, L, D) -> the same shape."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.value, self.out = nn.Linear(width, width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.q, self.k, self.v, self.weights = Value(), Value(), Value(), Value()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        """present (N, L) bool: which positions hold a token."""
        y = self.norm1(x)
        q, k, v = (self._split(linear(y)) for linear in (self.query, self.key, self.value))
        scores = self.q(q) @ self.k(k).transpose(2, 3) / q.shape[3] ** 0.5  # (N, heads, L, L)
        weights = self.weights(scores.masked_fill(~present[:, None, None], float("-inf")).softmax(3))
        mixed = (weights @ self.v(v)).transpose(1, 2).flatten(2)
        x = x + self.dropout(self.out(mixed))
        y = self.down(F.relu(self.up(self.norm2(x))))
        return x + self.dropout(y)

    def _split(self, x: Tensor) -> Tensor:
        """(N, L, D) -> (N, heads, L, D / heads)."""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


class TextEncoder(nn.Module):
    """(N, L) tokens, 0 where there is none -> logits (N, classes)."""

    def __init__(
        self, words: int, length: int, classes: int, width: int = 64, layers: int = 2, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.position = nn.Parameter(0.1 * torch.randn(length, width))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(EncoderLayer(width, 4, 2 * width, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.fc = nn.Linear(width, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        present = tokens != 0
        present[:, 0] = True  # an empty sentence attends to its first padding
        x = self.dropout(self.embedding(tokens) + self.position)
        for layer in self.layers:
            x = layer(x, present)
        shown = present[:, :, None].to(x.dtype)
        mean = (self.norm(x) * shown).sum(1) / shown.sum(1)
        logits: Tensor = self.fc(mean)
        return logits
