"""Ways to run a model's C: each takes the bytes of an input and gives the bytes of the output, or of every layer's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Progress = Callable[[int, int], None]  # (done, of)


class Transport(Protocol):
    """`infer_batch` maps inputs (N, input bytes) to outputs (N, output bytes), fast, of several inputs and outputs one
    behind the other (ir/ends.py); `trace` gives the output of every
    layer for one input, in the order of layout.steps; `expected` is what they should be, for a transport that would
    rather not carry what is as it should be."""

    name: str

    def infer_batch(self, x: NDArray[np.uint8], progress: Progress | None = None) -> NDArray[np.uint8]: ...

    def trace(self, x: bytes, expected: Sequence[bytes]) -> list[bytes]: ...

    def close(self) -> None: ...
