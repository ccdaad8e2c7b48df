"""rnn, SPEC.md 4.29: one gate, whose hyperbolic tangent or positive part is the state, as torch.nn.RNN has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mixcomp_edge.errors import GraphError
from mixcomp_edge.ir.nodes import QNode, Value
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.numerics.gates import OUT_BITS, clamp16, tanh
from mixcomp_edge.operators.recurrent import QRecurrent, QStates, Recurrent

FINER = 128  # steps of a state that is not bounded, in one of y: 256 steps of y are 16 bits


@dataclass(frozen=True, eq=False, kw_only=True)
class Rnn(Recurrent):
    """h = tanh(u), or max(u, 0) if `relu`, of the sum u of what goes in and what the state h gives."""

    op: ClassVar[str] = "rnn"
    gates: ClassVar[int] = 1

    relu: int = 0

    @property
    def limit(self) -> float | None:
        return None if self.relu else super().limit

    def is_nonnegative(self, inputs: list[bool]) -> bool:
        return bool(self.relu)

    def gate_step(self, y: QType) -> float:
        return y.scale / FINER if self.relu else super().gate_step(y)

    def state_steps(self, y: QType) -> tuple[float, ...]:
        return (y.scale / FINER if self.relu else float(2.0**-OUT_BITS),)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return self.lowered(QRnn, y, inputs, weights, relu=self.relu)


@dataclass(frozen=True, eq=False, kw_only=True)
class QRnn(QRecurrent):
    """The state has 15 bits behind the point, or 7 behind that of y."""

    op: ClassVar[str] = "rnn"
    title: ClassVar[str] = "RNN"
    gates: ClassVar[int] = 1

    relu: int

    @property
    def own(self) -> dict[str, Any]:
        return {"relu": self.relu}

    @property
    def is_rectified(self) -> bool:
        return bool(self.relu)

    def check(self, inputs: list[QType]) -> None:
        super().check(inputs)
        if self.relu not in (0, 1):
            raise GraphError(f"{self.name}: relu is {self.relu}, expected 0 or 1.")

    def step(self, x: Value, gates: Value, states: list[Value]) -> tuple[Value, ...]:
        u = clamp16(x + gates)[0]
        return (np.maximum(u, 0) if self.relu else clamp16(tanh(u)),)


@dataclass(frozen=True, eq=False, kw_only=True)
class QRnnStates(QStates, QRnn):
    """Its states as its value, SPEC.md 4.35."""

    op: ClassVar[str] = "rnn_states"
    title: ClassVar[str] = "RNN states"


QRnn.in_states = QRnnStates
