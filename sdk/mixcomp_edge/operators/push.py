"""push, SPEC.md 4.34: new frames behind those that are kept; as many of the first ones fall out."""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, prod
from typing import ClassVar

import numpy as np

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import c_view
from mixcomp_edge.ir.c_view import Call, Fields
from mixcomp_edge.ir.graph import Shape
from mixcomp_edge.ir.nodes import QNode, Value
from mixcomp_edge.ir.types import QType


@dataclass(frozen=True, eq=False, kw_only=True)
class QPush(QNode):
    """Reads the frames as they were, and new ones, along `axis`."""

    op: ClassVar[str] = "push"
    keeps_type: ClassVar[bool] = True
    in_place: ClassVar[tuple[int, int]] = (0, 1)

    axis: int

    @property
    def arity(self) -> int:
        return 2

    def output_shape(self, shapes: list[Shape]) -> Shape:
        old, new = shapes
        if not 0 <= self.axis < len(old) or len(new) != len(old):
            raise GraphError(f"{self.name}: axis {self.axis} is not one of {old} and of {new}.")
        if new[self.axis] > old[self.axis] or self._around(old) != self._around(new):
            raise GraphError(f"{self.name}: frames {new} do not go into {old} along axis {self.axis}.")
        return old

    def _around(self, shape: Shape) -> tuple[Shape, Shape]:
        return shape[: self.axis], shape[self.axis + 1 :]

    def check(self, inputs: list[QType]) -> None:
        if inputs[0] != inputs[1]:
            raise GraphError(f"{self.name}: new frames are {inputs[1]}, those that are kept {inputs[0]}.")

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        old, new = inputs
        axis = 1 + self.axis
        return np.concatenate([old.take(range(new.shape[axis], old.shape[axis]), axis), new], axis)

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        """In bytes, where no half of one is parted from the other."""
        outer, inner = prod(self.shape[: self.axis]), prod(self.shape[self.axis + 1 :])
        size, more = self.shape[self.axis] * inner, sources[1].shape[self.axis] * inner
        type_ = c_view.type_of(self.type)
        if self.type.bits == 4 and gcd(size, more) % 2 == 0:
            type_, size, more = type_.replace("4", "8"), size // 2, more // 2
        lines: tuple[Fields, ...] = ({"type": type_, "outer": outer, "size": size, "more": more},)
        return (Call("mce_push", lines, self.inputs),)
