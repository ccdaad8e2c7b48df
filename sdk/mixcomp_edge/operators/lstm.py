"""lstm, SPEC.md 4.29: long short-term memory, as torch.nn.LSTM has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from mixcomp_edge.ir.nodes import QNode, Value
from mixcomp_edge.ir.types import QType, QuantizedWeights
from mixcomp_edge.numerics.gates import OUT_BITS, clamp16, sigmoid, tanh
from mixcomp_edge.operators.recurrent import QRecurrent, QStates, Recurrent

CELL_BITS = 11  # behind the point: a cell reaches from -16 to 16
STATES = 2


@dataclass(frozen=True, eq=False, kw_only=True)
class Lstm(Recurrent):
    """Gates i, f, g, o of what goes in and of the state h: c = sigmoid(f) * c + sigmoid(i) * tanh(g),
    h = sigmoid(o) * tanh(c)."""

    op: ClassVar[str] = "lstm"
    gates: ClassVar[int] = 4
    states: ClassVar[int] = STATES

    def state_steps(self, y: QType) -> tuple[float, ...]:
        return float(2.0**-OUT_BITS), float(2.0**-CELL_BITS)

    def lower(self, y: QType, inputs: list[QType], weights: QuantizedWeights | None) -> QNode:
        return self.lowered(QLstm, y, inputs, weights)


@dataclass(frozen=True, eq=False, kw_only=True)
class QLstm(QRecurrent):
    """The state has 15 bits behind the point, the cell 11."""

    op: ClassVar[str] = "lstm"
    title: ClassVar[str] = "LSTM"
    gates: ClassVar[int] = 4
    states: ClassVar[int] = STATES

    def step(self, x: Value, gates: Value, states: list[Value]) -> tuple[Value, ...]:
        u, (_, c), half = clamp16(x + gates), states, 1 << (OUT_BITS - 1)
        i, f, g, o = sigmoid(u[0]), sigmoid(u[1]), tanh(u[2]), sigmoid(u[3])
        c = clamp16((f * c + ((i * g + 8) >> (OUT_BITS - CELL_BITS)) + half) >> OUT_BITS)
        return np.asarray((o * tanh(clamp16(2 * c)) + half) >> OUT_BITS), c


@dataclass(frozen=True, eq=False, kw_only=True)
class QLstmStates(QStates, QLstm):
    """Its states as its value, SPEC.md 4.35."""

    op: ClassVar[str] = "lstm_states"
    title: ClassVar[str] = "LSTM states"


QLstm.in_states = QLstmStates
