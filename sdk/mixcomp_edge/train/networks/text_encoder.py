"""A small transformer encoder for classification, out of torch's own modules."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TextEncoder(nn.Module):
    """(N, L) tokens, 0 where there is none -> logits (N, classes); the first is always one."""

    def __init__(
        self, words: int, length: int, classes: int, width: int = 64, layers: int = 2, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.position = nn.Parameter(0.1 * torch.randn(length, width))
        self.dropout = nn.Dropout(dropout)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.fc = nn.Linear(width, classes)

    def forward(self, tokens: Tensor) -> Tensor:
        padding = tokens == 0
        x = self.dropout(self.embedding(tokens) + self.position)
        x = self.encoder(x, src_key_padding_mask=padding)
        shown = (~padding).unsqueeze(-1).to(x.dtype)
        logits: Tensor = self.fc((x * shown).sum(1) / shown.sum(1))
        return logits
