"""Ways to run a model's C: each takes the bytes of an input and gives the bytes of each layer's output."""

from __future__ import annotations

from typing import Protocol


class Transport(Protocol):
    """`infer` is the fast way; `trace` also gives the output of every layer, in the order of layout.steps."""

    name: str

    def infer(self, x: bytes) -> bytes: ...

    def trace(self, x: bytes) -> list[bytes]: ...

    def close(self) -> None: ...
