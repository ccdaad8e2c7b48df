"""narrow, SPEC.md 4.36: the first of each row of 16-bit elements, in fewer bits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir import c_view
from mixcomp_edge.ir.bounds import check_requant
from mixcomp_edge.ir.c_view import Array, Call
from mixcomp_edge.ir.graph import Shape
from mixcomp_edge.ir.nodes import QNode, Value
from mixcomp_edge.ir.types import QType, Requant


@dataclass(frozen=True, eq=False, kw_only=True)
class QNarrow(QNode):
    """Reads (T, K) of s16, makes (T, N) with N <= K. requant: one multiplier."""

    op: ClassVar[str] = "narrow"
    reads_16_bits: ClassVar[bool] = True

    requant: Requant

    def output_shape(self, shapes: list[Shape]) -> Shape:
        (shape,) = shapes
        if not len(shape) == len(self.shape) == 2 or shape[0] != self.shape[0] or self.shape[1] > shape[1]:
            raise GraphError(f"{self.name}: {self.shape} is not the first of each row of {shape}.")
        return self.shape

    def check(self, inputs: list[QType]) -> None:
        if inputs[0].dtype != "s16":
            raise GraphError(f"{self.name}: narrows s16, not {inputs[0].dtype}.")
        check_requant(self.name, self.requant, (1,), inputs[0].peak)

    def evaluate(self, inputs: list[Value], types: list[QType]) -> Value:
        return self.requantize(inputs[0][..., : self.shape[1]] - types[0].zero_point, self.requant)

    def widen(self, y: QType, inputs: list[QType]) -> QNode:
        return replace(self, requant=self.requant.scaled(y.finer))

    @property
    def constants(self) -> tuple[Array, ...]:
        return (c_view.multiplier(self.requant),)

    def calls(self, sources: list[QNode]) -> tuple[Call, ...]:
        tensors = {"x": sources[0].tensor, "y": self.tensor}
        return (Call("mce_rescale", (tensors, {"requant": c_view.requantizer(self.requant)}), self.inputs),)
