"""From sentences to numbers: words and punctuation, the most frequent ones of the training set."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

PADDING, UNKNOWN = 0, 1
WORD = re.compile(r"[a-z0-9']+|[^\sa-z0-9']")


@dataclass(frozen=True)
class Vocabulary:
    """Token k + 2 is words[k]; 0 fills a sentence up, 1 is any other word."""

    words: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.words) + 2

    def encode(self, texts: list[str], length: int) -> NDArray[np.int64]:
        """(N, length): the first `length` tokens of each text, then padding."""
        number = {word: index + 2 for index, word in enumerate(self.words)}
        tokens = np.full((len(texts), length), PADDING, np.int64)
        for row, text in zip(tokens, texts, strict=True):
            found = [number.get(word, UNKNOWN) for word in WORD.findall(text.lower())[:length]]
            row[: len(found)] = found
        return tokens


def vocabulary(texts: list[str], least: int = 2, most: int = 8000) -> Vocabulary:
    """Words that occur at least `least` times, the most frequent first, `most` of them at most; equals by spelling."""
    counts = Counter(word for text in texts for word in WORD.findall(text.lower()))
    ranked = sorted((word for word, count in counts.items() if count >= least), key=lambda word: (-counts[word], word))
    return Vocabulary(tuple(ranked[:most]))


def to_tokens(raw: NDArray[np.int64]) -> Tensor:
    """(N, length) int64, as an embedding takes it."""
    return torch.from_numpy(np.ascontiguousarray(raw))
